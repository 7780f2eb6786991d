/* tests/fuzz/client.h - a client of server-double: what it sends, and whether the answers make sense.
 *
 * Besides what responses.h checks: each command that the server carries out gets exactly one tagged response,
 * its own and in its turn. Other tagged responses are NO or BAD, for what is no command.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include "responses.h"
#include "server-double.h"

G_BEGIN_DECLS

typedef struct _Client Client;

/* As server_double_init(), which it calls. */
void client_init (const char *trace_dir);

/* Takes over @conn. */
Client *client_new (CfConn *conn);
/* Everything it received is checked, and was complete. */
void client_free (Client *client);

CfConn *client_get_conn (Client *client);
void client_send (Client *client, const void *data, gsize length);
/* Sends a line and LF. */
void client_send_line (Client *client, const char *line);
/* It sends nothing more. */
void client_hang_up (Client *client);
/* Serves and reads. */
void client_settle (Client *client);

/* The last response with @tag, from its status on ("OK [...] text"), of those received so far; NULL: none.
 * Borrowed until more is read. */
const char *client_lookup_tagged (Client *client, const char *tag);
/* The last line received; "" if there is none. */
const char *client_get_last_line (Client *client);

/* Whatever went before, a NOOP gets OK; or the session has ended, and its end was not cut short in a
 * response. */
void client_check_alive (Client *client);
/* @command, without tag, gets OK. */
void client_check_ok (Client *client, const char *command);

G_END_DECLS

#endif
