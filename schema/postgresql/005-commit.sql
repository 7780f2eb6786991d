-- Step 5: carrying out a batch of operations on one mailbox, and a second for COPY and MOVE.
--
-- commit_batch locks (the account where there is a limit, then the mailboxes by id) and carries out the operations
-- one after the other, each by a function that takes and returns the state of the batch. Each looks first and
-- changes afterwards, so one that is refused has changed nothing and needs no subtransaction; only operations that
-- succeed or fail together have one. At the end the mailboxes are written back, with a row of change for each kind,
-- and contents that lost a placement are looked at, in order of their ids. The contents of new messages have been
-- written before, in the same transaction, ahead of the locks.
--
-- What an operation is about is found range by range (lateral, fenced by "offset 0"), and changed by the addresses
-- found (ctid), which stay as they are while the mailbox is locked. So one message of a mailbox costs the same
-- whatever the planner believes of that mailbox's size: asked for "uid = any (...)", it reads a mailbox as a whole
-- where it takes it for a small one.

create type coffer.commit_mailbox as (
  id bigint,
  uid_next bigint,
  modseq bigint,
  messages bigint,
  octets bigint,
  unseen bigint,
  deleted bigint,
  changed int8multirange,
  expunged int8multirange
);
comment on type coffer.commit_mailbox is 'A mailbox of a batch: what becomes of its row, and which UIDs the batch changed.';

create type coffer.commit_state as (
  account bigint,
  now bigint,
  source coffer.commit_mailbox,
  destination coffer.commit_mailbox,
  is_one boolean,
  is_grouped boolean,
  room_octets bigint,
  room_messages bigint,
  displaced bigint[],
  appended bigint,
  octets bigint,
  expunged bigint,
  uids bigint[],
  new_uids bigint[],
  failure text
);
comment on type coffer.commit_state is
  'The state of a batch. room_*: what the quota leaves, NULL for no limit. displaced: contents that lost a placement. '
  'uids, new_uids and failure are the last operation''s outcome.';

create function coffer.commit_load(p_account bigint, p_mailbox bigint) returns coffer.commit_mailbox
language sql
set search_path = coffer, pg_temp
as $$
  select row(id, uid_next, highest_modseq + 1, messages, octets, unseen, deleted, '{}', '{}')::coffer.commit_mailbox
    from mailbox
    where account = p_account and id = p_mailbox
$$;
comment on function coffer.commit_load(bigint, bigint) is 'A mailbox at the beginning of a batch.';

create function coffer.commit_target(st coffer.commit_state, p_in_destination boolean) returns coffer.commit_mailbox
language sql immutable
as $$
  select case when p_in_destination and not st.is_one then st.destination else st.source end
$$;
comment on function coffer.commit_target(coffer.commit_state, boolean) is 'The mailbox that an operation adds messages to.';

create function coffer.uids_to_ranges(p_uids bigint[]) returns int8multirange
language sql immutable
as $$
  select coalesce(range_agg(int8range(u, u, '[]')), '{}') from unnest(p_uids) as u
$$;
comment on function coffer.uids_to_ranges(bigint[]) is 'A list of UIDs as ranges.';

create function coffer.ranges_count(p_ranges int8multirange) returns bigint
language sql immutable
as $$
  select coalesce(sum(upper(r) - lower(r)), 0)::bigint from unnest(p_ranges) as r
$$;
comment on function coffer.ranges_count(int8multirange) is 'How many UIDs ranges hold.';

create function coffer.keywords_change(p_have text, p_mode smallint, p_given text) returns text
language plpgsql immutable
set search_path = coffer, pg_temp
as $$
declare
  v_new text;
begin
  if p_mode <> 0 and p_given = '' then
    return p_have;
  end if;
  v_new := (
    select coalesce(string_agg(w.word, ' ' order by lower(w.word collate "C")), '')
      from (
        select h.word, true as is_had from string_to_table(p_have, ' ') as h (word)
        union all
        select g.word, false
          from string_to_table(p_given, ' ') as g (word)
          where not exists (
            select from string_to_table(p_have, ' ') as o (word)
              where lower(o.word collate "C") = lower(g.word collate "C"))
      ) w
      where case p_mode
        when 1 then true
        when 2 then w.is_had and not exists (
          select from string_to_table(p_given, ' ') as o (word)
            where lower(o.word collate "C") = lower(w.word collate "C"))
        else not w.is_had or exists (
          select from string_to_table(p_given, ' ') as o (word)
            where lower(o.word collate "C") = lower(w.word collate "C"))
      end);
  return v_new;
