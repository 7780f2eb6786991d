-- Step 9: the schema report, what analysts read.
--
-- Its views are a contract (doc/reporting.md): within a major version their names, types and meaning stay, columns
-- and views are added, and the minor version rises. The tables are none: the role of analysts reads the views alone,
-- which read the tables with the rights of their owner. Nothing here shows content, credentials or the beginnings of
-- texts.
--
-- How they are written decides what they cost. A filter by account, day, sender or conversation has to reach an index
-- through the view: so what is grouped is grouped by the account's name too, in the query that joins it; a column that
-- costs is a subquery of its own, which is not run when the column is not asked for; and what is indexed stands in a
-- view as the index has it. Texts that come from messages are indexed, and shown, up to a length that an index takes.

do $$
declare
  v_owner text := current_user;
begin
  if exists (select from pg_namespace where nspname = 'report') then
    raise exception 'The database has a schema "report", which is not Coffer''s'
      using hint = 'Give it another name: alter schema report rename to ...';
  end if;
  -- The owner of the tables need not be allowed to make schemas; whoever upgrades may be, in his place.
  if not has_database_privilege(current_database(), 'create') then
    perform set_config('role', 'none', true);
  end if;
  if not has_database_privilege(current_database(), 'create') then
    raise exception 'Neither % nor % may make a schema', v_owner, current_user
      using hint = format('grant create on database %I to %I', current_database(), v_owner);
  end if;
  execute format('create schema report authorization %I', v_owner);
  perform set_config('role', v_owner, true);
end
$$;
comment on schema report is 'Views for analysts; a contract, see the view version and doc/reporting.md.';

-- ---- Indexes that analysts need and the server does not -----------------------------------------------

create index content_sender on coffer.content (left(from_address, 320));
create index content_conversation on coffer.content (left(conversation_id, 500)) where conversation_id is not null;
-- Of an index on a part of the table the planner has no statistics, and would rather read all messages.
create statistics coffer.content_conversation on (left(conversation_id, 500)) from coffer.content;
comment on statistics coffer.content_conversation is 'How many messages conversations have.';
create index usage_daily_day on coffer.usage_daily (day);
create index login_audit_time on coffer.login_audit (to_timestamp(at));

-- ---- The version --------------------------------------------------------------------------------------

create view report.version as
  select 1 as major, 0 as minor, (select max(step) from coffer.schema_step) as schema_step;
comment on view report.version is 'Which version of the contract this is; one row.';
comment on column report.version.major is 'Rises when something that was there changes or goes.';
comment on column report.version.minor is 'Rises when views or columns are added.';
comment on column report.version.schema_step is 'The step of the schema that the database is at.';

-- ---- Accounts and mailboxes ---------------------------------------------------------------------------

create view report.accounts as
  select a.id as account_id, a.name as account, nullif(split_part(a.name, '@', -1), a.name) as domain,
    not a.disabled as is_enabled, to_timestamp(a.created) as created_at,
    array(select d.address from coffer.address d where d.account = a.id order by d.address) as addresses,
    (select count(*) from coffer.mailbox m where m.account = a.id) as mailboxes,
    (select coalesce(sum(m.messages), 0)::bigint from coffer.mailbox m where m.account = a.id) as messages,
    (select coalesce(sum(m.octets), 0)::bigint from coffer.mailbox m where m.account = a.id) as octets,
    (select coalesce(sum(m.unseen), 0)::bigint from coffer.mailbox m where m.account = a.id) as unseen,
    (select u.day from coffer.usage_daily u where u.account = a.id and u.logins > 0 order by u.day desc limit 1)
      as last_login_on,
    (select u.day from coffer.usage_daily u where u.account = a.id and u.appended > 0 order by u.day desc limit 1)
      as last_appended_on
  from coffer.account a
  where not a.dying;
