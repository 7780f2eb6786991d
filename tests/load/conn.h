/* tests/load/conn.h - a blocking connection, in clear or under TLS, and the last lines of its dialogue. */
#ifndef CONN_H
#define CONN_H

#include <glib.h>

#include "checker.h"

typedef struct Conn Conn;

typedef enum {
  CONN_CLOSE_ABRUPT,  /* a reset, as when the network goes */
  CONN_CLOSE_FIN,     /* the socket's end, under TLS without close_notify */
  CONN_CLOSE_ORDERLY, /* with close_notify */
} ConnClose;

/* NULL: not connected, @out_wrong says why (transfer full). */
Conn *conn_open (const Server *server, char **out_wrong);
void conn_close (Conn *conn, ConnClose how);

gboolean conn_write (Conn *conn, const char *data, gsize length);

/* One response with its literals, without the final CRLF; NULL: the end, an error, or nothing for a minute.
 */
GString *conn_read (Conn *conn);

/* Is there something to read within @ms? */
gboolean conn_wait (Conn *conn, int ms);

/* Why the last call failed. */
const char *conn_get_trouble (Conn *conn);

/* Adds to the dialogue what is no octet of it. */
void conn_note (Conn *conn, const char *format, ...) G_GNUC_PRINTF (2, 3);

/* The last lines of the dialogue, oldest first. */
void conn_print_log (Conn *conn);

#endif
