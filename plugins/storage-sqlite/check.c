/* storage-sqlite/check.c - verifying the store while it serves.
 *
 * Three looks: SQLite's own at the file, invariants as queries that list what breaks them, and every stored
 * octet against its hash. Each runs in snapshots of its own, so that a long check does not hold up the log.
 */
#include "store.h"

#include <string.h>

typedef struct {
  Db *db;
  CfFindingFunc finding;
  CfProgressFunc progress;
  gpointer user_data;
  guint64 done, total; /* chunks */
} Check;

/* Each lists one line of text per fault. */
static const char *const invariants[] = {
  "SELECT printf('mailbox %d: its counts are not those of its messages', m.id) FROM mailbox m LEFT JOIN"
  " (SELECT account, mailbox, count(*) AS messages, sum(size) AS octets, sum((flags & 8) = 0) AS unseen,"
  "  sum((flags & 4) <> 0) AS deleted FROM placement GROUP BY account, mailbox) p"
  " ON p.account = m.account AND p.mailbox = m.id WHERE m.messages <> coalesce(p.messages, 0)"
  " OR m.octets <> coalesce(p.octets, 0) OR m.unseen <> coalesce(p.unseen, 0) OR m.deleted <> "
  "coalesce(p.deleted, 0)",

  "SELECT printf('mailbox %d: UID %d is not below UIDNEXT, or its MODSEQ above the highest', m.id, p.uid)"
  " FROM mailbox m JOIN placement p ON p.account = m.account AND p.mailbox = m.id"
  " WHERE p.uid >= m.uid_next OR p.modseq > m.highest_modseq",

  "SELECT printf('mailbox %d: UIDVALIDITY is above the last of its account', m.id) FROM mailbox m"
  " JOIN account a ON a.id = m.account WHERE m.uid_validity > a.last_uid_validity",

  "SELECT DISTINCT printf('placements in mailbox %d, which does not exist', p.mailbox) FROM placement p"
  " WHERE NOT EXISTS (SELECT 1 FROM mailbox m WHERE m.id = p.mailbox AND m.account = p.account)"
  " AND NOT EXISTS (SELECT 1 FROM dead_mailbox d WHERE d.mailbox = p.mailbox)"
  " AND NOT EXISTS (SELECT 1 FROM account a WHERE a.id = p.account AND a.dying)",

  "SELECT printf('mailbox %d: UID %d has no content', p.mailbox, p.uid) FROM placement p"
  " LEFT JOIN content c ON c.id = p.content AND c.account = p.account WHERE c.id IS NULL",

  "SELECT printf('content %d: placed and unplaced, or neither', c.id) FROM content c WHERE"
  " (c.unplaced_since IS NULL) <> EXISTS (SELECT 1 FROM placement p WHERE p.account = c.account AND "
  "p.content = c.id)"
  " AND NOT EXISTS (SELECT 1 FROM account a WHERE a.id = c.account AND a.dying)",

  "SELECT printf('content %d: has no facts', c.id) FROM content c LEFT JOIN content_facts f ON f.content = "
  "c.id"
  " WHERE f.content IS NULL",

  "SELECT printf('content %d: its chunks do not make up its inline octets', c.id) FROM content c WHERE"
  " c.inline_octets <> (SELECT coalesce(sum(length(data)), 0) FROM content_chunk k WHERE k.content = c.id)",

  "SELECT printf('content %d: its segments do not make it up', c.id) FROM content c WHERE"
  " c.octets <> c.inline_octets AND"
  " c.octets <> (SELECT coalesce(sum(s.length), 0) FROM content_segment s WHERE s.content = c.id)",

  "SELECT printf('content %d: object %d is not there, or too short', s.content, s.object) FROM "
  "content_segment s"
  " LEFT JOIN object o ON o.id = s.object WHERE s.object IS NOT NULL"
  " AND (o.sha256 IS NULL OR s.source_offset + s.length > o.length)",

  "SELECT printf('object %d: used and unused, or neither', o.id) FROM object o WHERE o.sha256 IS NOT NULL AND"
  " (o.unused_since IS NULL) <> EXISTS (SELECT 1 FROM content_segment s WHERE s.object = o.id)",
};