end
$$;
comment on function coffer.keywords_change(text, smallint, text) is
  'Keywords after a STORE: 0 replaces, 1 adds, 2 removes. They compare without regard to ASCII case, and keep the case '
  'they were first given in.';

-- ---- Operations ---------------------------------------------------------------------------------------

create function coffer.commit_append(
  st coffer.commit_state, p_in_destination boolean, p_content bigint, p_size bigint, p_flags smallint, p_keywords text,
  p_internal_date bigint, p_zone smallint, p_positions bigint[], p_lengths bigint[], p_objects bigint[],
  p_offsets bigint[]
) returns coffer.commit_state
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_box commit_mailbox := commit_target(st, p_in_destination);
  v_objects bigint[] := array(select distinct o from unnest(p_objects) as o where o is not null order by o);
begin
  if v_box.id is null then
    st.failure := 'TRYCREATE';
    return st;
  end if;
  if p_content = 0 then
    st.failure := 'SEGMENTS';
    return st;
  end if;

  if cardinality(v_objects) > 0 then
    -- From here on they cannot be collected.
    perform 1 from object where id = any (v_objects) and sha256 is not null order by id for key share;
    st.uids := array(
      select o from unnest(v_objects) as o where not exists (select from object where id = o and sha256 is not null));
    if cardinality(st.uids) > 0 then
      st.failure := 'CONTENT_GONE';
      return st;
    end if;
    perform 1
      from unnest(p_objects, p_offsets, p_lengths) as s (object, source_offset, length)
      join object o on o.id = s.object
      where s.source_offset + s.length > o.length;
    if found then
      st.failure := 'SEGMENTS';
      return st;
    end if;
  end if;
  if not st.is_grouped and ((p_size > 0 and st.room_octets < p_size) or st.room_messages < 1) then
    st.failure := 'OVERQUOTA';
    return st;
  end if;
  -- UIDNEXT has to be a UID itself.
  if v_box.uid_next >= 4294967295 then
    st.failure := 'LIMIT';
    return st;
  end if;

  insert into content_segment (account, content, position, length, object, source_offset)
    select st.account, p_content, s.position, s.length, s.object, s.source_offset
      from unnest(p_positions, p_lengths, p_objects, p_offsets) as s (position, length, object, source_offset);
  insert into placement (
      account, mailbox, uid, content, modseq, internal_date, save_date, size, flags, zone, keywords)
    values (
      st.account, v_box.id, v_box.uid_next, p_content, v_box.modseq, p_internal_date, st.now, p_size, p_flags, p_zone,
      p_keywords);

  st.uids := array[v_box.uid_next];
  v_box.changed := v_box.changed + int8multirange(int8range(v_box.uid_next, v_box.uid_next, '[]'));
  v_box.uid_next := v_box.uid_next + 1;
  v_box.messages := v_box.messages + 1;
  v_box.octets := v_box.octets + p_size;
  v_box.unseen := v_box.unseen + (p_flags & 8 = 0)::integer;
  v_box.deleted := v_box.deleted + (p_flags & 4 <> 0)::integer;
  if p_in_destination and not st.is_one then
    st.destination := v_box;
  else
    st.source := v_box;
  end if;
  st.room_octets := st.room_octets - p_size;
  st.room_messages := st.room_messages - 1;
  st.appended := st.appended + 1;
  st.octets := st.octets + p_size;
  return st;
end
$$;
comment on function coffer.commit_append is
  'Places a content that has been written. Refused: TRYCREATE, SEGMENTS, CONTENT_GONE (uids: the objects that are gone), '
  'OVERQUOTA, LIMIT.';

create function coffer.commit_store(
  st coffer.commit_state, p_uids int8multirange, p_require_all boolean, p_mode smallint, p_flags smallint,
  p_keywords text, p_unchanged_since bigint
) returns coffer.commit_state
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_box commit_mailbox := st.source;
  v_found bigint;
  v_refused bigint[];
  v_rows tid[];
  v_uids bigint[];
  v_flags smallint[];
  v_keywords text[];
  v_unseen bigint;
  v_deleted bigint;
