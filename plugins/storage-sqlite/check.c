/* storage-sqlite/check.c - verifying the store, or one account in it, while it serves.
 *
 * Three looks: SQLite's own at the file, invariants as queries that list what breaks them, and every stored
 * octet against its hash. Each runs in snapshots of its own, so that a long check does not hold up the log.
 * For the same reason SQLite's look at a large file leaves the tables of octets out: it would read all of
 * them in one snapshot, and they are read row by row anyway.
 *
 * In every query ?1 is the account, 0 for all.
 */
#include "store.h"

#include <string.h>

typedef struct {
  Db *db;
  CfFindingFunc finding;
  CfProgressFunc progress;
  gpointer user_data;
  gint64 account;      /* 0: all */
  guint64 done, total; /* octets */
} Check;

#define WHOLE_FILE_MAX (G_GINT64_CONSTANT (4) << 30) /* octets */

static const char look_at_file[] = "PRAGMA quick_check";

static const char look_at_tables[]
    = "SELECT q.quick_check FROM sqlite_schema t, pragma_quick_check (t.name) q"
      " WHERE t.type = 'table' AND t.name NOT IN ('content_chunk', 'object_chunk')";

/* Each lists one line of text per fault. */
static const char *const invariants[] = {
  "SELECT printf('mailbox %d: its counts are not those of its messages', m.id) FROM mailbox m LEFT JOIN"
  " (SELECT account, mailbox, count(*) AS messages, sum(size) AS octets, sum((flags & 8) = 0) AS unseen,"
  "  sum((flags & 4) <> 0) AS deleted FROM placement WHERE ?1 IN (0, account)"
  "  GROUP BY account, mailbox) p"
  " ON p.account = m.account AND p.mailbox = m.id WHERE ?1 IN (0, m.account)"
  " AND (m.messages <> coalesce(p.messages, 0) OR m.octets <> coalesce(p.octets, 0)"
  "  OR m.unseen <> coalesce(p.unseen, 0) OR m.deleted <> coalesce(p.deleted, 0))",

  "SELECT printf('mailbox %d: UID %d is not below UIDNEXT, or its MODSEQ above the highest', m.id, p.uid)"
  " FROM mailbox m JOIN placement p ON p.account = m.account AND p.mailbox = m.id"
  " WHERE ?1 IN (0, m.account) AND (p.uid >= m.uid_next OR p.modseq > m.highest_modseq)",

  "SELECT printf('mailbox %d: UIDVALIDITY is above the last of its account', m.id) FROM mailbox m"
  " JOIN account a ON a.id = m.account WHERE ?1 IN (0, m.account) AND m.uid_validity > a.last_uid_validity",

  "SELECT DISTINCT printf('placements in mailbox %d, which does not exist', p.mailbox) FROM placement p"
  " WHERE ?1 IN (0, p.account) AND NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.id = p.mailbox AND m.account "
  "= p.account)"
  " AND NOT EXISTS (SELECT 1 FROM dead_mailbox d WHERE d.mailbox = p.mailbox)"
  " AND NOT EXISTS (SELECT 1 FROM account a WHERE a.id = p.account AND a.dying)",

  "SELECT printf('mailbox %d: UID %d has no content', p.mailbox, p.uid) FROM placement p"
  " LEFT JOIN content c ON c.id = p.content AND c.account = p.account WHERE ?1 IN (0, p.account) AND c.id IS "
  "NULL",

  "SELECT printf('content %d: placed and unplaced, or neither', c.id) FROM content c WHERE"
  " ?1 IN (0, c.account) AND (c.unplaced_since IS NULL) <> EXISTS (SELECT 1 FROM placement p WHERE p.account "
  "= c.account AND "
  "p.content = c.id)"
  " AND NOT EXISTS (SELECT 1 FROM account a WHERE a.id = c.account AND a.dying)",

  "SELECT printf('content %d: has no facts', c.id) FROM content c LEFT JOIN content_facts f ON f.content = "
  "c.id"
  " WHERE ?1 IN (0, c.account) AND f.content IS NULL",

  "SELECT printf('content %d: its chunks do not make up its inline octets', c.id) FROM content c WHERE"
  " ?1 IN (0, c.account) AND c.inline_octets <> (SELECT coalesce(sum(length(data)), 0) FROM content_chunk k "
  "WHERE k.content = c.id)",

  "SELECT printf('content %d: its segments do not make it up', c.id) FROM content c WHERE"
  " ?1 IN (0, c.account) AND c.octets <> c.inline_octets AND"
  " c.octets <> (SELECT coalesce(sum(s.length), 0) FROM content_segment s WHERE s.content = c.id)",

  "SELECT printf('content %d: object %d is not there, or too short', s.content, s.object) FROM "
  "content_segment s"
  " LEFT JOIN object o ON o.id = s.object WHERE s.object IS NOT NULL"
  " AND ?1 IN (0, (SELECT c.account FROM content c WHERE c.id = s.content)) AND (o.sha256 IS NULL OR "
  "s.source_offset + s.length > o.length)",

  "SELECT printf('object %d: used and unused, or neither', o.id) FROM object o WHERE ?1 = 0 AND o.sha256 IS "
  "NOT NULL AND"
  " (o.unused_since IS NULL) <> EXISTS (SELECT 1 FROM content_segment s WHERE s.object = o.id)",
};

