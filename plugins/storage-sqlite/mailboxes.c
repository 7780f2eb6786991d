/* storage-sqlite/mailboxes.c - the mailbox tree, and the claims of \Recent.
 *
 * A mailbox is a row; its name holds the whole path, so a subtree is a range of names: from "a/" up to "a0",
 * '0' being the octet after '/'. Claims of \Recent stay in memory, so that SELECT does not write; they are
 * written when many have gathered and when the store is closed. Losing them shows a message as \Recent twice.
 */
#include "store.h"

#include <string.h>

#define RECENT_MAX 4096

static void
mailbox_set_missing (GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such mailbox");
}

/* ---- \Recent ----------------------------------------------------------------------------------------- */

guint32
mailbox_claim_recent (CfStore *store, CfMailboxId mailbox, guint32 known, guint32 claim)
{
  gint64 key = (gint64) mailbox;
  guint32 recent;

  g_mutex_lock (&store->recent_lock);
  recent = MAX (known, GPOINTER_TO_UINT (g_hash_table_lookup (store->recent, &key)));
  if (claim > recent)
    g_hash_table_insert (store->recent, g_memdup2 (&key, sizeof key), GUINT_TO_POINTER (claim));
  g_mutex_unlock (&store->recent_lock);
  return recent;
}

gboolean
mailbox_write_recent (CfStore *store, Db *db, GError **error)
{
  g_autoptr (GHashTable) claims = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  GHashTableIter iter;
  gpointer key, value;

  g_mutex_lock (&store->recent_lock);
  g_hash_table_iter_init (&iter, store->recent);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    g_hash_table_iter_steal (&iter);
    g_hash_table_insert (claims, key, value);
  }
  g_mutex_unlock (&store->recent_lock);

  g_hash_table_iter_init (&iter, claims);
  while (g_hash_table_iter_next (&iter, &key, &value)) {
    if (!db_exec (db, error, "UPDATE mailbox SET recent_uid = max(recent_uid, ?) WHERE id = ?",
                  INT (GPOINTER_TO_UINT (value)), INT (*(gint64 *) key)))
      return FALSE;
  }
  return TRUE;
}

void
mailbox_forget_claim (CfStore *store, CfMailboxId mailbox)
{
  gint64 key = (gint64) mailbox;

  g_mutex_lock (&store->recent_lock);
  g_hash_table_remove (store->recent, &key);
  g_mutex_unlock (&store->recent_lock);
}

void
mailbox_limit_claims (CfStore *store, const CfCall *call)
{
  gboolean many;
  Db *db;

  g_mutex_lock (&store->recent_lock);
  many = g_hash_table_size (store->recent) > RECENT_MAX;
  g_mutex_unlock (&store->recent_lock);
  db = many && !store->read_only ? writer_begin (&store->writer, call, NULL) : NULL;
  if (db != NULL)
    writer_end (&store->writer, mailbox_write_recent (store, db, NULL), NULL);
}

/* ---- Reading ----------------------------------------------------------------------------------------- */

void
mailbox_read_info (CfStore *store, DbRows *rows, CfMailboxInfo *info)
{
  CfMailboxId id = (CfMailboxId) db_int (rows, 0);

  *info = (CfMailboxInfo){ .struct_size = sizeof *info,
                           .id = id,
                           .name = db_column_text (rows, 1),
                           .uid_validity = (guint32) db_int (rows, 2),
                           .uid_next = (guint32) db_int (rows, 3),
                           .highest_modseq = (guint64) db_int (rows, 4),
                           .recent_uid = mailbox_claim_recent (store, id, (guint32) db_int (rows, 5), 0),
                           .special_use = (guint32) db_int (rows, 6) };
}

/* Reports the rows of a query for MAILBOX_COLUMNS. */
static gboolean
mailbox_report (CfStore *store, Db *db, DbRows *rows, CfMailboxSink *sink, GError **error)
{
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (db, rows, error);
    if (step > 0) {
      CfMailboxInfo info;

      mailbox_read_info (store, rows, &info);
      sink->mailbox (sink, &info);
    }
  }
  return step == 0;
}

gboolean
slot_mailbox_list (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxSink *sink,
                   GError **error)
{
  Db *db = conn->db;
  gboolean ok;

  if (!db_begin_read (db, call, error))
    return FALSE;
  {
    g_autoptr (DbRows) rows = db_query (
        db, error, "SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE account = ? ORDER BY name", INT (account));

    ok = mailbox_report (conn->store, db, rows, sink, error);
  }
  db_end_read (db);
  return ok;
}

