-- Step 2: the tables.
--
-- Every time is in seconds since the epoch, UTC. The account leads every key of what belongs to one, so that the
-- tables can be partitioned and distributed by it. Only what is written rarely refers by foreign key: on the paths
-- of APPEND, COPY and EXPUNGE the writing functions keep what a key would, and `cofferctl check` looks at it.

create sequence coffer.id_block as bigint increment by 1024 minvalue 1024 start with 1024 cache 1;
comment on sequence coffer.id_block is
  'Blocks of 1024 ids of contents and objects: a connection takes one and gives its ids out, each once.';

-- ---- Accounts -----------------------------------------------------------------------------------------

create table coffer.account (
  id bigint generated always as identity primary key,
  name text collate "C" not null unique,
  disabled boolean not null default false,
  dying boolean not null default false,
  last_uid_validity bigint not null default 0,
  created bigint not null
) with (fillfactor = 70);
create index account_dying on coffer.account (id) where dying;
comment on table coffer.account is 'Who has mailboxes here.';
comment on column coffer.account.id is 'Never given out twice.';
comment on column coffer.account.name is 'The address it was created with.';
comment on column coffer.account.disabled is 'Exists, and may not log in.';
comment on column coffer.account.dying is 'Deleted: nobody reaches it, and its messages are being removed.';
comment on column coffer.account.last_uid_validity is
  'The UIDVALIDITY given out last; outlives the mailbox, so that none is given out twice.';
comment on column coffer.account.created is 'When.';

create table coffer.address (
  address text collate "C" primary key,
  account bigint not null references coffer.account
);
create index address_account on coffer.address (account);
comment on table coffer.address is 'The addresses of accounts, by each of which one logs in.';
comment on column coffer.address.address is 'Normalised: compared octet by octet.';
comment on column coffer.address.account is 'Whose it is.';

create table coffer.credential (
  account bigint not null references coffer.account,
  kind text collate "C" not null,
  value bytea not null,
  primary key (account, kind)
);
comment on table coffer.credential is 'What a login is verified with. No passwords.';
comment on column coffer.credential.account is 'Whose it is.';
comment on column coffer.credential.kind is 'Such as scram-sha-256.';
comment on column coffer.credential.value is 'The verifier.';

-- ---- Mailboxes ----------------------------------------------------------------------------------------

create table coffer.mailbox (
  account bigint not null references coffer.account,
  id bigint generated always as identity,
  name text collate "C" not null,
  uid_validity bigint not null,
  uid_next bigint not null default 1,
  highest_modseq bigint not null default 1,
  recent_uid bigint not null default 1,
  special_use integer not null default 0,
  changed_floor bigint not null default 1,
  expunged_floor bigint not null default 1,
  messages bigint not null default 0,
  octets bigint not null default 0,
  unseen bigint not null default 0,
  deleted bigint not null default 0,
  created bigint not null,
  primary key (account, id),
  unique (account, name)
) with (fillfactor = 50);
comment on table coffer.mailbox is
  'Mailboxes. Whoever changes what is in one locks its row first; two are locked in order of id.';
comment on column coffer.mailbox.account is 'Whose it is.';
comment on column coffer.mailbox.id is 'Never given out twice in the store.';
comment on column coffer.mailbox.name is 'UTF-8, with / between levels.';
comment on column coffer.mailbox.uid_validity is 'UIDVALIDITY (RFC 3501, 2.3.1.1).';
comment on column coffer.mailbox.uid_next is 'The next UID; never falls.';
comment on column coffer.mailbox.highest_modseq is 'The MODSEQ of its last commit (RFC 7162).';
comment on column coffer.mailbox.recent_uid is 'Messages from this UID on have been shown to no session as \Recent.';
comment on column coffer.mailbox.special_use is
  'Bits: 1 All, 2 Archive, 4 Drafts, 8 Flagged, 16 Junk, 32 Sent, 64 Trash, 128 Important (RFC 6154, RFC 8457).';
