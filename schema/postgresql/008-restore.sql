-- Step 8: moving in: a mailbox and its messages become what they were in another store.
--
-- The contents of new messages have been written before, in the same transaction, ahead of the locks, as those of a
-- batch are. Locks are taken in the order of step 3.

drop function coffer.account_change(bigint, integer, text, text, text, bytea);

create function coffer.account_change(
  p_account bigint, p_disabled integer, p_add text, p_remove text, p_kind text, p_credential bytea,
  p_last_uid_validity bigint
) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  perform account_lock(p_account);
  if p_disabled >= 0 then
    update account set disabled = (p_disabled <> 0) where id = p_account;
  end if;
  if p_last_uid_validity > 0 then
    update account
      set last_uid_validity = p_last_uid_validity
      where id = p_account and last_uid_validity < p_last_uid_validity;
  end if;
  if p_add is not null then
    perform address_add(p_account, p_add);
  end if;
  if p_remove is not null then
    delete from address where address = p_remove and account = p_account;
    if not found then
      raise exception 'The address does not belong to the account' using errcode = 'CF001';
    end if;
  end if;
  if p_kind is not null and p_credential is null then
    delete from credential where account = p_account and kind = p_kind;
  elsif p_kind is not null then
    insert into credential (account, kind, value) values (p_account, p_kind, p_credential)
      on conflict (account, kind) do update set value = excluded.value;
  end if;
end
$$;
comment on function coffer.account_change(bigint, integer, text, text, text, bytea, bigint) is
  'Changes what is given: disabled (-1: leave it), an address to add, one to remove, a credential to set or, with NULL '
  'for its value, to remove, and the UIDVALIDITY given out last, which only rises (0: leave it).';

-- ---- The mailbox --------------------------------------------------------------------------------------

create function coffer.restore_open(p_account bigint, p_mailbox bigint, p_name text, p_uid_validity bigint)
returns bigint
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_id bigint := p_mailbox;
begin
  perform account_lock(p_account);
  if p_mailbox <> 0 then
    perform 1 from mailbox where account = p_account and id = p_mailbox for update;
    if not found then
      raise exception 'There is no such mailbox' using errcode = 'CF001';
    end if;
  end if;
  perform 1 from mailbox where account = p_account and name = p_name and id <> p_mailbox;
  if found then
    raise exception 'The mailbox exists' using errcode = 'CF002';
  end if;
  if p_mailbox = 0 then
    insert into mailbox (account, name, uid_validity, created) values (p_account, p_name, p_uid_validity, seconds())
      returning id into v_id;
  end if;
  update account set last_uid_validity = p_uid_validity where id = p_account and last_uid_validity < p_uid_validity;
  return v_id;
end
$$;
comment on function coffer.restore_open(bigint, bigint, text, bigint) is
  'Locks the mailbox with that id, or with 0 makes one, which may have that name; returns its id.';

-- ---- Contents -----------------------------------------------------------------------------------------

create function coffer.restore_segments(
  p_account bigint, p_contents bigint[], p_positions bigint[], p_lengths bigint[], p_objects bigint[],
  p_offsets bigint[]
) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_objects bigint[] := array(select distinct o from unnest(p_objects) as o where o is not null order by o);
begin
  if cardinality(v_objects) > 0 then
    -- From here on they cannot be collected.
    perform 1 from object where id = any (v_objects) and sha256 is not null order by id for key share;
    perform 1
      from unnest(v_objects) as o
      where not exists (select from object where id = o and sha256 is not null);
    if found then
      raise exception 'A part of the message is no longer stored' using errcode = 'CF006';
    end if;
    perform 1
      from unnest(p_objects, p_offsets, p_lengths) as s (object, source_offset, length)
      join object o on o.id = s.object
      where s.source_offset + s.length > o.length;
    if found then
      raise exception 'The segments do not make up the message' using errcode = 'CF005';
    end if;
  end if;
  insert into content_segment (account, content, position, length, object, source_offset)
    select p_account, s.content, s.position, s.length, s.object, s.source_offset
      from unnest(p_contents, p_positions, p_lengths, p_objects, p_offsets)
        as s (content, position, length, object, source_offset);
