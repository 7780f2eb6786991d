/* commands.h - the random commands of a client. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "client.h"

/* Connected or not: one step of a random walk. */
void commands_step (Client *client);

/* The name of an account's shared mailbox; 0 is INBOX. */
char *commands_dup_name (int n);

/* Asks for the UIDs and flags of messages that the client has only heard of. */
void commands_learn (Client *client);

/* search.c */
void commands_search (Client *client);
/* tree.c: mailboxes are made, renamed, subscribed to, listed and deleted. */
void commands_status (Client *client);
void commands_list (Client *client);
void commands_temporary (Client *client);
void commands_recreate (Client *client);

int commands_draw (Client *client, int n);
char *commands_draw_name (Client *client);
/* Some messages of which the UID is known: a set as @out_text, by sequence number or UID. NULL: there are
 * none. */
GArray *commands_draw_messages (Client *client, guint most, gboolean uid, char **out_text);
/* APPEND of @n messages to @name. FALSE: the connection was given up in the middle. */
gboolean commands_append_to (Client *client, const char *name, int n);

#endif
