/* tests/load/client.h - a client: its connection, what it was told of the selected mailbox, and the commands
 * in progress.
 *
 * A contradiction ends the process (client_fail). A connection that ends as it may (BYE for a mailbox that
 * somebody has deleted) sets @lost: every function then returns at once, and the step gives up.
 */
#ifndef CLIENT_H
#define CLIENT_H

#include <glib.h>

#include "conn.h"
#include "ledger.h"
#include "response.h"

typedef enum {
  KIND_OTHER, /* LOGIN, NOOP, CHECK, CAPABILITY ... */
  KIND_SELECT,
  KIND_CLOSE,
  KIND_UNSELECT,
  KIND_IDLE,
  KIND_APPEND,
  KIND_STORE,
  KIND_FETCH,
  KIND_SEARCH,
  KIND_COPY,
  KIND_MOVE,
  KIND_EXPUNGE,
  KIND_CREATE,
  KIND_DELETE,
  KIND_RENAME,
  KIND_SUBSCRIBE,
  KIND_LIST,
  KIND_LSUB,
  KIND_STATUS,
  KIND_LOGOUT,
  N_KINDS
} Kind;

typedef enum { RESULT_NONE, RESULT_OK, RESULT_NO } Result;

/* A command from its first octet to its end. Fields of other kinds are unused. */
typedef struct {
  Kind kind;
  gboolean uid; /* UID FETCH and so on */
  char tag[16];
  char *name; /* for messages */
  Mark mark;  /* of @target, and when it began */
  Box *box;   /* that was selected */
  char *target;
  Result result;
  char *text; /* behind OK or NO */

  GArray *uids;     /* STORE, COPY, MOVE, FETCH, UID EXPUNGE: which; NULL: all that there are */
  GArray *told;     /* UIDs whose flags were told meanwhile */
  GArray *shown;    /* UIDs for which there was FETCH */
  GPtrArray *lines; /* Value: LIST, LSUB, STATUS, SEARCH */
  char *copied;     /* COPYUID of an untagged OK */

  guint may_set, may_clear; /* STORE; a FETCH that sets \Seen */
  guint64 change;           /* 0: none */
  gboolean silent;
  GPtrArray *items;   /* FETCH: labels to be answered */
  gsize partial;      /* octets asked for */
  const char *untold; /* of @items, in some response */
  GArray *serials;    /* APPEND */
  GArray *flags;      /* APPEND: of each */
  gboolean adding;
  Removal *removal;
  gboolean read_only; /* SELECT: EXAMINE */
  guint n_exists;     /* SELECT: times EXISTS was told */
  guint32 uid_validity, uid_next;
} Command;

typedef struct {
  guint32 uid; /* 0: not known */
  guint flags;
  gboolean known; /* flags */
} Row;

typedef struct {
  guint number;
  guint keyword; /* its own, a bit */
  Account *account;
  const Server *server;
  GRand *rand;
  guint64 serials; /* used */
  guint temporary; /* names used */

  Conn *conn;
  guint64 session;
  gboolean lost;
  gboolean told_bye;
  guint tags;
  GQueue sent; /* of Command: in progress, the oldest first */

  /* The selected mailbox. */
  Box *box;  /* NULL: none */
  Box *left; /* while SELECT is in progress: the one selected before */
  char *box_name;
  gboolean read_only;
  gint64 opened;
  guint32 uid_next; /* told by SELECT */
  guint at_open;    /* messages then */
  GArray *rows;     /* of Row */
  gint64 synced;    /* begin of the last command that was answered: news were told since */

  /* The main thread prints them. */
  _Atomic guint64 counts[N_KINDS];
  _Atomic guint64 noes, drops, byes, pushes;
} Client;

extern const char *const kind_names[N_KINDS];

Client *client_new (guint number, Account *account, const Server *server);

/* Prints what was broken, where, and the dialogue; ends the process with status 1. */
void client_fail (Client *client, const char *format, ...) G_GNUC_PRINTF (2, 3) G_GNUC_NORETURN;

/* Fails unless @wrong is NULL; frees it. */
void client_expect (Client *client, char *wrong);

/* Connects and logs in. */
void client_connect (Client *client);
/* Ends the connection without a word; what the commands in progress did is unknown. */
void client_drop (Client *client, ConnClose how);
void client_logout (Client *client);

/* ---- Commands ---- */

Command *command_new (Client *client, Kind kind, const char *name);
/* Sends the tag and this, without CRLF; from now on the command is in progress. */
void client_begin (Client *client, Command *command, const char *text);
/* FALSE: refused instead of "+"; the command is over. */
gboolean client_literal (Client *client, Command *command, const char *data, gsize length, gboolean sync);
void client_end_line (Client *client);
void client_write (Client *client, const char *data, gsize length);
/* Reads until @command, and all before it, are over; FALSE: not OK, or the connection is lost. */
gboolean client_wait (Client *client, Command *command);
/* Frees it; it is over. */
void command_free (Command *command);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Command, command_free)

/* A whole command of no arguments that need care; what came of it (free with command_free). */
Command *client_do (Client *client, Kind kind, const char *format, ...) G_GNUC_PRINTF (3, 4);
/* Waits for "+"; FALSE: @command is over. */
gboolean client_wait_continue (Client *client, Command *command);
/* Reads one response that belongs to the oldest command in progress, or to none. */
void client_read (Client *client);

/* A mailbox's name as atom, quoted string or literal (RFC 3501, 9: astring), INBOX in any case. */
char *client_spell (Client *client, const char *name);

Command *client_select (Client *client, const char *name, gboolean read_only);

/* ---- The selected mailbox (rows.c) ---- */

void client_leave (Client *client);
void client_take_exists (Client *client, guint64 exists);
void client_take_expunge (Client *client, Command *command, guint64 seq);
void client_take_fetch (Client *client, Command *command, guint64 seq, const Value *items);
/* What happened before @start, and was not told yet (transfer full); NULL: nothing. @expunges: could EXPUNGE
 * be told? */
char *client_find_untold (Client *client, gint64 start, gboolean expunges);
/* What a session takes for true at @time was true from here on at some moment: with several servers, the one
 * it is on may not have heard yet. */
gint64 client_since (gint64 time);
/* After an answered command: was everything told? */
void client_check_news (Client *client, const Command *command);
GArray *client_dup_uids (Client *client, guint *out_unknown);
/* NULL: not there. */
Row *client_find_uid (Client *client, guint32 uid);
gboolean uids_contain (const GArray *uids, guint32 uid);

/* ---- What a finished command must have done (outcome.c) ---- */

void client_begin_effects (Client *client, Command *command);
void client_settle (Client *client, Command *command, Outcome outcome);

#endif
