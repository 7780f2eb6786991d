/* storage-postgresql/known.h - the mailboxes that this process deals with, and how far it has seen each; or
 * the accounts.
 *
 * By it the repair check finds what no notification told of, and that the database has fallen back behind
 * what clients were told (watch.c). What nobody has asked for in a long time is forgotten. Any thread; one
 * short lock.
 */
#ifndef STORAGE_POSTGRESQL_KNOWN_H
#define STORAGE_POSTGRESQL_KNOWN_H

#include <coffer/types.h>

typedef struct {
  CfAccountId account;
  CfMailboxId mailbox;
  guint64 modseq; /* the highest that was reported of this UIDVALIDITY */
  guint64 told;   /* known.c's: up to where it is no news: core was told, or has done it itself */
  guint32 uid_validity;
  guint name_hash;
} KnownMailbox;

typedef struct _Known Known;

Known *known_new (void);
void known_free (Known *known);

/* The database has said so, and it is durable. @own: of what this process has just committed, which is no
 * news to it. TRUE: it was known by another name. */
gboolean known_note (Known *known, const KnownMailbox *state, gboolean own);
/* This process has given it the name with that hash. */
void known_rename (Known *known, CfAccountId account, CfMailboxId mailbox, guint name_hash);
/* Core is told that another process has changed it up to @modseq. */
void known_tell (Known *known, CfAccountId account, CfMailboxId mailbox, guint64 modseq);

typedef enum {
  KNOWN_CHANGED = 1 << 0,
  KNOWN_RENEWED = 1 << 1, /* another UIDVALIDITY */
  KNOWN_RENAMED = 1 << 2,
} KnownNews;

/* What of @state, which the database has just said, core is to be told (KnownNews); it is no news from here
 * on. */
guint known_take_news (Known *known, const KnownMailbox *state);
void known_forget (Known *known, CfAccountId account, CfMailboxId mailbox);
/* All, by account and mailbox; the caller unrefs. */
GArray *known_list (Known *known);

#endif
