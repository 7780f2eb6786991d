/* tests/load/final.h - when nobody writes any more: all clients and the ledger must agree. */
#ifndef FINAL_H
#define FINAL_H

#include "client.h"

/* To be called by every client, when none has a command in progress: its view, and then all shared mailboxes
 * freshly selected. @bodies: also all messages, octet by octet. */
void final_compare (Client *client, gboolean bodies);

#endif