begin
  with target as materialized (
    select p.at, p.uid, p.flags, p.keywords, p.modseq
      from unnest(p_uids) as r
      cross join lateral (
        select ctid as at, uid, flags, keywords, modseq
          from placement
          where account = st.account and mailbox = v_box.id and uid >= lower(r) and uid < upper(r)
          offset 0
      ) p
  ), word as materialized (
    select keywords as old, keywords_change(keywords, p_mode, p_keywords) as new from target group by keywords
  ), wanted as (
    select t.at, t.uid, t.modseq, t.flags as old_flags, w.old as old_keywords, w.new as keywords,
        case p_mode when 0 then p_flags when 1 then t.flags | p_flags else t.flags & ~p_flags end as flags
      from target t
      join word w on w.old = t.keywords
  ), changing as (
    select * from wanted
      where modseq <= p_unchanged_since and (flags <> old_flags or keywords <> old_keywords)
  )
  select (select count(*) from target),
      array(select uid from target where modseq > p_unchanged_since order by uid),
      array_agg(at order by uid), array_agg(uid order by uid), array_agg(flags order by uid),
      array_agg(keywords order by uid),
      sum((flags & 8 = 0)::integer - (old_flags & 8 = 0)::integer),
      sum((flags & 4 <> 0)::integer - (old_flags & 4 <> 0)::integer)
    into v_found, v_refused, v_rows, v_uids, v_flags, v_keywords, v_unseen, v_deleted
    from changing;

  if p_require_all and v_found <> ranges_count(p_uids) then
    st.failure := 'EXPUNGEISSUED';
    return st;
  end if;
  st.uids := v_refused;
  if v_uids is null then
    return st;
  end if;

  update placement p
    set flags = n.flags, keywords = n.keywords, modseq = v_box.modseq
    from unnest(v_rows, v_flags, v_keywords) as n (at, flags, keywords)
    where p.ctid = n.at;
  v_box.changed := v_box.changed + uids_to_ranges(v_uids);
  v_box.unseen := v_box.unseen + v_unseen;
  v_box.deleted := v_box.deleted + v_deleted;
  st.source := v_box;
  return st;
end
$$;
comment on function coffer.commit_store is
  'Changes flags; uids: messages left alone because their MODSEQ is above the one given. Refused: EXPUNGEISSUED.';

create function coffer.attributes_find(p_account bigint, p_mailbox bigint, p_uids bigint[]) returns tid[]
language plpgsql stable
set search_path = coffer, pg_temp
as $$
begin
  -- Most mailboxes have none.
  if not exists (select from attribute where account = p_account and mailbox = p_mailbox and uid > 0) then
    return '{}';
  end if;
  return array(
    select a.at
      from unnest(p_uids) as u
      cross join lateral (
        select ctid as at from attribute where account = p_account and mailbox = p_mailbox and uid = u offset 0
      ) a);
end
$$;
comment on function coffer.attributes_find(bigint, bigint, bigint[]) is 'Where the attributes of messages are.';

create function coffer.commit_remove(st coffer.commit_state, p_rows tid[], p_uids bigint[])
returns coffer.commit_state
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_box commit_mailbox := st.source;
  v_octets bigint;
  v_unseen bigint;
  v_deleted bigint;
begin
  with gone as (
    delete from placement where ctid = any (p_rows) returning size, flags
  )
  select sum(size), sum((flags & 8 = 0)::integer), sum((flags & 4 <> 0)::integer)
    into v_octets, v_unseen, v_deleted
    from gone;
  delete from attribute where ctid = any (attributes_find(st.account, v_box.id, p_uids));
  v_box.expunged := v_box.expunged + uids_to_ranges(p_uids);
  v_box.messages := v_box.messages - cardinality(p_uids);
  v_box.octets := v_box.octets - v_octets;
  v_box.unseen := v_box.unseen - v_unseen;
  v_box.deleted := v_box.deleted - v_deleted;
  st.source := v_box;
  st.room_octets := st.room_octets + v_octets;
  st.room_messages := st.room_messages + cardinality(p_uids);
  return st;
end
$$;
comment on function coffer.commit_remove(coffer.commit_state, tid[], bigint[]) is
  'Takes messages that are there out of the batch''s mailbox.';

create function coffer.commit_expunge(
  st coffer.commit_state, p_uids int8multirange, p_require_all boolean, p_only_deleted boolean
) returns coffer.commit_state
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_found bigint;
  v_rows tid[];
  v_uids bigint[];
  v_contents bigint[];
