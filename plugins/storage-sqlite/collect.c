/* storage-sqlite/collect.c - freeing what nothing refers to.
 *
 * Candidates are marked when they become such, and found by that mark: content.unplaced_since by the commit
 * that takes the last placement, object.unused_since by the put, and by the removal of the last content that
 * uses it. A content once unplaced is never placed again; an object may be taken up again by an append, which
 * checks that it is there in its own transaction. Everything here runs in the writer's turn, so nothing
 * changes under it.
 *
 * An object is removed in two steps: it loses its hash, so that nobody finds it; then its chunks go, a
 * bounded number in each turn, and its row.
 */
#include "store.h"

#define PLACEMENTS_MAX 2000
#define CONTENTS_MAX   300
#define CHUNKS_MAX     64 /* 16 MB */

typedef struct {
  Db *db;
  gint64 now;
  gint64 before;    /* marks up to this time count */
  gboolean at_once; /* objects that lose their last content do not wait for the grace period */
  gint64 chunks;    /* still to be removed in this turn */
  guint64 freed;    /* contents and objects */
  gboolean more;
} Collection;

gboolean
collect_note_unplaced (Db *db, CfAccountId account, CfContentId content, gint64 now, GError **error)
{
  return db_exec (db, error,
                  "UPDATE content SET unplaced_since = ?1 WHERE id = ?2 AND NOT EXISTS"
                  " (SELECT 1 FROM placement WHERE account = ?3 AND content = ?2)",
                  INT (now), INT (content), INT (account));
}

/* The integers of a query's first column. */
static GArray *
collect_list (Db *db, const char *sql, const DbValue *values, gsize n, GError **error)
{
  g_autoptr (GArray) list = g_array_new (FALSE, FALSE, sizeof (gint64));
  g_autoptr (DbRows) rows = db_query_values (db, sql, values, n, error);
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (db, rows, error);
    if (step > 0) {
      gint64 number = db_int (rows, 0);

      g_array_append_val (list, number);
    }
  }
  return step == 0 ? g_steal_pointer (&list) : NULL;
}

/* ---- Content ----------------------------------------------------------------------------------------- */

/* Without its last content an object is unused, or goes now. */
static gboolean
collect_release_object (Collection *collection, gint64 object, GError **error)
{
  const char *sql = collection->at_once
                        ? "UPDATE object SET unused_since = 0, sha256 = NULL WHERE id = ?1 AND NOT EXISTS"
                          " (SELECT 1 FROM content_segment WHERE object = ?1) AND ?2"
                        : "UPDATE object SET unused_since = ?2 WHERE id = ?1 AND NOT EXISTS"
                          " (SELECT 1 FROM content_segment WHERE object = ?1)";
  const DbValue values[] = { INT (object), INT (collection->now) };

  return db_exec_values (collection->db, sql, values, G_N_ELEMENTS (values), error);
}

static gboolean
collect_content (Collection *collection, gint64 content, GError **error)
{
  Db *db = collection->db;
  const DbValue id[] = { INT (content) };
  g_autoptr (GArray) objects = collect_list (
      db, "SELECT DISTINCT object FROM content_segment WHERE content = ? AND object IS NOT NULL", id, 1,
      error);
  gint64 octets;

  if (objects == NULL
      || db_get (db, &octets, error, "SELECT inline_octets FROM content WHERE id = ?", INT (content)) < 0
      || !db_exec (db, error, "DELETE FROM content_segment WHERE content = ?", INT (content))
      || !db_exec (db, error, "DELETE FROM content_chunk WHERE content = ?", INT (content))
      || !db_exec (db, error, "DELETE FROM content_facts WHERE content = ?", INT (content))
      || !db_exec (db, error, "DELETE FROM lookup WHERE content = ?", INT (content))
      || !db_exec (db, error, "DELETE FROM content WHERE id = ?", INT (content)))
    return FALSE;
  for (guint i = 0; i < objects->len; i++) {
    if (!collect_release_object (collection, g_array_index (objects, gint64, i), error))
      return FALSE;
  }
  collection->freed++;
  collection->chunks -= 1 + octets / CHUNK_SIZE;
  return TRUE;
}

static gboolean
collect_contents (Collection *collection, GArray *contents, GError **error)
{
  guint i;

  for (i = 0; i < contents->len && collection->chunks > -CONTENTS_MAX; i++) {
    if (!collect_content (collection, g_array_index (contents, gint64, i), error))
      return FALSE;
  }
  if (i < contents->len || contents->len == CONTENTS_MAX)
    collection->more = TRUE;
  return TRUE;
}

