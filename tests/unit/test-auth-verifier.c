/* tests/unit/test-auth-verifier.c - the module auth: verifiers, the cache of good logins,
 * unknown users' secret. */
#include "decoy.h"
#include "login-cache.h"
#include "settings.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>

AuthSettings auth_settings = { .iterations = 4096 };

/* Of the exchange that RFC 7677, 3 shows. */
#define RFC7677_VERIFIER                                                                                     \
  "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"                \
  "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static void
test_verifier (void)
{
  g_autoptr (GBytes) text = g_bytes_new_static (RFC7677_VERIFIER, strlen (RFC7677_VERIFIER));
  g_autoptr (GBytes) again = NULL;
  g_autoptr (GError) error = NULL;
  Verifier verifier, other;

  g_assert_true (verifier_parse (text, &verifier));
  g_assert_true (verifier_check (&verifier, "pencil", &error));
  g_assert_false (verifier_check (&verifier, "Pencil", &error));
  g_assert_no_error (error);
  again = verifier_format (&verifier);
  g_assert_true (g_bytes_equal (text, again));

  g_assert_true (verifier_new ("pencil", 4096, &verifier, &error));
  g_assert_true (verifier_new ("pencil", 4096, &other, &error));
  g_assert_cmpint (memcmp (verifier.salt, other.salt, verifier.salt_length), !=, 0);
}

static void
test_verifier_damaged (void)
{
  const char *texts[] = {
    "",
    "SCRAM-SHA-256$",
    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=",
    RFC7677_VERIFIER ":",
    RFC7677_VERIFIER "=",
    "SCRAM-SHA-1$4096:W22ZaJ0SNY7soEsUEjb6gQ==$a:b",
    "SCRAM-SHA-256$0:W22Z$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    "SCRAM-SHA-256$4096:$WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
    "SCRAM-SHA-256$4096:W22Z$WG5d:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=",
  };
  Verifier verifier;

  for (gsize i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GBytes) text = g_bytes_new_static (texts[i], strlen (texts[i]));

    g_test_message ("%s", texts[i]);
    g_assert_false (verifier_parse (text, &verifier));
  }
}

static void
test_cache_bounds (void)
{
  g_autoptr (GError) error = NULL;
  LoginCache *cache = login_cache_new (&error);
  Verifier verifier = { .iterations = 4096, .salt_length = 16 };
  guint8 digests[3][LOGIN_DIGEST_LENGTH], other[LOGIN_DIGEST_LENGTH];
  const char *names[] = { "a", "b", "c" };

  g_assert_no_error (error);
  for (gsize i = 0; i < 3; i++) {
    g_assert_true (login_cache_digest (cache, &verifier, names[i], "x", digests[i]));
    g_assert_false (login_cache_contains (cache, digests[i], 0, 100));
  }
  g_assert_true (login_cache_digest (cache, &verifier, "", "ax", other));
  g_assert_cmpmem (other, sizeof other, other, sizeof other);
  g_assert_cmpint (memcmp (other, digests[0], sizeof other), !=, 0);

  login_cache_add (cache, digests[0], 0, 2);
  login_cache_add (cache, digests[1], 0, 2);
  g_assert_true (login_cache_contains (cache, digests[0], 10, 100));
  login_cache_add (cache, digests[2], 20, 2); /* drops b, not used since */
  g_assert_true (login_cache_contains (cache, digests[0], 99, 100));
  g_assert_false (login_cache_contains (cache, digests[1], 99, 100));
  g_assert_false (login_cache_contains (cache, digests[0], 100, 100)); /* use does not prolong it */
  g_assert_true (login_cache_contains (cache, digests[2], 100, 100));
  login_cache_add (cache, digests[2], 110, 2);
  g_assert_true (login_cache_contains (cache, digests[2], 209, 100));
  login_cache_add (cache, digests[0], 110, 0);
  g_assert_false (login_cache_contains (cache, digests[2], 111, 100));
  login_cache_free (cache);
}

static void
test_secret_file (void)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *directory = g_dir_make_tmp ("coffer-auth-XXXXXX", &error);
  g_autofree char *path = g_build_filename (directory, "secret", NULL);
  g_autofree char *nowhere = g_build_filename (directory, "no", "secret", NULL);
  Verifier first, second;
  GStatBuf status;

  g_assert_no_error (error);
  g_assert_true (decoy_init (path, &error));
  decoy_get ("nobody", &first);
  g_assert_cmpint (g_stat (path, &status), ==, 0);
  g_assert_cmpuint (status.st_mode & 0777, ==, 0600);
  decoy_shutdown ();
  g_assert_true (decoy_init (path, &error));
  decoy_get ("nobody", &second);
  g_assert_no_error (error);
  g_assert_cmpmem (first.salt, first.salt_length, second.salt, second.salt_length);

  g_chmod (path, 0640);
  g_assert_false (decoy_init (path, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
  g_clear_error (&error);
  g_chmod (path, 0600);
  g_assert_true (g_file_set_contents_full (path, "short", 5, G_FILE_SET_CONTENTS_CONSISTENT, 0600, NULL));
  g_assert_false (decoy_init (path, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
  g_clear_error (&error);
  g_assert_false (decoy_init (nowhere, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
  g_unlink (path);
  g_rmdir (directory);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/modules/auth/verifier/rfc7677", test_verifier);
  g_test_add_func ("/modules/auth/verifier/damaged", test_verifier_damaged);
  g_test_add_func ("/modules/auth/login-cache/bounds", test_cache_bounds);
  g_test_add_func ("/modules/auth/decoy/secret-file", test_secret_file);
  return g_test_run ();
}