begin
  select count(*),
      array_agg(p.at order by p.uid) filter (where not p_only_deleted or p.flags & 4 <> 0),
      array_agg(p.uid order by p.uid) filter (where not p_only_deleted or p.flags & 4 <> 0),
      array_agg(p.content) filter (where not p_only_deleted or p.flags & 4 <> 0)
    into v_found, v_rows, v_uids, v_contents
    from unnest(p_uids) as r
    cross join lateral (
      select ctid as at, uid, content, flags
        from placement
        where account = st.account and mailbox = (st.source).id and uid >= lower(r) and uid < upper(r)
        offset 0
    ) p;
  if p_require_all and v_found <> ranges_count(p_uids) then
    st.failure := 'EXPUNGEISSUED';
    return st;
  end if;
  st.uids := coalesce(v_uids, '{}');
  if v_uids is null then
    return st;
  end if;
  st := commit_remove(st, v_rows, v_uids);
  st.displaced := st.displaced || v_contents;
  st.expunged := st.expunged + cardinality(v_uids);
  return st;
end
$$;
comment on function coffer.commit_expunge is 'Expunges; uids: what went. Refused: EXPUNGEISSUED.';

create function coffer.commit_copy(
  st coffer.commit_state, p_uids int8multirange, p_require_all boolean, p_is_move boolean
) returns coffer.commit_state
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_box commit_mailbox := commit_target(st, true);
  v_source bigint := (st.source).id;
  v_found bigint;
  v_octets bigint;
  v_unseen bigint;
  v_deleted bigint;
  v_rows tid[];
  v_uids bigint[];
begin
  if v_box.id is null then
    st.failure := 'TRYCREATE';
    return st;
  end if;
  select count(*), coalesce(sum(p.size), 0), sum((p.flags & 8 = 0)::integer), sum((p.flags & 4 <> 0)::integer),
      array_agg(p.at order by p.uid), coalesce(array_agg(p.uid order by p.uid), '{}')
    into v_found, v_octets, v_unseen, v_deleted, v_rows, v_uids
    from unnest(p_uids) as r
    cross join lateral (
      select ctid as at, uid, size, flags
        from placement
        where account = st.account and mailbox = v_source and uid >= lower(r) and uid < upper(r)
        offset 0
    ) p;
  if p_require_all and v_found <> ranges_count(p_uids) then
    st.failure := 'EXPUNGEISSUED';
    return st;
  end if;
  if not p_is_move and not st.is_grouped
      and ((v_octets > 0 and st.room_octets < v_octets) or (v_found > 0 and st.room_messages < v_found)) then
    st.failure := 'OVERQUOTA';
    return st;
  end if;
  if v_box.uid_next + v_found > 4294967295 then
    st.failure := 'LIMIT';
    return st;
  end if;
  st.uids := v_uids;
  st.new_uids := array(select generate_series(v_box.uid_next, v_box.uid_next + v_found - 1));
  if v_found = 0 then
    return st;
  end if;

  insert into placement (
      account, mailbox, uid, content, modseq, internal_date, save_date, size, flags, zone, keywords)
    select st.account, v_box.id, v_box.uid_next - 1 + row_number() over (order by p.uid), p.content, v_box.modseq,
        p.internal_date, st.now, p.size, p.flags, p.zone, p.keywords
      from placement p
      where p.ctid = any (v_rows);
  insert into attribute (account, mailbox, uid, key, value)
    select st.account, v_box.id, n.new_uid, a.key, a.value
      from attribute a
      join unnest(v_uids, st.new_uids) as n (uid, new_uid) on n.uid = a.uid
      where a.ctid = any (attributes_find(st.account, v_source, v_uids));
  v_box.changed := v_box.changed + int8multirange(int8range(v_box.uid_next, v_box.uid_next + v_found));
  v_box.uid_next := v_box.uid_next + v_found;
  v_box.messages := v_box.messages + v_found;
  v_box.octets := v_box.octets + v_octets;
  v_box.unseen := v_box.unseen + v_unseen;
  v_box.deleted := v_box.deleted + v_deleted;
  if st.is_one then
    st.source := v_box;
  else
    st.destination := v_box;
  end if;
  st.room_octets := st.room_octets - v_octets;
  st.room_messages := st.room_messages - v_found;
  if p_is_move then
    st := commit_remove(st, v_rows, v_uids);
  end if;
  return st;