static gboolean
collect_unplaced (Collection *collection, GError **error)
{
  const DbValue values[] = { INT (collection->before), INT (CONTENTS_MAX) };
  g_autoptr (GArray) contents = collect_list (
      collection->db, "SELECT id FROM content WHERE unplaced_since <= ? LIMIT ?", values, 2, error);

  return contents != NULL && collect_contents (collection, contents, error);
}

/* ---- Objects ----------------------------------------------------------------------------------------- */

/* Removes the object's last chunks, and the object when those were all. */
static gboolean
collect_object (Collection *collection, gint64 object, GError **error)
{
  Db *db = collection->db;
  gint64 left;

  if (!db_exec (db, error, "UPDATE object SET sha256 = NULL, unused_since = 0 WHERE id = ?", INT (object))
      || !db_exec (db, error,
                   "DELETE FROM object_chunk WHERE object = ?1 AND n IN (SELECT n FROM object_chunk"
                   " WHERE object = ?1 ORDER BY n DESC LIMIT ?2)",
                   INT (object), INT (CHUNKS_MAX)))
    return FALSE;
  collection->chunks -= 1 + db_changes (db);
  if (db_get (db, &left, error, "SELECT count(*) FROM object_chunk WHERE object = ?", INT (object)) < 0)
    return FALSE;
  if (left > 0)
    return TRUE;
  collection->freed++;
  return db_exec (db, error, "DELETE FROM object WHERE id = ?", INT (object));
}

/* 1: *out_object is unused since @before or earlier. */
static int
collect_find_unused (Collection *collection, gint64 *out_object, GError **error)
{
  return db_get (collection->db, out_object, error,
                 "SELECT id FROM object WHERE unused_since <= ? ORDER BY unused_since LIMIT 1",
                 INT (collection->before));
}

static gboolean
collect_unused (Collection *collection, GError **error)
{
  gint64 object;
  int found = collect_find_unused (collection, &object, error);

  while (found > 0 && collection->chunks > 0) {
    gint64 ignored;
    int used = db_get (collection->db, &ignored, error,
                       "SELECT 1 FROM content_segment WHERE object = ? LIMIT 1", INT (object));
    gboolean ok = FALSE;

    /* The mark is never wrong; but should it be, a message's octets are not to go for it. */
    if (used > 0)
      ok = db_exec (collection->db, error, "UPDATE object SET unused_since = NULL WHERE id = ?",
                    INT (object));
    else if (used == 0)
      ok = collect_object (collection, object, error);
    if (!ok)
      return FALSE;
    found = collect_find_unused (collection, &object, error);
  }
  if (found > 0)
    collection->more = TRUE;
  return found >= 0;
}

/* ---- Deleted mailboxes ------------------------------------------------------------------------------- */

static gboolean
collect_placement (Collection *collection, gint64 account, gint64 mailbox, gint64 uid, GError **error)
{
  Db *db = collection->db;
  gint64 content;
  int found = db_get (db, &content, error,
                      "SELECT content FROM placement WHERE account = ? AND mailbox = ? AND uid = ?",
                      INT (account), INT (mailbox), INT (uid));

  return found > 0
         && db_exec (db, error, "DELETE FROM placement WHERE account = ? AND mailbox = ? AND uid = ?",
                     INT (account), INT (mailbox), INT (uid))
         && collect_note_unplaced (db, (CfAccountId) account, (CfContentId) content, collection->now, error);
}

static gboolean
collect_mailbox (Collection *collection, gint64 account, gint64 mailbox, GError **error)
{
  Db *db = collection->db;
  const DbValue values[] = { INT (account), INT (mailbox), INT (PLACEMENTS_MAX) };
  g_autoptr (GArray) uids = collect_list (
      db, "SELECT uid FROM placement WHERE account = ? AND mailbox = ? LIMIT ?", values, 3, error);

  if (uids == NULL)
    return FALSE;
  for (guint i = 0; i < uids->len; i++) {
    if (!collect_placement (collection, account, mailbox, g_array_index (uids, gint64, i), error))
      return FALSE;
  }
  collection->more = TRUE;
  if (uids->len == PLACEMENTS_MAX)
    return TRUE;
  return db_exec (db, error, "DELETE FROM change WHERE account = ? AND mailbox = ?", INT (account),
                  INT (mailbox))
         && db_exec (db, error, "DELETE FROM attribute WHERE account = ? AND mailbox = ?", INT (account),
                     INT (mailbox))
         && db_exec (db, error, "DELETE FROM dead_mailbox WHERE mailbox = ?", INT (mailbox));
}

