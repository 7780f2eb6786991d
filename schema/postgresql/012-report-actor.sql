-- Step 12: the schema report, version 1.1: who acted for an account.

create or replace view report.version as
  select 1 as major, 1 as minor, (select max(step) from coffer.schema_step) as schema_step;

create or replace view report.logins as
  select l.id as login_id, to_timestamp(l.at) as at, l.node, l.account as account_id, a.name as account, l.name,
    l.remote as client_address, l.mechanism, l.outcome, l.reason, l.actor
  from coffer.login_audit l
  left join coffer.account a on a.id = l.account and not a.dying;
comment on column report.logins.client_address is
  'The client''s IP address; unix: it came over a socket of the machine.';
comment on column report.logins.actor is 'Who acted for the account, where that was another.';
