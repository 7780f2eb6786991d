/* core/commands/store-condition.c - STORE's UNCHANGEDSINCE (store-condition.h). */
#include "commands/store-condition.h"

/* Whether @a and @b have the same of the flags and keywords that @op names. */
static gboolean
is_same (const CfWriteOp *op, const CfIndexRow *a, const CfIndexRow *b)
{
  if (((a->flags ^ b->flags) & op->flags) != 0)
    return FALSE;
  if (a->keywords == b->keywords)
    return TRUE;
  for (gsize i = 0; i < cf_keywords_get_n (op->keywords); i++) {
    const char *name = cf_keywords_get (op->keywords, i);

    if (cf_keywords_contains (a->keywords, name) != cf_keywords_contains (b->keywords, name))
      return FALSE;
  }
  return TRUE;
}

/* Whether nothing that @op names exists in @row. System flags always do. */
static gboolean
has_none (const CfWriteOp *op, const CfIndexRow *row)
{
  if (op->flags != 0)
    return FALSE;
  for (gsize i = 0; i < cf_keywords_get_n (op->keywords); i++)
    if (cf_keywords_contains (row->keywords, cf_keywords_get (op->keywords, i)))
      return FALSE;
  return TRUE;
}

static gboolean
is_unaffected (const CfWriteOp *op, const CfIndexRow *row, const CfSnapshot *told)
{
  const CfIndexRow *was;

  if (op->unchanged_since == 0)
    return has_none (op, row);
  was = told != NULL ? cf_snapshot_lookup_uid (told, row->uid, NULL) : NULL;
  return was != NULL && was->modseq <= op->unchanged_since && is_same (op, was, row);
}

CfUidSet *
cf_store_condition_find_unaffected (const CfWriteOp *op, const CfView *view, const CfSnapshot *told)
{
  g_autoptr (CfUidSet) unaffected = cf_uid_set_new ();
  CfUidIter iter = { 0 };
  guint32 uid;

  if (op->mode == CF_STORE_REPLACE || (told == NULL && op->unchanged_since != 0))
    return NULL;
  while (cf_uid_set_next (op->uids, &iter, &uid)) {
    const CfIndexRow *row = cf_view_lookup_row (view, uid);

    if (row != NULL && row->modseq > op->unchanged_since && is_unaffected (op, row, told))
      cf_uid_set_add (unaffected, uid);
  }
  return cf_uid_set_is_empty (unaffected) ? NULL : g_steal_pointer (&unaffected);
}
