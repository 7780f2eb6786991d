-- Step 4: functions that write and read contents and objects, and those that tell of a mailbox's index.

-- ---- Writing contents ---------------------------------------------------------------------------------

create function coffer.facts_add(
  p_account bigint, p_content bigint, p_encoded bytea,
  p_lookup_names text[], p_lookup_ns integer[], p_lookup_values text[],
  p_roles text[], p_names text[], p_addresses text[], p_domains text[],
  p_paths text[], p_kinds text[], p_parents integer[], p_types text[], p_subtypes text[], p_charsets text[],
  p_encodings text[], p_dispositions text[], p_filenames text[], p_content_ids text[], p_header_offsets bigint[],
  p_header_lengths bigint[], p_body_offsets bigint[], p_body_lengths bigint[], p_inner_header_lengths bigint[],
  p_decoded_lengths bigint[]
) returns void
language sql
set search_path = coffer, pg_temp
as $$
  insert into content_facts (account, content, encoded) values (p_account, p_content, p_encoded);
  insert into lookup (account, content, name, n, value)
    select p_account, p_content, f.name, f.n, f.value
      from unnest(p_lookup_names, p_lookup_ns, p_lookup_values) as f (name, n, value);
  insert into content_address (account, content, n, role, name, address, domain)
    select p_account, p_content, a.n - 1, a.role, a.name, a.address, a.domain
      from unnest(p_roles, p_names, p_addresses, p_domains) with ordinality as a (role, name, address, domain, n);
  insert into content_part (
      account, content, n, path, kind, parent, type, subtype, charset, encoding, disposition, filename, content_id,
      header_offset, header_length, body_offset, body_length, inner_header_length, decoded_length)
    select p_account, p_content, p.n - 1, p.path, p.kind, nullif(p.parent, -1), p.type, p.subtype, p.charset,
        p.encoding, p.disposition, p.filename, p.content_id, p.header_offset, p.header_length, p.body_offset,
        p.body_length, p.inner_header_length, p.decoded_length
      from unnest(
        p_paths, p_kinds, p_parents, p_types, p_subtypes, p_charsets, p_encodings, p_dispositions, p_filenames,
        p_content_ids, p_header_offsets, p_header_lengths, p_body_offsets, p_body_lengths, p_inner_header_lengths,
        p_decoded_lengths
      ) with ordinality as p (
        path, kind, parent, type, subtype, charset, encoding, disposition, filename, content_id, header_offset,
        header_length, body_offset, body_length, inner_header_length, decoded_length, n)
$$;
comment on function coffer.facts_add is 'Adds what is known of a content that nothing is known of yet.';

create function coffer.facts_remove(p_account bigint, p_contents bigint[]) returns void
language sql
set search_path = coffer, pg_temp
as $$
  delete from content_facts where account = p_account and content = any (p_contents);
  delete from lookup where account = p_account and content = any (p_contents);
  delete from content_address where account = p_account and content = any (p_contents);
  delete from content_part where account = p_account and content = any (p_contents)
$$;
comment on function coffer.facts_remove(bigint, bigint[]) is 'Removes what is known of contents.';

create function coffer.content_renew(
  p_account bigint, p_content bigint, p_sent_date bigint, p_sent_zone smallint, p_from_address text, p_subject text,
  p_message_id text, p_conversation_id text, p_contribution_id text, p_in_reply_to_contribution_id text,
  p_imdn_message_id text, p_preview text
) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  update content
    set sent_date = p_sent_date, sent_zone = p_sent_zone, from_address = p_from_address, subject = p_subject,
      message_id = p_message_id, conversation_id = p_conversation_id, contribution_id = p_contribution_id,
      in_reply_to_contribution_id = p_in_reply_to_contribution_id, imdn_message_id = p_imdn_message_id,
      preview = p_preview
    where account = p_account and id = p_content;
  if not found then
    raise exception 'There is no such content' using errcode = 'CF001';
  end if;
  perform facts_remove(p_account, array[p_content]);
end
$$;
comment on function coffer.content_renew is
  'Gives a content new columns and forgets what else is known of it; facts_add follows in the same commit.';

-- ---- Reading contents ---------------------------------------------------------------------------------

create function coffer.content_area(
  p_account bigint, p_content bigint, p_path text, p_section smallint, out area_offset bigint, out area_length bigint
)
language plpgsql stable strict
set search_path = coffer, pg_temp
as $$
declare
  v_part content_part;
