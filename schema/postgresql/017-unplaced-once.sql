-- Step 17: a content that lost many placements in one commit is looked at once.
--
-- Copies of one message that are expunged together name its content once each, and each look at it passes all that has
-- just been deleted: ten thousand of them took half a minute, with the mailbox locked.

create or replace function coffer.content_note_unplaced(p_account bigint, p_contents bigint[]) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_contents bigint[] := array(select distinct c from unnest(p_contents) as c order by c);
begin
  -- Two that take the last two placements of one content would each see the other's: so they take turns.
  perform x.locked
    from unnest(v_contents) as i (id)
    cross join lateral (
      select true as locked from content where account = p_account and id = i.id for no key update
    ) x;
  update content x
    set unplaced_since = seconds()
    from unnest(v_contents) as c
    cross join lateral (
      select ctid as at
        from content
        where account = p_account and id = c and unplaced_since is null
          and not exists (select from placement p where p.account = p_account and p.content = c)
        offset 0
    ) u
    where x.ctid = u.at;
end
$$;