comment on column coffer.mailbox.changed_floor is 'The table change has every row of kind changed above this MODSEQ.';
comment on column coffer.mailbox.expunged_floor is 'The table change has every row of kind expunged above this MODSEQ.';
comment on column coffer.mailbox.messages is 'How many placements it has; this and the next three are kept by each commit.';
comment on column coffer.mailbox.octets is 'Sum of their sizes.';
comment on column coffer.mailbox.unseen is 'How many of them are without \Seen.';
comment on column coffer.mailbox.deleted is 'How many of them have \Deleted.';
comment on column coffer.mailbox.created is 'When.';

create table coffer.dead_mailbox (
  account bigint not null,
  mailbox bigint not null,
  primary key (account, mailbox)
);
comment on table coffer.dead_mailbox is 'Mailboxes deleted, whose placements are still to be removed.';
comment on column coffer.dead_mailbox.account is 'Whose it was.';
comment on column coffer.dead_mailbox.mailbox is 'The id it had.';

-- ---- Content ------------------------------------------------------------------------------------------

create table coffer.content (
  account bigint not null,
  id bigint not null,
  octets bigint not null,
  inline_octets bigint not null,
  created bigint not null,
  unplaced_since bigint,
  sent_date bigint,
  sent_zone smallint,
  from_address text,
  subject text,
  message_id text,
  conversation_id text,
  contribution_id text,
  in_reply_to_contribution_id text,
  imdn_message_id text,
  preview text,
  primary key (account, id)
);
create index content_unplaced on coffer.content (unplaced_since) where unplaced_since is not null;
comment on table coffer.content is
  'Messages as they were appended: immutable octets, and what is known of them. Where they are is in placement.';
comment on column coffer.content.account is 'Whose it is.';
comment on column coffer.content.id is 'Never given out twice in the store.';
comment on column coffer.content.octets is 'Length as appended.';
comment on column coffer.content.inline_octets is 'How many of them are in content_chunk; the others are in objects.';
comment on column coffer.content.created is 'When it was appended.';
comment on column coffer.content.unplaced_since is 'When its last placement went; NULL while it has one.';
comment on column coffer.content.sent_date is 'The Date field; NULL when it has none that can be read.';
comment on column coffer.content.sent_zone is 'Its zone, in minutes east of UTC.';
comment on column coffer.content.from_address is 'The first address of From, normalised.';
comment on column coffer.content.subject is 'Subject, decoded. This and every other text is UTF-8 without NUL.';
comment on column coffer.content.message_id is 'Message-ID.';
comment on column coffer.content.conversation_id is 'Conversation-ID (CPM); this and the next three: the first such field.';
comment on column coffer.content.contribution_id is 'Contribution-ID (CPM).';
comment on column coffer.content.in_reply_to_contribution_id is 'InReplyTo-Contribution-ID (CPM).';
comment on column coffer.content.imdn_message_id is 'IMDN-Message-ID, also written imdn.Message-ID (RFC 5438).';
comment on column coffer.content.preview is 'How the text begins (RFC 8970).';

create table coffer.content_facts (
  account bigint not null,
  content bigint not null,
  encoded bytea not null,
  primary key (account, content)
);
comment on table coffer.content_facts is 'What the server knows of a content, as it wants it back.';
comment on column coffer.content_facts.account is 'Whose the content is.';
comment on column coffer.content_facts.content is 'The content.';
comment on column coffer.content_facts.encoded is 'Opaque; begins with a version.';

create table coffer.content_address (
  account bigint not null,
  content bigint not null,
  n integer not null,
  role text not null check (role in ('from', 'sender', 'reply-to', 'to', 'cc', 'bcc')),
  name text,
  address text not null,
  domain text,
  primary key (account, content, n)
);
create index content_address_address on coffer.content_address (account, left(address, 200));
comment on table coffer.content_address is 'The addresses in a message''s header.';
comment on column coffer.content_address.account is 'Whose the content is.';
comment on column coffer.content_address.content is 'The content.';
comment on column coffer.content_address.n is 'Position in the header, from 0.';
comment on column coffer.content_address.role is 'The field it stands in.';
comment on column coffer.content_address.name is 'The display name, decoded; NULL when it has none.';
comment on column coffer.content_address.address is
  'local-part@domain with the domain in lower case; or a URI, such as tel:+491701234567.';