end
$$;
comment on function coffer.commit_copy is
  'COPY or MOVE; uids and new_uids: what became what. Refused: TRYCREATE, EXPUNGEISSUED, OVERQUOTA, LIMIT.';

create function coffer.commit_annotate(
  st coffer.commit_state, p_uids int8multirange, p_require_all boolean, p_keys text[], p_values bytea[]
) returns coffer.commit_state
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_box commit_mailbox := st.source;
  v_rows tid[];
  v_uids bigint[];
  v_some bigint[];
  v_changed bigint[] := '{}';
begin
  select coalesce(array_agg(p.uid), '{}'), coalesce(array_agg(p.at), '{}')
    into v_uids, v_rows
    from unnest(p_uids) as r
    cross join lateral (
      select ctid as at, uid
        from placement
        where account = st.account and mailbox = v_box.id and uid >= lower(r) and uid < upper(r)
        offset 0
    ) p;
  if p_require_all and cardinality(v_uids) <> ranges_count(p_uids) then
    st.failure := 'EXPUNGEISSUED';
    return st;
  end if;
  for i in 1 .. cardinality(p_keys) loop
    if p_values[i] is null then
      with gone as (
        delete from attribute
          where ctid = any (attributes_find(st.account, v_box.id, v_uids)) and key = p_keys[i]
          returning uid
      )
      select array_agg(uid) into v_some from gone;
    else
      with given as (
        insert into attribute (account, mailbox, uid, key, value)
          select st.account, v_box.id, u, p_keys[i], p_values[i] from unnest(v_uids) as u
          on conflict (account, mailbox, uid, key) do update set value = excluded.value
            where attribute.value <> excluded.value
          returning uid
      )
      select array_agg(uid) into v_some from given;
    end if;
    v_changed := v_changed || v_some;
  end loop;
  if cardinality(v_changed) > 0 then
    update placement set modseq = v_box.modseq where ctid = any (v_rows) and uid = any (v_changed);
    v_box.changed := v_box.changed + uids_to_ranges(v_changed);
    st.source := v_box;
  end if;
  return st;
end
$$;
comment on function coffer.commit_annotate is 'Sets attributes of messages. Refused: EXPUNGEISSUED.';

-- ---- The end of a batch -------------------------------------------------------------------------------

create function coffer.commit_close(
  p_account bigint, p_box coffer.commit_mailbox, p_keep_changes bigint, p_keep_tombstones bigint
) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_changed int8multirange := p_box.changed - p_box.expunged;
  v_changed_floor bigint;
  v_expunged_floor bigint;
begin
  if isempty(p_box.changed) and isempty(p_box.expunged) then
    return;
  end if;
  insert into change (account, mailbox, kind, modseq, uids)
    select p_account, p_box.id, c.kind, p_box.modseq, c.uids
      from (values ('changed', v_changed), ('expunged', p_box.expunged)) as c (kind, uids)
      where not isempty(c.uids);
  -- Now and then, what is remembered of old commits is trimmed.
  if p_box.modseq % 64 = 0 then
    v_changed_floor := p_box.modseq - p_keep_changes;
    v_expunged_floor := p_box.modseq - p_keep_tombstones;
    delete from change
      where account = p_account and mailbox = p_box.id and kind = 'changed' and modseq <= v_changed_floor;
    delete from change
      where account = p_account and mailbox = p_box.id and kind = 'expunged' and modseq <= v_expunged_floor;
  end if;
  update mailbox
    set uid_next = p_box.uid_next, highest_modseq = p_box.modseq, messages = p_box.messages, octets = p_box.octets,
      unseen = p_box.unseen, deleted = p_box.deleted, changed_floor = greatest(changed_floor, v_changed_floor),
      expunged_floor = greatest(expunged_floor, v_expunged_floor)
    where account = p_account and id = p_box.id;
end
$$;
comment on function coffer.commit_close(bigint, coffer.commit_mailbox, bigint, bigint) is
  'Writes back what became of a mailbox, and what the commit changed.';

