/* core/base/source.c - immutable octets that may be large (coffer/types.h).
 *
 * A source is a buffer, a regular file read by pread() (so that threads share no position), or a slice of
 * either. A slice refers to the buffer or file itself, never to another slice.
 */
#include <coffer/types.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

struct _CfSource {
  gatomicrefcount ref_count;
  guint64 length;
  GBytes *bytes;    /* a buffer, or NULL */
  int fd;           /* a file, or -1 */
  CfSource *parent; /* a slice's, or NULL */
  guint64 offset;   /* of a slice in its parent */
};

static CfSource *
source_new (guint64 length)
{
  CfSource *source = g_new0 (CfSource, 1);

  g_atomic_ref_count_init (&source->ref_count);
  source->length = length;
  source->fd = -1;
  return source;
}

CfSource *
cf_source_new_bytes (GBytes *bytes)
{
  CfSource *source = source_new (g_bytes_get_size (bytes));

  source->bytes = g_bytes_ref (bytes);
  return source;
}

CfSource *
cf_source_new_fd (int fd, guint64 length)
{
  CfSource *source = source_new (length);

  source->fd = fd;
  return source;
}

/* What a slice would have beyond its parent's end does not exist: the slice ends there too. */
CfSource *
cf_source_new_slice (CfSource *parent, guint64 offset, guint64 length)
{
  CfSource *source;

  offset = MIN (offset, parent->length);
  source = source_new (MIN (length, parent->length - offset));
  source->parent = cf_source_ref (parent->parent != NULL ? parent->parent : parent);
  source->offset = parent->offset + offset;
  return source;
}

CfSource *
cf_source_ref (CfSource *source)
{
  g_atomic_ref_count_inc (&source->ref_count);
  return source;
}

void
cf_source_unref (CfSource *source)
{
  if (source == NULL || !g_atomic_ref_count_dec (&source->ref_count))
    return;
  if (source->bytes != NULL)
    g_bytes_unref (source->bytes);
  if (source->fd >= 0)
    close (source->fd);
  cf_source_unref (source->parent);
  g_free (source);
}

guint64
cf_source_get_length (const CfSource *source)
{
  return source->length;
}

static gboolean
source_read_fd (int fd, guint64 offset, char *buffer, gsize length, GError **error)
{
  while (length > 0) {
    ssize_t n = pread (fd, buffer, length, (off_t) offset);

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0) {
      g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "Message content cannot be read: %s",
                   n < 0 ? g_strerror (errno) : "the file is too short");
      return FALSE;
    }
    buffer += n;
    offset += (guint64) n;
    length -= (gsize) n;
  }
  return TRUE;
}

gboolean
cf_source_read (CfSource *source, guint64 offset, void *buffer, gsize length, GError **error)
{
  if (offset > source->length || length > source->length - offset) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_SERVERBUG, "Read beyond the end of content");
    return FALSE;
  }
  if (length == 0)
    return TRUE;
  if (source->parent != NULL)
    return cf_source_read (source->parent, source->offset + offset, buffer, length, error);
  if (source->fd >= 0)
    return source_read_fd (source->fd, offset, buffer, length, error);
  memcpy (buffer, (const char *) g_bytes_get_data (source->bytes, NULL) + offset, length);
  return TRUE;
}
