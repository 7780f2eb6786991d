/* storage-sqlite/facts.c - what is known of a content: the encoded facts, columns for reports, and the fields
 * that are looked up by value. */
#include "store.h"

/* The first From address, as reports show it. */
static char *
facts_dup_from (const CfFacts *facts)
{
  for (guint i = 0; i < cf_facts_get_n_addresses (facts); i++) {
    const CfAddress *address = cf_facts_get_address (facts, i);

    if (address->role != CF_ADDRESS_FROM || address->mailbox == NULL)
      continue;
    if (address->host == NULL)
      return g_strdup (address->mailbox);
    return g_strconcat (address->mailbox, "@", address->host, NULL);
  }
  return NULL;
}

static gboolean
facts_write_columns (Db *db, CfContentId content, CfFacts *facts, GError **error)
{
  g_autofree char *from = facts_dup_from (facts);
  gint64 date;
  gint zone;
  gboolean dated = cf_facts_get_date (facts, &date, &zone);

  return db_exec (
      db, error,
      "UPDATE content SET sent_date = ?, sent_zone = ?, from_address = ?, subject = ?, message_id = ?,"
      " preview = ? WHERE id = ?",
      dated ? INT (date) : NIL, dated ? INT (zone) : NIL, TEXT (from), TEXT (cf_facts_get_subject (facts)),
      TEXT (cf_facts_get_message_id (facts)), TEXT (cf_facts_get_preview (facts)), INT (content));
}

static gboolean
facts_write_lookups (Db *db, CfAccountId account, CfContentId content, const CfFacts *facts, GError **error)
{
  for (guint i = 0; i < cf_facts_get_n_headers (facts); i++) {
    const CfHeaderField *field = cf_facts_get_header (facts, i);

    for (guint n = 0; search_lookup_names[n] != NULL; n++) {
      if (g_ascii_strcasecmp (field->name, search_lookup_names[n]) == 0
          && !db_exec (
              db, error, "INSERT INTO lookup (content, name, n, account, value) VALUES (?, ?, ?, ?, ?)",
              INT (content), TEXT (search_lookup_names[n]), INT (i), INT (account), TEXT (field->value)))
        return FALSE;
    }
  }
  return TRUE;
}

gboolean
facts_write (Db *db, CfAccountId account, CfContentId content, CfFacts *facts, GError **error)
{
  GBytes *encoded = cf_facts_get_encoded (facts);

  return facts_write_columns (db, content, facts, error)
         && db_exec (db, error, "INSERT OR REPLACE INTO content_facts (content, encoded) VALUES (?, ?)",
                     INT (content), BLOB (g_bytes_get_data (encoded, NULL), g_bytes_get_size (encoded)))
         && facts_write_lookups (db, account, content, facts, error);
}

static gboolean
facts_replace (Db *db, CfAccountId account, CfContentId content, CfFacts *facts, GError **error)
{
  gint64 ignored;
  int found = db_get (db, &ignored, error, "SELECT 1 FROM content WHERE id = ? AND account = ?",
                      INT (content), INT (account));

  if (found == 0)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NONEXISTENT, "There is no such content");
  return found > 0 && db_exec (db, error, "DELETE FROM lookup WHERE content = ?", INT (content))
         && facts_write (db, account, content, facts, error);
}

gboolean
slot_facts_update (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfContentId content,
                   CfFacts *facts, GError **error)
{
  Writer *writer = &conn->store->writer;
  Db *db = writer_begin (writer, call, error);

  return db != NULL && writer_end (writer, facts_replace (db, account, content, facts, error), error);
}