create function coffer.content_note_unplaced(p_account bigint, p_contents bigint[]) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  -- Two that take the last two placements of one content would each see the other's: so they take turns.
  perform x.locked
    from (select distinct c as id from unnest(p_contents) as c order by c) i
    cross join lateral (
      select true as locked from content where account = p_account and id = i.id for no key update
    ) x;
  update content x
    set unplaced_since = seconds()
    from unnest(p_contents) as c
    cross join lateral (
      select ctid as at
        from content
        where account = p_account and id = c and unplaced_since is null
          and not exists (select from placement p where p.account = p_account and p.content = c)
        offset 0
    ) u
    where x.ctid = u.at;
end
$$;
comment on function coffer.content_note_unplaced(bigint, bigint[]) is
  'Marks those contents that have no placement any more, so that they may be collected.';

create type coffer.commit_outcome as (
  kind text,
  op integer,
  uids bigint[],
  new_uids bigint[],
  failure text
);
comment on type coffer.commit_outcome is
  'What became of an operation, counted from 0: appended, copied, not-modified, expunged, gone (uids: objects), failed.';

create function coffer.commit_outcome(p_kind text, p_op integer, st coffer.commit_state)
returns setof coffer.commit_outcome
language sql immutable
as $$
  select case p_kind when 'append' then 'appended' when 'store' then 'not-modified' when 'expunge' then 'expunged'
      else 'copied' end,
      p_op, st.uids, st.new_uids, null
    where st.failure is null and cardinality(st.uids) > 0
  union all
  select 'gone', p_op, st.uids, null, null where st.failure = 'CONTENT_GONE'
  union all
  select 'failed', p_op, null, null, st.failure where st.failure is not null
$$;
comment on function coffer.commit_outcome(text, integer, coffer.commit_state) is 'An operation''s outcome as rows.';

create type coffer.commit_op as (
  kind text,
  run integer,
  uids int8multirange,
  require_all boolean,
  mode smallint,
  flags smallint,
  keywords text,
  unchanged_since bigint,
  only_deleted boolean,
  in_destination boolean,
  content bigint,
  size bigint,
  internal_date bigint,
  zone smallint,
  first_segment integer,
  last_segment integer,
  first_attribute integer,
  last_attribute integer
);
comment on type coffer.commit_op is
  'An operation. run: those side by side with the same number, not 0, succeed or fail together. The rest is as in '
  'coffer/storage.h; segments and attributes are ranges of arrays that all operations share.';

create function coffer.commit_carry_out(
  st coffer.commit_state, p_op coffer.commit_op,
  p_positions bigint[], p_lengths bigint[], p_objects bigint[], p_offsets bigint[], p_keys text[], p_values bytea[]
) returns coffer.commit_state
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  a integer := p_op.first_segment;
  z integer := p_op.last_segment;
begin
  st.uids := '{}';
  st.new_uids := null;
  case p_op.kind
    when 'append' then
      return commit_append(
        st, p_op.in_destination, p_op.content, p_op.size, p_op.flags, p_op.keywords, p_op.internal_date, p_op.zone,
        p_positions[a:z], p_lengths[a:z], p_objects[a:z], p_offsets[a:z]);
    when 'store' then
      return commit_store(
        st, p_op.uids, p_op.require_all, p_op.mode, p_op.flags, p_op.keywords, p_op.unchanged_since);
    when 'expunge' then
      return commit_expunge(st, p_op.uids, p_op.require_all, p_op.only_deleted);
    when 'copy', 'move' then
      return commit_copy(st, p_op.uids, p_op.require_all, p_op.kind = 'move');
    when 'annotate' then
      return commit_annotate(
        st, p_op.uids, p_op.require_all, p_keys[p_op.first_attribute : p_op.last_attribute],
        p_values[p_op.first_attribute : p_op.last_attribute]);
    else
      st.failure := 'NOT_SUPPORTED';
      return st;
  end case;
end
$$;
comment on function coffer.commit_carry_out is 'Carries out one operation.';

