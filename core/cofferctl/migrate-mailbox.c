/* core/cofferctl/migrate-mailbox.c - bringing one mailbox up to date (migrate.h).
 *
 * Both indexes are read and walked side by side, in order of UID. Under one UIDVALIDITY a UID is one message
 * for ever, so what is on both sides need only have the same row; what is not is copied, or goes. What goes,
 * goes when all mailboxes of the account have been copied: a message that was moved is then still there when
 * its new place is written, and is not read again.
 */
#include "cofferctl/migrate.h"

#include <string.h>

/* ---- An index as one store tells it ---- */

typedef struct {
  CfIndexSink sink;
  CfMailboxInfo info; /* with a name of its own */
  GArray *rows;       /* CfIndexRow, with references to the keywords */
} Index;

static void
index_mailbox (CfIndexSink *sink, const CfMailboxInfo *info)
{
  Index *index = (Index *) sink;

  g_free ((char *) index->info.name);
  index->info = *info;
  index->info.name = g_strdup (info->name);
}

static void
index_reset (CfIndexSink *sink)
{
}

static void
index_expunged (CfIndexSink *sink, const CfUidSet *uids)
{
}

static void
index_row (CfIndexSink *sink, const CfIndexRow *row)
{
  CfIndexRow copy = *row;

  cf_keywords_ref ((CfKeywords *) copy.keywords);
  g_array_append_val (((Index *) sink)->rows, copy);
}

static void
row_clear (gpointer row)
{
  cf_keywords_unref ((CfKeywords *) ((CfIndexRow *) row)->keywords);
}

static Index *
index_new (void)
{
  Index *index = g_new0 (Index, 1);

  index->sink = (CfIndexSink){ sizeof index->sink, index_mailbox, index_reset, index_expunged, index_row };
  index->rows = g_array_new (FALSE, FALSE, sizeof (CfIndexRow));
  g_array_set_clear_func (index->rows, row_clear);
  return index;
}

static void
index_free (Index *index)
{
  g_free ((char *) index->info.name);
  g_array_unref (index->rows);
  g_free (index);
}
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Index, index_free)

/* NULL: @error. @mailbox 0: an empty one. */
static Index *
index_load (MigrateStore *store, CfAccountId account, CfMailboxId mailbox, GError **error)
{
  const CfIndexQuery query = { .struct_size = sizeof query, .account = account, .mailbox = mailbox };
  g_autoptr (Index) index = index_new ();

  if (mailbox != 0 && !store->slots.index_load (store->conn, &store->call, &query, &index->sink, error))
    return NULL;
  return g_steal_pointer (&index);
}

static const CfIndexRow *
index_get (const Index *index, guint i)
{
  return i < index->rows->len ? &g_array_index (index->rows, CfIndexRow, i) : NULL;
}

/* The rows with the lowest UID that is left, @out_from and @out_there, one of which may be NULL. FALSE: no
 * more. */
typedef struct {
  guint from, there;
} Walk;

static gboolean
walk_next (Walk *walk, const Index *from, const Index *there, const CfIndexRow **out_from,
           const CfIndexRow **out_there)
{
  const CfIndexRow *a = index_get (from, walk->from), *b = index_get (there, walk->there);

  *out_from = a != NULL && (b == NULL || a->uid <= b->uid) ? a : NULL;
  *out_there = b != NULL && (a == NULL || b->uid <= a->uid) ? b : NULL;
  walk->from += *out_from != NULL;
  walk->there += *out_there != NULL;
  return *out_from != NULL || *out_there != NULL;
}

/* But for the content. Equal sets of keywords are one pointer. */
static gboolean
row_equal (const CfIndexRow *a, const CfIndexRow *b)
{
  return a->flags == b->flags && a->keywords == b->keywords && a->modseq == b->modseq && a->size == b->size
         && a->zone == b->zone && a->internal_date == b->internal_date && a->save_date == b->save_date;
}

/* ---- Comparing ---- */

