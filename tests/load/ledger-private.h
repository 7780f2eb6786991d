/* tests/load/ledger-private.h - the tables behind ledger.h, for the files that keep them.
 *
 * One lock for everything: the work under it is small beside a command's way to the server and back.
 * Functions here are to be called with the lock held.
 *
 * ledger.c has accounts, names and mailboxes, ledger-messages.c what is in a mailbox, ledger-removals.c what
 * takes messages away, ledger-flags.c what changes their flags.
 */
#ifndef LEDGER_PRIVATE_H
#define LEDGER_PRIVATE_H

#include "checker.h"
#include "ledger.h"

/* How long a command of a broken connection may still be carried out, and how long a session may go on
 * without hearing of what has happened. */
#define ABORTED_FOR (60 * SECOND)
#define KEEP_FOR    (180 * SECOND)
/* How long after it has arrived a client may read what a server has sent. */
#define HEARD_WITHIN (10 * SECOND)

typedef struct {
  guint64 number;
  gint64 start;
  gint64 end;    /* certainly carried out by then; NEVER: in progress, or perhaps not at all */
  gint64 latest; /* not carried out later than this */
  guint16 may_set, may_clear;
} Change;

typedef struct {
  guint32 uid;
  guint64 serial;
  gint64 first_seen;  /* when somebody was first told of it */
  gint64 confirmed;   /* when it certainly was there; NEVER: not known */
  gint64 gone;        /* when somebody was told that it is expunged; NEVER: nobody */
  gboolean removable; /* something that was over may have expunged it */
  guint64 recent_in;  /* the session that was shown \Recent */
  gboolean explained; /* APPENDUID or COPYUID told of it, or it was there before the checker */
  GArray *changes;    /* of Change */
} Entry;

struct Removal {
  gint64 start;
  gint64 latest; /* NEVER: in progress */
  GArray *uids;  /* NULL: all */
  gboolean move; /* also without \Deleted */
};

struct Box {
  Account *account;
  guint32 uid_validity;
  guint32 uid_next;    /* the highest that was told */
  GHashTable *names;   /* it had; set of strings */
  GHashTable *entries; /* by UID */
  GByteArray *gone;    /* of those that are forgotten, a bit by UID */
  GPtrArray *removals;
  guint32 base;      /* messages below were there before the checker; 0: not known yet */
  guint unexplained; /* entries, also forgotten ones, that nobody is known to have added */
  gint64 dead_since; /* when a sweep saw first that it may be deleted; 0: not */
};

typedef struct {
  guint32 uid_validity; /* the highest that was told */
  guint boxes;          /* so many UIDVALIDITY were seen */
  guint deletes;        /* so many were begun */
  guint adding;         /* messages that commands in progress may add, or broken ones may have added */
} Name;

struct Account {
  char *user;
  GHashTable *names; /* Name by name */
  GHashTable *boxes; /* Box by UIDVALIDITY */
};

extern GMutex ledger_lock;

/* Made if need be. */
Name *ledger_name_get (Account *account, const char *text);
/* @name has @uid_validity, and had what @mark says earlier. What is wrong, or NULL. */
char *ledger_name_take_validity (Account *account, const char *text, const Mark *mark, guint32 uid_validity,
                                 Box **out_box);

/* NULL: there is none. */
Entry *ledger_box_lookup_entry (const Box *box, guint32 uid);
/* Made if need be: then nothing is known of its flags but that they were set before now. */
Entry *ledger_box_get_entry (Box *box, guint32 uid);
/* Its entry is freed; it must never be seen again. */
void ledger_box_note_forgotten (Box *box, guint32 uid);
void ledger_entry_free (Entry *entry);
gboolean ledger_box_may_be_deleted (Box *box);

/* A change that has begun at @start and is not over. */
Change *ledger_entry_add_change (Entry *entry, gint64 start, guint may_set, guint may_clear);
/* The flags that it came with take the place of what was not known of them. */
void ledger_entry_set_origin (Entry *entry, gint64 start, gint64 now, guint may_set, guint may_clear);
void ledger_entry_get_flags (const Entry *entry, gint64 start, gint64 end, guint *out_may_set,
                             guint *out_may_clear);

gboolean ledger_entry_may_be_gone (const Box *box, const Entry *entry);
/* Those of which nothing more can come are over: what they may have taken is marked, so that they need not be
 * remembered. */
void ledger_box_settle_removals (Box *box, gint64 now);

#endif
