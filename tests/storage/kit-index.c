/* tests/storage/kit-index.c - what index sinks are told, and what must be true of it. */
#include "kit.h"

/* ---- Collecting ---------------------------------------------------------------------------------------- */

static void
index_breach (KitIndex *index, const char *what)
{
  if (index->disorder == NULL)
    index->disorder = what;
}

static void
index_mailbox (CfIndexSink *sink, const CfMailboxInfo *info)
{
  KitIndex *index = (KitIndex *) sink;

  if (info->struct_size < sizeof *info)
    index_breach (index, "a CfMailboxInfo without its struct_size");
  index->n_mailboxes++;
  index->info = *info;
  index->info.name = NULL;
}

static void
index_reset (CfIndexSink *sink)
{
  KitIndex *index = (KitIndex *) sink;

  if (index->n_mailboxes == 0 || index->rows->len > 0 || !cf_uid_set_is_empty (index->expunged))
    index_breach (index, "reset out of order");
  index->reset = TRUE;
}

static void
index_expunged (CfIndexSink *sink, const CfUidSet *uids)
{
  KitIndex *index = (KitIndex *) sink;

  if (index->n_mailboxes == 0)
    index_breach (index, "expunged before mailbox");
  cf_uid_set_add_set (index->expunged, uids);
}

static void
index_row (CfIndexSink *sink, const CfIndexRow *row)
{
  KitIndex *index = (KitIndex *) sink;

  if (row->struct_size < sizeof *row)
    index_breach (index, "a CfIndexRow without its struct_size");
  if (index->n_mailboxes == 0)
    index_breach (index, "row before mailbox");
  if (index->n_mailboxes == 1 && index->rows->len > 0
      && g_array_index (index->rows, CfIndexRow, index->rows->len - 1).uid >= row->uid)
    index_breach (index, "rows that do not ascend by UID");
  g_array_append_val (index->rows, *row);
  cf_keywords_ref ((CfKeywords *) row->keywords);
}

static void
row_clear (gpointer row)
{
  cf_keywords_unref ((CfKeywords *) ((CfIndexRow *) row)->keywords);
}

KitIndex *
kit_index_new (void)
{
  KitIndex *index = g_new0 (KitIndex, 1);

  index->sink = (CfIndexSink){ sizeof (CfIndexSink), index_mailbox, index_reset, index_expunged, index_row };
  index->expunged = cf_uid_set_new ();
  index->rows = g_array_new (FALSE, FALSE, sizeof (CfIndexRow));
  g_array_set_clear_func (index->rows, row_clear);
  return index;
}

void
kit_index_free (KitIndex *index)
{
  if (index == NULL)
    return;
  cf_uid_set_free (index->expunged);
  g_array_unref (index->rows);
  g_free (index);
}

KitIndex *
kit_load (Kit *kit, const KitMailbox *mailbox, guint64 since)
{
  g_autoptr (KitIndex) index = kit_index_new ();
  g_autoptr (GError) error = NULL;
  CfIndexQuery query
      = { .struct_size = sizeof query, .account = mailbox->account, .mailbox = mailbox->id, .since = since };

  if (!kit->slots->index_load (kit->conn, kit_call (kit), &query, &index->sink, &error)) {
    kit_fail (kit, "index_load failed: %s", error != NULL ? error->message : "without an error");
    return NULL;
  }
  if (!kit_index_verify (kit, index, since))
    return NULL;
  return g_steal_pointer (&index);
}

/* ---- Judging ------------------------------------------------------------------------------------------- */