static void
digest_add (GChecksum *digest, const CfIndexRow *row, CfContentId content)
{
  g_autofree char *keywords = cf_keywords_to_string (row->keywords);
  g_autofree char *text
      = g_strdup_printf ("%u %u %d %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " %" G_GUINT64_FORMAT
                         " %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %s\n",
                         row->uid, row->flags, row->zone, row->internal_date, row->save_date, row->modseq,
                         row->size, content, keywords);

  g_checksum_update (digest, (const guchar *) text, -1);
}

/* Notes what the destination is to have. */
static void
mailbox_note_wanted (MigrateAccount *account, MigrateMailbox *mailbox, const Index *from)
{
  g_autoptr (GChecksum) digest = g_checksum_new (G_CHECKSUM_SHA256);

  mailbox->n_messages = 0;
  for (guint i = 0; i < from->rows->len; i++) {
    const CfIndexRow *row = index_get (from, i);
    CfContentId content;

    if (!migrate_account_lookup (account, row->content, &content) || content == 0)
      continue;
    digest_add (digest, row, content);
    mailbox->n_messages++;
  }
  g_free (mailbox->digest);
  mailbox->digest = g_strdup (g_checksum_get_string (digest));
}

static gboolean
mailbox_compare (MigrateAccount *account, MigrateMailbox *mailbox, GError **error)
{
  g_autoptr (GChecksum) digest = g_checksum_new (G_CHECKSUM_SHA256);
  g_autoptr (Index) there = index_load (&account->migration->to, account->to, mailbox->to, error);
  const CfMailboxInfo *a = &mailbox->info, *b;

  if (there == NULL)
    return FALSE;
  for (guint i = 0; i < there->rows->len; i++)
    digest_add (digest, index_get (there, i), index_get (there, i)->content);
  b = &there->info;
  account->migration->n_compared_messages += there->rows->len;
  account->migration->n_compared_boxes++;
  if (there->rows->len == mailbox->n_messages && g_str_equal (g_checksum_get_string (digest), mailbox->digest)
      && g_str_equal (a->name, b->name) && a->uid_validity == b->uid_validity && a->uid_next == b->uid_next
      && a->highest_modseq == b->highest_modseq && a->recent_uid == b->recent_uid
      && a->special_use == b->special_use)
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_NO,
               "%s is not what was written: %u messages, not %u, or other numbers", a->name, there->rows->len,
               mailbox->n_messages);
  return FALSE;
}

/* ---- The mailbox ---- */

MigrateMailbox *
migrate_mailbox_new (CfMailboxId from, CfMailboxId to)
{
  MigrateMailbox *mailbox = g_new0 (MigrateMailbox, 1);

  mailbox->from = from;
  mailbox->to = to;
  mailbox->expunged = cf_uid_set_new ();
  return mailbox;
}

void
migrate_mailbox_free (MigrateMailbox *mailbox)
{
  g_free ((char *) mailbox->info.name);
  cf_uid_set_free (mailbox->expunged);
  g_free (mailbox->digest);
  g_free (mailbox);
}

/* Both indexes. *@out_from NULL: the mailbox has been deleted meanwhile. */
static gboolean
mailbox_load (MigrateAccount *account, MigrateMailbox *mailbox, Index **out_from, Index **out_there,
              GError **error)
{
  g_autoptr (GError) cause = NULL;
  g_autoptr (Index) from = index_load (&account->migration->from, account->from, mailbox->from, &cause);

  *out_from = *out_there = NULL;
  if (g_error_matches (cause, CF_ERROR, CF_ERROR_NONEXISTENT))
    return TRUE;
  if (cause != NULL) {
    g_propagate_error (error, g_steal_pointer (&cause));
    return FALSE;
  }
  *out_there = index_load (&account->migration->to, account->to, mailbox->to, error);
  if (*out_there == NULL)
    return FALSE;
  *out_from = g_steal_pointer (&from);
  return TRUE;
}

gboolean
migrate_mailbox_learn (MigrateAccount *account, MigrateMailbox *mailbox, GError **error)
{
  g_autoptr (Index) from = NULL;
  g_autoptr (Index) there = NULL;
  const CfIndexRow *a, *b;
  Walk walk = { 0 };

  if (!mailbox_load (account, mailbox, &from, &there, error))
    return FALSE;
  while (from != NULL && walk_next (&walk, from, there, &a, &b))
    if (a != NULL && b != NULL)
      migrate_account_insert (account, a->content, b->content);
  return TRUE;
}