comment on view report.accounts is 'Accounts, without those that have been deleted.';
comment on column report.accounts.account_id is 'Identifies the account; never given out twice.';
comment on column report.accounts.account is 'Its name, the address it was created with.';
comment on column report.accounts.domain is 'What follows the last @ of its name; NULL when there is none.';
comment on column report.accounts.is_enabled is 'It may log in.';
comment on column report.accounts.created_at is 'When it was created.';
comment on column report.accounts.addresses is 'The addresses by each of which it logs in, its name among them.';
comment on column report.accounts.mailboxes is 'How many mailboxes it has.';
comment on column report.accounts.messages is 'How many messages these hold.';
comment on column report.accounts.octets is 'Sum of their sizes, as its quota counts them.';
comment on column report.accounts.unseen is 'How many of them are without \Seen.';
comment on column report.accounts.last_login_on is 'The last day, UTC, of a successful login; NULL: never.';
comment on column report.accounts.last_appended_on is 'The last day, UTC, that a message was appended; NULL: never.';

create view report.mailboxes as
  select m.account as account_id, a.name as account, m.id as mailbox_id, m.name as mailbox,
    array_remove(
      array[
        case when m.special_use & 1 <> 0 then 'All' end, case when m.special_use & 2 <> 0 then 'Archive' end,
        case when m.special_use & 4 <> 0 then 'Drafts' end, case when m.special_use & 8 <> 0 then 'Flagged' end,
        case when m.special_use & 16 <> 0 then 'Junk' end, case when m.special_use & 32 <> 0 then 'Sent' end,
        case when m.special_use & 64 <> 0 then 'Trash' end, case when m.special_use & 128 <> 0 then 'Important' end],
      null) as special_uses,
    to_timestamp(m.created) as created_at, m.messages, m.octets, m.unseen, m.deleted, m.uid_validity, m.uid_next,
    m.highest_modseq
  from coffer.mailbox m
  join coffer.account a on a.id = m.account
  where not a.dying;
comment on view report.mailboxes is 'Mailboxes.';
comment on column report.mailboxes.account_id is 'Whose it is.';
comment on column report.mailboxes.account is 'The name of that account.';
comment on column report.mailboxes.mailbox_id is
  'Identifies the mailbox, also under another name; never given out twice.';
comment on column report.mailboxes.mailbox is 'Its name, in UTF-8 with / between levels.';
comment on column report.mailboxes.special_uses is
  'What it is for (RFC 6154, RFC 8457), without the backslash: Sent, Trash.';
comment on column report.mailboxes.created_at is 'When it was created.';
comment on column report.mailboxes.messages is 'How many messages it holds.';
comment on column report.mailboxes.octets is 'Sum of their sizes.';
comment on column report.mailboxes.unseen is 'How many of them are without \Seen.';
comment on column report.mailboxes.deleted is 'How many of them have \Deleted.';
comment on column report.mailboxes.uid_validity is 'UIDVALIDITY.';
comment on column report.mailboxes.uid_next is 'UIDNEXT.';
comment on column report.mailboxes.highest_modseq is 'HIGHESTMODSEQ.';

-- ---- Messages -----------------------------------------------------------------------------------------

create view report.messages as
  select p.account as account_id, a.name as account, p.mailbox as mailbox_id, m.name as mailbox, p.uid,
    p.content as content_id, p.size as octets, to_timestamp(p.internal_date) as received_at,
    to_timestamp(p.save_date) as saved_at,
    case when c.sent_date between -62135596800 and 253402300799 then to_timestamp(c.sent_date) end as sent_at,
    p.flags & 8 <> 0 as is_seen, p.flags & 1 <> 0 as is_answered, p.flags & 2 <> 0 as is_flagged,
    p.flags & 4 <> 0 as is_deleted, p.flags & 16 <> 0 as is_draft, string_to_array(p.keywords, ' ') as keywords,
    left(c.from_address, 320) as sender, c.subject, c.message_id, left(c.conversation_id, 500) as conversation_id,
    c.contribution_id, c.in_reply_to_contribution_id, c.imdn_message_id, p.modseq
  from coffer.placement p
  join coffer.account a on a.id = p.account
  join coffer.mailbox m on m.account = p.account and m.id = p.mailbox
  join coffer.content c on c.account = p.account and c.id = p.content
  where not a.dying;
