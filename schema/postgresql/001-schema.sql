-- Coffer on PostgreSQL, step 1: roles and the schema.
--
-- Three roles without login, of which an operator's login roles are made members: coffer_serve for the daemon,
-- coffer_migrate, which owns the schema and carries out its steps, coffer_report for analysts. Roles belong to the
-- whole cluster: those that are missing are made where that is allowed. Without them the schema belongs to whoever
-- makes it, and nobody else can use it.

do $$
declare
  v_role text;
begin
  foreach v_role in array array['coffer_serve', 'coffer_migrate', 'coffer_report'] loop
    if exists (select from pg_roles where rolname = v_role) then
      continue;
    end if;
    begin
      case v_role
        when 'coffer_serve' then create role coffer_serve nologin;
        when 'coffer_migrate' then create role coffer_migrate nologin;
        when 'coffer_report' then create role coffer_report nologin;
      end case;
    exception
      when duplicate_object or unique_violation then
        null;
      when insufficient_privilege then
        raise warning 'Role % is missing and may not be created by %', v_role, current_user;
    end;
  end loop;
end
$$;

create schema coffer;
comment on schema coffer is 'The message store of Coffer. Written by the functions of this schema alone.';

create table coffer.schema_step (
  step integer primary key,
  name text not null,
  applied timestamptz not null default now()
);
comment on table coffer.schema_step is 'The steps of the schema that have been carried out; the highest is its version.';
comment on column coffer.schema_step.step is 'Number of the step, from 1.';
comment on column coffer.schema_step.name is 'Name of its file in schema/postgresql.';
comment on column coffer.schema_step.applied is 'When it was carried out.';

do $$
begin
  if not exists (select from pg_roles where rolname = 'coffer_migrate') then
    return;
  end if;
  if not pg_has_role(current_user, 'coffer_migrate', 'member') then
    grant coffer_migrate to current_user;
  end if;
  alter schema coffer owner to coffer_migrate;
  alter table coffer.schema_step owner to coffer_migrate;
exception when insufficient_privilege then
  raise warning 'The schema belongs to %, who is no member of coffer_migrate', current_user;
end
$$;