begin
  area_offset := 0;
  area_length := 0;
  -- A message that is no multipart has its body as part 1.
  select * into v_part
    from content_part where account = p_account and content = p_content
      and (path = p_path or (p_path = '1' and n = 0 and kind <> 'multipart'))
    order by n limit 1;
  if not found then
    return;
  end if;
  if p_path = '' then
    -- The message: all of it, its header or its text; it has no MIME header.
    if p_section = 3 then
      return;
    end if;
    area_offset := case p_section when 2 then v_part.header_length else 0 end;
    area_length := case p_section
      when 1 then v_part.header_length
      else (select octets from content where account = p_account and id = p_content) - area_offset end;
  elsif p_section in (1, 2) then
    -- Header or text of the message inside.
    if v_part.kind <> 'message' then
      return;
    end if;
    area_offset := v_part.body_offset + case p_section when 2 then v_part.inner_header_length else 0 end;
    area_length := case p_section
      when 1 then v_part.inner_header_length else v_part.body_length - v_part.inner_header_length end;
  elsif p_section = 3 then
    area_offset := v_part.header_offset;
    area_length := v_part.body_offset - v_part.header_offset;
  else
    area_offset := v_part.body_offset;
    area_length := v_part.body_length;
  end if;
end
$$;
comment on function coffer.content_area(bigint, bigint, text, smallint) is
  'Where a section is in the octets as appended (RFC 3501, 6.4.5): 0 all, 1 header, 2 text, 3 MIME header. Length and '
  'offset 0: there is none.';

-- ---- Objects ------------------------------------------------------------------------------------------

create function coffer.object_touch(p_scope text, p_sha256 bytea) returns bigint
language sql
set search_path = coffer, pg_temp
as $$
  update object set touched = seconds() where scope = p_scope and sha256 = p_sha256 returning id
$$;
comment on function coffer.object_touch(text, bytea) is
  'The id of an object that is there, which collection now leaves for the grace period; NULL when it is not there.';

create function coffer.object_put(
  p_scope text, p_id bigint, p_sha256 bytea, p_length bigint, p_media_type text
) returns bigint
language sql
set search_path = coffer, pg_temp
as $$
  insert into object (id, scope, sha256, length, media_type, touched, unused_since)
    values (p_id, p_scope, p_sha256, p_length, p_media_type, seconds(), seconds())
    on conflict (scope, sha256) do update set touched = excluded.touched
    returning id
$$;
comment on function coffer.object_put(text, bigint, bytea, bigint, text) is
  'Makes an object under an id of the caller''s, or touches the one that is there; returns its id. Chunks follow in the '
  'same commit.';

create function coffer.object_begin(
  p_scope text, p_id bigint, p_sha256 bytea, p_length bigint, p_media_type text
) returns bigint
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_id bigint := object_touch(p_scope, p_sha256);
begin
  if v_id is not null then
    return v_id;
  end if;
  insert into object (id, scope, length, media_type, touched, unused_since)
    values (p_id, p_scope, p_length, p_media_type, seconds(), seconds());
  return p_id;
end
$$;
comment on function coffer.object_begin(text, bigint, bytea, bigint, text) is
  'As object_put, for one that takes several commits: it has no hash, and nobody finds it, until object_name.';

create function coffer.object_chunk_add(p_object bigint, p_n integer, p_data bytea) returns void
language sql
set search_path = coffer, pg_temp
as $$
  insert into object_chunk (object, n, data) select p_object, p_n, p_data from object where id = p_object
$$;
comment on function coffer.object_chunk_add(bigint, integer, bytea) is
  'Adds octets to an object that the caller makes. Nothing happens when it turned out to be there under another id.';

create function coffer.object_go_on(p_object bigint) returns void
language plpgsql
set search_path = coffer, pg_temp
as $$
begin
  update object set touched = seconds(), unused_since = seconds() where id = p_object and sha256 is null;
  if not found then
    raise exception 'An upload took too long' using errcode = 'CF001';
  end if;
end
$$;
comment on function coffer.object_go_on(bigint) is 'Before further chunks: collection leaves what is being written alone.';

create function coffer.object_name(p_scope text, p_id bigint, p_sha256 bytea) returns bigint
language plpgsql
set search_path = coffer, pg_temp
as $$
declare
  v_id bigint;
begin
  begin
    update object set sha256 = p_sha256, touched = seconds(), unused_since = seconds() where id = p_id;
    return p_id;
  exception when unique_violation then
    v_id := object_touch(p_scope, p_sha256);
  end;
  if v_id is null then
    raise exception 'An object was removed meanwhile' using errcode = 'serialization_failure';
  end if;
  -- Another upload of the same octets was faster: this one is collected.
  update object set touched = 0, unused_since = 0 where id = p_id;
  return v_id;