comment on view report.messages is
  'Messages as mailboxes hold them: one that was copied has a row in each mailbox, with the same content_id.';
comment on column report.messages.account_id is 'Whose it is.';
comment on column report.messages.account is 'The name of that account.';
comment on column report.messages.mailbox_id is 'The mailbox.';
comment on column report.messages.mailbox is 'The name of that mailbox.';
comment on column report.messages.uid is 'UID; with mailbox_id it identifies the row.';
comment on column report.messages.content_id is
  'Identifies what was appended: equal for copies; never given out twice.';
comment on column report.messages.octets is 'RFC822.SIZE.';
comment on column report.messages.received_at is 'INTERNALDATE.';
comment on column report.messages.saved_at is 'When it came into this mailbox.';
comment on column report.messages.sent_at is 'Its Date field; NULL when it has none that can be read.';
comment on column report.messages.is_seen is 'It has \Seen.';
comment on column report.messages.is_answered is 'It has \Answered.';
comment on column report.messages.is_flagged is 'It has \Flagged.';
comment on column report.messages.is_deleted is 'It has \Deleted.';
comment on column report.messages.is_draft is 'It has \Draft.';
comment on column report.messages.keywords is 'Its other flags, as they were first written.';
comment on column report.messages.sender is
  'The first address of From: local-part@domain with the domain in lower case, or a URI; at most 320 characters.';
comment on column report.messages.subject is 'Subject, decoded.';
comment on column report.messages.message_id is 'Message-ID.';
comment on column report.messages.conversation_id is 'Conversation-ID (CPM); at most 500 characters.';
comment on column report.messages.contribution_id is 'Contribution-ID (CPM).';
comment on column report.messages.in_reply_to_contribution_id is 'InReplyTo-Contribution-ID (CPM).';
comment on column report.messages.imdn_message_id is 'IMDN-Message-ID (RFC 5438).';
comment on column report.messages.modseq is 'MODSEQ.';

create view report.message_addresses as
  select x.account as account_id, a.name as account, x.content as content_id, x.n as position, x.role, x.name,
    left(x.address, 200) as address, x.domain
  from coffer.content_address x
  join coffer.account a on a.id = x.account
  where not a.dying;
comment on view report.message_addresses is
  'The addresses in the headers of messages; a row for each. Messages that were expunged are in it until collection.';
comment on column report.message_addresses.account_id is 'Whose the message is.';
comment on column report.message_addresses.account is 'The name of that account.';
comment on column report.message_addresses.content_id is 'The message, as in messages.content_id.';
comment on column report.message_addresses.position is 'Position in the header, from 0.';
comment on column report.message_addresses.role is 'from, sender, reply-to, to, cc or bcc.';
comment on column report.message_addresses.name is 'The display name, decoded; NULL when it has none.';
comment on column report.message_addresses.address is
  'local-part@domain with the domain in lower case, or a URI; at most 200 characters.';
comment on column report.message_addresses.domain is 'Its domain, in lower case; NULL for a URI.';

create view report.message_identifiers as
  select l.account as account_id, a.name as account, l.content as content_id, l.name as field, l.n as position,
    left(l.value, 200) as value
  from coffer.lookup l
  join coffer.account a on a.id = l.account
  where not a.dying;
comment on view report.message_identifiers is
  'The fields by which messages are looked up: Message-ID and the identifiers of CPM and IMDN. An account''s messages are '
  'found by field and value without reading the others. Messages that were expunged are in it until collection.';
comment on column report.message_identifiers.account_id is 'Whose the message is.';
comment on column report.message_identifiers.account is 'The name of that account.';
comment on column report.message_identifiers.content_id is 'The message, as in messages.content_id.';
comment on column report.message_identifiers.field is 'The field''s name, in lower case, such as message-id.';
comment on column report.message_identifiers.position is 'Position of the field in the header, from 0.';
comment on column report.message_identifiers.value is 'Its value, decoded; at most 200 characters.';

