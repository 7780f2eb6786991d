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
  guint32 uid_validity;
  guint name_hash;
} KnownMailbox;

typedef struct _Known Known;

Known *known_new (void);
void known_free (Known *known);

/* The database has said so, and it is durable. TRUE: it was known by another name. */
gboolean known_note (Known *known, const KnownMailbox *state);
/* The same, whatever was known before. */
void known_replace (Known *known, const KnownMailbox *state);
void known_forget (Known *known, CfAccountId account, CfMailboxId mailbox);
/* All, by account and mailbox; the caller unrefs. */
GArray *known_list (Known *known);

#endif
