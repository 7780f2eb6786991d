/* storage-sqlite/writer.h - the one connection that writes, and the queue for its turn.
 *
 * A write slot says writer_begin(), writes through the Db it gets, and says writer_end(). Between the two the
 * thread has the turn; nobody else writes. Threads that queue meanwhile join the same transaction, each
 * inside a savepoint of its own, and the last of them commits for all: any number of concurrent writes costs
 * one sync.
 */
#ifndef STORAGE_SQLITE_WRITER_H
#define STORAGE_SQLITE_WRITER_H

#include "db.h"
#include "file-identity.h"

typedef struct _WriterGroup WriterGroup;

typedef struct {
  Db *db;             /* NULL: the store is open for reading only */
  FileIdentity *file; /* the store's; every group looks whether that is still the file at the path */
  GMutex lock;
  GQueue waiting;     /* WriterTicket, in order of arrival */
  gboolean busy;      /* a thread has the turn, or commits */
  WriterGroup *group; /* whose transaction is open, or NULL */
} Writer;

void writer_init (Writer *writer, FileIdentity *file);
void writer_clear (Writer *writer);

/* Waits for the turn, until @call's deadline, and opens a savepoint. NULL: @error, and there is no turn to
 * end. Once it has been given, the deadline counts no more: the write is carried out. */
Db *writer_begin (Writer *writer, const CfCall *call, GError **error);

/* Ends the turn. @ok FALSE: what was written since writer_begin() is undone, and @error is set already. TRUE
 * is returned when it is durable. FALSE otherwise: CF_ERROR_UNAVAILABLE, nothing was stored;
 * CF_ERROR_UNKNOWN, that is not certain. */
gboolean writer_end (Writer *writer, gboolean ok, GError **error);

#endif