create view report.message_parts as
  select p.account as account_id, a.name as account, p.content as content_id, p.path as part, p.kind,
    p.type || '/' || p.subtype as media_type, p.charset, p.encoding, p.disposition, p.filename as file_name,
    p.body_length as octets, p.decoded_length as decoded_octets
  from coffer.content_part p
  join coffer.account a on a.id = p.account
  where not a.dying;
comment on view report.message_parts is
  'The MIME parts of messages; a row for each. Messages that were expunged are in it until collection.';
comment on column report.message_parts.account_id is 'Whose the message is.';
comment on column report.message_parts.account is 'The name of that account.';
comment on column report.message_parts.content_id is 'The message, as in messages.content_id.';
comment on column report.message_parts.part is
  'The part specifier (RFC 3501, 6.4.5), such as 2.1; empty for the message.';
comment on column report.message_parts.kind is 'leaf: has octets of its own; multipart; message: holds a message.';
comment on column report.message_parts.media_type is 'As the message says, in lower case: image/jpeg.';
comment on column report.message_parts.charset is 'Its charset parameter, in lower case.';
comment on column report.message_parts.encoding is 'Content-Transfer-Encoding, in lower case.';
comment on column report.message_parts.disposition is 'Content-Disposition, in lower case: attachment, inline.';
comment on column report.message_parts.file_name is 'Its name, decoded.';
comment on column report.message_parts.octets is 'Length of its body as appended.';
comment on column report.message_parts.decoded_octets is 'Length after decoding its transfer encoding.';

create view report.conversations as
  select c.account as account_id, a.name as account, left(c.conversation_id, 500) as conversation_id,
    count(*) as messages, count(distinct c.contribution_id) as contributions,
    count(distinct left(c.from_address, 320)) as senders, sum(c.octets)::bigint as octets,
    to_timestamp(min(c.created)) as first_stored_at, to_timestamp(max(c.created)) as last_stored_at
  from coffer.content c
  join coffer.account a on a.id = c.account
  where not a.dying and c.conversation_id is not null and c.unplaced_since is null
  group by c.account, a.name, left(c.conversation_id, 500);
comment on view report.conversations is
  'Conversations (CPM) of an account: its messages with the same Conversation-ID. A message counts once, however many '
  'copies it has. Each account that takes part has a row of its own.';
comment on column report.conversations.account_id is 'Whose it is.';
comment on column report.conversations.account is 'The name of that account.';
comment on column report.conversations.conversation_id is 'Conversation-ID; at most 500 characters.';
comment on column report.conversations.messages is 'How many different messages it has.';
comment on column report.conversations.contributions is 'How many different Contribution-IDs these have.';
comment on column report.conversations.senders is 'How many different senders they have.';
comment on column report.conversations.octets is 'Sum of their lengths.';
comment on column report.conversations.first_stored_at is 'When the first of those still there was appended.';
comment on column report.conversations.last_stored_at is 'When the last was appended.';

create view report.senders as
  select c.account as account_id, a.name as account, left(c.from_address, 320) as sender,
    nullif(split_part(left(c.from_address, 320), '@', -1), left(c.from_address, 320)) as sender_domain,
    count(*) as messages, sum(c.octets)::bigint as octets,
    to_timestamp(min(c.created)) as first_stored_at, to_timestamp(max(c.created)) as last_stored_at
  from coffer.content c
  join coffer.account a on a.id = c.account
  where not a.dying and c.unplaced_since is null
  group by c.account, a.name, left(c.from_address, 320);
comment on view report.senders is
  'How much an account has from each sender. A message counts once, however many copies it has. For the largest of all '
  'accounts, add them up by sender.';
comment on column report.senders.account_id is 'Who has the messages.';
comment on column report.senders.account is 'The name of that account.';
comment on column report.senders.sender is 'As in messages.sender; NULL: messages that name none.';
comment on column report.senders.sender_domain is 'What follows its last @; NULL when there is none.';
comment on column report.senders.messages is 'How many different messages.';
comment on column report.senders.octets is 'Sum of their lengths.';
comment on column report.senders.first_stored_at is 'When the first of those still there was appended.';
comment on column report.senders.last_stored_at is 'When the last was appended.';

