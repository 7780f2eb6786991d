/* core/mailbox/snapshot.c - immutable mailbox indexes that share what did not change (snapshot.h).
 *
 * Rows lie in chunks of up to 256, chunks under one array of (chunk, running count, last UID). Look-ups are a
 * binary search in that array and one in a chunk. How a successor is made is in snapshot-report.c.
 */
#include "mailbox/snapshot-private.h"

#include <string.h>

/* ---- Chunks ------------------------------------------------------------------------------------------ */

CfSnapshotChunk *
cf_snapshot_chunk_ref (CfSnapshotChunk *chunk)
{
  g_atomic_ref_count_inc (&chunk->ref_count);
  return chunk;
}

void
cf_snapshot_chunk_unref (CfSnapshotChunk *chunk)
{
  if (!g_atomic_ref_count_dec (&chunk->ref_count))
    return;
  for (guint i = 0; i < chunk->n; i++)
    cf_keywords_unref ((CfKeywords *) chunk->rows[i].keywords);
  g_free (chunk);
}

static gsize
chunk_size (guint n)
{
  return sizeof (CfSnapshotChunk) + n * sizeof (CfIndexRow);
}

/* The first row with a UID of at least @uid; n: none. */
static guint
chunk_find (const CfSnapshotChunk *chunk, guint32 uid)
{
  guint low = 0, high = chunk->n;

  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (chunk->rows[middle].uid < uid)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* ---- Building ---------------------------------------------------------------------------------------- */

void
cf_snapshot_builder_init (CfSnapshotBuilder *builder)
{
  *builder = (CfSnapshotBuilder){ .entries = g_array_new (FALSE, FALSE, sizeof (CfSnapshotEntry)) };
}

void
cf_snapshot_builder_clear (CfSnapshotBuilder *builder)
{
  if (builder->entries == NULL)
    return;
  if (builder->open != NULL)
    cf_snapshot_chunk_unref (builder->open);
  for (guint i = 0; i < builder->entries->len; i++)
    cf_snapshot_chunk_unref (g_array_index (builder->entries, CfSnapshotEntry, i).chunk);
  g_array_unref (builder->entries);
  *builder = (CfSnapshotBuilder){ 0 };
}

/* Takes over @chunk. */
static void
builder_add_entry (CfSnapshotBuilder *builder, CfSnapshotChunk *chunk)
{
  GArray *entries = builder->entries;
  guint32 before = entries->len > 0 ? g_array_index (entries, CfSnapshotEntry, entries->len - 1).end : 0;
  CfSnapshotEntry entry
      = { .chunk = chunk, .end = before + chunk->n, .last_uid = chunk->rows[chunk->n - 1].uid };

  g_array_append_val (entries, entry);
}

void
cf_snapshot_builder_seal (CfSnapshotBuilder *builder)
{
  CfSnapshotChunk *chunk = g_steal_pointer (&builder->open);

  if (chunk == NULL)
    return;
  if (chunk->n < builder->room)
    chunk = g_realloc (chunk, chunk_size (chunk->n));
  builder_add_entry (builder, chunk);
}

void
cf_snapshot_builder_add_row (CfSnapshotBuilder *builder, const CfIndexRow *row)
{
  CfSnapshotChunk *chunk = builder->open;

  if (chunk == NULL) {
    builder->room = 4;
    chunk = g_malloc (chunk_size (builder->room));
    g_atomic_ref_count_init (&chunk->ref_count);
    chunk->n = 0;
    chunk->max_modseq = 0;
  } else if (chunk->n == builder->room) {
    builder->room *= 4; /* 4, 16, 64, 256 */
    chunk = g_realloc (chunk, chunk_size (builder->room));
  }
  builder->open = chunk;

  /* A plugin's row may be of an older, shorter version. */
  chunk->rows[chunk->n] = (CfIndexRow){ 0 };
  memcpy (&chunk->rows[chunk->n], row, MIN (row->struct_size, sizeof *row));
  chunk->rows[chunk->n].struct_size = sizeof (CfIndexRow);
  cf_keywords_ref ((CfKeywords *) row->keywords);
  chunk->n++;
  chunk->max_modseq = MAX (chunk->max_modseq, row->modseq);
  if (chunk->n == CF_SNAPSHOT_CHUNK_MAX)
    cf_snapshot_builder_seal (builder);
}

void
cf_snapshot_builder_add_chunk (CfSnapshotBuilder *builder, CfSnapshotChunk *chunk)
{
  cf_snapshot_builder_seal (builder);
  builder_add_entry (builder, cf_snapshot_chunk_ref (chunk));
}

void
cf_snapshot_builder_reopen (CfSnapshotBuilder *builder)
{
  CfSnapshotChunk *last;

  if (builder->open != NULL || builder->entries->len == 0)
    return;
  last = g_array_index (builder->entries, CfSnapshotEntry, builder->entries->len - 1).chunk;
  if (last->n >= CF_SNAPSHOT_CHUNK_LOW)
    return;

  g_array_set_size (builder->entries, builder->entries->len - 1);
  for (guint i = 0; i < last->n; i++)
    cf_snapshot_builder_add_row (builder, &last->rows[i]);
  cf_snapshot_chunk_unref (last);
}

CfSnapshot *
cf_snapshot_builder_finish (CfSnapshotBuilder *builder, const CfMailboxInfo *info)
{
  CfSnapshot *snapshot;
  guint n;

  cf_snapshot_builder_seal (builder);
  n = builder->entries->len;
  snapshot = g_malloc (sizeof *snapshot + n * sizeof (CfSnapshotEntry));
  g_atomic_ref_count_init (&snapshot->ref_count);
  snapshot->uid_validity = info->uid_validity;
  snapshot->uid_next = info->uid_next;
  snapshot->highest_modseq = info->highest_modseq;
  snapshot->size = sizeof *snapshot + n * sizeof (CfSnapshotEntry);
  snapshot->n_chunks = n;
  for (guint i = 0; i < n; i++) {
    snapshot->chunks[i] = g_array_index (builder->entries, CfSnapshotEntry, i);
    snapshot->size += chunk_size (snapshot->chunks[i].chunk->n);
  }
  g_array_set_size (builder->entries, 0); /* the references are the snapshot's now */
  cf_snapshot_builder_clear (builder);
  return snapshot;
}

/* ---- Snapshots --------------------------------------------------------------------------------------- */

CfSnapshot *
cf_snapshot_ref (CfSnapshot *snapshot)
{
  g_atomic_ref_count_inc (&snapshot->ref_count);
  return snapshot;
}

void
cf_snapshot_unref (CfSnapshot *snapshot)
{
  if (snapshot == NULL || !g_atomic_ref_count_dec (&snapshot->ref_count))
    return;
  for (guint i = 0; i < snapshot->n_chunks; i++)
    cf_snapshot_chunk_unref (snapshot->chunks[i].chunk);
  g_free (snapshot);
}

gboolean
cf_snapshot_is_sole (CfSnapshot *snapshot)
{
  return g_atomic_ref_count_compare (&snapshot->ref_count, 1);
}

guint32
cf_snapshot_get_uid_validity (const CfSnapshot *snapshot)
{
  return snapshot->uid_validity;
}

guint32
cf_snapshot_get_uid_next (const CfSnapshot *snapshot)
{
  return snapshot->uid_next;
}

guint64
cf_snapshot_get_highest_modseq (const CfSnapshot *snapshot)
{
  return snapshot->highest_modseq;
}

gsize
cf_snapshot_get_size (const CfSnapshot *snapshot)
{
  return snapshot->size;
}

guint32
cf_snapshot_get_n (const CfSnapshot *snapshot)
{
  return snapshot->n_chunks > 0 ? snapshot->chunks[snapshot->n_chunks - 1].end : 0;
}

/* Rows before chunk @i. */
static guint32
snapshot_begin (const CfSnapshot *snapshot, guint i)
{
  return i > 0 ? snapshot->chunks[i - 1].end : 0;
}

/* The chunk with the row of this rank; n_chunks: none. */
static guint
snapshot_find_rank (const CfSnapshot *snapshot, guint32 rank)
{
  guint low = 0, high = snapshot->n_chunks;

  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (snapshot->chunks[middle].end <= rank)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* The first chunk that has a UID of at least @uid; n_chunks: none. */
static guint
snapshot_find_uid (const CfSnapshot *snapshot, guint32 uid)
{
  guint low = 0, high = snapshot->n_chunks;

  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (snapshot->chunks[middle].last_uid < uid)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

const CfIndexRow *
cf_snapshot_get_row (const CfSnapshot *snapshot, guint32 rank)
{
  guint i = snapshot_find_rank (snapshot, rank);

  return i < snapshot->n_chunks ? &snapshot->chunks[i].chunk->rows[rank - snapshot_begin (snapshot, i)]
                                : NULL;
}

const CfIndexRow *
cf_snapshot_lookup_uid (const CfSnapshot *snapshot, guint32 uid, guint32 *out_rank)
{
  guint i = snapshot_find_uid (snapshot, uid), row;
  const CfSnapshotChunk *chunk;

  if (i == snapshot->n_chunks)
    return NULL;
  chunk = snapshot->chunks[i].chunk;
  row = chunk_find (chunk, uid);
  if (chunk->rows[row].uid != uid)
    return NULL;
  if (out_rank != NULL)
    *out_rank = snapshot_begin (snapshot, i) + row;
  return &chunk->rows[row];
}

guint32
cf_snapshot_rank (const CfSnapshot *snapshot, guint32 uid)
{
  guint i = snapshot_find_uid (snapshot, uid);

  if (i == snapshot->n_chunks)
    return cf_snapshot_get_n (snapshot);
  return snapshot_begin (snapshot, i) + chunk_find (snapshot->chunks[i].chunk, uid);
}

void
cf_snapshot_add_uids (const CfSnapshot *snapshot, guint32 end, CfUidSet *set)
{
  for (guint i = 0; i < snapshot->n_chunks; i++) {
    const CfSnapshotChunk *chunk = snapshot->chunks[i].chunk;
    guint32 first = chunk->rows[0].uid, last = snapshot->chunks[i].last_uid;

    if (first >= end)
      return;
    if (last < end && last - first + 1 == chunk->n) {
      cf_uid_set_add_range (set, first, last);
      continue;
    }
    for (guint row = 0; row < chunk->n && chunk->rows[row].uid < end; row++)
      cf_uid_set_add (set, chunk->rows[row].uid);
  }
}

/* ---- Walking ----------------------------------------------------------------------------------------- */

void
cf_snapshot_iter_init (CfSnapshotIter *iter, const CfSnapshot *snapshot, guint32 rank)
{
  guint i = snapshot_find_rank (snapshot, rank);

  *iter = (CfSnapshotIter){ snapshot, i, i < snapshot->n_chunks ? rank - snapshot_begin (snapshot, i) : 0 };
}

const CfIndexRow *
cf_snapshot_iter_next (CfSnapshotIter *iter)
{
  const CfSnapshotChunk *chunk;
  const CfIndexRow *row;

  if (iter->chunk >= iter->snapshot->n_chunks)
    return NULL;
  chunk = iter->snapshot->chunks[iter->chunk].chunk;
  row = &chunk->rows[iter->row++];
  if (iter->row == chunk->n) {
    iter->chunk++;
    iter->row = 0;
  }
  return row;
}

const CfIndexRow *
cf_snapshot_iter_next_changed (CfSnapshotIter *iter, guint64 modseq)
{
  for (; iter->chunk < iter->snapshot->n_chunks; iter->chunk++, iter->row = 0) {
    const CfSnapshotChunk *chunk = iter->snapshot->chunks[iter->chunk].chunk;

    if (chunk->max_modseq <= modseq)
      continue;
    while (iter->row < chunk->n)
      if (chunk->rows[iter->row++].modseq > modseq)
        return &chunk->rows[iter->row - 1];
  }
  return NULL;
}

/* ---- Differences ------------------------------------------------------------------------------------- */

static const CfIndexRow *
iter_peek (CfSnapshotIter *iter)
{
  if (iter->chunk >= iter->snapshot->n_chunks)
    return NULL;
  return &iter->snapshot->chunks[iter->chunk].chunk->rows[iter->row];
}

/* Passes over the chunks that both have next. */
static void
diff_skip_shared (CfSnapshotIter *a, CfSnapshotIter *b)
{
  while (a->row == 0 && b->row == 0 && a->chunk < a->snapshot->n_chunks && b->chunk < b->snapshot->n_chunks
         && a->snapshot->chunks[a->chunk].chunk == b->snapshot->chunks[b->chunk].chunk) {
    a->chunk++;
    b->chunk++;
  }
}

void
cf_snapshot_diff (const CfSnapshot *old_snapshot, const CfSnapshot *new_snapshot,
                  const CfSnapshotDiffFuncs *funcs, gpointer user_data)
{
  CfSnapshotIter a, b;

  cf_snapshot_iter_init (&a, old_snapshot, 0);
  cf_snapshot_iter_init (&b, new_snapshot, 0);
  for (;;) {
    const CfIndexRow *before, *after;

    diff_skip_shared (&a, &b);
    before = iter_peek (&a);
    after = iter_peek (&b);
    if (before == NULL && after == NULL)
      return;
    if (after == NULL || (before != NULL && before->uid < after->uid)) {
      if (funcs->expunged != NULL)
        funcs->expunged (before, user_data);
      cf_snapshot_iter_next (&a);
    } else if (before == NULL || after->uid < before->uid) {
      if (funcs->added != NULL)
        funcs->added (after, user_data);
      cf_snapshot_iter_next (&b);
    } else {
      if (before->modseq != after->modseq && funcs->changed != NULL)
        funcs->changed (after, user_data);
      cf_snapshot_iter_next (&a);
      cf_snapshot_iter_next (&b);
    }
  }
}
