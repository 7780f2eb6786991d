/* modules/auth/settings.h - the group [auth] of the configuration file. */
#ifndef AUTH_SETTINGS_H
#define AUTH_SETTINGS_H

#include <glib.h>

/* Filled before the first login; what is _Atomic may be replaced while sessions run (SIGHUP). */
typedef struct {
  _Atomic gint64 iterations;     /* of new verifiers, and of those that unknown users seem to have */
  _Atomic gint64 cache_entries;  /* good logins remembered; 0: none */
  _Atomic gint64 cache_lifetime; /* for so many seconds */
  char *secret_file;             /* NULL or "": unknown users' salts change when the server starts */
} AuthSettings;

extern AuthSettings auth_settings;

#endif