-- ---- Media --------------------------------------------------------------------------------------------

create view report.media_objects as
  select o.id as object_id, o.scope, encode(o.sha256, 'hex') as sha256, o.media_type, o.length as octets,
    to_timestamp(o.touched) as last_stored_at,
    (select count(*) from coffer.content_segment s where s.object = o.id) as uses,
    (select count(distinct s.account) from coffer.content_segment s where s.object = o.id) as accounts,
    (select greatest(coalesce(sum(s.length), 0)::bigint - o.length, 0) from coffer.content_segment s
      where s.object = o.id) as saved_octets
  from coffer.object o
  where o.sha256 is not null;
comment on view report.media_objects is
  'Parts of messages kept apart from them, once for all messages of a scope that have them: attachments, pictures, films. '
  'Which messages use them is in media_uses.';
comment on column report.media_objects.object_id is 'Identifies the object; never given out twice.';
comment on column report.media_objects.scope is 'Who shares it: account/7, domain/example.org or server.';
comment on column report.media_objects.sha256 is
  'Hash of its octets as they are in the messages, in hexadecimal digits.';
comment on column report.media_objects.media_type is
  'What libmagic takes the decoded octets for, whatever the message says; NULL when it cannot tell.';
comment on column report.media_objects.octets is 'Its length, in the encoding that it has in the messages.';
comment on column report.media_objects.last_stored_at is 'When it was stored, or would have been stored again.';
comment on column report.media_objects.uses is
  'How often messages have it, copies of a message not counted; those expunged count until collection.';
comment on column report.media_objects.accounts is 'How many accounts have such messages.';
comment on column report.media_objects.saved_octets is
  'How many octets more its uses would take, were it not shared.';

create view report.media_uses as
  select s.object as object_id, s.account as account_id, a.name as account, s.content as content_id, p.path as part,
    p.type || '/' || p.subtype as media_type, p.disposition, p.filename as file_name, s.length as octets,
    p.decoded_length as decoded_octets
  from coffer.content_segment s
  join coffer.account a on a.id = s.account
  left join coffer.content_part p
    on p.account = s.account and p.content = s.content and p.kind = 'leaf' and p.body_offset = s.position
  where not a.dying and s.object is not null;
comment on view report.media_uses is
  'Which messages use which objects, and as which part. Messages that were expunged are in it until collection.';
comment on column report.media_uses.object_id is 'The object, as in media_objects.';
comment on column report.media_uses.account_id is 'Whose the message is.';
comment on column report.media_uses.account is 'The name of that account.';
comment on column report.media_uses.content_id is 'The message, as in messages.content_id.';
comment on column report.media_uses.part is 'The part that it is, as in message_parts.part.';
comment on column report.media_uses.media_type is 'As the message says, in lower case.';
comment on column report.media_uses.disposition is 'Content-Disposition, in lower case.';
comment on column report.media_uses.file_name is 'Its name in this message, decoded.';
comment on column report.media_uses.octets is 'How many octets of the message these are.';
comment on column report.media_uses.decoded_octets is 'How many after decoding.';

-- ---- Traffic and storage ------------------------------------------------------------------------------

create view report.daily_traffic as
  select u.day, u.account as account_id, a.name as account, nullif(split_part(a.name, '@', -1), a.name) as domain,
    sum(u.appended)::bigint as appended_messages, sum(u.octets)::bigint as appended_octets,
    sum(u.expunged)::bigint as expunged_messages, sum(u.logins)::bigint as logins
  from coffer.usage_daily u
  left join coffer.account a on a.id = u.account and not a.dying
  group by u.day, u.account, a.name;
comment on view report.daily_traffic is
  'What accounts did each day; a row for each day and account where something was done. Accounts that have been deleted '
  'are in it.';
comment on column report.daily_traffic.day is 'The day, UTC.';
comment on column report.daily_traffic.account_id is 'Who.';
comment on column report.daily_traffic.account is 'The name of that account; NULL when it has been deleted.';
comment on column report.daily_traffic.domain is 'What follows the last @ of its name.';
comment on column report.daily_traffic.appended_messages is
  'Messages appended, by clients or delivery; copies do not count.';
