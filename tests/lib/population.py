"""Fills a database of the PostgreSQL store as years of use would, in minutes: rows made by SQL, not by APPEND.

Every table that grows has its share, in proportions like those of mail: some mailboxes are large and most are small,
a content lies in several mailboxes of its account, rows of different accounts lie side by side in the order in which
they came. What the rows say is right for SQL (ids, sums, MODSEQs and the change log fit together); the facts are
octets that no server has written, so clients should FETCH what they have appended themselves.
"""
import contextlib
import sqlite3

MAILBOXES = ('INBOX', 'Archive', 'Sent', 'Trash', 'Drafts', 'Archive/1', 'Archive/2', 'Archive/3', 'Lists', 'Lists/1')
SHARES = (40, 28, 15, 5, 1, 3, 3, 2, 2, 1)  # percent of an account's messages
CONTENT_PLACEMENTS = 5                      # placements of each content

LARGE_TABLES = ('content', 'content_facts', 'content_address', 'content_part', 'content_chunk', 'content_segment',
                'object', 'object_chunk', 'lookup', 'placement', 'change')

# Indexes are made when the rows are there, which takes a fraction of the time.
INDEXES_AWAY = """
create temp table saved as
  select i.indrelid::regclass::text as rel, c.relname, pg_get_indexdef(i.indexrelid) as definition, k.conname,
      pg_get_constraintdef(k.oid) as constraint_definition
    from pg_index i
    join pg_class c on c.oid = i.indexrelid
    left join pg_constraint k on k.conindid = i.indexrelid and k.contype in ('p', 'u')
    where i.indrelid::regclass::text = any (array[{tables}]);
do $$
declare
  r record;
begin
  for r in select * from saved loop
    if r.conname is not null then
      execute format('alter table %s drop constraint %I', r.rel, r.conname);
    else
      execute format('drop index coffer.%I', r.relname);
    end if;
  end loop;
end $$;
"""

INDEXES_BACK = """
do $$
declare
  r record;
begin
  for r in select * from saved loop
    if r.conname is not null then
      execute format('alter table %s add constraint %I %s', r.rel, r.conname, r.constraint_definition);
    else
      execute r.definition;
    end if;
  end loop;
end $$;
drop table saved;
"""

ACCOUNTS = """
insert into coffer.account (name, disabled, last_uid_validity, created)
  select 'user' || i || '@example.org', i % 100 = 0, 1600000100, 1600000000 from generate_series(1, {accounts}) as i;
insert into coffer.address (address, account) select name, id from coffer.account;
insert into coffer.address (address, account)
  select 'other' || id || '@example' || id % 50 || '.org', id from coffer.account where id % 3 = 0;
insert into coffer.credential (account, kind, value)
  select id, 'scram-sha-256', convert_to(repeat('verifier', 15), 'UTF8') from coffer.account;

create temp table plan as
  select id as account, {per_account} + case when id = (select min(id) from coffer.account) then {heavy} else 0 end
      as messages
    from coffer.account where name like 'user%@example.org';
alter table plan add column contents bigint;
update plan set contents = greatest(messages / {content_placements}, 1);
insert into coffer.mailbox (account, name, uid_validity, uid_next, highest_modseq, recent_uid, messages, octets,
    unseen, changed_floor, expunged_floor, created)
  select p.account, m.name, 1600000000 + m.i, n + 1, n + 1, n + 1, n, n * 1500, n / 2,
      greatest(n - 100, 1), greatest(n - 1000, 1), 1600000000
    from plan p
    cross join unnest(array[{names}], array[{shares}]) with ordinality as m (name, share, i)
    cross join lateral (select p.messages * m.share / 100 as n) c;
"""

