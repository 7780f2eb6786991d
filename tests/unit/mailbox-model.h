/* tests/unit/mailbox-model.h - a mailbox as a plain array, which reports like a store; what snapshots, views
 * and the write queue are compared with.
 */
#ifndef MAILBOX_MODEL_H
#define MAILBOX_MODEL_H

#include <coffer/storage.h>

typedef struct {
  guint32 uid;
  guint16 flags;
  guint64 modseq;
  guint64 expunged; /* MODSEQ of the expunge; 0: it is there */
} ModelRow;

typedef struct {
  CfMailboxId id;
  guint32 uid_next;
  guint64 modseq;
  GArray *rows; /* ModelRow, the expunged ones too */
} Model;

static inline Model *
model_new (CfMailboxId id)
{
  Model *model = g_new0 (Model, 1);

  model->id = id;
  model->uid_next = 1;
  model->modseq = 1;
  model->rows = g_array_new (FALSE, FALSE, sizeof (ModelRow));
  return model;
}

static inline void
model_free (Model *model)
{
  g_array_unref (model->rows);
  g_free (model);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Model, model_free)

static inline ModelRow *
model_row (const Model *model, guint i)
{
  return &g_array_index (model->rows, ModelRow, i);
}

/* A gap of @gap UIDs, then a message. */
static inline guint32
model_append (Model *model, guint32 gap, guint16 flags)
{
  ModelRow row = { model->uid_next + gap, flags, ++model->modseq, 0 };

  model->uid_next = row.uid + 1;
  g_array_append_val (model->rows, row);
  return row.uid;
}

static inline void
model_store (Model *model, guint i, guint16 flags)
{
  ModelRow *row = model_row (model, i);

  if (row->expunged != 0)
    return;
  row->flags = flags;
  row->modseq = ++model->modseq;
}

static inline void
model_expunge (Model *model, guint i)
{
  ModelRow *row = model_row (model, i);

  if (row->expunged == 0)
    row->expunged = ++model->modseq;
}

static inline ModelRow *
model_lookup (const Model *model, guint32 uid)
{
  for (guint i = 0; i < model->rows->len; i++)
    if (model_row (model, i)->uid == uid)
      return model_row (model, i);
  return NULL;
}

static inline guint
model_count (const Model *model)
{
  guint n = 0;

  for (guint i = 0; i < model->rows->len; i++)
    n += model_row (model, i)->expunged == 0;
  return n;
}

/* What index_load and commit report; since G_MAXUINT64: the mailbox alone. */
static inline void
model_report (const Model *model, guint64 since, gboolean reset, CfIndexSink *sink)
{
  static const char *const names[] = { "$Work" };
  g_autoptr (CfKeywords) keywords = cf_keywords_new (names, 1);
  g_autoptr (CfUidSet) expunged = cf_uid_set_new ();
  CfMailboxInfo info = { .struct_size = sizeof info,
                         .id = model->id,
                         .name = "Model",
                         .uid_validity = 7,
                         .uid_next = model->uid_next,
                         .highest_modseq = model->modseq,
                         .recent_uid = 1 };

  sink->mailbox (sink, &info);
  if (since == G_MAXUINT64)
    return;
  if (reset)
    sink->reset (sink);
  for (guint i = 0; i < model->rows->len; i++)
    if (model_row (model, i)->expunged > since)
      cf_uid_set_add (expunged, model_row (model, i)->uid);
  if (since > 0 && !reset)
    sink->expunged (sink, expunged);
  for (guint i = 0; i < model->rows->len; i++) {
    const ModelRow *row = model_row (model, i);
    CfIndexRow out = { .struct_size = sizeof out,
                       .uid = row->uid,
                       .flags = row->flags,
                       .modseq = row->modseq,
                       .content = row->uid + 1000,
                       .keywords = row->uid % 3 == 0 ? keywords : NULL };

    if (row->expunged == 0 && (reset || row->modseq > since))
      sink->row (sink, &out);
  }
}

/* Something happens to it. */
static inline void
model_step (Model *model, GRand *rand)
{
  guint n = model->rows->len;

  switch (n > 0 ? g_rand_int_range (rand, 0, 4) : 0) {
  case 0:
  case 1:
    model_append (model, g_rand_int_range (rand, 0, 4) == 0 ? g_rand_int_range (rand, 0, 5) : 0,
                  g_rand_int_range (rand, 0, 32));
    break;
  case 2:
    model_store (model, g_rand_int_range (rand, 0, n), g_rand_int_range (rand, 0, 32));
    break;
  default:
    model_expunge (model, g_rand_int_range (rand, 0, n));
    break;
  }
}

#endif
