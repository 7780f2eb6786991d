-- Step 14: moving in looks for each content and object by its key (lateral, fenced by "offset 0"), as step 5 does. An
-- anti-join was planned for the small table that there is at the beginning of a move, and cost more with each batch.

create or replace function coffer.restore_segments(
  p_account bigint, p_contents bigint[], p_positions bigint[], p_lengths bigint[], p_objects bigint[],
  p_offsets bigint[]
) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_there bigint;
  v_good bigint;
begin
  -- From here on they cannot be collected.
  perform x.locked
    from (select distinct o as id from unnest(p_objects) as o where o is not null order by o) i
    cross join lateral (
      select true as locked from object where id = i.id and sha256 is not null for key share
    ) x;
  select count(*), count(*) filter (where s.source_offset + s.length <= x.length)
    into v_there, v_good
    from unnest(p_objects, p_offsets, p_lengths) as s (object, source_offset, length)
    cross join lateral (
      select length from object where id = s.object and sha256 is not null offset 0
    ) x;
  if v_there < cardinality(array_remove(p_objects, null)) then
    raise exception 'A part of the message is no longer stored' using errcode = 'CF006';
  end if;
  if v_good < v_there then
    raise exception 'The segments do not make up the message' using errcode = 'CF005';
  end if;
  insert into content_segment (account, content, position, length, object, source_offset)
    select p_account, s.content, s.position, s.length, s.object, s.source_offset
      from unnest(p_contents, p_positions, p_lengths, p_objects, p_offsets)
        as s (content, position, length, object, source_offset);
end
$$;

create or replace function coffer.restore_require(p_account bigint, p_contents bigint[]) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_there bigint;
begin
  -- Whoever takes a content's last placement away locks it too: it stays placed, or it is seen not to be.
  perform x.locked
    from (select distinct c as id from unnest(p_contents) as c order by c) i
    cross join lateral (
      select true as locked from content where account = p_account and id = i.id for no key update
    ) x;
  select count(*)
    into v_there
    from unnest(p_contents) as c
    cross join lateral (
      select from content where account = p_account and id = c and unplaced_since is null offset 0
    ) x;
  if v_there < cardinality(p_contents) then
    raise exception 'The message is no longer stored' using errcode = 'CF006';
  end if;
end
$$;
