-- Step 3: functions of accounts, the mailbox tree and attributes.
--
-- Each is called as one statement and is one commit. Locks are taken in one order everywhere: the account, its
-- mailboxes by id, objects by scope and hash, contents by id. What a function decides on it reads after it has
-- locked, in a statement of its own, which sees what was committed while it waited.
--
-- Errors that a caller is to tell apart have SQLSTATEs of class CF, and messages that may be shown to a client:
--   CF001 not there   CF002 there already   CF003 never possible   CF004 a limit   CF005 a contradiction

create function coffer.seconds() returns bigint
language sql volatile
set search_path = coffer, pg_temp
as $$
  select extract(epoch from clock_timestamp())::bigint
$$;
comment on function coffer.seconds() is 'The time, in seconds since the epoch.';

create function coffer.account_lock(p_account bigint) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  perform 1 from account where id = p_account and not dying for no key update;
  if not found then
    raise exception 'There is no such account' using errcode = 'CF001';
  end if;
end
$$;
comment on function coffer.account_lock(bigint) is 'Locks an account that is not deleted.';

-- ---- Mailboxes ----------------------------------------------------------------------------------------

create function coffer.mailbox_add(p_account bigint, p_name text, p_special_use integer) returns bigint
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_validity bigint;
  v_id bigint;
begin
  update account
    set last_uid_validity = least(greatest(last_uid_validity + 1, seconds()), 4294967295)
    where id = p_account
    returning last_uid_validity into v_validity;
  insert into mailbox (account, name, uid_validity, special_use, created)
    values (p_account, p_name, v_validity, p_special_use, seconds())
    returning id into v_id;
  return v_id;
end
$$;
comment on function coffer.mailbox_add(bigint, text, integer) is
  'Adds a mailbox that is not there, with the next UIDVALIDITY of its account, which is locked.';

create function coffer.mailbox_add_parents(p_account bigint, p_name text) returns bigint[]
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_levels text[] := string_to_array(p_name, '/');
  v_parent text;
  v_ids bigint[] := '{}';
begin
  for i in 1 .. cardinality(v_levels) - 1 loop
    v_parent := array_to_string(v_levels[1:i], '/');
    perform 1 from mailbox where account = p_account and name = v_parent;
    if not found then
      v_ids := v_ids || mailbox_add(p_account, v_parent, 0);
    end if;
  end loop;
  return v_ids;
end
$$;
comment on function coffer.mailbox_add_parents(bigint, text) is
  'Adds the mailboxes above a name that are not there, outermost first.';

create function coffer.mailbox_create(p_account bigint, p_name text, p_special_use integer)
returns setof coffer.mailbox
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_ids bigint[];
begin
  perform account_lock(p_account);
  perform 1 from mailbox where account = p_account and name = p_name;
  if found then
    raise exception 'The mailbox exists' using errcode = 'CF002';
  end if;
  v_ids := mailbox_add_parents(p_account, p_name) || mailbox_add(p_account, p_name, p_special_use);
  return query
    select m.* from mailbox m where m.account = p_account and m.id = any (v_ids) order by m.id;
end
$$;
comment on function coffer.mailbox_create(bigint, text, integer) is
  'Creates a mailbox and what is missing above it; returns the new ones, outermost first.';

create function coffer.mailbox_rename(p_account bigint, p_from text, p_to text) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_ids bigint[];
begin
  perform account_lock(p_account);
  perform 1 from mailbox
    where account = p_account
      and (name = p_from or (p_from <> 'INBOX' and name > p_from || '/' and name < p_from || '0'))
    order by id
    for update;
  if not found then
    raise exception 'There is no such mailbox' using errcode = 'CF001';
  end if;
  v_ids := array(
    select id from mailbox
      where account = p_account
        and (name = p_from or (p_from <> 'INBOX' and name > p_from || '/' and name < p_from || '0')));

  perform 1 from mailbox
    where account = p_account and id = any (v_ids)
      and octet_length(p_to) + octet_length(name) - octet_length(p_from) > 1000;
  if found then
    raise exception 'A mailbox name would become too long' using errcode = 'CF003';
  end if;
  perform 1 from mailbox where account = p_account and name = p_to;
  if not found then
    perform 1
      from mailbox m
      join mailbox other on other.account = p_account and other.name = p_to || substr(m.name, length(p_from) + 1)
      where m.account = p_account and m.id = any (v_ids) and other.id <> all (v_ids);
  end if;
  if found then
    raise exception 'The mailbox exists' using errcode = 'CF002';
  end if;

  -- By way of names that nothing else has, as a name may be free only after its present owner has moved.
  update mailbox set name = chr(1) || id || '/' || name where account = p_account and id = any (v_ids);
  update mailbox
    set name = p_to || substr(name, length(chr(1) || id || '/' || p_from) + 1)
    where account = p_account and id = any (v_ids);
  -- INBOX first, as the new name may lie below it.
  if p_from = 'INBOX' then
    perform mailbox_add(p_account, 'INBOX', 0);
  end if;
  perform mailbox_add_parents(p_account, p_to);
