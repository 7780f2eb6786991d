/* tests/load/ledger.h - what all clients together know of the mailboxes, and so what each of them may see.
 *
 * Nothing is known exactly while commands overlap. So every change has a time by which it had not begun and
 * one by which it was over, and a question comes with the time in which the answer was made: allowed is
 * whatever some order of the overlapping changes explains. All functions may be called from any thread. Those
 * that return a string say what is wrong and which rule was broken (transfer full), or NULL.
 */
#ifndef LEDGER_H
#define LEDGER_H

#include <glib.h>

/* Flags as bits: the system flags, then the keywords, of which each client of an account has one. */
enum {
  FLAG_ANSWERED = 1 << 0,
  FLAG_FLAGGED = 1 << 1,
  FLAG_DELETED = 1 << 2,
  FLAG_SEEN = 1 << 3,
  FLAG_DRAFT = 1 << 4,
  FLAG_KEYWORD = 1 << 5,
};
#define N_KEYWORDS 10
#define N_FLAGS    (5 + N_KEYWORDS)
#define ALL_FLAGS  ((1u << N_FLAGS) - 1)

typedef enum { OUTCOME_OK, OUTCOME_NO, OUTCOME_UNKNOWN } Outcome;

typedef struct Account Account;
typedef struct Box Box;         /* a mailbox from its creation to its deletion: one UIDVALIDITY */
typedef struct Removal Removal; /* an EXPUNGE, CLOSE, UID EXPUNGE or MOVE in progress */

/* What was known of a name when a command began. */
typedef struct {
  gint64 time;
  guint32 uid_validity; /* 0: nothing */
  guint32 uid_next;     /* at least */
} Mark;

/* What STATUS tells. */
typedef struct {
  guint64 messages, recent, uid_next, uid_validity, unseen;
} LedgerStatus;

Account *ledger_account_new (const char *user);
const char *ledger_account_get_user (const Account *account);

/* ---- Mailboxes ---- */

Mark ledger_mark (Account *account, const char *name);

/* A command that began at @mark was told this of @name. */
char *ledger_open (Account *account, const char *name, const Mark *mark, guint32 uid_validity,
                   guint32 uid_next, Box **out_box);
guint32 ledger_box_get_uid_validity (const Box *box);

void ledger_delete_begin (Account *account, const char *name);
/* It was answered NO. */
void ledger_delete_refused (Account *account, const char *name);
gboolean ledger_may_be_deleted (Box *box);
gboolean ledger_name_may_be_deleted (Account *account, const char *name);

/* STATUS, which began at @mark, told these. */
char *ledger_check_status (Account *account, const char *name, const Mark *mark, const LedgerStatus *status);

/* ---- Messages ---- */

/* A session that was opened at @opened sees @uid. */
char *ledger_observe (Box *box, guint32 uid, gint64 opened);

/* A session was told EXPUNGE for @uid. */
char *ledger_expunged (Box *box, guint32 uid);

gboolean ledger_may_be_gone (Box *box, guint32 uid);

/* @uids: what a session's mailbox has, in order; @unknown: how many more, whose UIDs it does not know. The
 * command began at @start. @expunges: could it be told of expunged messages? */
char *ledger_check_content (Box *box, const GArray *uids, guint unknown, gint64 start, gboolean expunges);

/* APPEND, COPY and MOVE to @name of @n messages: begun, and what came of it. */
void ledger_add_begin (Account *account, const char *name, guint n);
void ledger_add_end (Account *account, const char *name, guint n, Outcome outcome);
/* One of them has become @uid. @may_set, @may_clear: flags that it may have, and may lack. */
char *ledger_added (Account *account, const char *name, const Mark *mark, guint32 uid_validity, guint32 uid,
                    guint64 serial, guint may_set, guint may_clear);

Removal *ledger_remove_begin (Box *box, const GArray *uids, gboolean move);
/* For MOVE and OK, those in @gone are gone; NULL: nothing is said of single messages. */
void ledger_remove_end (Box *box, Removal *removal, Outcome outcome, const GArray *gone);

/* ---- Flags ---- */

/* A change of @uids, any bit of @may_set to 1 or of @may_clear to 0; its number. */
guint64 ledger_flags_begin (Box *box, const GArray *uids, guint may_set, guint may_clear);
void ledger_flags_end (Box *box, const GArray *uids, guint64 number, Outcome outcome);

/* @flags was told of @uid between @start and now. */
char *ledger_check_flags (Box *box, guint32 uid, guint flags, gint64 start);
/* The bits that may have been 1, and those that may have been 0. */
void ledger_get_flags (Box *box, guint32 uid, gint64 start, guint *out_may_set, guint *out_may_clear);

/* A read-write session was shown \Recent. */
char *ledger_check_recent (Box *box, guint32 uid, guint64 session);

const char *ledger_flag_get_name (guint n);
/* A bit, or 0. */
guint ledger_flag_parse (const char *name, gsize length);
char *ledger_flags_to_string (guint flags);

/* ---- Content ---- */

/* 0: not known yet. */
guint64 ledger_get_serial (Box *box, guint32 uid);
char *ledger_set_serial (Box *box, guint32 uid, guint64 serial);
/* The value of an item that never changes, the same in all copies. */
char *ledger_check_fact (guint64 serial, const char *item, const char *value, gsize length);

/* Forgets what no session can ask for any more; to be called now and then. */
void ledger_sweep (void);
/* Forgets a name that only one client has used, who has no command in progress or mailbox selected there. */
void ledger_forget_name (Account *account, const char *name);

#endif
