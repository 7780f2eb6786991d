-- Step 18: who renames is told what has got which name, so that it need not find out later.

drop function coffer.mailbox_rename(bigint, text, text);
create function coffer.mailbox_rename(p_account bigint, p_from text, p_to text)
returns table (refusal text, renamed bigint, new_name text)
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
    refusal := 'NONEXISTENT';
    return next;
    return;
  end if;
  v_ids := array(
    select id from mailbox
      where account = p_account
        and (name = p_from or (p_from <> 'INBOX' and name > p_from || '/' and name < p_from || '0')));

  perform 1 from mailbox
    where account = p_account and id = any (v_ids)
      and octet_length(p_to) + octet_length(name) - octet_length(p_from) > 1000;
  if found then
    refusal := 'TOO_LONG';
    return next;
    return;
  end if;
  perform 1 from mailbox where account = p_account and name = p_to;
  if not found then
    perform 1
      from mailbox m
      join mailbox other on other.account = p_account and other.name = p_to || substr(m.name, length(p_from) + 1)
      where m.account = p_account and m.id = any (v_ids) and other.id <> all (v_ids);
  end if;
  if found then
    refusal := 'ALREADYEXISTS';
    return next;
    return;
  end if;

  -- By way of names that nothing else has, as a name may be free only after its present owner has moved.
  update mailbox set name = chr(1) || id || '/' || name where account = p_account and id = any (v_ids);
  return query
    update mailbox
      set name = p_to || substr(name, length(chr(1) || id || '/' || p_from) + 1)
      where account = p_account and id = any (v_ids)
      returning null::text, id, name;
  -- INBOX first, as the new name may lie below it.
  if p_from = 'INBOX' then
    perform mailbox_add(p_account, 'INBOX', 0);
  end if;
  perform mailbox_add_parents(p_account, p_to);
end
$$;
comment on function coffer.mailbox_rename(bigint, text, text) is
  'Gives a mailbox and all below it a new name. INBOX alone moves, and a new one takes its place (RFC 3501, 6.3.5). '
  'Returns what was renamed, with its new name; or one row with why it does not: NONEXISTENT, ALREADYEXISTS, TOO_LONG.';

revoke all on all functions in schema coffer from public;
do $$
begin
  if exists (select from pg_roles where rolname = 'coffer_serve') then
    grant execute on all functions in schema coffer to coffer_serve;
  end if;
end
$$;