end
$$;
comment on function coffer.object_name(text, bigint, bytea) is
  'Gives an object whose chunks are written its hash; returns the id of the one that has it then.';

-- ---- The index ----------------------------------------------------------------------------------------

create function coffer.index_mode(p_mailbox coffer.mailbox, p_since bigint, p_since_of bigint) returns text
language sql immutable
as $$
  select case
    when p_since < 0 then 'alone'
    when p_since = 0 or (p_since_of <> 0 and p_since_of <> p_mailbox.id) then 'all'
    when p_since = p_mailbox.highest_modseq then 'alone'
    -- A MODSEQ above the highest comes from before this database was restored.
    when p_since < p_mailbox.expunged_floor or p_since > p_mailbox.highest_modseq then 'reset'
    when p_since < p_mailbox.changed_floor then 'scan'
    else 'difference'
  end
$$;
comment on function coffer.index_mode(coffer.mailbox, bigint, bigint) is
  'What is to be told of a mailbox that was known up to a MODSEQ (0: not at all; -1: nothing else is wanted): alone, the '
  'difference, the same by reading all rows (scan), all, or all because the difference is not known (reset).';

create function coffer.index_report(
  p_account bigint, p_mailbox bigint, p_name text, p_since bigint, p_since_of bigint
)
returns table (
  id bigint, name text, uid_validity bigint, uid_next bigint, highest_modseq bigint, recent_uid bigint,
  special_use integer, mode text, expunged int8multirange, uid bigint, flags smallint, zone smallint,
  internal_date bigint, save_date bigint, modseq bigint, size bigint, content bigint, keywords text
)
language plpgsql stable
set search_path = coffer, pg_temp
as $$
declare
  v_mailbox mailbox;
  v_mode text;
  v_expunged int8multirange;
begin
  select * into v_mailbox
    from mailbox m where m.account = p_account and m.id = mailbox_find(p_account, p_mailbox, p_name);
  if not found then
    return;
  end if;
  v_mode := index_mode(v_mailbox, p_since, p_since_of);
  if v_mode in ('difference', 'scan') then
    v_expunged := (
      select range_agg(c.uids)
        from change c
        where c.account = p_account and c.mailbox = v_mailbox.id and c.kind = 'expunged' and c.modseq > p_since);
  end if;
  return query
    select v_mailbox.id, v_mailbox.name, v_mailbox.uid_validity, v_mailbox.uid_next, v_mailbox.highest_modseq,
      v_mailbox.recent_uid, v_mailbox.special_use, v_mode, v_expunged, null::bigint, null::smallint, null::smallint,
      null::bigint, null::bigint, null::bigint, null::bigint, null::bigint, null::text;

  if v_mode = 'difference' then
    return query
      select null::bigint, null::text, null::bigint, null::bigint, null::bigint, null::bigint, null::integer,
          null::text, null::int8multirange, p.uid, p.flags, p.zone, p.internal_date, p.save_date, p.modseq, p.size,
          p.content, p.keywords
        from (
          select unnest(range_agg(c.uids)) as uids
            from change c
            where c.account = p_account and c.mailbox = v_mailbox.id and c.kind = 'changed' and c.modseq > p_since
        ) r
        cross join lateral (
          select *
            from placement x
            where x.account = p_account and x.mailbox = v_mailbox.id and x.uid >= lower(r.uids)
              and x.uid < upper(r.uids) and x.modseq > p_since
            offset 0
        ) p
        order by p.uid;
  elsif v_mode <> 'alone' then
    return query
      select null::bigint, null::text, null::bigint, null::bigint, null::bigint, null::bigint, null::integer,
          null::text, null::int8multirange, p.uid, p.flags, p.zone, p.internal_date, p.save_date, p.modseq, p.size,
          p.content, p.keywords
        from placement p
        where p.account = p_account and p.mailbox = v_mailbox.id and (v_mode <> 'scan' or p.modseq > p_since)
        order by p.uid;
  end if;
end
$$;
comment on function coffer.index_report(bigint, bigint, text, bigint, bigint) is
  'What whoever knew a mailbox up to a MODSEQ has to be told: a row with the mailbox, how the others are to be taken and '
  'what was expunged; then the messages, in order of UID, in its last columns. Nothing: there is no such mailbox.';
