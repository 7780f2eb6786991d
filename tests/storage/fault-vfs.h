/* tests/storage/fault-vfs.h - SQLite's own file layer, which counts, delays and fails on demand.
 *
 * Registered as the default before a store is opened, so the plugin under test runs unchanged. Counters and
 * faults are for all files of the process; atomic. Part of the unit tests of storage-sqlite, and, as the
 * module failing-disk, of a whole server.
 */
#ifndef FAULT_VFS_H
#define FAULT_VFS_H

#include <glib.h>

/* What a file is asked to do; bits. */
typedef enum {
  FAULT_WRITE = 1 << 0,
  FAULT_SYNC = 1 << 1,
  FAULT_READ = 1 << 2,
  FAULT_TRUNCATE = 1 << 3,
  FAULT_SIZE = 1 << 4,
  FAULT_LOCK = 1 << 5,
  FAULT_OPEN = 1 << 6,
  FAULT_SHM_MAP = 1 << 7,
  FAULT_SHM_LOCK = 1 << 8,
} FaultOps;

/* A run of calls that fail, counted over all files from when it is set. */
typedef struct {
  guint ops; /* FaultOps that count and fail; 0: none */
  int code;  /* what they return */
  guint64 first, times;
} FaultRun;

typedef struct {
  gint syncs;        /* xSync calls */
  gint writes;       /* xWrite calls */
  gssize read;       /* octets read */
  gint sync_sleep;   /* microseconds that each xSync takes longer */
  gint fail_after;   /* this many more writes and syncs succeed, then all fail; -1: never */
  gint fail_code;    /* SQLite's result code for them; a failing sync gives SQLITE_IOERR_FSYNC */
  gint keep_durable; /* each xSync copies the file to NAME.durable: what a power failure would leave of it */
} FaultVfs;

extern FaultVfs fault_vfs;

void fault_vfs_register (void);

/* Replaces the run before; NULL: no more faults. Any thread. */
void fault_vfs_set_run (const FaultRun *run);
/* How many calls have counted for the present run, or the last one. */
guint64 fault_vfs_get_calls (void);
/* ... and how many of them have failed. */
guint64 fault_vfs_get_hits (void);
/* The disk is full when a file would become longer than this; 0: it has room. Any thread. */
void fault_vfs_set_quota (guint64 octets);

#endif