/* The messages from @recent_uid on: a range at the end of the mailbox. */
static gboolean
mailbox_count_recent (Db *db, CfAccountId account, const CfMailboxInfo *info, guint32 *out_count,
                      GError **error)
{
  gint64 count;

  if (db_get (db, &count, error,
              "SELECT count(*) FROM placement WHERE account = ? AND mailbox = ? AND uid >= ?", INT (account),
              INT (info->id), INT (info->recent_uid))
      < 0)
    return FALSE;
  *out_count = (guint32) count;
  return TRUE;
}

#define STATUS_COLUMNS MAILBOX_COLUMNS ", messages, unseen, deleted, octets"

static gboolean
mailbox_read_status (CfStore *store, Db *db, CfAccountId account, DbRows *rows, CfMailboxInfo *info,
                     CfMailboxStatus *status, GError **error)
{
  mailbox_read_info (store, rows, info);
  *status = (CfMailboxStatus){ .struct_size = sizeof *status,
                               .id = info->id,
                               .uid_validity = info->uid_validity,
                               .uid_next = info->uid_next,
                               .highest_modseq = info->highest_modseq,
                               .recent_uid = info->recent_uid,
                               .messages = (guint32) db_int (rows, 7),
                               .unseen = (guint32) db_int (rows, 8),
                               .deleted = (guint32) db_int (rows, 9),
                               .octets = (guint64) db_int (rows, 10) };
  return mailbox_count_recent (db, account, info, &status->recent, error);
}

static gboolean
mailbox_find_status (CfStore *store, Db *db, CfAccountId account, const char *name, CfMailboxStatus *status,
                     GError **error)
{
  g_autoptr (DbRows) rows
      = db_query (db, error, "SELECT " STATUS_COLUMNS " FROM mailbox WHERE account = ? AND name = ?",
                  INT (account), TEXT (name));
  int step = rows != NULL ? db_next (db, rows, error) : -1;
  CfMailboxInfo info;

  if (step == 0)
    mailbox_set_missing (error);
  return step > 0 && mailbox_read_status (store, db, account, rows, &info, status, error);
}

gboolean
slot_mailbox_status (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                     CfMailboxStatus *out_status, GError **error)
{
  CfMailboxStatus status;
  gboolean ok;

  if (!db_begin_read (conn->db, call, error))
    return FALSE;
  ok = mailbox_find_status (conn->store, conn->db, account, name, &status, error);
  db_end_read (conn->db);
  if (ok)
    *out_status = status;
  return ok;
}

static gboolean
mailbox_report_statuses (CfStore *store, Db *db, CfAccountId account, const char *prefix, CfStatusSink *sink,
                         GError **error)
{
  g_autoptr (DbRows) rows = db_query (db, error,
                                      "SELECT " STATUS_COLUMNS " FROM mailbox WHERE account = ?1"
                                      " AND name >= ?2 AND substr(name, 1, length(?2)) = ?2 ORDER BY name",
                                      INT (account), TEXT (prefix));
  int step = -1;

  while (rows != NULL && (step = db_next (db, rows, error)) > 0) {
    CfMailboxInfo info;
    CfMailboxStatus status;

    if (!mailbox_read_status (store, db, account, rows, &info, &status, error))
      return FALSE;
    sink->mailbox (sink, &info, &status);
  }
  return step == 0;
}

gboolean
slot_mailbox_list_status (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *prefix,
                          CfStatusSink *sink, GError **error)
{
  gboolean ok;

  if (!db_begin_read (conn->db, call, error))
    return FALSE;
  ok = mailbox_report_statuses (conn->store, conn->db, account, prefix, sink, error);
  db_end_read (conn->db);
  return ok;
}

/* ---- Creating ---------------------------------------------------------------------------------------- */

