/* modules/auth/decoy.c - verifiers for users who do not exist (decoy.h). */
#include "decoy.h"
#include "settings.h"

#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_LENGTH 32

static guint8 decoy_secret[SECRET_LENGTH];

/* Sets @error from errno. Returns FALSE. */
static gboolean
decoy_fail (const char *path, GError **error)
{
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "secret_file %s: %s", path, g_strerror (errno));
  return FALSE;
}

static gboolean
decoy_read (int fd, const char *path, GError **error)
{
  struct stat status;
  gssize got;

  if (fstat (fd, &status) != 0)
    return decoy_fail (path, error);
  if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT,
                 "secret_file %s: others than its owner may use it (chmod 600)", path);
    return FALSE;
  }
  got = read (fd, decoy_secret, SECRET_LENGTH);
  if (got < 0)
    return decoy_fail (path, error);
  if (got < SECRET_LENGTH) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "secret_file %s: shorter than %d octets", path,
                 SECRET_LENGTH);
    return FALSE;
  }
  return TRUE;
}

static gboolean
decoy_write (int fd, const char *path, GError **error)
{
  gssize put = write (fd, decoy_secret, SECRET_LENGTH);

  if (put == SECRET_LENGTH && fsync (fd) == 0)
    return TRUE;
  decoy_fail (path, error);
  g_unlink (path);
  return FALSE;
}

gboolean
decoy_init (const char *path, GError **error)
{
  int code = gnutls_rnd (GNUTLS_RND_KEY, decoy_secret, SECRET_LENGTH);
  gboolean made = FALSE, done;
  int fd;

  if (code != 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "No random numbers: %s", gnutls_strerror (code));
    return FALSE;
  }
  if (path == NULL || path[0] == '\0')
    return TRUE;

  fd = g_open (path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0 && errno == ENOENT) {
    fd = g_open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    made = TRUE;
  }
  if (fd < 0)
    return decoy_fail (path, error);
  done = made ? decoy_write (fd, path, error) : decoy_read (fd, path, error);
  close (fd);
  return done;
}

void
decoy_shutdown (void)
{
  gnutls_memset (decoy_secret, 0, SECRET_LENGTH);
}

/* HMAC of @name, for one purpose; it cannot fail but for a broken library, and zeros match
 * no password either. */
static void
decoy_compute (const char *purpose, const char *name, guint8 out[VERIFIER_KEY_LENGTH])
{
  g_autofree char *text = g_strconcat (purpose, ":", name, NULL);

  memset (out, 0, VERIFIER_KEY_LENGTH);
  gnutls_hmac_fast (GNUTLS_MAC_SHA256, decoy_secret, SECRET_LENGTH, text, strlen (text), out);
}

void
decoy_get (const char *name, Verifier *out_verifier)
{
  out_verifier->iterations = (guint) auth_settings.iterations;
  decoy_compute ("salt", name, out_verifier->salt);
  out_verifier->salt_length = VERIFIER_SALT_LENGTH;
  decoy_compute ("stored", name, out_verifier->stored_key);
  decoy_compute ("server", name, out_verifier->server_key);
}
