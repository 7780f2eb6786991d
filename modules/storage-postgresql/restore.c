/* storage-postgresql/restore.c - moving in: a mailbox and its messages become what they were in another
 * store.
 *
 * One round trip, as a batch is: the contents of new messages, then coffer.mailbox_restore(), which locks and
 * puts everything in its place.
 */
#include "store.h"

typedef struct {
  CfStoreConn *conn;
  const CfRestore *what;
  CfContentId *contents; /* one for each message */
  CfMailboxId mailbox;
} Restore;

static gboolean
restore_take_mailbox (const Row *row, gpointer data, GError **error)
{
  ((Restore *) data)->mailbox = (CfMailboxId) row_int (row, 0);
  return TRUE;
}

/* ---- Contents ---------------------------------------------------------------------------------------- */

/* The append with which message @i brings a new content, or NULL. */
static const CfAppend *
restore_get_append (const CfRestore *what, guint i)
{
  const CfAppend *append = what->messages[i]->append;

  return append != NULL && cf_restore_find_first (what, i) == i ? append : NULL;
}

static guint
restore_count_appends (const CfRestore *what)
{
  guint n = 0;

  for (guint i = 0; i < what->n_messages; i++)
    n += restore_get_append (what, i) != NULL;
  return n;
}

static gboolean
restore_send_contents (Restore *restore, GError **error)
{
  const CfRestore *what = restore->what;

  for (guint i = 0; i < what->n_messages; i++) {
    const CfAppend *append = restore_get_append (what, i);
    guint64 inline_octets;

    if (append == NULL) {
      restore->contents[i] = what->messages[i]->append != NULL
                                 ? restore->contents[cf_restore_find_first (what, i)]
                                 : what->messages[i]->row->content;
      continue;
    }
    if (!append_check_segments (append, &inline_octets)) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_SERVERBUG, "The segments do not make up the message");
      return FALSE;
    }
    restore->contents[i] = pg_new_id (restore->conn->pg);
    if (!append_send (restore->conn->pg, what->account, restore->contents[i], append, inline_octets, error))
      return FALSE;
  }
  return TRUE;
}

/* ---- Parameters -------------------------------------------------------------------------------------- */

/* As FOR_EACH_OP (commit.c), with @message and its index i. */
#define FOR_EACH_MESSAGE(what, message)                                                                      \
  for (guint i = 0; i < (what)->n_messages; i++)                                                             \
    for (const CfRestoreMessage *message = (what)->messages[i]; message != NULL; message = NULL)

/* An array of @type with the value @expression of each message's @row. */
#define ADD_ARRAY(what, params, type_id, type, expression)                                                   \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    params_array_begin ((params), (type_id));                                                                \
    FOR_EACH_MESSAGE (what, message) {                                                                       \
      const CfIndexRow *row = message->row;                                                                  \
      params_element_##type ((params), (expression));                                                        \
    }                                                                                                        \
    params_array_end ((params));                                                                             \
  }                                                                                                          \
  G_STMT_END

static void
restore_add_mailbox (const CfRestore *what, Params *params)
{
  const CfMailboxInfo *info = what->mailbox;

  params_int8 (params, (gint64) what->account);
  params_int8 (params, (gint64) info->id);
  params_text (params, info->name);
  params_int8 (params, info->uid_validity);
  params_int8 (params, info->uid_next);
  params_uint8 (params, info->highest_modseq);
  params_int8 (params, info->recent_uid);
  params_int4 (params, (gint32) info->special_use);
}

static void
restore_add_keywords (const CfRestore *what, Params *params)
{
  params_array_begin (params, TYPE_TEXT);
  FOR_EACH_MESSAGE (what, message) {
    g_autofree char *text = cf_keywords_to_string (message->row->keywords);

    params_element_text (params, text);
  }
  params_array_end (params);
}