gboolean
mailbox_insert (Db *db, CfAccountId account, const char *name, guint32 special_use, CfMailboxId *out_id,
                GError **error)
{
  gint64 last;
  int found = db_get (db, &last, error, "SELECT last_uid_validity FROM account WHERE id = ? AND NOT dying",
                      INT (account));
  guint32 validity;

  if (found == 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such account");
  if (found <= 0)
    return FALSE;
  validity = cf_uid_validity_next ((guint32) last);
  if (!db_exec (db, error, "UPDATE account SET last_uid_validity = ? WHERE id = ?", INT (validity),
                INT (account))
      || !db_exec (
          db, error,
          "INSERT INTO mailbox (account, name, uid_validity, special_use, created) VALUES (?, ?, ?, ?, ?)",
          INT (account), TEXT (name), INT (validity), INT (special_use),
          INT (g_get_real_time () / G_USEC_PER_SEC)))
    return FALSE;
  *out_id = (CfMailboxId) sqlite3_last_insert_rowid (db->handle);
  return TRUE;
}

/* 1: there is a mailbox @name. */
static int
mailbox_find (Db *db, CfAccountId account, const char *name, gint64 *out_id, GError **error)
{
  return db_get (db, out_id, error, "SELECT id FROM mailbox WHERE account = ? AND name = ?", INT (account),
                 TEXT (name));
}

/* Creates the missing parents of @name, outermost first; @ids, if given, collects them. */
static gboolean
mailbox_insert_parents (Db *db, CfAccountId account, const char *name, GArray *ids, GError **error)
{
  for (const char *slash = strchr (name, '/'); slash != NULL; slash = strchr (slash + 1, '/')) {
    g_autofree char *parent = g_strndup (name, (gsize) (slash - name));
    CfMailboxId id;
    gint64 ignored;
    int found = mailbox_find (db, account, parent, &ignored, error);

    if (found < 0 || (found == 0 && !mailbox_insert (db, account, parent, 0, &id, error)))
      return FALSE;
    if (found == 0 && ids != NULL)
      g_array_append_val (ids, id);
  }
  return TRUE;
}

static gboolean
mailbox_create (Db *db, CfAccountId account, const char *name, guint32 special_use, GArray *ids,
                GError **error)
{
  gint64 ignored;
  CfMailboxId id;
  int found = mailbox_find (db, account, name, &ignored, error);

  if (found > 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_ALREADYEXISTS, "The mailbox exists");
  if (found != 0 || !mailbox_insert_parents (db, account, name, ids, error)
      || !mailbox_insert (db, account, name, special_use, &id, error))
    return FALSE;
  g_array_append_val (ids, id);
  return TRUE;
}

/* Copies of the infos of @ids, for reporting once they are durable. */
static gboolean
mailbox_collect_infos (CfStore *store, Db *db, GArray *ids, GArray *infos, GError **error)
{
  for (guint i = 0; i < ids->len; i++) {
    g_autoptr (DbRows) rows = db_query (db, error, "SELECT " MAILBOX_COLUMNS " FROM mailbox WHERE id = ?",
                                        INT (g_array_index (ids, CfMailboxId, i)));
    CfMailboxInfo info;

    if (rows == NULL || db_next (db, rows, error) <= 0)
      return FALSE;
    mailbox_read_info (store, rows, &info);
    info.name = g_strdup (info.name);
    g_array_append_val (infos, info);
  }
  return TRUE;
}

static void
mailbox_clear_info (gpointer info)
{
  g_free ((char *) ((CfMailboxInfo *) info)->name);
}

gboolean
slot_mailbox_create (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                     guint32 special_use, CfMailboxSink *sink, GError **error)
{
  CfStore *store = conn->store;
  g_autoptr (GArray) ids = g_array_new (FALSE, FALSE, sizeof (CfMailboxId));
  g_autoptr (GArray) infos = g_array_new (FALSE, FALSE, sizeof (CfMailboxInfo));
  Db *db = writer_begin (&store->writer, call, error);

  g_array_set_clear_func (infos, mailbox_clear_info);
  if (db == NULL
      || !writer_end (&store->writer,
                      mailbox_create (db, account, name, special_use, ids, error)
                          && mailbox_collect_infos (store, db, ids, infos, error),
                      error))
    return FALSE;
  for (guint i = 0; i < infos->len; i++)
    sink->mailbox (sink, &g_array_index (infos, CfMailboxInfo, i));
  return TRUE;
}

/* ---- Renaming ---------------------------------------------------------------------------------------- */

typedef struct {
  gint64 id;
  char *to;
} MailboxMove;

static void
mailbox_clear_move (gpointer move)
{
  g_free (((MailboxMove *) move)->to);
}

/* What a RENAME of @from to @to gives new names, @from's own row first if it has one. */
static gboolean
mailbox_find_moves (Db *db, CfAccountId account, const char *from, const char *to, GArray *moves,
                    GError **error)
{
  gboolean alone = strcmp (from, "INBOX") == 0;
  g_autofree char *first = g_strconcat (from, "/", NULL);
  g_autofree char *end = g_strconcat (from, "0", NULL);
  g_autoptr (DbRows) rows = db_query (db, error,
                                      "SELECT id, name FROM mailbox WHERE account = ?1 AND (name = ?2 OR"
                                      " (?5 AND name > ?3 AND name < ?4)) ORDER BY name",
                                      INT (account), TEXT (from), TEXT (first), TEXT (end), INT (!alone));
  int step = rows != NULL ? 1 : -1;

  while (step > 0) {
    step = db_next (db, rows, error);
    if (step > 0) {
      const char *name = db_column_text (rows, 1);
      MailboxMove move = { db_int (rows, 0), g_strconcat (to, name + strlen (from), NULL) };

      g_array_append_val (moves, move);
    }
  }
  return step == 0;
}

/* None of the new names may be taken by a mailbox that stays; nor @to by any. */
static gboolean
mailbox_check_moves (Db *db, CfAccountId account, const char *to, GArray *moves, GError **error)
{
  g_autoptr (GHashTable) moving = g_hash_table_new (g_int64_hash, g_int64_equal);
  gint64 id;
  int found = mailbox_find (db, account, to, &id, error);

  for (guint i = 0; i < moves->len; i++)
    g_hash_table_add (moving, &g_array_index (moves, MailboxMove, i).id);
  for (guint i = 0; found == 0 && i < moves->len; i++) {
    const char *name = g_array_index (moves, MailboxMove, i).to;

    if (strlen (name) > CF_MAILBOX_NAME_MAX) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "A mailbox name would become too long");
      return FALSE;
    }
    found = mailbox_find (db, account, name, &id, error);
    if (found > 0 && g_hash_table_contains (moving, &id))
      found = 0;
  }
  if (found > 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_ALREADYEXISTS, "The mailbox exists");
  return found == 0;
}

