-- Step 11: a database that has fallen back.
--
-- After a failover to a standby that lacked the last commits, or after a restore, the database is at an earlier moment
-- than some node or client has seen. What was given out since then is lost, and must not be given out again for
-- something else: UIDs, MODSEQs, ids. So whoever connects asks where the database is now: which cluster, on which
-- timeline, made by which restore. When that is news a new epoch begins: sequences skip what may have been given out
-- and lost, and each mailbox skips UIDs and MODSEQs with its first commit of the epoch. The MODSEQs it skips are
-- remembered: whoever knows the mailbox at one of them, or at one above its highest, knows what is lost.

create table coffer.epoch (
  only_one boolean primary key default true check (only_one),
  number bigint not null,
  place text not null,
  began bigint not null
);
comment on table coffer.epoch is 'One row: since when this database has not fallen back.';
comment on column coffer.epoch.only_one is 'True.';
comment on column coffer.epoch.number is 'Counts the epochs.';
comment on column coffer.epoch.place is 'Where the database was then; one that is elsewhere has fallen back, or may have.';
comment on column coffer.epoch.began is 'When.';

create function coffer.place() returns text
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  -- The timeline is another after each promotion and each recovery to a point in time, the table is another one after
  -- a dump was restored.
  return (select system_identifier from pg_control_system())
    || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
    || '/' || 'mailbox'::regclass::oid;
exception when insufficient_privilege or feature_not_supported then
  return 'not known';
end
$$;
comment on function coffer.place() is
  'Where this database is: another text after a failover or a restore. What calls itself PostgreSQL may not tell.';

create function coffer.epoch_number() returns bigint
language sql stable
set search_path = coffer, pg_temp
as $$
  select number from epoch
$$;
comment on function coffer.epoch_number() is 'The present epoch.';

create function coffer.epoch_begin(p_place text) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_sequence text;
begin
  update epoch set number = number + 1, place = p_place, began = seconds();
  -- What follows could have been given out by a node that was not heard of any more.
  foreach v_sequence in array array[
    'coffer.id_block', pg_get_serial_sequence('account', 'id'), pg_get_serial_sequence('mailbox', 'id')]
  loop
    perform setval(v_sequence, nextval(v_sequence) + 1000000 * (case v_sequence when 'coffer.id_block' then 1024 else 1 end));
  end loop;
end
$$;
comment on function coffer.epoch_begin(text) is 'Begins an epoch: ids that may have been given out are skipped.';

create function coffer.connected(out place text, out ids bigint)
language plpgsql security definer
set search_path = coffer, pg_temp
as $$
declare
  v_known text;
begin
  if pg_is_in_recovery() then
    raise exception 'This is a standby' using errcode = 'read_only_sql_transaction';
  end if;
  place := place();
  v_known := (select e.place from epoch e);
  if v_known <> place then
    -- Somebody may have been faster.
    select e.place into v_known from epoch e for update;
    if v_known <> place then
      perform epoch_begin(place);
    end if;
  end if;
  ids := nextval('id_block');
end
$$;
comment on function coffer.connected() is
  'Said first on each connection: where the database is (after which an epoch may have begun), and a block of ids.';

insert into coffer.epoch (number, place, began) values (1, coffer.place(), coffer.seconds());

alter table coffer.mailbox
  add column epoch bigint not null default coffer.epoch_number(),
  add column lost int8multirange not null default '{}';
comment on column coffer.mailbox.epoch is 'The epoch of its last commit.';
comment on column coffer.mailbox.lost is 'MODSEQs that it skipped: commits that had them are lost.';

create or replace function coffer.index_mode(p_mailbox coffer.mailbox, p_since bigint, p_since_of bigint) returns text
language sql immutable
as $$
  select case
    when p_since < 0 then 'alone'
    when p_since = 0 or (p_since_of <> 0 and p_since_of <> p_mailbox.id) then 'all'
    when p_since = p_mailbox.highest_modseq then 'alone'
    -- The latter two: it comes from before this database fell back.
    when p_since < p_mailbox.expunged_floor or p_since > p_mailbox.highest_modseq or p_since <@ p_mailbox.lost
      then 'reset'
    when p_since < p_mailbox.changed_floor then 'scan'
    else 'difference'
  end
$$;