comment on column coffer.content_address.domain is 'The domain, in lower case; NULL for a URI.';

create table coffer.content_part (
  account bigint not null,
  content bigint not null,
  n integer not null,
  path text collate "C" not null,
  kind text not null check (kind in ('leaf', 'multipart', 'message')),
  parent integer,
  type text not null,
  subtype text not null,
  charset text,
  encoding text not null,
  disposition text,
  filename text,
  content_id text,
  header_offset bigint not null,
  header_length bigint not null,
  body_offset bigint not null,
  body_length bigint not null,
  inner_header_length bigint not null,
  decoded_length bigint not null,
  primary key (account, content, n)
);
comment on table coffer.content_part is 'The MIME parts of a content, depth first; the first is the message itself.';
comment on column coffer.content_part.account is 'Whose the content is.';
comment on column coffer.content_part.content is 'The content.';
comment on column coffer.content_part.n is 'Position, from 0.';
comment on column coffer.content_part.path is 'The part specifier (RFC 3501, 6.4.5); empty for the message.';
comment on column coffer.content_part.kind is 'leaf: has octets of its own; multipart; message: holds a message.';
comment on column coffer.content_part.parent is 'Position of the part that it is in; NULL for the message.';
comment on column coffer.content_part.type is 'Media type, in lower case.';
comment on column coffer.content_part.subtype is 'Media subtype, in lower case.';
comment on column coffer.content_part.charset is 'Its charset parameter, in lower case.';
comment on column coffer.content_part.encoding is 'Content-Transfer-Encoding, in lower case.';
comment on column coffer.content_part.disposition is 'Content-Disposition, in lower case.';
comment on column coffer.content_part.filename is 'Its name, decoded.';
comment on column coffer.content_part.content_id is 'Content-ID.';
comment on column coffer.content_part.header_offset is 'Where its MIME header begins in the message.';
comment on column coffer.content_part.header_length is 'Length of that header, with the blank line.';
comment on column coffer.content_part.body_offset is 'Where its body begins in the message.';
comment on column coffer.content_part.body_length is 'Length of its body as appended.';
comment on column coffer.content_part.inner_header_length is 'Of a message inside: length of its header.';
comment on column coffer.content_part.decoded_length is 'Octets after decoding the transfer encoding.';

create table coffer.content_chunk (
  account bigint not null,
  content bigint not null,
  n integer not null,
  sha256 bytea not null,
  data bytea not null,
  primary key (account, content, n)
);
alter table coffer.content_chunk alter column data set storage external;
comment on table coffer.content_chunk is 'The inline octets of contents, one after the other, cut every 256 KB.';
comment on column coffer.content_chunk.account is 'Whose the content is.';
comment on column coffer.content_chunk.content is 'The content.';
comment on column coffer.content_chunk.n is 'Position, from 0.';
comment on column coffer.content_chunk.sha256 is 'Hash of data.';
comment on column coffer.content_chunk.data is 'The octets; stored uncompressed, so that a range reads only itself.';

create table coffer.content_segment (
  account bigint not null,
  content bigint not null,
  position bigint not null,
  length bigint not null,
  object bigint,
  source_offset bigint not null,
  primary key (account, content, position)
);
create index content_segment_object on coffer.content_segment (object) where object is not null;
comment on table coffer.content_segment is
  'What a content is made of, in order and without gaps. A content without rows here is all inline.';
