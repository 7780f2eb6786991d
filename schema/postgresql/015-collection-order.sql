-- Step 15: collection keeps to the order of locks where two nodes collect at once, also while an account goes.
--
-- Who removes an account's rest has it for itself: mailboxes of it that are being removed, contents that somebody else
-- collects are waited for before anything of them is touched; objects are passed over. The order is: account, dead
-- mailboxes, contents by id, objects by scope and hash.

create or replace function coffer.account_purge(p_account bigint, out freed bigint, out more boolean)
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_contents bigint[];
  v_objects bigint[];
begin
  freed := 0;
  more := true;
  perform 1 from account where id = p_account and dying for update;
  if not found then
    more := false;
    return;
  end if;
  perform 1 from dead_mailbox where account = p_account order by mailbox for update;
  v_contents := array(
    select x.id
      from (select id from content where account = p_account order by id limit 300) i
      cross join lateral (
        select id from content where account = p_account and id = i.id for update
      ) x);
  -- None, and yet some there: others have removed the first while they were waited for.
  if cardinality(v_contents) > 0 or exists (select from content where account = p_account) then
    delete from placement
      where ctid = any (array(
        select p.at
          from unnest(v_contents) as c
          cross join lateral (
            select ctid as at from placement where account = p_account and content = c offset 0
          ) p));
    v_objects := content_remove(array_fill(p_account, array[cardinality(v_contents)]), v_contents);
    -- Nobody else's: they go at once.
    v_objects := array(select id from object where id = any (v_objects) order by scope, sha256 for update skip locked);
    update object
      set sha256 = null, touched = 0, unused_since = 0
      where id = any (v_objects) and not exists (select from content_segment s where s.object = object.id);
    freed := cardinality(v_contents);
    return;
  end if;

  v_objects := array(
    select id from object where scope = 'account/' || p_account and sha256 is not null for update skip locked);
  update object set sha256 = null, touched = 0, unused_since = 0 where id = any (v_objects);
  perform 1 from object where scope = 'account/' || p_account and sha256 is not null;
  if found then
    return;
  end if;
  select c.freed, c.more into freed, more from object_collect(0, 64) as c;
  if more then
    return;
  end if;
  delete from placement where account = p_account;
  delete from change where account = p_account;
  delete from attribute where account = p_account;
  delete from dead_mailbox where account = p_account;
  delete from account where id = p_account;
end
$$;

create or replace function coffer.collect(p_grace bigint, out freed bigint, out more boolean)
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_before bigint := greatest(seconds() - p_grace, 0);
  v_account bigint;
  v_mailbox bigint;
  v_accounts bigint[];
  v_contents bigint[];
  v_rows tid[];
  v_objects record;
begin
  freed := 0;
  more := false;

  select id into v_account from account where dying order by id limit 1 for update skip locked;
  if found then
    select p.freed into freed from account_purge(v_account) as p;
    more := true;
    return;
  end if;

  -- Those of an account that goes are account_purge's.
  select d.account, d.mailbox into v_account, v_mailbox
    from dead_mailbox d
    where not exists (select from account a where a.id = d.account and a.dying)
    limit 1
    for update skip locked;
  if found then
    v_rows := array(
      select ctid from placement where account = v_account and mailbox = v_mailbox order by uid limit 2000);
    with gone as (
      delete from placement where ctid = any (v_rows) returning content
    )
    select array_agg(content) into v_contents from gone;
    perform content_note_unplaced(v_account, v_contents);
    if cardinality(v_rows) < 2000 then
      delete from change where account = v_account and mailbox = v_mailbox;
      delete from attribute where account = v_account and mailbox = v_mailbox;
      delete from dead_mailbox where account = v_account and mailbox = v_mailbox;
    end if;
    more := true;
    return;
  end if;

  with candidate as (
    select account, id
      from content
      where unplaced_since <= v_before
      order by unplaced_since
      limit 300
      for update skip locked
  )
  select coalesce(array_agg(account), '{}'), coalesce(array_agg(id), '{}') into v_accounts, v_contents from candidate;
  if cardinality(v_contents) > 0 then
    perform content_remove(v_accounts, v_contents);
    freed := cardinality(v_contents);
    more := freed = 300;
  end if;

  -- The time anew, so that without grace the objects of these contents go with them.
  select * into v_objects from object_collect(greatest(seconds() - p_grace, 0), 64);
  freed := freed + v_objects.freed;
  more := more or v_objects.more;

  if not more then
    perform usage_fold();
  end if;
end
$$;

create or replace function coffer.object_name(p_scope text, p_id bigint, p_sha256 bytea) returns bigint
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_id bigint;
begin
  while v_id is null loop
    begin
      update object set sha256 = p_sha256, touched = seconds(), unused_since = seconds() where id = p_id;
      return p_id;
    exception when unique_violation then
      -- NULL: it was collected between the two, and the name is free.
      v_id := object_touch(p_scope, p_sha256);
    end;
  end loop;
  -- Another upload of the same octets was faster: this one is collected.
  update object set touched = 0, unused_since = 0 where id = p_id;
  return v_id;
end
$$;