static void
restore_add_rows (Restore *restore, Params *params)
{
  const CfRestore *what = restore->what;

  ADD_ARRAY (what, params, TYPE_INT8, int8, row->uid);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < what->n_messages; i++)
    params_element_int8 (params, (gint64) restore->contents[i]);
  params_array_end (params);
  ADD_ARRAY (what, params, TYPE_INT8, int8, (gint64) row->modseq);
  ADD_ARRAY (what, params, TYPE_INT8, int8, row->internal_date);
  ADD_ARRAY (what, params, TYPE_INT2, int2, row->zone);
  ADD_ARRAY (what, params, TYPE_INT8, int8, row->save_date);
  ADD_ARRAY (what, params, TYPE_INT8, int8, (gint64) row->size);
  ADD_ARRAY (what, params, TYPE_INT2, int2, (gint16) row->flags);
  restore_add_keywords (what, params);
}

static void
restore_add_segments (Restore *restore, Params *params)
{
  const CfRestore *what = restore->what;

  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < what->n_messages; i++) {
    const CfAppend *append = restore_get_append (what, i);

    for (guint n = append != NULL ? append_count_segments (append) : 0; n > 0; n--)
      params_element_int8 (params, (gint64) restore->contents[i]);
  }
  params_array_end (params);
  for (SegmentColumn column = SEGMENT_POSITION; column <= SEGMENT_SOURCE; column++) {
    params_array_begin (params, TYPE_INT8);
    for (guint i = 0; i < what->n_messages; i++)
      if (restore_get_append (what, i) != NULL)
        append_add_segments (params, restore_get_append (what, i), column);
    params_array_end (params);
  }
}

static void
restore_add_attributes (const CfRestore *what, Params *params)
{
  params_array_begin (params, TYPE_INT8);
  FOR_EACH_MESSAGE (what, message)
    for (guint a = 0; a < message->n_attributes; a++)
      params_element_int8 (params, message->row->uid);
  params_array_end (params);
  params_array_begin (params, TYPE_TEXT);
  FOR_EACH_MESSAGE (what, message)
    for (guint a = 0; a < message->n_attributes; a++)
      params_element_text (params, message->attributes[a]->key);
  params_array_end (params);
  params_array_begin (params, TYPE_BYTEA);
  FOR_EACH_MESSAGE (what, message)
    for (guint a = 0; a < message->n_attributes; a++)
      params_element_bytea (params, message->attributes[a]->value);
  params_array_end (params);
}

/* ---- The pipeline ------------------------------------------------------------------------------------ */

static gboolean
restore_try (gpointer data, const CfCall *call, GError **error)
{
  Restore *restore = data;
  Pg *pg = restore->conn->pg;
  Params *params;

  if (!pg_begin_with_ids (pg, call, PG_WRITE, restore_count_appends (restore->what), error))
    return FALSE;
  if (!restore_send_contents (restore, error)) {
    pg_abandon (pg);
    return FALSE;
  }
  params = pg_params (pg);
  restore_add_mailbox (restore->what, params);
  params_multirange (params, restore->what->expunged);
  restore_add_rows (restore, params);
  restore_add_segments (restore, params);
  restore_add_attributes (restore->what, params);
  pg_send (pg, STATEMENT_MAILBOX_RESTORE, restore_take_mailbox, restore);
  return pg_run (pg, error);
}

gboolean
slot_mailbox_restore (CfStoreConn *conn, const CfCall *call, const CfRestore *what, CfMailboxId *out_mailbox,
                      CfContentId *out_contents, GError **error)
{
  g_autofree CfContentId *contents = g_new0 (CfContentId, what->n_messages + 1);
  Restore restore = { .conn = conn, .what = what, .contents = contents };

  if (!pg_try (conn->pg, restore_try, &restore, call, error))
    return FALSE;
  *out_mailbox = restore.mailbox;
  for (guint i = 0; i < what->n_messages; i++)
    out_contents[i] = contents[i];
  watch_publish (conn->store, what->account, 0, 0);
  return TRUE;
}