comment on column report.daily_traffic.appended_octets is 'Sum of their sizes.';
comment on column report.daily_traffic.expunged_messages is 'Messages expunged.';
comment on column report.daily_traffic.logins is 'Successful logins.';

create view report.storage_by_account as
  select a.id as account_id, a.name as account, nullif(split_part(a.name, '@', -1), a.name) as domain,
    p.messages, p.octets, c.contents, c.content_octets, c.inline_octets, o.objects, o.object_octets,
    c.inline_octets + o.object_octets as stored_octets, p.octets - c.inline_octets - o.object_octets as saved_octets,
    c.uncollected_octets
  from coffer.account a
  cross join lateral (
    select count(*) as messages, coalesce(sum(size), 0)::bigint as octets
    from coffer.placement where account = a.id
  ) p
  cross join lateral (
    select count(*) filter (where unplaced_since is null) as contents,
      coalesce(sum(octets) filter (where unplaced_since is null), 0)::bigint as content_octets,
      coalesce(sum(inline_octets) filter (where unplaced_since is null), 0)::bigint as inline_octets,
      coalesce(sum(octets) filter (where unplaced_since is not null), 0)::bigint as uncollected_octets
    from coffer.content where account = a.id
  ) c
  cross join lateral (
    select count(*) as objects, coalesce(sum(length), 0)::bigint as object_octets
    from coffer.object
    where id in (
      select s.object
      from coffer.content_segment s
      join coffer.content x on x.account = s.account and x.id = s.content
      where s.account = a.id and s.object is not null and x.unplaced_since is null)
  ) o
  where not a.dying;
comment on view report.storage_by_account is
  'What each account''s messages would take, and what they take, as copies and equal parts are stored once. The messages '
  'of a mailbox that was deleted count until collection.';
comment on column report.storage_by_account.account_id is 'Whose.';
comment on column report.storage_by_account.account is 'The name of that account.';
comment on column report.storage_by_account.domain is 'What follows the last @ of its name; NULL when there is none.';
comment on column report.storage_by_account.messages is 'Messages in its mailboxes, copies included.';
comment on column report.storage_by_account.octets is 'Sum of their sizes: what they would take were nothing shared.';
comment on column report.storage_by_account.contents is 'How many different messages these are: copies are one.';
comment on column report.storage_by_account.content_octets is 'Sum of the lengths of those.';
comment on column report.storage_by_account.inline_octets is 'How much of that is stored with the messages.';
comment on column report.storage_by_account.objects is 'Parts kept apart that they use, each counted once.';
comment on column report.storage_by_account.object_octets is
  'Sum of the lengths of those. An object that accounts share counts in full in each.';
comment on column report.storage_by_account.stored_octets is 'What is stored: inline_octets + object_octets.';
comment on column report.storage_by_account.saved_octets is 'What sharing saves: octets - stored_octets.';
comment on column report.storage_by_account.uncollected_octets is
  'Lengths of messages that were expunged and are still stored: at most what collection frees.';

create view report.storage_total as
  select p.accounts, p.messages, p.octets, c.contents, c.content_octets, c.inline_octets, o.objects, o.object_octets,
    c.inline_octets + o.object_octets as stored_octets, p.octets - c.inline_octets - o.object_octets as saved_octets,
    c.uncollected_octets, pg_database_size(current_database()) as disk_octets
  from (
    select (select count(*) from coffer.account where not dying) as accounts, count(*) as messages,
      coalesce(sum(size), 0)::bigint as octets
    from coffer.placement
  ) p
  cross join (
    select count(*) filter (where unplaced_since is null) as contents,
      coalesce(sum(octets) filter (where unplaced_since is null), 0)::bigint as content_octets,
      coalesce(sum(inline_octets) filter (where unplaced_since is null), 0)::bigint as inline_octets,
      coalesce(sum(octets) filter (where unplaced_since is not null), 0)::bigint as uncollected_octets
    from coffer.content
  ) c
  cross join (
    select count(*) as objects, coalesce(sum(length), 0)::bigint as object_octets
    from coffer.object
    where id in (
      select s.object
      from coffer.content_segment s
      join coffer.content x on x.account = s.account and x.id = s.content
      where s.object is not null and x.unplaced_since is null)
  ) o;
