/* tests/load/commands.h - the random commands of a client. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "client.h"

/* Connected or not: one step of a random walk. */
void commands_step (Client *client);

int commands_draw (Client *client, int n);
gboolean commands_chance (Client *client, int one_in);
/* The name of an account's shared mailbox; 0 is INBOX. */
char *commands_dup_name (int n);
char *commands_draw_name (Client *client);
/* @text as one line. */
void commands_send (Client *client, Command *command, const char *text);

/* ---- About messages, to be sent (build.c) ---- */

/* Some messages of which the UID is known: a set as @out_text, by sequence number or UID. NULL: there are
 * none. */
GArray *commands_draw_messages (Client *client, guint most, gboolean uid, char **out_text);

guint commands_draw_flags (Client *client);

/* NULL: there are no messages for it. */
typedef Command *(*CommandsBuild) (Client *client, gboolean uid, char **out_text);
Command *commands_build_store (Client *client, gboolean uid, char **out_text);
Command *commands_build_fetch (Client *client, gboolean uid, char **out_text);
Command *commands_build_copy (Client *client, gboolean uid, char **out_text); /* or MOVE */
Command *commands_build_expunge (Client *client, gboolean uid, char **out_text);
Command *commands_build_noop (Client *client, gboolean uid, char **out_text);
CommandsBuild commands_draw_build (Client *client);

/* ---- Sent and answered ---- */

/* append.c: @n messages to @name. FALSE: the connection was given up in the middle. */
gboolean commands_append_to (Client *client, const char *name, int n);
void commands_append (Client *client);

/* search.c */
void commands_search (Client *client);

/* sessions.c */
void commands_select (Client *client);
void commands_leave (Client *client);
void commands_idle (Client *client);
void commands_drop (Client *client);
/* Asks for the UIDs and flags of messages that the client has only heard of. */
void commands_learn (Client *client);
/* A large mailbox loses its oldest third. */
void commands_trim (Client *client);

/* tree.c */
void commands_status (Client *client);
void commands_status_of (Client *client, const char *name);
void commands_list (Client *client);
void commands_temporary (Client *client);
void commands_recreate (Client *client);
/* Only while the account has no other client. */
void commands_rename_inbox (Client *client);
/* A name that nobody else uses, with letters of all kinds. */
char *commands_dup_own_name (Client *client);
gboolean commands_do_ok (Client *client, Kind kind, const char *verb, const char *name, const char *other);
void commands_delete (Client *client, const char *name);

/* broken.c: MOVE, and nobody waits for the answer. */
void commands_break_move (Client *client);

#endif