static void
check_report (Check *check, const char *kind, gint64 id)
{
  g_autofree char *text
      = g_strdup_printf ("%s %" G_GINT64_FORMAT ": its octets do not match their hash", kind, id);

  check->finding (text, check->user_data);
}

static gboolean
check_tell (gpointer data)
{
  Check *check = data;

  return check->progress == NULL
         || check->progress (check->done, MAX (check->done, check->total), check->user_data);
}

/* Between two rows; while one is looked for, SQLite asks. */
static gboolean
check_go_on (Check *check, gint64 octets, GError **error)
{
  check->done += (guint64) octets;
  if (check_tell (check))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The check was stopped");
  return FALSE;
}

/* Passes on what a query lists, but for "ok". */
static gboolean
check_query (Check *check, const char *sql, gboolean has_account, GError **error)
{
  g_autoptr (DbRows) rows = has_account ? db_query (check->db, error, sql, INT (check->account))
                                        : db_query_values (check->db, sql, NULL, 0, error);
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (check->db, rows, error);
    if (step > 0 && g_strcmp0 (db_column_text (rows, 0), "ok") != 0)
      check->finding (db_column_text (rows, 0), check->user_data);
  }
  return step == 0;
}

static gboolean
check_invariants (Check *check, GError **error)
{
  for (gsize i = 0; i < G_N_ELEMENTS (invariants); i++)
    if (!check_query (check, invariants[i], TRUE, error))
      return FALSE;
  return TRUE;
}

/* ---- SQLite's look ----------------------------------------------------------------------------------- */

static gboolean
check_file (Check *check, GError **error)
{
  gint64 pages, page_size;

  if (check->account != 0)
    return TRUE;
  if (db_get (check->db, &pages, error, "PRAGMA page_count") < 0
      || db_get (check->db, &page_size, error, "PRAGMA page_size") < 0)
    return FALSE;
  return check_query (check, pages <= WHOLE_FILE_MAX / MAX (page_size, 1) ? look_at_file : look_at_tables,
                      FALSE, error);
}

/* ---- Octets ------------------------------------------------------------------------------------------ */

static gboolean
hash_is (GChecksum *checksum, DbRows *rows, int column)
{
  guint8 hash[32];
  gsize size = sizeof hash;

  g_checksum_get_digest (checksum, hash, &size);
  return sqlite3_column_bytes (rows, column) == sizeof hash
         && memcmp (sqlite3_column_blob (rows, column), hash, size) == 0;
}

/* The first chunk after (@content, @n). 1: there was one, checked; it is *@out_octets long. */
static int
check_content_chunk (Check *check, gint64 *content, gint64 *n, gint64 *out_octets, GError **error)
{
  g_autoptr (DbRows) rows = db_query (
      check->db, error,
      "SELECT k.content, k.n, k.sha256, k.data FROM content_chunk k"
      " WHERE (k.content, k.n) > (?2, ?3)"
      " AND (?1 = 0 OR EXISTS (SELECT 1 FROM content c WHERE c.id = k.content AND c.account = ?1))"
      " ORDER BY k.content, k.n LIMIT 1",
      INT (check->account), INT (*content), INT (*n));
  int step = rows != NULL ? db_next (check->db, rows, error) : -1;
  g_autoptr (GChecksum) checksum = NULL;

  if (step <= 0)
    return step;
  *content = db_int (rows, 0);
  *n = db_int (rows, 1);
  *out_octets = sqlite3_column_bytes (rows, 3);
  checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (checksum, sqlite3_column_blob (rows, 3), *out_octets);
  if (!hash_is (checksum, rows, 2))
    check_report (check, "content", *content);
  return 1;
}

