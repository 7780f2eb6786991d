/* tests/storage/sqlite-fixture.h - a storage-sqlite store in a directory of its own, and short words for what
 * the tests do with it. A failure that a test does not ask for ends the program. */
#ifndef SQLITE_FIXTURE_H
#define SQLITE_FIXTURE_H

#include "mime/mime.h"
#include "module/loader.h"
#include "store/batch.h"

#include <coffer/coffer.h>

typedef struct {
  char *directory, *path;
  const CfStorageClass *class;
  CfStore *store;
  CfStoreConn *conn;
  CfAccountId account;
  CfMailboxId inbox;
} Fixture;

extern const CfCall fixture_call; /* no deadline */

/* @settings: further lines of [storage-sqlite], or NULL. Makes the account "a@example.org". */
Fixture *fixture_new (const char *settings);
void fixture_free (Fixture *fixture);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Fixture, fixture_free)
/* Closes the store and opens it again. */
void fixture_reopen (Fixture *fixture);
CfStoreConn *fixture_connect (Fixture *fixture);

/* A message with this Subject, Message-ID and text. */
char *fixture_message (const char *subject, const char *text);

/* Appends @octets to @mailbox; n_segments 0: all inline. 0: failed, with @error. */
guint32 fixture_append (Fixture *fixture, CfStoreConn *conn, CfMailboxId mailbox, const char *octets,
                        gsize length, guint n_segments, const CfSegment *const *segments, GError **error);
/* The same for a short message into the INBOX. */
guint32 fixture_append_text (Fixture *fixture, CfStoreConn *conn, const char *text, GError **error);
/* Carries out one operation on the INBOX; the batch has its result. */
CfWriteBatch *fixture_run (Fixture *fixture, const CfWriteOp *op, CfMailboxId destination);

/* Expunges UIDs of the INBOX. */
void fixture_expunge (Fixture *fixture, guint32 first, guint32 last);

/* What index_load reported. */
typedef struct {
  CfIndexSink sink;
  guint32 uid_validity, uid_next, recent_uid;
  guint64 modseq;
  gboolean reset;
  CfUidSet *expunged, *uids;
  GString *text; /* "uid:flags:keywords " for each row */
  CfContentId last_content;
} Index;
Index *fixture_load (Fixture *fixture, CfMailboxId mailbox, guint64 since, gboolean claim);
void index_free (Index *index);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (Index, index_free)
/* The UIDs in the INBOX: "1:3". */
char *fixture_uids (Fixture *fixture);

/* What read answered for one request; NULL: missing. The caller frees. */
GString *fixture_read (Fixture *fixture, CfContentId content, const char *path, CfSectionKind section,
                       guint64 offset, guint64 length);
/* Stores @length octets of @octets under @scope. */
CfObjectId fixture_put (Fixture *fixture, const char *scope, const char *octets, gsize length);
/* Fails unless check finds nothing. */
void fixture_check (Fixture *fixture);

#endif