end
$$;
comment on function coffer.mailbox_rename(bigint, text, text) is
  'Gives a mailbox and all below it a new name. INBOX alone moves, and a new one takes its place (RFC 3501, 6.3.5).';

create function coffer.mailbox_delete(p_account bigint, p_mailbox bigint) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  delete from mailbox where account = p_account and id = p_mailbox;
  if not found then
    raise exception 'There is no such mailbox' using errcode = 'CF001';
  end if;
  delete from attribute where account = p_account and mailbox = p_mailbox and uid = 0;
  insert into dead_mailbox (account, mailbox) values (p_account, p_mailbox);
end
$$;
comment on function coffer.mailbox_delete(bigint, bigint) is
  'Deletes a mailbox. Its messages cannot be reached any more; collection removes them.';

create function coffer.mailbox_find(p_account bigint, p_mailbox bigint, p_name text) returns bigint
language plpgsql stable
set search_path = coffer, pg_temp
as $$
begin
  if p_mailbox <> 0 then
    return (select id from mailbox where account = p_account and id = p_mailbox);
  end if;
  return (select id from mailbox where account = p_account and name = p_name);
end
$$;
comment on function coffer.mailbox_find(bigint, bigint, text) is
  'The id of a mailbox given by its id or, where that is 0, by its name; NULL when it is not there.';

-- ---- Accounts -----------------------------------------------------------------------------------------

create function coffer.address_add(p_account bigint, p_address text) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  insert into address (address, account) values (p_address, p_account) on conflict (address) do nothing;
  if not found then
    raise exception 'The address belongs to an account' using errcode = 'CF002';
  end if;
end
$$;
comment on function coffer.address_add(bigint, text) is 'Gives an account another address.';

create function coffer.account_create(p_name text) returns bigint
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_id bigint;
begin
  insert into account (name, created) values (p_name, seconds()) on conflict (name) do nothing returning id into v_id;
  if v_id is null then
    raise exception 'The address belongs to an account' using errcode = 'CF002';
  end if;
  perform address_add(v_id, p_name);
  perform mailbox_add(v_id, 'INBOX', 0);
  return v_id;
end
$$;
comment on function coffer.account_create(text) is 'Creates an account with its first address and its INBOX.';

create function coffer.account_change(
  p_account bigint, p_disabled integer, p_add text, p_remove text, p_kind text, p_credential bytea
) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  perform account_lock(p_account);
  if p_disabled >= 0 then
    update account set disabled = (p_disabled <> 0) where id = p_account;
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
comment on function coffer.account_change(bigint, integer, text, text, text, bytea) is
  'Changes what is given: disabled (-1: leave it), an address to add, one to remove, a credential to set or, with NULL '
  'for its value, to remove.';

create function coffer.account_begin_delete(p_account bigint) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  perform 1 from account where id = p_account and not dying for update;
  if not found then
    raise exception 'There is no such account' using errcode = 'CF001';
  end if;
  perform 1 from mailbox where account = p_account order by id for update;
  -- A name that no address can be, so that it may be given out again at once.
  update account set dying = true, name = chr(1) || id where id = p_account;
  delete from address where account = p_account;
  delete from credential where account = p_account;
  delete from attribute where account = p_account and mailbox = 0;
  delete from mailbox where account = p_account;
end
$$;
comment on function coffer.account_begin_delete(bigint) is
  'Takes all away by which an account can be reached. Its messages go by account_purge, a bounded number at a time.';

create function coffer.restored() returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_account bigint;
  v_mailbox bigint;
  v_validity bigint;
begin
  for v_account in select id from account where not dying order by id loop
    perform account_lock(v_account);
    for v_mailbox in select id from mailbox where account = v_account order by id for update loop
      update account
        set last_uid_validity = least(greatest(last_uid_validity + 1, seconds()), 4294967295)
        where id = v_account
        returning last_uid_validity into v_validity;
      update mailbox set uid_validity = v_validity where account = v_account and id = v_mailbox;
    end loop;
  end loop;
end
$$;
comment on function coffer.restored() is 'Gives every mailbox a new UIDVALIDITY, after the database came from a backup.';

-- ---- Attributes ---------------------------------------------------------------------------------------

create function coffer.attribute_set(p_account bigint, p_mailbox bigint, p_keys text[], p_values bytea[])
returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  -- Whoever deletes an account or a mailbox waits for this, or is waited for.
  if p_mailbox = 0 then
    perform account_lock(p_account);
  else
    perform 1 from mailbox where account = p_account and id = p_mailbox for no key update;
    if not found then
      raise exception 'There is no such mailbox' using errcode = 'CF001';
    end if;
  end if;
  for i in 1 .. cardinality(p_keys) loop
    if p_values[i] is null then
      delete from attribute where account = p_account and mailbox = p_mailbox and uid = 0 and key = p_keys[i];
    else
      insert into attribute (account, mailbox, uid, key, value)
        values (p_account, p_mailbox, 0, p_keys[i], p_values[i])
        on conflict (account, mailbox, uid, key) do update set value = excluded.value;
    end if;
  end loop;
end
$$;
comment on function coffer.attribute_set(bigint, bigint, text[], bytea[]) is
  'Sets attributes of an account (mailbox 0) or a mailbox; a NULL value removes the key.';