comment on column coffer.content_segment.account is 'Whose the content is.';
comment on column coffer.content_segment.content is 'The content.';
comment on column coffer.content_segment.position is 'Of its first octet in the message.';
comment on column coffer.content_segment.length is 'How many octets.';
comment on column coffer.content_segment.object is 'The object they are in; NULL: among the inline octets.';
comment on column coffer.content_segment.source_offset is 'Where they begin in the object, or among the inline octets.';

create table coffer.object (
  id bigint primary key,
  scope text collate "C" not null,
  sha256 bytea,
  length bigint not null,
  media_type text,
  touched bigint not null,
  unused_since bigint,
  unique (scope, sha256)
) with (fillfactor = 70);
create index object_unused on coffer.object (unused_since) where unused_since is not null;
comment on table coffer.object is 'Parts kept apart from their messages, stored once for each scope and hash.';
comment on column coffer.object.id is 'Never given out twice in the store.';
comment on column coffer.object.scope is 'Who shares it: account/7, domain/example.org, server.';
comment on column coffer.object.sha256 is 'Hash of its octets; NULL while they are being written or removed.';
comment on column coffer.object.length is 'How many octets.';
comment on column coffer.object.media_type is 'What libmagic says of the decoded octets.';
comment on column coffer.object.touched is 'When it was stored, or asked for again.';
comment on column coffer.object.unused_since is
  'A hint for collection: when it may have become unused. NULL only where a message refers to it.';

create table coffer.object_chunk (
  object bigint not null,
  n integer not null,
  data bytea not null,
  primary key (object, n)
);
alter table coffer.object_chunk alter column data set storage external;
comment on table coffer.object_chunk is 'The octets of objects, cut every 256 KB.';
comment on column coffer.object_chunk.object is 'The object.';
comment on column coffer.object_chunk.n is 'Position, from 0.';
comment on column coffer.object_chunk.data is 'The octets; stored uncompressed, so that a range reads only itself.';

create table coffer.lookup (
  account bigint not null,
  content bigint not null,
  name text collate "C" not null,
  n integer not null,
  value text collate "C" not null,
  primary key (account, content, name, n)
);
create index lookup_value on coffer.lookup (account, name, left(value, 200));
comment on table coffer.lookup is
  'Header fields that are looked up by value: Message-ID and the identifiers of CPM and IMDN.';
comment on column coffer.lookup.account is 'Whose the content is.';
comment on column coffer.lookup.content is 'The content.';
comment on column coffer.lookup.name is 'The field''s name, in lower case.';
comment on column coffer.lookup.n is 'Position in the header, from 0.';
comment on column coffer.lookup.value is 'Its value, decoded.';

-- ---- Placements ---------------------------------------------------------------------------------------

create table coffer.placement (
  account bigint not null,
  mailbox bigint not null,
  uid bigint not null,
  content bigint not null,
  modseq bigint not null,
  internal_date bigint not null,
  save_date bigint not null,
  size bigint not null,
  flags smallint not null,
  zone smallint not null,
  keywords text collate "C" not null,
  primary key (account, mailbox, uid)
) with (fillfactor = 50);
-- By content first: an index that begins as the primary key does is taken in its place while nothing is known of the
-- table, and then each range of UIDs costs the account.
create index placement_content on coffer.placement (content, account);
comment on table coffer.placement is
  'Messages as mailboxes hold them. No index has flags, keywords or MODSEQ, and pages are filled by half: a change of '
  'flags writes beside the old row and no index.';
comment on column coffer.placement.account is 'Whose it is.';
comment on column coffer.placement.mailbox is 'The mailbox.';
comment on column coffer.placement.uid is 'UID; never given out twice in the mailbox.';
comment on column coffer.placement.content is 'What the message is.';
comment on column coffer.placement.modseq is 'The commit of its mailbox that changed it last.';
comment on column coffer.placement.internal_date is 'INTERNALDATE.';
comment on column coffer.placement.save_date is 'When it came into this mailbox (RFC 8514).';
comment on column coffer.placement.size is 'RFC822.SIZE.';
comment on column coffer.placement.flags is 'Bits: 1 \Answered, 2 \Flagged, 4 \Deleted, 8 \Seen, 16 \Draft.';
comment on column coffer.placement.zone is 'Zone of internal_date, in minutes east of UTC.';
comment on column coffer.placement.keywords is 'All other flags, a blank between two.';