end
$$;
comment on function coffer.restore_segments(bigint, bigint[], bigint[], bigint[], bigint[], bigint[]) is
  'Adds the segments of new contents, whose objects are there.';

create function coffer.restore_require(p_account bigint, p_contents bigint[]) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  -- Whoever takes a content's last placement away locks it too: it stays placed, or it is seen not to be.
  perform x.locked
    from (select distinct c as id from unnest(p_contents) as c order by c) i
    cross join lateral (
      select true as locked from content where account = p_account and id = i.id for no key update
    ) x;
  perform 1
    from unnest(p_contents) as c
    where not exists (select from content where account = p_account and id = c and unplaced_since is null);
  if found then
    raise exception 'The message is no longer stored' using errcode = 'CF006';
  end if;
end
$$;
comment on function coffer.restore_require(bigint, bigint[]) is
  'Locks contents, which are there and have not been given up.';

-- ---- Messages -----------------------------------------------------------------------------------------

create type coffer.restore_counts as (
  messages bigint,
  octets bigint,
  unseen bigint,
  deleted bigint
);
comment on type coffer.restore_counts is 'What messages add to the counts of their mailbox.';

create function coffer.restore_take_away(p_account bigint, p_mailbox bigint, p_uids int8multirange)
returns coffer.restore_counts
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_rows tid[];
  v_uids bigint[];
  v_contents bigint[];
  v_counts restore_counts;
begin
  select count(*), coalesce(sum(p.size), 0), count(*) filter (where p.flags & 8 = 0),
      count(*) filter (where p.flags & 4 <> 0), array_agg(p.at), array_agg(p.uid), array_agg(p.content)
    into v_counts.messages, v_counts.octets, v_counts.unseen, v_counts.deleted, v_rows, v_uids, v_contents
    from unnest(p_uids) as r
    cross join lateral (
      select ctid as at, uid, content, size, flags
        from placement
        where account = p_account and mailbox = p_mailbox and uid >= lower(r) and uid < upper(r)
        offset 0
    ) p;
  if v_counts.messages > 0 then
    delete from placement where ctid = any (v_rows);
    delete from attribute where ctid = any (attributes_find(p_account, p_mailbox, v_uids));
    perform content_note_unplaced(p_account, v_contents);
  end if;
  return v_counts;
end
$$;
comment on function coffer.restore_take_away(bigint, bigint, int8multirange) is
  'Takes messages out of a mailbox, which is locked; returns what they counted for.';

create function coffer.restore_count(p_account bigint, p_mailbox bigint, p_uids bigint[], p_contents bigint[])
returns coffer.restore_counts
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_counts restore_counts;
  v_other boolean;
begin
  select count(*), coalesce(sum(p.size), 0), count(*) filter (where p.flags & 8 = 0),
      count(*) filter (where p.flags & 4 <> 0), bool_or(p.content <> m.content)
    into v_counts.messages, v_counts.octets, v_counts.unseen, v_counts.deleted, v_other
    from unnest(p_uids, p_contents) as m (uid, content)
    cross join lateral (
      select content, size, flags
        from placement where account = p_account and mailbox = p_mailbox and uid = m.uid offset 0
    ) p;
  if v_other then
    raise exception 'The UID is another message''s' using errcode = 'CF002';
  end if;
  return v_counts;
end
$$;
comment on function coffer.restore_count(bigint, bigint, bigint[], bigint[]) is
  'What those of these messages count for that are there; they have the contents named.';