CONTENTS = """
create temp table made as
  select p.account, n * {stride} + p.account as id, n
    from plan p cross join lateral generate_series(1, p.contents) as n
    order by n, p.account;
select setval('coffer.id_block', (select (max(id) / 1024 + 2) * 1024 from made));

insert into coffer.content (account, id, octets, inline_octets, created, sent_date, sent_zone, from_address, subject,
    message_id, conversation_id, contribution_id, unplaced_since, preview)
  select account, id, 700, case when n % 20 = 0 then 500 else 700 end, 1600000000 + n, 1600000000 + n, 60,
      'someone' || n % 997 || '@example.com', 'About number ' || n, '<' || id || '@example.org>',
      case when n % 4 = 0 then 'conversation-' || n / 12 end, case when n % 4 = 0 then 'contribution-' || id end,
      case when n % 5000 = 1 then 1700000000 end,
      repeat('What it says ', 8)
    from made;
insert into coffer.content_facts (account, content, encoded)
  select account, id, convert_to(repeat('facts' || id, 12), 'UTF8') from made;
insert into coffer.content_address (account, content, n, role, name, address, domain)
  select account, id, a - 1, (array['from', 'to', 'cc'])[a], 'Name ' || n % 997,
      'someone' || (n * a) % 997 || '@example.com', 'example.com'
    from made cross join generate_series(1, 3) as a;
insert into coffer.content_part (account, content, n, path, kind, parent, type, subtype, charset, encoding,
    header_offset, header_length, body_offset, body_length, inner_header_length, decoded_length)
  select account, id, k, case k when 0 then '' else k::text end, case k when 0 then 'multipart' else 'leaf' end,
      case k when 1 then 0 end, case k when 0 then 'multipart' else 'text' end,
      case k when 0 then 'mixed' else 'plain' end, 'utf-8', '7bit', 0, 200, 200, 500, 0, 500
    from made cross join generate_series(0, 1) as k where n % 3 = 0 or k = 0;
insert into coffer.content_chunk (account, content, n, sha256, data)
  select account, id, 0, sha256(convert_to(id::text, 'UTF8')),
      convert_to(rpad('Subject: ' || id, 500, 'text '), 'UTF8')
    from made;
insert into coffer.lookup (account, content, name, n, value)
  select account, id, 'message-id', 0, '<' || id || '@example.org>' from made;
insert into coffer.lookup (account, content, name, n, value)
  select account, id, 'conversation-id', 1, 'conversation-' || n / 12 from made where n % 4 = 0;

insert into coffer.object (id, scope, sha256, length, media_type, touched, unused_since)
  select (select max(id) from made) + row_number() over (), 'account/' || account,
      sha256(convert_to(id::text, 'UTF8')), 200, 'image/jpeg', 1600000000, case when n % 100 = 0 then 1600000000 end
    from made where n % 20 = 0;
insert into coffer.object_chunk (object, n, data)
  select id, 0, convert_to(rpad('', 200, 'object'), 'UTF8') from coffer.object;
insert into coffer.content_segment (account, content, position, length, object, source_offset)
  select m.account, m.id, s.position, s.length, case when s.position = 300 then o.object end, s.source_offset
    from (select *, row_number() over () as i from made where n % 20 = 0) m
    join (select id as object, row_number() over () as i from coffer.object where scope like 'account/%') o using (i)
    cross join (values (0, 300, 0), (300, 200, 0), (500, 200, 300)) as s (position, length, source_offset);
select setval('coffer.id_block', (select (coalesce(max(id), 1024) / 1024 + 2) * 1024 from
  (select max(id) as id from made union all select max(id) from coffer.object) x));
"""