create table coffer.change (
  account bigint not null,
  mailbox bigint not null,
  kind text collate "C" not null check (kind in ('changed', 'expunged')),
  modseq bigint not null,
  uids int8multirange not null,
  primary key (account, mailbox, kind, modseq)
);
comment on table coffer.change is
  'What each commit did to a mailbox. From it follows the difference between two moments; the rows of kind expunged are '
  'the only trace of messages that are gone. Old rows are trimmed.';
comment on column coffer.change.account is 'Whose the mailbox is.';
comment on column coffer.change.mailbox is 'The mailbox.';
comment on column coffer.change.kind is 'changed: arrived, or with other flags or annotations; expunged.';
comment on column coffer.change.modseq is 'The commit.';
comment on column coffer.change.uids is 'The messages; of kind changed there may be some that did not change.';

create table coffer.attribute (
  account bigint not null,
  mailbox bigint not null,
  uid bigint not null,
  key text collate "C" not null,
  value bytea not null,
  primary key (account, mailbox, uid, key)
);
comment on table coffer.attribute is 'Small values of accounts, mailboxes and messages: metadata, access rights, annotations.';
comment on column coffer.attribute.account is 'Whose it is.';
comment on column coffer.attribute.mailbox is 'The mailbox; 0: the account''s own.';
comment on column coffer.attribute.uid is 'The message; 0: the mailbox''s own.';
comment on column coffer.attribute.key is 'By convention module/name.';
comment on column coffer.attribute.value is 'Octets.';

-- ---- Usage and audit ----------------------------------------------------------------------------------

create table coffer.usage_daily (
  account bigint not null,
  day date not null,
  appended bigint not null default 0,
  expunged bigint not null default 0,
  octets bigint not null default 0,
  logins bigint not null default 0
);
create index usage_daily_account on coffer.usage_daily (account, day);
comment on table coffer.usage_daily is
  'What accounts did each day, for charging: rows are added, never changed, and the sum of a day''s rows counts. '
  'Collection folds those of past days into one.';
comment on column coffer.usage_daily.account is 'Whose; kept when the account is deleted.';
comment on column coffer.usage_daily.day is 'The day, UTC.';
comment on column coffer.usage_daily.appended is 'Messages appended. COPY and MOVE do not count.';
comment on column coffer.usage_daily.expunged is 'Messages expunged.';
comment on column coffer.usage_daily.octets is 'Octets of the messages appended.';
comment on column coffer.usage_daily.logins is 'Successful logins.';

create table coffer.login_audit (
  id bigint generated always as identity primary key,
  at bigint not null,
  node text not null,
  account bigint,
  name text not null,
  remote text,
  mechanism text,
  outcome text not null check (outcome in ('ok', 'failed', 'refused')),
  reason text
);
create index login_audit_account on coffer.login_audit (account, at);
create index login_audit_at on coffer.login_audit (at);
comment on table coffer.login_audit is 'Logins and failures, written in batches after the client has been answered.';
comment on column coffer.login_audit.id is 'Order of writing.';
comment on column coffer.login_audit.at is 'When.';
comment on column coffer.login_audit.node is 'The node that was asked.';
comment on column coffer.login_audit.account is 'The account; NULL when there is none of that name.';
comment on column coffer.login_audit.name is 'The name given.';
comment on column coffer.login_audit.remote is 'The client''s address.';
comment on column coffer.login_audit.mechanism is 'LOGIN, or the SASL mechanism.';
comment on column coffer.login_audit.outcome is 'ok; failed: wrong credentials; refused: right ones, but not now or not here.';
comment on column coffer.login_audit.reason is 'Why it was refused.';