create function coffer.restore_messages(
  p_account bigint, p_mailbox bigint, p_uids bigint[], p_contents bigint[], p_modseqs bigint[],
  p_internal_dates bigint[], p_zones smallint[], p_save_dates bigint[], p_sizes bigint[], p_flags smallint[],
  p_keywords text[], p_attribute_uids bigint[], p_keys text[], p_values bytea[]
) returns void
language sql
set search_path = coffer, pg_temp
as $$
  insert into placement (
      account, mailbox, uid, content, modseq, internal_date, zone, save_date, size, flags, keywords)
    select p_account, p_mailbox, m.*
      from unnest(
        p_uids, p_contents, p_modseqs, p_internal_dates, p_zones, p_save_dates, p_sizes, p_flags, p_keywords) as m
    on conflict (account, mailbox, uid) do update
      set modseq = excluded.modseq, internal_date = excluded.internal_date, zone = excluded.zone,
        save_date = excluded.save_date, size = excluded.size, flags = excluded.flags, keywords = excluded.keywords;
  delete from attribute where ctid = any (attributes_find(p_account, p_mailbox, p_uids));
  insert into attribute (account, mailbox, uid, key, value)
    select p_account, p_mailbox, a.* from unnest(p_attribute_uids, p_keys, p_values) as a
$$;
comment on function coffer.restore_messages is 'Puts messages in a mailbox, or makes those that are there the ones given.';

create function coffer.mailbox_restore(
  p_account bigint, p_mailbox bigint, p_name text, p_uid_validity bigint, p_uid_next bigint, p_highest_modseq bigint,
  p_recent_uid bigint, p_special_use integer, p_expunged int8multirange,
  p_uids bigint[], p_contents bigint[], p_modseqs bigint[], p_internal_dates bigint[], p_zones smallint[],
  p_save_dates bigint[], p_sizes bigint[], p_flags smallint[], p_keywords text[],
  p_segment_contents bigint[], p_positions bigint[], p_lengths bigint[], p_objects bigint[], p_offsets bigint[],
  p_attribute_uids bigint[], p_keys text[], p_values bytea[]
) returns bigint
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_id bigint := restore_open(p_account, p_mailbox, p_name, p_uid_validity);
  v_before restore_counts;
  v_gone restore_counts;
begin
  perform restore_segments(p_account, p_segment_contents, p_positions, p_lengths, p_objects, p_offsets);
  perform restore_require(p_account, p_contents);
  v_before := restore_count(p_account, v_id, p_uids, p_contents);
  perform restore_messages(
    p_account, v_id, p_uids, p_contents, p_modseqs, p_internal_dates, p_zones, p_save_dates, p_sizes, p_flags,
    p_keywords, p_attribute_uids, p_keys, p_values);
  v_gone := restore_take_away(p_account, v_id, p_expunged);

  delete from change where account = p_account and mailbox = v_id;
  update mailbox
    set name = p_name, uid_validity = p_uid_validity, uid_next = p_uid_next, highest_modseq = p_highest_modseq,
      recent_uid = p_recent_uid, special_use = p_special_use, changed_floor = p_highest_modseq,
      expunged_floor = p_highest_modseq,
      messages = messages + cardinality(p_uids) - v_before.messages - v_gone.messages,
      octets = octets + coalesce((select sum(s) from unnest(p_sizes) as s), 0) - v_before.octets - v_gone.octets,
      unseen = unseen + (select count(*) from unnest(p_flags) as f where f & 8 = 0) - v_before.unseen - v_gone.unseen,
      deleted = deleted + (select count(*) from unnest(p_flags) as f where f & 4 <> 0) - v_before.deleted
        - v_gone.deleted
    where account = p_account and id = v_id;
  return v_id;
end
$$;
comment on function coffer.mailbox_restore is
  'Makes a mailbox, and messages in it, what they were in another store; returns its id. What was expunged or changed '
  'before is not known afterwards. The first arrays have an element for each message, those behind them one for each '
  'segment of a new content and for each attribute of a message.';

-- ---- Rights -------------------------------------------------------------------------------------------

revoke all on all functions in schema coffer from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'coffer_serve') then
    grant execute on all functions in schema coffer to coffer_serve;
  end if;
end
$$;
