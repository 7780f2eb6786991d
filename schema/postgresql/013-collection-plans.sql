-- Step 13: collection costs what it removes, whatever the planner believes of the tables' sizes.
--
-- Rows are found one content at a time (lateral, fenced by "offset 0") and removed where they were found (ctid): with
-- a join the planner reads a table as a whole where it takes it for a small one. Usage of past days is folded from an
-- index of what has not been folded, so that looking for it does not read the years before.

alter table coffer.usage_daily add column folded boolean not null default false;
comment on column coffer.usage_daily.folded is 'The row is all there is of a past day.';
create index usage_daily_unfolded on coffer.usage_daily (day, account) where not folded;

create or replace function coffer.usage_fold() returns void
language sql
set search_path = coffer, pg_temp
as $$
  with unfolded as materialized (
    select account, day from usage_daily where not folded and day < (now() at time zone 'UTC')::date
      order by day, account limit 1000
  ), old as materialized (
    select u.at
      from (select distinct account, day from unfolded) d
      cross join lateral (select ctid as at from usage_daily where account = d.account and day = d.day offset 0) u
  ), gone as (
    delete from usage_daily where ctid = any (array(select at from old)) returning *
  )
  insert into usage_daily (account, day, appended, expunged, octets, logins, folded)
    select account, day, sum(appended), sum(expunged), sum(octets), sum(logins), true from gone group by account, day
$$;

create or replace function coffer.content_remove(p_accounts bigint[], p_contents bigint[]) returns bigint[]
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_objects bigint[];
begin
  with gone as (
    delete from content_segment
      where ctid = any (array(
        select s.at
          from unnest(p_accounts, p_contents) as c (account, id)
          cross join lateral (
            select ctid as at from content_segment where account = c.account and content = c.id offset 0
          ) s))
      returning object
  )
  select coalesce(array_agg(distinct object) filter (where object is not null), '{}') into v_objects from gone;
  delete from content_chunk
    where ctid = any (array(
      select k.at
        from unnest(p_accounts, p_contents) as c (account, id)
        cross join lateral (
          select ctid as at from content_chunk where account = c.account and content = c.id offset 0
        ) k));
  delete from content_facts
    where ctid = any (array(
      select f.at
        from unnest(p_accounts, p_contents) as c (account, id)
        cross join lateral (
          select ctid as at from content_facts where account = c.account and content = c.id offset 0
        ) f));
  delete from lookup
    where ctid = any (array(
      select l.at
        from unnest(p_accounts, p_contents) as c (account, id)
        cross join lateral (select ctid as at from lookup where account = c.account and content = c.id offset 0) l));
  delete from content_address
    where ctid = any (array(
      select a.at
        from unnest(p_accounts, p_contents) as c (account, id)
        cross join lateral (
          select ctid as at from content_address where account = c.account and content = c.id offset 0
        ) a));
  delete from content_part
    where ctid = any (array(
      select p.at
        from unnest(p_accounts, p_contents) as c (account, id)
        cross join lateral (
          select ctid as at from content_part where account = c.account and content = c.id offset 0
        ) p));
  -- One that somebody else has marked meanwhile stays, and goes next time.
  delete from content
    where ctid = any (array(
      select x.at
        from unnest(p_accounts, p_contents) as c (account, id)
        cross join lateral (select ctid as at from content where account = c.account and id = c.id offset 0) x));

  perform 1 from object where id = any (v_objects) order by scope, sha256 for no key update;
  update object set unused_since = seconds() where id = any (v_objects);
  return v_objects;
end
$$;
