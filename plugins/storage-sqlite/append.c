/* storage-sqlite/append.c - a new message: its content, facts, looked-up fields and first placement.
 *
 * The inline segments' octets are written one after the other, in chunks; the segments say where in the
 * message they belong. Objects named are looked for in the same transaction, so they cannot go before the
 * message refers to them; those that are gone are all named, so that core can put them again at once.
 */
#include "commit.h"

#include <string.h>

/* The octets for inline chunks, taken from segment after segment. */
typedef struct {
  Commit *commit;
  CfContentId content;
  CfSource *octets;
  gint64 n;   /* the next chunk */
  gsize used; /* of the commit's buffer */
} Inliner;

static gboolean
append_flush (Inliner *inliner, GError **error)
{
  const guint8 *data = inliner->commit->buffer;
  g_autoptr (GChecksum) checksum = NULL;
  guint8 hash[32];
  gsize hash_size = sizeof hash;

  if (inliner->used == 0)
    return TRUE;
  checksum = g_checksum_new (G_CHECKSUM_SHA256);
  g_checksum_update (checksum, data, (gssize) inliner->used);
  g_checksum_get_digest (checksum, hash, &hash_size);
  if (!db_exec (inliner->commit->db, error,
                "INSERT INTO content_chunk (content, n, sha256, data) VALUES (?, ?, ?, ?)",
                INT (inliner->content), INT (inliner->n), BLOB (hash, sizeof hash),
                BLOB (data, inliner->used)))
    return FALSE;
  inliner->n++;
  inliner->used = 0;
  return TRUE;
}

static gboolean
append_inline (Inliner *inliner, guint64 offset, guint64 length, GError **error)
{
  while (length > 0) {
    gsize taken = (gsize) MIN (length, CHUNK_SIZE - inliner->used);

    if (!cf_source_read (inliner->octets, offset, inliner->commit->buffer + inliner->used, taken, error))
      return FALSE;
    inliner->used += taken;
    offset += taken;
    length -= taken;
    if (inliner->used == CHUNK_SIZE && !append_flush (inliner, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
append_write_inline (Commit *commit, const CfAppend *append, CfContentId content, GError **error)
{
  Inliner inliner = { .commit = commit, .content = content, .octets = append->octets };

  if (commit->buffer == NULL)
    commit->buffer = g_malloc (CHUNK_SIZE);
  if (append->n_segments == 0)
    return append_inline (&inliner, 0, cf_source_get_length (append->octets), error)
           && append_flush (&inliner, error);
  for (guint i = 0; i < append->n_segments; i++) {
    const CfSegment *segment = append->segments[i];

    if (segment->kind == CF_SEGMENT_INLINE
        && !append_inline (&inliner, segment->offset, segment->length, error))
      return FALSE;
  }
  return append_flush (&inliner, error);
}

static gboolean
append_refuse_segments (GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_SERVERBUG, "The segments do not make up the message");
  return FALSE;
}

/* 1: the object is there and has the segment's range. 0: it is gone. */
static int
append_check_object (Commit *commit, const CfSegment *segment, GError **error)
{
  gint64 length;
  int found = db_get (commit->db, &length, error,
                      "SELECT length FROM object WHERE id = ? AND sha256 IS NOT NULL", INT (segment->object));

  if (found > 0
      && (segment->object_offset > (guint64) length
          || segment->length > (guint64) length - segment->object_offset)) {
    append_refuse_segments (error);
    return -1;
  }
  return found;
}

/* The segments are in order, leave no gap, and their objects are there. *out_inline: how much is inline. */
static gboolean
append_check_segments (Commit *commit, guint i, const CfAppend *append, guint64 *out_inline, GError **error)
{
  guint64 total = cf_source_get_length (append->octets), position = 0, inline_octets = 0;
  gboolean gone = FALSE;

  for (guint s = 0; s < append->n_segments; s++) {
    const CfSegment *segment = append->segments[s];
    int found = 1;

    if (segment->offset != position || segment->length > total - position)
      return append_refuse_segments (error);
    position += segment->length;
    if (segment->kind == CF_SEGMENT_INLINE)
      inline_octets += segment->length;
    else
      found = append_check_object (commit, segment, error);
    if (found < 0)
      return FALSE;
    if (found == 0) {
      commit_report_object_gone (commit, i, segment->object);
      gone = TRUE;
    }
  }
  if (append->n_segments > 0 && position != total)
    return append_refuse_segments (error);
  if (gone)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CONTENT_GONE, "A part of the message is no longer stored");
  *out_inline = append->n_segments > 0 ? inline_octets : total;
  return !gone;
}

static gboolean
append_write_segments (Commit *commit, const CfAppend *append, CfContentId content, GError **error)
{
  guint64 inline_offset = 0;

  for (guint i = 0; i < append->n_segments; i++) {
    const CfSegment *segment = append->segments[i];
    gboolean apart = segment->kind == CF_SEGMENT_OBJECT;

    if (segment->length == 0)
      continue;
    if (!db_exec (commit->db, error,
                  "INSERT INTO content_segment (content, position, length, object, source_offset)"
                  " VALUES (?, ?, ?, ?, ?)",
                  INT (content), INT (segment->offset), INT (segment->length),
                  apart ? INT (segment->object) : NIL, INT (apart ? segment->object_offset : inline_offset)))
      return FALSE;
    if (!apart)
      inline_offset += segment->length;
    else if (!db_exec (commit->db, error,
                       "UPDATE object SET unused_since = NULL WHERE id = ? AND unused_since IS NOT NULL",
                       INT (segment->object)))
      return FALSE;
  }
  return TRUE;
}

static gboolean
append_write_content (Commit *commit, const CfAppend *append, guint64 inline_octets, CfContentId *out_content,
                      GError **error)
{
  if (!db_exec (commit->db, error,
                "INSERT INTO content (account, octets, inline_octets, created) VALUES (?, ?, ?, ?)",
                INT (commit->account), INT (cf_source_get_length (append->octets)), INT (inline_octets),
                INT (commit->now)))
    return FALSE;
  *out_content = (CfContentId) sqlite3_last_insert_rowid (commit->db->handle);
  return facts_write (commit->db, commit->account, *out_content, append->facts, error);
}

gboolean
append_write (Commit *commit, guint i, const CfAppend *append, CfContentId *out_content, GError **error)
{
  guint64 inline_octets;

  return append_check_segments (commit, i, append, &inline_octets, error)
         && append_write_content (commit, append, inline_octets, out_content, error)
         && append_write_inline (commit, append, *out_content, error)
         && append_write_segments (commit, append, *out_content, error);
}

gboolean
append_run (Commit *commit, guint i, const CfWriteOp *op, GError **error)
{
  const CfAppend *append = op->append;
  CommitMailbox *mailbox = op->in_destination ? commit->destination : commit->source;
  CfIndexRow row = { .struct_size = sizeof row,
                     .flags = append->flags,
                     .zone = append->zone,
                     .internal_date = append->internal_date,
                     .size = append->size,
                     .keywords = append->keywords };
  guint32 uid;

  if (mailbox == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_TRYCREATE, "The destination mailbox does not exist");
    return FALSE;
  }
  if (!append_write (commit, i, append, &row.content, error)
      || !commit_place (commit, mailbox, &row, &uid, error))
    return FALSE;
  commit_report (commit, REPORT_APPENDED, i, uid, 0);
  return TRUE;
}
