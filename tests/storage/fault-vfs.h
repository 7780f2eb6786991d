/* tests/storage/fault-vfs.h - SQLite's own file layer, which counts, delays and fails on demand.
 *
 * Registered as the default before a store is opened, so the plugin under test runs unchanged. Counters and
 * faults are for all files of the process; atomic.
 */
#ifndef FAULT_VFS_H
#define FAULT_VFS_H

#include <glib.h>

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

#endif
