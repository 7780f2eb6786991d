-- Step 7: what each role may do, the least that it needs.

revoke all on schema coffer from public;
revoke all on all functions in schema coffer from public;

do $$
begin
  if exists (select from pg_roles where rolname = 'coffer_serve') then
    grant usage on schema coffer to coffer_serve;
    grant select, insert, update, delete on all tables in schema coffer to coffer_serve;
    revoke insert, update, delete on coffer.schema_step from coffer_serve;
    grant usage on all sequences in schema coffer to coffer_serve;
    grant execute on all functions in schema coffer to coffer_serve;
  end if;
  if exists (select from pg_roles where rolname = 'coffer_report') then
    -- No content, no credentials. The views that it reads come with a later step.
    grant usage on schema coffer to coffer_report;
    grant select on
      coffer.schema_step, coffer.address, coffer.mailbox, coffer.content, coffer.content_address, coffer.content_part,
      coffer.content_segment, coffer.object, coffer.lookup, coffer.placement, coffer.usage_daily, coffer.login_audit
      to coffer_report;
    grant select (id, name, disabled, dying, created) on coffer.account to coffer_report;
  end if;
end
$$;