static gboolean
mailbox_rename (Db *db, CfAccountId account, const char *from, const char *to, GError **error)
{
  g_autoptr (GArray) moves = g_array_new (FALSE, FALSE, sizeof (MailboxMove));
  CfMailboxId inbox;

  g_array_set_clear_func (moves, mailbox_clear_move);
  if (!mailbox_find_moves (db, account, from, to, moves, error))
    return FALSE;
  if (moves->len == 0) {
    mailbox_set_missing (error);
    return FALSE;
  }
  if (!mailbox_check_moves (db, account, to, moves, error))
    return FALSE;
  /* By way of names that nothing else has, as a name may be free only after its present owner has moved. */
  for (guint i = 0; i < moves->len; i++) {
    if (!db_exec (db, error, "UPDATE mailbox SET name = char(1) || id WHERE id = ?",
                  INT (g_array_index (moves, MailboxMove, i).id)))
      return FALSE;
  }
  for (guint i = 0; i < moves->len; i++) {
    MailboxMove *move = &g_array_index (moves, MailboxMove, i);

    if (!db_exec (db, error, "UPDATE mailbox SET name = ? WHERE id = ?", TEXT (move->to), INT (move->id)))
      return FALSE;
  }
  /* INBOX first, as @to may lie below it. */
  return (strcmp (from, "INBOX") != 0 || mailbox_insert (db, account, "INBOX", 0, &inbox, error))
         && mailbox_insert_parents (db, account, to, NULL, error);
}

gboolean
slot_mailbox_rename (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *from,
                     const char *to, GError **error)
{
  Writer *writer = &conn->store->writer;
  Db *db = writer_begin (writer, call, error);

  return db != NULL && writer_end (writer, mailbox_rename (db, account, from, to, error), error);
}

/* ---- Deleting ---------------------------------------------------------------------------------------- */

/* The placements, unreachable from here on, go by collect, so that deleting a large mailbox is quick. */
static gboolean
mailbox_delete (Db *db, CfAccountId account, CfMailboxId mailbox, GError **error)
{
  if (!db_exec (db, error, "DELETE FROM mailbox WHERE id = ? AND account = ?", INT (mailbox), INT (account)))
    return FALSE;
  if (db_changes (db) == 0) {
    mailbox_set_missing (error);
    return FALSE;
  }
  return db_exec (db, error, "DELETE FROM attribute WHERE account = ? AND mailbox = ? AND uid = 0",
                  INT (account), INT (mailbox))
         && db_exec (db, error, "INSERT INTO dead_mailbox (mailbox, account) VALUES (?, ?)", INT (mailbox),
                     INT (account));
}

gboolean
slot_mailbox_delete (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
                     GError **error)
{
  Writer *writer = &conn->store->writer;
  Db *db = writer_begin (writer, call, error);

  return db != NULL && writer_end (writer, mailbox_delete (db, account, mailbox, error), error);
}