create function coffer.commit_batch(
  p_account bigint, p_source bigint, p_destination bigint, p_max_octets bigint, p_max_messages bigint,
  p_keep_changes bigint, p_keep_tombstones bigint,
  p_kinds text[], p_runs integer[], p_uids int8multirange[], p_require_all boolean[], p_modes smallint[],
  p_flags smallint[], p_keywords text[], p_unchanged_since bigint[], p_only_deleted boolean[],
  p_in_destination boolean[], p_contents bigint[], p_sizes bigint[], p_internal_dates bigint[], p_zones smallint[],
  p_first_segments integer[], p_last_segments integer[], p_first_attributes integer[], p_last_attributes integer[],
  p_positions bigint[], p_lengths bigint[], p_objects bigint[], p_offsets bigint[], p_keys text[], p_values bytea[]
) returns setof coffer.commit_outcome
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_ops commit_op[] := array(
    select row(o.*)::commit_op
      from unnest(
        p_kinds, p_runs, p_uids, p_require_all, p_modes, p_flags, p_keywords, p_unchanged_since, p_only_deleted,
        p_in_destination, p_contents, p_sizes, p_internal_dates, p_zones, p_first_segments, p_last_segments,
        p_first_attributes, p_last_attributes) as o);
  st commit_state;
  v_saved commit_state;
  v_first integer := 1;
  v_last integer;
  v_at integer;
  v_unplaced bigint[] := '{}';
begin
  if p_max_octets > 0 or p_max_messages > 0 then
    perform account_lock(p_account);
  end if;
  perform 1 from mailbox where account = p_account and id in (p_source, p_destination) order by id for update;

  st.account := p_account;
  st.now := seconds();
  st.source := commit_load(p_account, p_source);
  if (st.source).id is null then
    raise exception 'There is no such mailbox' using errcode = 'CF001';
  end if;
  st.is_one := p_source = p_destination;
  if p_destination <> 0 and not st.is_one then
    st.destination := commit_load(p_account, p_destination);
  end if;
  if p_max_octets > 0 or p_max_messages > 0 then
    select nullif(p_max_octets, 0) - coalesce(sum(octets), 0), nullif(p_max_messages, 0) - coalesce(sum(messages), 0)
      into st.room_octets, st.room_messages
      from mailbox where account = p_account;
  end if;
  st.displaced := '{}';
  st.appended := 0;
  st.octets := 0;
  st.expunged := 0;

  while v_first <= cardinality(v_ops) loop
    v_last := v_first;
    while p_runs[v_first] <> 0 and p_runs[v_last + 1] = p_runs[v_first] loop
      v_last := v_last + 1;
    end loop;
    st.is_grouped := v_last > v_first;

    if not st.is_grouped then
      st := commit_carry_out(
        st, v_ops[v_first], p_positions, p_lengths, p_objects, p_offsets, p_keys, p_values);
      return query select * from commit_outcome(p_kinds[v_first], v_first - 1, st);
    else
      v_saved := st;
      begin
        for k in v_first .. v_last loop
          v_at := k;
          st := commit_carry_out(st, v_ops[k], p_positions, p_lengths, p_objects, p_offsets, p_keys, p_values);
          if st.failure is null and k = v_last
              and ((st.room_octets < 0 and st.room_octets < v_saved.room_octets)
                or (st.room_messages < 0 and st.room_messages < v_saved.room_messages)) then
            st.failure := 'OVERQUOTA';
          end if;
          if st.failure is not null then
            v_saved.failure := st.failure;
            v_saved.uids := st.uids;
            raise exception 'refused' using errcode = 'CF000';
          end if;
          return query select * from commit_outcome(p_kinds[k], k - 1, st);
        end loop;
      exception when sqlstate 'CF000' then
        -- The changes are undone; rows returned stay, and are void by what follows.
        st := v_saved;
        return query select * from commit_outcome(p_kinds[v_at], v_at - 1, st);
      end;
    end if;

    if st.failure is not null then
      v_unplaced := v_unplaced || array(select c from unnest(p_contents[v_first:v_last]) as c where c <> 0);
      st.failure := null;
    end if;
    v_first := v_last + 1;
  end loop;

  perform commit_close(p_account, st.source, p_keep_changes, p_keep_tombstones);
  if (st.destination).id is not null then
    perform commit_close(p_account, st.destination, p_keep_changes, p_keep_tombstones);
  end if;
  if cardinality(st.displaced || v_unplaced) > 0 then
    perform content_note_unplaced(p_account, st.displaced || v_unplaced);
  end if;
  if st.appended > 0 or st.expunged > 0 then
    insert into usage_daily (account, day, appended, expunged, octets)
      values (p_account, (now() at time zone 'UTC')::date, st.appended, st.expunged, st.octets);
  end if;
end
$$;
comment on function coffer.commit_batch is
  'Carries out a batch in one commit; returns what became of each operation. The first arrays have an element for each '
  'operation, those behind them one for each segment and attribute.';