static gboolean
mailbox_copy_rows (MigrateAccount *account, MigrateMailbox *mailbox, MigrateBatch *batch, const Index *from,
                   const Index *there, GError **error)
{
  Migration *migration = account->migration;
  const CfIndexRow *a, *b;
  Walk walk = { 0 };

  while (walk_next (&walk, from, there, &a, &b)) {
    if (a == NULL) {
      cf_uid_set_add (mailbox->expunged, b->uid);
      migration->n_expunged++;
      continue;
    }
    migration->done += a->size;
    ctl_progress_set_octets (&migration->progress, migration->done, migration->total);
    if (b != NULL && row_equal (a, b))
      continue;
    if (b != NULL)
      migration->n_changed++;
    else
      migration->n_copied++;
    if (!migrate_batch_add (batch, a, error))
      return FALSE;
  }
  return TRUE;
}

/* What a mailbox has beside its messages differs. */
static gboolean
info_differs (const CfMailboxInfo *a, const CfMailboxInfo *b)
{
  return g_strcmp0 (a->name, b->name) != 0 || a->uid_validity != b->uid_validity || a->uid_next != b->uid_next
         || a->highest_modseq != b->highest_modseq || a->recent_uid != b->recent_uid
         || a->special_use != b->special_use;
}

static gboolean
mailbox_copy_attributes (MigrateAccount *account, MigrateMailbox *mailbox, GError **error)
{
  Migration *migration = account->migration;
  const CfAttributeTarget source = { sizeof source, account->from, mailbox->from, 0 };
  const CfAttributeTarget target = { sizeof target, account->to, mailbox->to, 0 };
  g_autoptr (GPtrArray) wanted = migrate_attributes_load (&migration->from, &source, error);
  g_autoptr (GPtrArray) there
      = wanted != NULL ? migrate_attributes_load (&migration->to, &target, error) : NULL;

  return there != NULL && migrate_attributes_apply (&migration->to, &target, wanted, there, error);
}

gboolean
migrate_mailbox_copy (MigrateAccount *account, MigrateMailbox *mailbox, GError **error)
{
  g_autoptr (MigrateBatch) batch = migrate_batch_new (account, mailbox);
  g_autoptr (Index) from = NULL;
  g_autoptr (Index) there = NULL;

  if (!mailbox_load (account, mailbox, &from, &there, error))
    return FALSE;
  mailbox->gone = from == NULL;
  if (mailbox->gone)
    return TRUE;
  g_free ((char *) mailbox->info.name);
  mailbox->info = from->info;
  mailbox->info.name = g_strdup (from->info.name);
  if (!mailbox_copy_rows (account, mailbox, batch, from, there, error))
    return FALSE;
  /* The last messages, or where there were none the mailbox itself. */
  if ((migrate_batch_has_rows (batch)
       || (migrate_batch_get_n_written (batch) == 0 && info_differs (&from->info, &there->info)))
      && !migrate_batch_flush (batch, error))
    return FALSE;
  mailbox_note_wanted (account, mailbox, from);
  return mailbox_copy_attributes (account, mailbox, error);
}

gboolean
migrate_mailbox_finish (MigrateAccount *account, MigrateMailbox *mailbox, GError **error)
{
  MigrateStore *to = &account->migration->to;
  CfMailboxInfo info = mailbox->info;
  CfContentId none;
  CfMailboxId id;

  info.id = mailbox->to;
  if (!cf_uid_set_is_empty (mailbox->expunged)) {
    const CfRestore restore = {
      .struct_size = sizeof restore, .account = account->to, .mailbox = &info, .expunged = mailbox->expunged
    };

    if (!to->slots.mailbox_restore (to->conn, &to->call, &restore, &id, &none, error))
      return FALSE;
  }
  return mailbox_compare (account, mailbox, error);
}
