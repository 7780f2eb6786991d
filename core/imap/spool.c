/* core/imap/spool.c - an unlinked file that large literals are written to as they arrive.
 *
 * The file never has a name that another program could open, where the file system allows it, and is gone
 * when the server is. All large literals of one command share it, so that a command costs one descriptor.
 */
#include "imap/spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

struct _CfSpool {
  int fd;         /* belongs to file */
  CfSource *file; /* claims to be as long as a file can be, as it grows; its slices are exact */
  guint64 cut, length;
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

CfSpool *
cf_spool_new (const char *directory, GError **error)
{
  CfSpool *spool;
  int fd = spool_open (directory);

  if (fd < 0) {
    spool_fail (error, errno);
    return NULL;
  }
  spool = g_new0 (CfSpool, 1);
  spool->fd = fd;
  spool->file = cf_source_new_fd (fd, G_MAXINT64);
  return spool;
}

void
cf_spool_free (CfSpool *spool)
{
  if (spool == NULL)
    return;
  cf_source_unref (spool->file);
  g_free (spool);
}

gboolean
cf_spool_write (CfSpool *spool, const void *octets, gsize length, GError **error)
{
  const char *at = octets;

  while (length > 0) {
    ssize_t n = write (spool->fd, at, length);

    if (n < 0 && errno == EINTR)
      continue;
    if (n < 0) {
      spool_fail (error, errno);
      return FALSE;
    }
    at += n;
    length -= (gsize) n;
    spool->length += (guint64) n;
  }
  return TRUE;
}

CfSource *
cf_spool_cut (CfSpool *spool)
{
  CfSource *source = cf_source_new_slice (spool->file, spool->cut, spool->length - spool->cut);

  spool->cut = spool->length;
  return source;
}
