-- Step 10: the audit of logins.

alter table coffer.login_audit add column actor text;
comment on column coffer.login_audit.name is
  'The address given, normalised; as it was given where it cannot be an address, empty where none was told.';
comment on column coffer.login_audit.remote is 'The client''s IP address; unix: it came over a socket of the machine.';
comment on column coffer.login_audit.actor is 'Who acted for the account, where that was another.';
comment on column coffer.login_audit.outcome is
  'ok; failed: wrong credentials; refused: not now or not here, whatever they were worth.';

comment on column report.logins.name is
  'The address given, normalised; as it was given where it cannot be an address, empty where none was told.';
comment on column report.logins.outcome is
  'ok; failed: wrong credentials, or no such account; refused: not now or not here, whatever they were worth.';

create function coffer.logins_note(
  p_node text, p_audit boolean, p_at bigint[], p_accounts bigint[], p_outcomes text[], p_names text[],
  p_remotes text[], p_mechanisms text[], p_actors text[], p_reasons text[]
) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  if p_audit then
    insert into login_audit (at, node, account, name, remote, mechanism, actor, outcome, reason)
      select l.at, p_node, coalesce(nullif(l.account, 0), x.account), l.name, l.remote, l.mechanism, l.actor, l.outcome,
          l.reason
        from unnest(p_at, p_accounts, p_outcomes, p_names, p_remotes, p_mechanisms, p_actors, p_reasons) with ordinality
          as l (at, account, outcome, name, remote, mechanism, actor, reason, n)
        left join lateral (select account from address where address = l.name and l.account = 0 offset 0) x on true
        order by l.n;
  end if;
  insert into usage_daily (account, day, logins)
    select l.account, (to_timestamp(l.at) at time zone 'UTC')::date as day, count(*)
      from unnest(p_at, p_accounts, p_outcomes) as l (at, account, outcome)
      where l.outcome = 'ok'
      group by l.account, day;
end
$$;
comment on function coffer.logins_note is
  'Adds logins to the audit, where one is kept, and the successful ones to usage_daily. Arrays with an element for each; '
  'account 0: the one that has the name as an address.';

create function coffer.login_audit_trim(p_keep bigint) returns boolean
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_rows tid[];
begin
  v_rows := array(
    select ctid from login_audit where at < seconds() - p_keep order by at limit 2000 for update skip locked);
  delete from login_audit where ctid = any (v_rows);
  return cardinality(v_rows) = 2000;
end
$$;
comment on function coffer.login_audit_trim(bigint) is
  'Removes rows of the audit that are older than so many seconds, 2000 at most; whether there may be more.';

revoke all on all functions in schema coffer from public;
do $$
begin
  if exists (select from pg_roles where rolname = 'coffer_serve') then
    grant execute on all functions in schema coffer to coffer_serve;
  end if;
end
$$;
