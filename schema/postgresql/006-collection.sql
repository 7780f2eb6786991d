-- Step 6: removing what nothing refers to, a bounded amount in each call.
--
-- Candidates are found by marks: content.unplaced_since, object.unused_since. That of an object is only a hint, so
-- that APPEND need not write to the objects it uses: whoever collects locks the object, looks for segments in a
-- later statement, and takes the hint away where there are some. What somebody else has locked is passed over, so
-- collection never waits for a writer while it holds something, and several nodes may collect at once.

create function coffer.content_remove(p_accounts bigint[], p_contents bigint[]) returns bigint[]
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_objects bigint[];
begin
  with gone as (
    delete from content_segment s
      using unnest(p_accounts, p_contents) as c (account, id)
      where s.account = c.account and s.content = c.id
      returning s.object
  )
  select coalesce(array_agg(distinct object) filter (where object is not null), '{}') into v_objects from gone;
  delete from content_chunk k
    using unnest(p_accounts, p_contents) as c (account, id)
    where k.account = c.account and k.content = c.id;
  delete from content_facts f
    using unnest(p_accounts, p_contents) as c (account, id)
    where f.account = c.account and f.content = c.id;
  delete from lookup l
    using unnest(p_accounts, p_contents) as c (account, id)
    where l.account = c.account and l.content = c.id;
  delete from content_address a
    using unnest(p_accounts, p_contents) as c (account, id)
    where a.account = c.account and a.content = c.id;
  delete from content_part p
    using unnest(p_accounts, p_contents) as c (account, id)
    where p.account = c.account and p.content = c.id;
  delete from content x
    using unnest(p_accounts, p_contents) as c (account, id)
    where x.account = c.account and x.id = c.id;

  perform 1 from object where id = any (v_objects) order by scope, sha256 for no key update;
  update object set unused_since = seconds() where id = any (v_objects);
  return v_objects;
end
$$;
comment on function coffer.content_remove(bigint[], bigint[]) is
  'Removes contents and marks the objects they used, which it returns.';

create function coffer.object_collect(p_before bigint, p_chunks integer, out freed bigint, out more boolean)
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_object record;
  v_left integer := p_chunks;
  v_removed integer;
begin
  freed := 0;
  more := false;
  for v_object in
    select id
      from object
      where unused_since <= p_before and touched <= p_before
        -- Without a hash, and not given up: it is being written.
        and (sha256 is not null or unused_since = 0 or unused_since <= seconds() - 3600)
      order by unused_since
      limit 100
      for update skip locked
  loop
    if v_left <= 0 then
      more := true;
      return;
    end if;
    if exists (select from content_segment where object = v_object.id) then
      update object set unused_since = null where id = v_object.id;
      continue;
    end if;
    delete from object_chunk
      where object = v_object.id
        and n in (select n from object_chunk where object = v_object.id order by n desc limit v_left);
    get diagnostics v_removed = row_count;
    v_left := v_left - v_removed - 1;
    if exists (select from object_chunk where object = v_object.id) then
      -- Nobody finds it from here on; what is left goes next time.
      update object set sha256 = null, touched = 0, unused_since = 0 where id = v_object.id;
      more := true;
    else
      delete from object where id = v_object.id;
      freed := freed + 1;
    end if;
  end loop;
  more := more or freed = 100;
end
$$;
comment on function coffer.object_collect(bigint, integer) is
  'Removes objects that are unused since a time, or before, and at most so many chunks.';

create function coffer.account_purge(p_account bigint, out freed bigint, out more boolean)
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
  v_contents := array(select id from content where account = p_account order by id limit 300);
  if cardinality(v_contents) > 0 then
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

  update object set sha256 = null, touched = 0, unused_since = 0
    where scope = 'account/' || p_account and sha256 is not null;
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
comment on function coffer.account_purge(bigint) is
  'Removes a bounded amount of what a deleted account has left, and the account itself when that was all.';

create function coffer.collect(p_grace bigint, out freed bigint, out more boolean)
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

  select account, mailbox into v_account, v_mailbox from dead_mailbox limit 1 for update skip locked;
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
comment on function coffer.collect(bigint) is
  'Removes what nothing refers to and nothing has touched for so many seconds; more: there is more to do.';

create function coffer.usage_fold() returns void
language sql
set search_path = coffer, pg_temp
as $$
  with old as (
    delete from usage_daily u
      using (
        select account, day from usage_daily where day < (now() at time zone 'UTC')::date
          group by account, day having count(*) > 1 limit 1000
      ) d
      where u.account = d.account and u.day = d.day
      returning u.*
  )
  insert into usage_daily (account, day, appended, expunged, octets, logins)
    select account, day, sum(appended), sum(expunged), sum(octets), sum(logins) from old group by account, day
$$;
comment on function coffer.usage_fold() is 'Makes one row of those of a past day.';
