/* core/mailbox/snapshot-private.h - how a snapshot is laid out; for snapshot*.c alone. */
#ifndef CF_SNAPSHOT_PRIVATE_H
#define CF_SNAPSHOT_PRIVATE_H

#include "mailbox/snapshot.h"

G_BEGIN_DECLS

/* Rows of a full chunk: a change costs copying 16 KB, a million messages have 4,000 chunks. */
#define CF_SNAPSHOT_CHUNK_MAX 256
/* A chunk with fewer rows is joined with a neighbour that is rebuilt anyway, so that expunges
 * leave no crumbs. */
#define CF_SNAPSHOT_CHUNK_LOW 64

/* Immutable once it is in a snapshot. */
typedef struct {
  gatomicrefcount ref_count;
  guint n;
  guint64 max_modseq;
  CfIndexRow rows[]; /* ascending UID; each holds a reference to its keywords */
} CfSnapshotChunk;

typedef struct {
  CfSnapshotChunk *chunk;
  guint32 end;      /* rows up to and with this chunk */
  guint32 last_uid; /* so that a search touches no chunk but one */
} CfSnapshotEntry;

struct _CfSnapshot {
  gatomicrefcount ref_count;
  guint32 uid_validity;
  guint32 uid_next;
  guint64 highest_modseq;
  gsize size;
  guint n_chunks;
  CfSnapshotEntry chunks[]; /* none is empty */
};

CfSnapshotChunk *cf_snapshot_chunk_ref (CfSnapshotChunk *chunk);
void cf_snapshot_chunk_unref (CfSnapshotChunk *chunk);

/* Puts rows and whole chunks, in ascending order, one behind the other. */
typedef struct {
  GArray *entries;       /* CfSnapshotEntry, sealed */
  CfSnapshotChunk *open; /* being filled, or NULL */
  guint room;            /* rows that open has room for */
} CfSnapshotBuilder;

void cf_snapshot_builder_init (CfSnapshotBuilder *builder);
void cf_snapshot_builder_clear (CfSnapshotBuilder *builder);
/* Copies @row, references its keywords. */
void cf_snapshot_builder_add_row (CfSnapshotBuilder *builder, const CfIndexRow *row);
/* Shares @chunk. */
void cf_snapshot_builder_add_chunk (CfSnapshotBuilder *builder, CfSnapshotChunk *chunk);
/* Takes a small last chunk apart, so that the rows that follow join it. */
void cf_snapshot_builder_reopen (CfSnapshotBuilder *builder);
/* Closes the open chunk. */
void cf_snapshot_builder_seal (CfSnapshotBuilder *builder);
/* A snapshot of what was added; the builder is cleared. */
CfSnapshot *cf_snapshot_builder_finish (CfSnapshotBuilder *builder, const CfMailboxInfo *info);

G_END_DECLS

#endif