static gboolean
collect_dead_mailbox (Collection *collection, gboolean *out_any, GError **error)
{
  gint64 mailbox, account;
  int found = db_get (collection->db, &mailbox, error, "SELECT mailbox FROM dead_mailbox LIMIT 1");

  *out_any = found > 0;
  if (found <= 0)
    return found == 0;
  return db_get (collection->db, &account, error, "SELECT account FROM dead_mailbox WHERE mailbox = ?",
                 INT (mailbox))
             > 0
         && collect_mailbox (collection, account, mailbox, error);
}

/* ---- Dying accounts ---------------------------------------------------------------------------------- */

/* Placements and contents, a bounded number. *out_done: there are no more. */
static gboolean
collect_account_contents (Collection *collection, gint64 account, gboolean *out_done, GError **error)
{
  const DbValue values[] = { INT (account), INT (CONTENTS_MAX) };
  g_autoptr (GArray) contents
      = collect_list (collection->db, "SELECT id FROM content WHERE account = ? LIMIT ?", values, 2, error);

  if (contents == NULL)
    return FALSE;
  for (guint i = 0; i < contents->len; i++) {
    if (!db_exec (collection->db, error, "DELETE FROM placement WHERE account = ? AND content = ?",
                  INT (account), INT (g_array_index (contents, gint64, i))))
      return FALSE;
  }
  *out_done = contents->len == 0;
  return collect_contents (collection, contents, error);
}

/* Objects of the account's own scope, those that its contents were the last to use, and any other that is
 * being removed. */
static gboolean
collect_account_objects (Collection *collection, gint64 account, GError **error)
{
  g_autofree char *scope = g_strdup_printf ("account/%" G_GINT64_FORMAT, account);

  return db_exec (collection->db, error,
                  "UPDATE object SET sha256 = NULL, unused_since = 0 WHERE scope = ? AND sha256 IS NOT NULL",
                  TEXT (scope))
         && collect_unused (collection, error);
}

static gboolean
collect_account (Collection *collection, gint64 account, GError **error)
{
  Db *db = collection->db;
  gboolean done;

  if (!collect_account_contents (collection, account, &done, error))
    return FALSE;
  collection->more = TRUE;
  if (!done)
    return TRUE;
  collection->more = FALSE;
  if (!collect_account_objects (collection, account, error))
    return FALSE;
  if (collection->more)
    return TRUE;
  return db_exec (db, error, "DELETE FROM change WHERE account = ?", INT (account))
         && db_exec (db, error, "DELETE FROM attribute WHERE account = ?", INT (account))
         && db_exec (db, error, "DELETE FROM dead_mailbox WHERE account = ?", INT (account))
         && db_exec (db, error, "DELETE FROM account WHERE id = ?", INT (account));
}

gboolean
collect_purge_account (CfStore *store, const CfCall *call, CfAccountId account, guint64 *out_freed,
                       gboolean *out_more, GError **error)
{
  /* before 0: only objects that are being removed. */
  Collection collection
      = { .at_once = TRUE, .before = 0, .chunks = CHUNKS_MAX, .now = g_get_real_time () / G_USEC_PER_SEC };

  collection.db = writer_begin (&store->writer, call, error);
  if (collection.db == NULL
      || !writer_end (&store->writer, collect_account (&collection, (gint64) account, error), error))
    return FALSE;
  *out_freed = collection.freed;
  *out_more = collection.more;
  return TRUE;
}

/* ---- The slot ---------------------------------------------------------------------------------------- */

static gboolean
collect_step (Collection *collection, GError **error)
{
  gboolean any;

  if (!collect_dead_mailbox (collection, &any, error))
    return FALSE;
  return any || (collect_unplaced (collection, error) && collect_unused (collection, error));
}

gboolean
slot_collect (CfStoreConn *conn, const CfCall *call, guint64 grace, guint64 *out_freed, gboolean *out_more,
              GError **error)
{
  CfStore *store = conn->store;
  Collection collection = { .chunks = CHUNKS_MAX, .now = g_get_real_time () / G_USEC_PER_SEC };
  guint64 freed;
  gboolean more;
  gint64 dying;
  int found;

  conn->db->deadline = call->deadline;
  found = db_get (conn->db, &dying, error, "SELECT id FROM account WHERE dying LIMIT 1");
  if (found < 0)
    return FALSE;
  if (found > 0) {
    if (!collect_purge_account (store, call, (CfAccountId) dying, &freed, &more, error))
      return FALSE;
    *out_freed = freed;
    *out_more = TRUE;
    return TRUE;
  }
  collection.before = collection.now - (gint64) MIN (grace, (guint64) collection.now);
  collection.db = writer_begin (&store->writer, call, error);
  if (collection.db == NULL || !writer_end (&store->writer, collect_step (&collection, error), error))
    return FALSE;
  *out_freed = collection.freed;
  *out_more = collection.more;
  return TRUE;
}