static void
check_report (Check *check, const char *format, gint64 id)
{
  g_autofree char *text
      = g_strdup_printf ("%s %" G_GINT64_FORMAT ": its octets do not match their hash", format, id);

  check->finding (text, check->user_data);
}

/* Passes on what a query lists, but for @fine. */
static gboolean
check_query (Check *check, const char *sql, const char *fine, GError **error)
{
  g_autoptr (DbRows) rows = db_query_values (check->db, sql, NULL, 0, error);
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (check->db, rows, error);
    if (step > 0 && g_strcmp0 (db_column_text (rows, 0), fine) != 0)
      check->finding (db_column_text (rows, 0), check->user_data);
  }
  return step == 0;
}

static gboolean
check_go_on (Check *check, GError **error)
{
  check->done++;
  if (check->progress == NULL
      || check->progress (check->done, MAX (check->done, check->total), check->user_data))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The check was stopped");
  return FALSE;
}

/* The first row after @rowid. 1: there was one, checked. */
static int
check_content_chunk (Check *check, gint64 *rowid, GError **error)
{
  g_autoptr (DbRows) rows = db_query (
      check->db, error,
      "SELECT rowid, content, sha256, data FROM content_chunk WHERE rowid > ? ORDER BY rowid LIMIT 1",
      INT (*rowid));
  int step = rows != NULL ? db_next (check->db, rows, error) : -1;
  g_autoptr (GChecksum) checksum = NULL;
  guint8 hash[32];
  gsize size = sizeof hash;

  if (step <= 0)
    return step;
  *rowid = db_int (rows, 0);
  checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (checksum, sqlite3_column_blob (rows, 3), sqlite3_column_bytes (rows, 3));
  g_checksum_get_digest (checksum, hash, &size);
  if (sqlite3_column_bytes (rows, 2) != sizeof hash
      || memcmp (sqlite3_column_blob (rows, 2), hash, size) != 0)
    check_report (check, "content", db_int (rows, 1));
  return 1;
}

static gboolean
check_contents (Check *check, GError **error)
{
  gint64 rowid = 0;
  int step;

  while ((step = check_content_chunk (check, &rowid, error)) > 0) {
    if (!check_go_on (check, error))
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
      if (!check_go_on (check, error))
        return FALSE;
    }
  }
  return step == 0;
}

/* The first object after @id that has a hash. */
static int
check_object (Check *check, gint64 *id, GError **error)
{
  g_autoptr (DbRows) rows = db_query (
      check->db, error,
      "SELECT id, sha256 FROM object WHERE id > ? AND sha256 IS NOT NULL ORDER BY id LIMIT 1", INT (*id));
  int step = rows != NULL ? db_next (check->db, rows, error) : -1;
  g_autoptr (GChecksum) checksum = NULL;
  guint8 hash[32];
  gsize size = sizeof hash;

  if (step <= 0)
    return step;
  *id = db_int (rows, 0);
  checksum = g_checksum_new (G_CHECKSUM_SHA256);
  /* The running query holds the snapshot, so the object cannot go meanwhile. */
  if (!check_hash_object (check, *id, checksum, error))
    return -1;
  g_checksum_get_digest (checksum, hash, &size);
  if (sqlite3_column_bytes (rows, 1) != sizeof hash
      || memcmp (sqlite3_column_blob (rows, 1), hash, size) != 0)
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

gboolean
slot_check (CfStoreConn *conn, const CfCall *call, CfFindingFunc finding, CfProgressFunc progress,
            gpointer user_data, GError **error)
{
  Check check = { .db = conn->db, .finding = finding, .progress = progress, .user_data = user_data };
  gint64 total;

  conn->db->deadline = call->deadline;
  if (!check_query (&check, "PRAGMA quick_check", "ok", error))
    return FALSE;
  for (guint i = 0; i < G_N_ELEMENTS (invariants); i++) {
    if (!check_query (&check, invariants[i], NULL, error))
      return FALSE;
  }
  if (db_get (conn->db, &total, error,
              "SELECT (SELECT count(*) FROM content_chunk) + (SELECT count(*) FROM object_chunk)")
      < 0)
    return FALSE;
  check.total = (guint64) total;
  return check_contents (&check, error) && check_objects (&check, error);
}