static gboolean
check_contents (Check *check, GError **error)
{
  gint64 content = 0, n = -1, octets;
  int step;

  while ((step = check_content_chunk (check, &content, &n, &octets, error)) > 0) {
    if (!check_go_on (check, octets, error))
      return FALSE;
  }
  return step == 0;
}

/* Adds all chunks of @object to @checksum. */
static gboolean
check_hash_object (Check *check, gint64 object, GChecksum *checksum, GError **error)
{
  g_autoptr (DbRows) rows = db_query (
      check->db, error, "SELECT data FROM object_chunk WHERE object = ? ORDER BY n", INT (object));
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (check->db, rows, error);
    if (step > 0) {
      g_checksum_update (checksum, sqlite3_column_blob (rows, 0), sqlite3_column_bytes (rows, 0));
      if (!check_go_on (check, sqlite3_column_bytes (rows, 0), error))
        return FALSE;
    }
  }
  return step == 0;
}

/* The first object after @id that has a hash. */
static int
check_object (Check *check, gint64 *id, GError **error)
{
  g_autoptr (DbRows) rows
      = db_query (check->db, error,
                  "SELECT o.id, o.sha256 FROM object o WHERE o.id > ?2 AND o.sha256 IS NOT NULL"
                  " AND (?1 = 0 OR EXISTS (SELECT 1 FROM content_segment s JOIN content c ON c.id = s.content"
                  "  WHERE s.object = o.id AND c.account = ?1)) ORDER BY o.id LIMIT 1",
                  INT (check->account), INT (*id));
  int step = rows != NULL ? db_next (check->db, rows, error) : -1;
  g_autoptr (GChecksum) checksum = NULL;

  if (step <= 0)
    return step;
  *id = db_int (rows, 0);
  checksum = g_checksum_new (G_CHECKSUM_SHA256);
  /* The running query holds the snapshot, so the object cannot go meanwhile. */
  if (!check_hash_object (check, *id, checksum, error))
    return -1;
  if (!hash_is (checksum, rows, 1))
    check_report (check, "object", *id);
  return 1;
}

static gboolean
check_objects (Check *check, GError **error)
{
  gint64 id = 0;
  int step;

  do
    step = check_object (check, &id, error);
  while (step > 0);
  return step == 0;
}

static gboolean
check_measure (Check *check, GError **error)
{
  gint64 inside, apart;

  if (db_get (check->db, &inside, error,
              "SELECT coalesce(sum(inline_octets), 0) FROM content WHERE ?1 IN (0, account)",
              INT (check->account))
          < 0
      || db_get (check->db, &apart, error,
                 "SELECT coalesce(sum(o.length), 0) FROM object o WHERE o.sha256 IS NOT NULL"
                 " AND (?1 = 0 OR EXISTS (SELECT 1 FROM content_segment s JOIN content c ON c.id = s.content"
                 "  WHERE s.object = o.id AND c.account = ?1))",
                 INT (check->account))
             < 0)
    return FALSE;
  check->total = (guint64) (inside + apart);
  return TRUE;
}

/* ---- The slots --------------------------------------------------------------------------------------- */

static gboolean
check_all (Check *check, const CfCall *call, GError **error)
{
  Db *db = check->db;
  gboolean ok;

  db->deadline = call->deadline;
  db->go_on = check_tell;
  db->go_on_data = check;
  ok = check_file (check, error) && check_invariants (check, error) && check_measure (check, error)
       && check_contents (check, error) && check_objects (check, error);
  db->go_on = NULL;
  db->stopped = FALSE;
  return ok;
}

gboolean
slot_check (CfStoreConn *conn, const CfCall *call, CfFindingFunc finding, CfProgressFunc progress,
            gpointer user_data, GError **error)
{
  Check check = { .db = conn->db, .finding = finding, .progress = progress, .user_data = user_data };

  return check_all (&check, call, error);
}

gboolean
slot_check_account (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfFindingFunc finding,
                    CfProgressFunc progress, gpointer user_data, GError **error)
{
  Check check = { .db = conn->db,
                  .finding = finding,
                  .progress = progress,
                  .user_data = user_data,
                  .account = (gint64) account };

  return check_all (&check, call, error);
}