PLACEMENTS = """
insert into coffer.placement (account, mailbox, uid, content, modseq, internal_date, save_date, size, flags, zone,
    keywords)
  select m.account, m.id, u, (1 + (u * 7 + m.id) % p.contents) * {stride} + m.account, u + 1, 1600000000 + u,
      1600000000 + u, 1500, case when u % 2 = 0 then 8 else 0 end, 60,
      case when u % 10 = 0 then '$Forwarded' else '' end
    from coffer.mailbox m
    join plan p using (account)
    cross join lateral generate_series(1, m.messages) as u
    order by u, m.id;
insert into coffer.change (account, mailbox, kind, modseq, uids)
  select account, id, 'changed', modseq, int8multirange(int8range(modseq - 1, modseq))
    from coffer.mailbox cross join lateral generate_series(greatest(messages - 100, 1) + 1, messages + 1) as modseq;
insert into coffer.attribute (account, mailbox, uid, key, value)
  select account, case when k < 3 then 0 else id end, 0, 'metadata/' || name || k, 'value'
    from coffer.mailbox cross join generate_series(1, 4) as k;
insert into coffer.attribute (account, mailbox, uid, key, value)
  select account, mailbox, uid, 'annotation/comment', 'Mind this' from coffer.placement where uid % 100 = 0;
insert into coffer.usage_daily (account, day, appended, expunged, octets, logins)
  select account, date '2026-01-01' + d, 10, 2, 15000, 3 from plan cross join generate_series(1, 60) as d;
insert into coffer.login_audit (at, node, account, name, remote, mechanism, outcome)
  select 1600000000 + i * 60, 'node', account, 'user' || account, '192.0.2.1', 'LOGIN', 'ok'
    from plan cross join generate_series(1, 50) as i;
drop table made, plan;
"""


def populate(cluster, database, accounts, placements, heavy=0.1):
    """@database has the schema, and no accounts: @accounts, with @placements in all, of which the share @heavy is in
    the mailboxes of the first account."""
    quote = lambda values: ', '.join(f"'{value}'" for value in values)  # noqa: E731
    values = {
        'accounts': accounts,
        'per_account': int(placements * (1 - heavy)) // accounts,
        'heavy': int(placements * heavy),
        'content_placements': CONTENT_PLACEMENTS,
        'stride': accounts + 10,
        'names': quote(MAILBOXES),
        'shares': ', '.join(map(str, SHARES)),
        'tables': quote(f'coffer.{table}' for table in LARGE_TABLES),
    }
    sql = ''.join((INDEXES_AWAY, ACCOUNTS, CONTENTS, PLACEMENTS, INDEXES_BACK)).format(**values)
    settings = "set synchronous_commit = off; set maintenance_work_mem = '512MB'; set work_mem = '128MB';"
    cluster.psql(settings + sql, database)
    cluster.psql('vacuum analyze', database)


# ---- One large mailbox -------------------------------------------------------------------------------------------

COLUMNS = 'account, mailbox, uid, content, modseq, internal_date, save_date, size, flags, zone, keywords'
STATE = ('update {schema}mailbox set uid_next = {n} + 1, highest_modseq = {n}, messages = {n}, octets = 4000.0 * {n},'
         ' unseen = {n} - {n} / 2, recent_uid = {n} + 1, changed_floor = {n}, expunged_floor = {n}')


def fill_postgresql(cluster, database, n):
    """The only mailbox of the store in @database gets @n messages, without contents."""
    cluster.psql(
        f'insert into coffer.placement ({COLUMNS})'
        ' select account, id, u, u, u, 1600000000 + u, 1600000000 + u, 4000, case when u % 2 = 0 then 8 else 0 end, 60,'
        " case when u % 10 = 0 then '$Forwarded' else '' end"
        f' from coffer.mailbox, generate_series(1, {n}) as u;' + STATE.format(schema='coffer.', n=n) + ';', database)
    cluster.psql('vacuum analyze', database)


def fill_sqlite(path, n):
    """The same for the embedded store, whose server does not run."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        account, mailbox = database.execute('select account, id from mailbox').fetchone()
        rows = ((account, mailbox, uid, uid, uid, 1600000000 + uid, 1600000000 + uid, 4000, (1 - uid % 2) * 8, 60,
                 '$Forwarded' if uid % 10 == 0 else '') for uid in range(1, n + 1))
        database.executemany(f'insert into placement ({COLUMNS}) values ({", ".join("?" * 11)})', rows)
        database.execute(STATE.format(schema='', n=n))
        database.commit()