comment on view report.storage_total is
  'The same for all accounts together, where an object that accounts share counts once; one row. It reads everything.';
comment on column report.storage_total.accounts is 'How many accounts there are.';
comment on column report.storage_total.messages is 'Messages in all mailboxes, copies included.';
comment on column report.storage_total.octets is 'Sum of their sizes: what they would take were nothing shared.';
comment on column report.storage_total.contents is 'How many different messages these are: copies are one.';
comment on column report.storage_total.content_octets is 'Sum of the lengths of those.';
comment on column report.storage_total.inline_octets is 'How much of that is stored with the messages.';
comment on column report.storage_total.objects is 'Parts kept apart that they use.';
comment on column report.storage_total.object_octets is 'Sum of the lengths of those.';
comment on column report.storage_total.stored_octets is 'What is stored: inline_octets + object_octets.';
comment on column report.storage_total.saved_octets is 'What sharing saves: octets - stored_octets.';
comment on column report.storage_total.uncollected_octets is
  'Lengths of messages that were expunged and are still stored: at most what collection frees.';
comment on column report.storage_total.disk_octets is
  'What the database takes on the disk: with indexes, what is known of messages, and room for changes.';

-- ---- Logins -------------------------------------------------------------------------------------------

create view report.logins as
  select l.id as login_id, to_timestamp(l.at) as at, l.node, l.account as account_id, a.name as account, l.name,
    l.remote as client_address, l.mechanism, l.outcome, l.reason
  from coffer.login_audit l
  left join coffer.account a on a.id = l.account and not a.dying;
comment on view report.logins is 'Logins, and attempts that failed; a row for each.';
comment on column report.logins.login_id is 'Identifies the row, in order of writing.';
comment on column report.logins.at is 'When.';
comment on column report.logins.node is 'The server that was asked.';
comment on column report.logins.account_id is 'The account; NULL when there is none of the name given.';
comment on column report.logins.account is 'The name of that account; NULL also when it has been deleted.';
comment on column report.logins.name is 'The name given.';
comment on column report.logins.client_address is 'The client''s address.';
comment on column report.logins.mechanism is 'LOGIN, or the SASL mechanism.';
comment on column report.logins.outcome is
  'ok; failed: wrong credentials, or no such account; refused: right ones, but not now or not here.';
comment on column report.logins.reason is 'Why it was refused.';

-- ---- Rights -------------------------------------------------------------------------------------------

-- The views and nothing else. A report that runs for long or forgets its transaction hinders the server.
do $$
declare
  v_owner text := current_user;
  v_setting text;
begin
  if not exists (select from pg_roles where rolname = 'coffer_report') then
    return;
  end if;
  revoke all on all tables in schema coffer from coffer_report;
  revoke all on schema coffer from coffer_report;
  grant usage on schema report to coffer_report;
  grant select on all tables in schema report to coffer_report;

  -- Only for a coffer_report that logs in itself: members have settings of their own, as doc/reporting.md says. Roles
  -- are not the owner's to change; perhaps whoever upgrades may.
  perform set_config('role', 'none', true);
  foreach v_setting in array array['statement_timeout', 'idle_in_transaction_session_timeout'] loop
    if not exists (
      select from pg_db_role_setting s
        join pg_database d on s.setdatabase in (0, d.oid) and d.datname = current_database()
        cross join unnest(s.setconfig) as x
        where s.setrole = 'coffer_report'::regrole and x like v_setting || '=%'
    ) then
      begin
        execute format(
          'alter role coffer_report in database %I set %I = %L', current_database(), v_setting, '5min');
      exception when insufficient_privilege then
        null;
      end;
    end if;
  end loop;
  perform set_config('role', v_owner, true);
end
$$;
