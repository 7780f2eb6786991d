/* tests/fuzz/server-double.h - the whole server on storage-memory and net-double, in one thread: what
 * core/server.c puts together, without sockets, files and upkeep. Modules are linked, not loaded.
 */
#ifndef SERVER_DOUBLE_H
#define SERVER_DOUBLE_H

#include "net-double.h"

#include <coffer/module.h>

G_BEGIN_DECLS

/* Two accounts, whose password is SERVER_PASSWORD. */
#define SERVER_USER_ANN "ann@example.org"
#define SERVER_USER_BOB "bob@example.org"
#define SERVER_PASSWORD "secret"

/* Fills the tables; once in a process. @command is told of every command that begins (CF_HOOK_COMMAND); it
 * may be NULL. */
void server_double_init (gboolean (*command) (const CfHookInfo *info, GError **error), const char *trace_dir);

/* Opens an empty store with the two accounts in it, and the time is what it was at the last one. */
void server_double_start (void);
/* Every connection has been freed. */
void server_double_stop (void);

/* A client of @user, logged in. */
CfConn *server_double_log_in (const char *user);

G_END_DECLS

#endif
