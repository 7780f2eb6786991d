/* storage-postgresql/statements.c - every statement of this module (statements.h).
 *
 * Rows are found by whole primary keys, one at a time: "lateral (... offset 0)" keeps the planner from making
 * a join of it, which it would carry out by reading a table as a whole where it takes that for a small one.
 */
#include "statements.h"

#define ACCOUNT_COLUMNS                                                                                      \
  "a.id, a.name, a.disabled, u.octets, u.messages,"                                                          \
  " array(select d.address from coffer.address d where d.account = a.id order by d.address)"
#define ACCOUNT_USAGE                                                                                        \
  " cross join lateral (select coalesce(sum(m.octets), 0)::bigint as octets,"                                \
  "   coalesce(sum(m.messages), 0)::bigint as messages from coffer.mailbox m where m.account = a.id) u"

#define TEXT_OF(number)  TEXT_OF_ (number)
#define TEXT_OF_(number) #number
#define CHUNK            TEXT_OF (CHUNK_SIZE)

#define STATUS                                                                                               \
  "select " MAILBOX_COLUMNS ", messages, unseen, deleted, octets,"                                           \
  " (select count(*) from coffer.placement p where p.account = m.account and p.mailbox = m.id"               \
  "   and p.uid >= m.recent_uid)"                                                                            \
  " from coffer.mailbox m"

#define STATEMENT(id, sql) [STATEMENT_##id] = { #id, sql }