create or replace function coffer.commit_load(p_account bigint, p_mailbox bigint) returns coffer.commit_mailbox
language sql
set search_path = coffer, pg_temp
as $$
  select row(
      m.id, m.uid_next + case when e.number = m.epoch then 0 else least(1000000, (4294967294 - m.uid_next) / 2) end,
      m.highest_modseq + 1 + case when e.number = m.epoch then 0 else 1000000 end,
      m.messages, m.octets, m.unseen, m.deleted, '{}', '{}')::coffer.commit_mailbox
    from mailbox m, epoch e
    where m.account = p_account and m.id = p_mailbox
$$;
comment on function coffer.commit_load(bigint, bigint) is
  'A mailbox at the beginning of a batch. In a new epoch it skips what may have been given out and lost.';

create or replace function coffer.commit_close(
  p_account bigint, p_box coffer.commit_mailbox, p_keep_changes bigint, p_keep_tombstones bigint
) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_changed int8multirange := p_box.changed - p_box.expunged;
  v_skipped bigint;
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
  -- Now and then, what is remembered of old commits is trimmed. MODSEQs that were skipped are no commits.
  if p_box.modseq % 64 = 0 then
    v_skipped := (
      select ranges_count(lost) + p_box.modseq - highest_modseq - 1
        from mailbox where account = p_account and id = p_box.id);
    v_changed_floor := p_box.modseq - v_skipped - p_keep_changes;
    v_expunged_floor := p_box.modseq - v_skipped - p_keep_tombstones;
    delete from change
      where account = p_account and mailbox = p_box.id and kind = 'changed' and modseq <= v_changed_floor;
    delete from change
      where account = p_account and mailbox = p_box.id and kind = 'expunged' and modseq <= v_expunged_floor;
  end if;
  update mailbox
    set uid_next = p_box.uid_next, highest_modseq = p_box.modseq, messages = p_box.messages, octets = p_box.octets,
      unseen = p_box.unseen, deleted = p_box.deleted, changed_floor = greatest(changed_floor, v_changed_floor),
      expunged_floor = greatest(expunged_floor, v_expunged_floor), epoch = epoch_number(),
      lost = lost + int8multirange(int8range(highest_modseq + 1, p_box.modseq))
    where account = p_account and id = p_box.id;
end
$$;

create function coffer.mailbox_renew(p_account bigint, p_mailbox bigint, p_uid_validity bigint) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_uid_validity bigint;
begin
  perform 1 from account where id = p_account and not dying for no key update;
  perform 1 from mailbox
    where account = p_account and id = p_mailbox and uid_validity = p_uid_validity
    for update;
  if not found then
    return;
  end if;
  update account
    set last_uid_validity = least(greatest(last_uid_validity + 1, seconds()), 4294967295)
    where id = p_account
    returning last_uid_validity into v_uid_validity;
  -- Nobody knows anything of it by this UIDVALIDITY: nothing need be skipped.
  update mailbox
    set uid_validity = v_uid_validity, epoch = epoch_number(), lost = '{}'
    where account = p_account and id = p_mailbox;
end
$$;
comment on function coffer.mailbox_renew(bigint, bigint, bigint) is
  'Gives a mailbox a new UIDVALIDITY, unless it has another than the one given: several nodes may find at once that it is '
  'behind what they know.';

create function coffer.restored_begin() returns void
language sql security definer
set search_path = coffer, pg_temp
as $$
  select epoch_begin(place())
$$;
comment on function coffer.restored_begin() is 'Begins an epoch, as the operator says that the database fell back.';

create or replace function coffer.restored() returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_mailbox record;
begin
  perform restored_begin();
  for v_mailbox in
    select m.account, m.id, m.uid_validity
      from mailbox m
      join account a on a.id = m.account
      where not a.dying
      order by m.account, m.id
  loop
    perform mailbox_renew(v_mailbox.account, v_mailbox.id, v_mailbox.uid_validity);
  end loop;
  -- To every node, from none of them: whatever they know is void.
  perform pg_notify('coffer', 'restored 0.0.0');
end
$$;

-- ---- Rights -------------------------------------------------------------------------------------------

revoke all on all functions in schema coffer from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'coffer_serve') then
    grant select on coffer.epoch to coffer_serve;
    grant execute on all functions in schema coffer to coffer_serve;
  end if;
end
$$;
