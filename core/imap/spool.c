/* core/imap/spool.c - where the literals of one command are kept as they arrive: in memory, or on disk.
 *
 * The file never has a name that another program could open, where the file system allows it, and is gone
 * when the server is. All large literals of one command share it, so that a command costs one descriptor.
 */
#include "imap/spool.h"

#include "base/secret.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct _CfSpool {
  guint64 threshold;
  const char *directory;
  guint64 in_memory;  /* octets of all literals that are */
  GByteArray *octets; /* the literal that is arriving; NULL: it goes to the file */
  int fd;             /* belongs to file */
  CfSource
      *file; /* claims to be as long as a file can be, as it grows; its slices are exact. NULL: none yet */
  guint64 cut, length; /* where in the file the literal begins, and its end so far */
};

static int
spool_open (const char *directory)
{
  g_autofree char *name = NULL;
  int fd = open (directory, O_TMPFILE | O_RDWR | O_CLOEXEC | O_EXCL, 0600);

  if (fd >= 0)
    return fd;

  /* Not every file system has O_TMPFILE, and they disagree on the error. */
  name = g_build_filename (directory, "coffer-spool-XXXXXX", NULL);
  fd = mkostemp (name, O_CLOEXEC);
  if (fd >= 0)
    unlink (name);
  return fd;
}

/* The cause goes to the log; a client must not learn about directories. */
static void
spool_fail (GError **error, int cause)
{
  gboolean full = cause == ENOSPC || cause == EDQUOT || cause == EFBIG;

  g_warning ("A literal cannot be spooled: %s", g_strerror (cause));
  g_set_error_literal (error, CF_ERROR, full ? CF_ERROR_LIMIT : CF_ERROR_UNAVAILABLE,
                       full ? "There is no room for a literal of this size now"
                            : "Large literals cannot be taken now");
}

static gboolean
spool_open_file (CfSpool *spool, GError **error)
{
  if (spool->file != NULL)
    return TRUE;
  spool->fd = spool_open (spool->directory);
  if (spool->fd < 0) {
    spool_fail (error, errno);
    return FALSE;
  }
  spool->file = cf_source_new_fd (spool->fd, G_MAXINT64);
  return TRUE;
}

static gboolean
spool_write_file (CfSpool *spool, const char *octets, gsize length, GError **error)
{
  while (length > 0) {
    ssize_t n = write (spool->fd, octets, length);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      spool_fail (error, errno);
      return FALSE;
    }
    octets += n;
    length -= (gsize) n;
    spool->length += (guint64) n;
  }
  return TRUE;
}

CfSpool *
cf_spool_new (guint64 threshold, const char *directory)
{
  CfSpool *spool = g_new0 (CfSpool, 1);

  spool->threshold = threshold;
  spool->directory = directory;
  return spool;
}

/* What gathered in memory. A password may be a literal. */
static GBytes *
spool_take_octets (CfSpool *spool)
{
  gsize length = spool->octets->len;

  return cf_secret_new_bytes (g_byte_array_free (g_steal_pointer (&spool->octets), FALSE), length);
}

void
cf_spool_free (CfSpool *spool)
{
  if (spool == NULL)
    return;
  if (spool->octets != NULL)
    g_bytes_unref (spool_take_octets (spool));
  cf_source_unref (spool->file);
  g_free (spool);
}

gboolean
cf_spool_begin (CfSpool *spool, guint64 length, GError **error)
{
  if (length > spool->threshold || spool->in_memory > spool->threshold - length)
    return spool_open_file (spool, error);
  spool->in_memory += length;
  spool->octets = g_byte_array_new ();
  return TRUE;
}

gboolean
cf_spool_write (CfSpool *spool, const void *octets, gsize length, GError **error)
{
  if (spool->octets == NULL)
    return spool_write_file (spool, octets, length, error);
  g_byte_array_append (spool->octets, octets, (guint) length);
  return TRUE;
}

CfSource *
cf_spool_end (CfSpool *spool)
{
  CfSource *source;

  if (spool->octets != NULL) {
    g_autoptr (GBytes) bytes = spool_take_octets (spool);

    return cf_source_new_bytes (bytes);
  }
  source = cf_source_new_slice (spool->file, spool->cut, spool->length - spool->cut);
  spool->cut = spool->length;
  return source;
}