const StatementRow statements[STATEMENT_LAST] = {
  /* ---- Transactions ---- */
  STATEMENT (SETTINGS, "select set_config('statement_timeout', $1, true),"
                       " case when $2::text is not null then set_config('synchronous_commit', $2, true) end"),
  STATEMENT (BEGIN_SNAPSHOT, "begin isolation level repeatable read, read only"),
  STATEMENT (COMMIT, "commit"),
  STATEMENT (ROLLBACK, "rollback"),
  STATEMENT (PROBE, "select pg_is_in_recovery()"),
  STATEMENT (ID_BLOCKS, "select nextval('coffer.id_block') from generate_series(1, $1::integer)"),

  /* ---- Accounts ---- */
  STATEMENT (ACCOUNT_CREATE, "select coffer.account_create($1)"),
  STATEMENT (ACCOUNT_LOOKUP,
             "select " ACCOUNT_COLUMNS
             ", array(select c.kind from coffer.credential c where c.account = a.id order by c.kind),"
             " array(select c.value from coffer.credential c where c.account = a.id order by c.kind),"
             " a.last_uid_validity"
             " from coffer.address x join coffer.account a on a.id = x.account" ACCOUNT_USAGE
             " where x.address = $1 and not a.dying"),
  STATEMENT (ACCOUNT_LIST, "select " ACCOUNT_COLUMNS ", null, null, a.last_uid_validity"
                           " from coffer.account a" ACCOUNT_USAGE " where not a.dying order by a.id"),
  STATEMENT (ACCOUNTS_CLOSED, "select w.account from unnest($1::bigint[]) as w (account)"
                              " left join lateral (select id from coffer.account"
                              "   where id = w.account and not disabled and not dying offset 0) a on true"
                              " where a.id is null"),
  STATEMENT (ACCOUNT_CHANGE, "select coffer.account_change($1, $2, $3, $4, $5, $6, $7)"),
  STATEMENT (ACCOUNT_BEGIN_DELETE, "select coffer.account_begin_delete($1)"),
  STATEMENT (ACCOUNT_PURGE, "select freed, more from coffer.account_purge($1)"),

  /* ---- Mailboxes ---- */
  STATEMENT (MAILBOX_LIST, "select " MAILBOX_COLUMNS " from coffer.mailbox where account = $1 order by name"),
  STATEMENT (MAILBOX_CREATE, "select " MAILBOX_COLUMNS " from coffer.mailbox_create($1, $2, $3)"),
  STATEMENT (MAILBOX_RENAME, "select refusal, renamed, new_name from coffer.mailbox_rename($1, $2, $3)"),
  STATEMENT (MAILBOX_DELETE, "select coffer.mailbox_delete($1, $2)"),
  STATEMENT (MAILBOX_STATUS, STATUS " where account = $1 and name = $2"),
  STATEMENT (MAILBOX_LIST_STATUS, STATUS " where account = $1 and starts_with(name, $2) order by name"),
  STATEMENT (MAILBOX_EXISTS, "select 1 from coffer.mailbox where account = $1 and id = $2"),
  STATEMENT (MAILBOX_STATES, "select w.account, w.mailbox, m.highest_modseq, m.name, m.uid_validity,"
                             " m.uid_validity = w.uid_validity"
                             "   and (w.modseq > m.highest_modseq or w.modseq <@ m.lost)"
                             " from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[])"
                             "   as w (account, mailbox, uid_validity, modseq)"
                             " left join lateral (select highest_modseq, name, uid_validity, lost"
                             "   from coffer.mailbox where account = w.account and id = w.mailbox"
                             "   offset 0) m on true"),
  STATEMENT (MAILBOX_RENEW, "select coffer.mailbox_renew($1, $2, $3)"),

  /* ---- The index ---- */
  STATEMENT (INDEX_CLAIM,
             "update coffer.mailbox set recent_uid = uid_next"
             " where account = $1 and id = coffer.mailbox_find($1, $2, $3) and recent_uid < uid_next"),
  STATEMENT (INDEX_REPORT, "select * from coffer.index_report($1, $2, $3, $4, $5)"),
  /* The same report of a whole mailbox, which a function would gather before it gives the first row. */
  STATEMENT (
      INDEX_ALL,
      "select " MAILBOX_COLUMNS ", 'all'::text, null::int8multirange, null::bigint, null::smallint,"
      " null::smallint, null::bigint, null::bigint, null::bigint, null::bigint, null::bigint, null::text"
      " from coffer.mailbox where account = $1 and id = coffer.mailbox_find($1, $2, $3)"
      " union all"
      " (select null, null, null, null, null, null, null, null, null, " PLACEMENT_COLUMNS
      " from coffer.placement"
      " where account = $1 and mailbox = (select coffer.mailbox_find($1, $2, $3)) order by uid)"),

  /* ---- Contents: account, contents, which facts are wanted, paths and sections, offsets and lengths ---- */
  STATEMENT (READ_HEADS,
             "select r.i, c.octets, f.encoded, a.area_offset, a.area_length"
             " from unnest($2::bigint[], $3::boolean[], $4::text[], $5::smallint[]) with ordinality"
             "   as r (content, want_facts, path, section, i)"
             " left join lateral (select octets from coffer.content where account = $1 and id = r.content"
             "   offset 0) c on true"
             " left join lateral (select encoded from coffer.content_facts"
             "   where account = $1 and content = r.content and (r.want_facts or r.path is not null)"
             "   offset 0) f on true"
             " left join lateral coffer.content_area($1, r.content, r.path, r.section) a on true"),
  /* From each request r, of content c, to the area a of its section (NULL: the message), with its bounds b;
   * to what is wanted of that, w, counted in the message; to the segments s that this meets; to what is
   * wanted of each, t, counted in the object or among the inline octets; to the chunks k that hold it. */
  STATEMENT (
      READ_OCTETS,
      "select r.i, s.position + k.n * " CHUNK " + k.skip - s.source_offset, k.data"
      " from unnest($2::bigint[], $3::text[], $4::smallint[], $5::bigint[], $6::bigint[]) with ordinality"
      "   as r (content, path, section, first, length, i)"
      " cross join lateral (select octets, inline_octets from coffer.content"
      "   where account = $1 and id = r.content and r.length > 0 offset 0) c"
      " left join lateral coffer.content_area($1, r.content, r.path, r.section) a on true"
      " cross join lateral (select coalesce(a.area_offset, 0) as begin,"
      "   coalesce(a.area_length, c.octets) as size offset 0) b"
      " cross join lateral (select b.begin + least(r.first, b.size) as first,"
      "   b.begin + least(r.first + r.length, b.size) as last offset 0) w"
      " cross join lateral ("
      "   select 0::bigint as position, c.octets as length, null::bigint as object,"
      "       0::bigint as source_offset"
      "     where c.inline_octets = c.octets and w.last > w.first"
      "   union all"
      "   (select position, length, object, source_offset from coffer.content_segment"
      "     where c.inline_octets <> c.octets and w.last > w.first and account = $1"
      "       and content = r.content"
      "       and position < w.last and position + length > w.first"
      "     order by position)) s"
      " cross join lateral (select s.source_offset + greatest(w.first - s.position, 0) as first,"
      "   s.source_offset + least(w.last - s.position, s.length) as last offset 0) t"
      " cross join lateral ("
      "   select n::bigint as n, greatest(t.first - n * " CHUNK "::bigint, 0) as skip,"
      "     substring(data from (greatest(t.first - n * " CHUNK "::bigint, 0) + 1)::integer for"
      "       (least(t.last - n * " CHUNK "::bigint, " CHUNK ")"
      "       - greatest(t.first - n * " CHUNK "::bigint, 0))::integer) as data"
      "   from ("
      "     (select n, data from coffer.content_chunk"
      "       where s.object is null and account = $1 and content = r.content"
      "         and n between t.first / " CHUNK " and (t.last - 1) / " CHUNK " order by n)"
      "     union all"
      "     (select n, data from coffer.object_chunk"
      "       where object = s.object"
      "         and n between t.first / " CHUNK " and (t.last - 1) / " CHUNK " order by n)) x) k"),
  STATEMENT (
      CONTENT_ADD,
      "insert into coffer.content (account, id, octets, inline_octets, created, sent_date, sent_zone,"
      " from_address, subject, message_id, conversation_id, contribution_id, in_reply_to_contribution_id,"
      " imdn_message_id, preview)"
      " values ($1, $2, $3, $4, extract(epoch from now())::bigint, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
      "   $14)"),
  STATEMENT (
      CONTENT_CHUNK_ADD,
      "insert into coffer.content_chunk (account, content, n, sha256, data) values ($1, $2, $3, $4, $5)"),
  STATEMENT (CONTENT_RENEW, "select coffer.content_renew($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"),
  STATEMENT (
      FACTS_ADD,
      "select coffer.facts_add($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,"
      " $18, $19, $20, $21, $22, $23, $24, $25, $26)"),

  /* ---- Objects ---- */
  STATEMENT (OBJECT_TOUCH, "select coffer.object_touch($1, $2)"),
  STATEMENT (OBJECT_PUT, "select coffer.object_put($1, $2, $3, $4, $5)"),
  STATEMENT (OBJECT_BEGIN, "select coffer.object_begin($1, $2, $3, $4, $5)"),
  STATEMENT (OBJECT_GO_ON, "select coffer.object_go_on($1)"),
  STATEMENT (OBJECT_CHUNK_ADD, "select coffer.object_chunk_add($1, $2, $3)"),
  STATEMENT (OBJECT_NAME, "select coffer.object_name($1, $2, $3)"),

  /* ---- Writes ---- */
  STATEMENT (
      COMMIT_BATCH,
      "select kind, op, uids, new_uids, failure from coffer.commit_batch($1, $2, $3, $4, $5, $6, $7, $8, $9,"
      " $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29,"
      " $30, $31)"),
  STATEMENT (
      MAILBOX_RESTORE,
      "select coffer.mailbox_restore($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16,"
      " $17, $18, $19, $20, $21, $22, $23, $24, $25, $26)"),
  STATEMENT (ATTRIBUTE_GET,
             "select uid, key, value from coffer.attribute where account = $1 and mailbox = $2"
             " and uid between $3 and $4 and key >= $5 and starts_with(key, $5) order by uid, key"),
  STATEMENT (ATTRIBUTE_SET, "select coffer.attribute_set($1, $2, $3, $4)"),

  STATEMENT (HEADER_LOOKUP,
             "select m.id, m.name, m.uid_validity, m.uid_next, m.highest_modseq, m.recent_uid, m.special_use,"
             " p.uid, p.flags, p.zone, p.internal_date, p.save_date, p.modseq, p.size, p.content, p.keywords"
             " from (select distinct content from coffer.lookup where account = $1 and name = $2"
             "   and left(value, 200) = left($3, 200) and value = $3) l"
             " join coffer.placement p on p.account = $1 and p.content = l.content"
             " join coffer.mailbox m on m.account = $1 and m.id = p.mailbox order by m.id, p.uid"),

  /* ---- Upkeep ---- */
  STATEMENT (COLLECT, "select freed, more from coffer.collect($1)"),
  STATEMENT (LOGIN_AUDIT_TRIM, "select coffer.login_audit_trim($1)"),
  STATEMENT (LOGINS_NOTE, "select coffer.logins_note($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"),
  STATEMENT (RESTORED, "select coffer.restored()"),
  /* Of an account, or with 0 of all. */
  STATEMENT (CHECK_TOTAL,
             "select ((select coalesce(sum(inline_octets), 0) from coffer.content"
             "   where $1::bigint = 0 or account = $1::bigint)"
             " + (select coalesce(sum(o.length), 0) from coffer.object o where o.sha256 is not null"
             "   and ($1::bigint = 0 or o.id = any (array(select s.object from coffer.content_segment s"
             "     where s.account = $1::bigint and s.object is not null)))))::bigint"),
  STATEMENT (CHECK_CONTENTS, "select account, content, n, sha256, data from coffer.content_chunk"
                             " where (account, content, n) > ($1, $2, $3) and account <= $4"
                             " order by account, content, n limit 64"),
  STATEMENT (CHECK_OBJECTS,
             "select id, sha256, length from coffer.object o where id > $1 and sha256 is not null"
             " and ($2::bigint = 0 or o.id = any (array(select s.object from coffer.content_segment s"
             "  where s.account = $2::bigint and s.object > $1)))"
             " order by id limit 64"),
  STATEMENT (CHECK_OBJECT_CHUNKS, "select data from coffer.object_chunk where object = $1 order by n"),
  STATEMENT (NOTIFY, "select pg_notify('coffer', $1)"),
};