gboolean
kit_index_verify (Kit *kit, const KitIndex *index, guint64 since)
{
  const CfMailboxInfo *info = &index->info;

  if (index->disorder != NULL)
    return kit_fail (kit,
                     "the report breaks the order \"mailbox; reset; then expunged and row calls, rows in "
                     "ascending UID order\": %s",
                     index->disorder);
  if (index->n_mailboxes != 1)
    return kit_fail (kit, "the report names %u mailboxes", index->n_mailboxes);
  if (info->highest_modseq < 1 || info->uid_next < 1 || info->recent_uid < 1 || info->uid_validity < 1)
    return kit_fail (kit,
                     "UIDVALIDITY %u, UIDNEXT %u, HIGHESTMODSEQ %" G_GUINT64_FORMAT ", recent_uid %u: none "
                     "may be 0",
                     info->uid_validity, info->uid_next, info->highest_modseq, info->recent_uid);
  for (guint i = 0; i < index->rows->len; i++) {
    const CfIndexRow *row = &g_array_index (index->rows, CfIndexRow, i);

    if (row->uid == 0 || row->uid >= info->uid_next)
      return kit_fail (kit, "a row with UID %u, though UIDNEXT is %u", row->uid, info->uid_next);
    if (row->modseq > info->highest_modseq)
      return kit_fail (kit, "UID %u has MODSEQ %" G_GUINT64_FORMAT ", above HIGHESTMODSEQ %" G_GUINT64_FORMAT,
                       row->uid, row->modseq, info->highest_modseq);
    if (!index->reset && row->modseq <= since)
      return kit_fail (kit,
                       "UID %u with MODSEQ %" G_GUINT64_FORMAT " in a difference since %" G_GUINT64_FORMAT,
                       row->uid, row->modseq, since);
    if (row->content == 0)
      return kit_fail (kit, "UID %u has content id 0", row->uid);
    if (cf_uid_set_contains (index->expunged, row->uid))
      return kit_fail (kit, "UID %u is reported both as there and as expunged", row->uid);
  }
  return TRUE;
}

static int
compare_row_uid (const void *key, const void *row)
{
  guint32 uid = *(const guint32 *) key, other = ((const CfIndexRow *) row)->uid;

  return uid < other ? -1 : uid > other;
}

const CfIndexRow *
kit_index_find (const KitIndex *index, guint32 uid)
{
  return index->rows->len == 0
             ? NULL
             : bsearch (&uid, index->rows->data, index->rows->len, sizeof (CfIndexRow), compare_row_uid);
}

CfUidSet *
kit_index_uids (const KitIndex *index)
{
  CfUidSet *uids = cf_uid_set_new ();

  for (guint i = 0; i < index->rows->len; i++)
    cf_uid_set_add (uids, g_array_index (index->rows, CfIndexRow, i).uid);
  return uids;
}

char *
kit_index_uids_text (const KitIndex *index)
{
  g_autoptr (CfUidSet) uids = kit_index_uids (index);

  return cf_uid_set_to_string (uids);
}

void
kit_index_apply (KitIndex *index, const KitIndex *difference)
{
  GArray *old = index->rows;
  guint i = 0, j = 0;

  index->info = difference->info;
  index->rows = g_array_sized_new (FALSE, FALSE, sizeof (CfIndexRow), old->len + difference->rows->len);
  g_array_set_clear_func (index->rows, row_clear);
  while (i < old->len || j < difference->rows->len) {
    const CfIndexRow *a = i < old->len ? &g_array_index (old, CfIndexRow, i) : NULL;
    const CfIndexRow *b = j < difference->rows->len ? &g_array_index (difference->rows, CfIndexRow, j) : NULL;
    const CfIndexRow *next = b == NULL || (a != NULL && a->uid < b->uid) ? a : b;

    i += a != NULL && next->uid == a->uid;
    j += next == b;
    if (next == a && (difference->reset || cf_uid_set_contains (difference->expunged, a->uid)))
      continue;
    g_array_append_val (index->rows, *next);
    cf_keywords_ref ((CfKeywords *) next->keywords);
  }
  g_array_unref (old);
}

char *
kit_index_compare (const KitIndex *a, const KitIndex *b)
{
  g_autofree char *uids_a = kit_index_uids_text (a);
  g_autofree char *uids_b = kit_index_uids_text (b);

  if (!g_str_equal (uids_a, uids_b))
    return g_strdup_printf ("UIDs %.300s and %.300s", uids_a, uids_b);
  for (guint i = 0; i < a->rows->len; i++) {
    const CfIndexRow *x = &g_array_index (a->rows, CfIndexRow, i),
                     *y = &g_array_index (b->rows, CfIndexRow, i);

    if (x->flags != y->flags || x->keywords != y->keywords)
      return g_strdup_printf ("UID %u: flags 0x%x and 0x%x, or keywords", x->uid, x->flags, y->flags);
    if (x->modseq != y->modseq)
      return g_strdup_printf ("UID %u: MODSEQ %" G_GUINT64_FORMAT " and %" G_GUINT64_FORMAT, x->uid,
                              x->modseq, y->modseq);
    if (x->content != y->content || x->size != y->size || x->internal_date != y->internal_date
        || x->zone != y->zone || x->save_date != y->save_date)
      return g_strdup_printf ("UID %u: content, size or dates", x->uid);
  }
  return NULL;
}
