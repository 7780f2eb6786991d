/* tests/storage/fault-vfs.c - see fault-vfs.h. Every method passes the call on to the default VFS's file,
 * which lies right behind ours in memory. */
#include "fault-vfs.h"

#include <sqlite3.h>
#include <string.h>

FaultVfs fault_vfs = { .fail_after = -1 };

static sqlite3_vfs *real_vfs;

typedef struct {
  sqlite3_file base;
  sqlite3_io_methods methods;
  sqlite3_file *real;
  const char *name; /* SQLite keeps it as long as the file is open */
} FaultFile;

static struct {
  GMutex lock;
  FaultRun run;
  guint64 calls, hits, quota;
} faults;

#define REAL(file) (((FaultFile *) (file))->real)

/* Whether this write or sync is to fail. */
static gboolean
fault_is_due (void)
{
  gint left = g_atomic_int_get (&fault_vfs.fail_after);

  if (left < 0)
    return FALSE;
  if (left == 0)
    return TRUE;
  g_atomic_int_add (&fault_vfs.fail_after, -1);
  return FALSE;
}

void
fault_vfs_set_run (const FaultRun *run)
{
  g_mutex_lock (&faults.lock);
  faults.run = run != NULL ? *run : (FaultRun){ 0 };
  if (run != NULL)
    faults.calls = faults.hits = 0;
  g_mutex_unlock (&faults.lock);
}

guint64
fault_vfs_get_calls (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&faults.lock);

  return faults.calls;
}

guint64
fault_vfs_get_hits (void)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&faults.lock);

  return faults.hits;
}

void
fault_vfs_set_quota (guint64 octets)
{
  g_mutex_lock (&faults.lock);
  faults.quota = octets;
  g_mutex_unlock (&faults.lock);
}

/* What the call is to return in place of being made; SQLITE_OK: it is to be made. */
static int
fault_meet (FaultOps op)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&faults.lock);

  if ((faults.run.ops & op) == 0)
    return SQLITE_OK;
  faults.calls++;
  if (faults.calls < faults.run.first || faults.calls - faults.run.first >= faults.run.times)
    return SQLITE_OK;
  faults.hits++;
  return faults.run.code;
}

static gboolean
fault_is_beyond_quota (sqlite3_file *file, sqlite3_int64 end)
{
  sqlite3_int64 size = 0;
  guint64 quota;

  g_mutex_lock (&faults.lock);
  quota = faults.quota;
  g_mutex_unlock (&faults.lock);
  return quota != 0 && (guint64) end > quota
         && (REAL (file)->pMethods->xFileSize (REAL (file), &size) != SQLITE_OK || end > size);
}

static int
fault_close (sqlite3_file *file)
{
  return REAL (file)->pMethods->xClose (REAL (file));
}

static int
fault_read (sqlite3_file *file, void *data, int n, sqlite3_int64 offset)
{
  int fault = fault_meet (FAULT_READ);

  if (fault != SQLITE_OK)
    return fault;
  g_atomic_pointer_add (&fault_vfs.read, n);
  return REAL (file)->pMethods->xRead (REAL (file), data, n, offset);
}

static int
fault_write (sqlite3_file *file, const void *data, int n, sqlite3_int64 offset)
{
  int fault = fault_meet (FAULT_WRITE);

  g_atomic_int_inc (&fault_vfs.writes);
  if (fault != SQLITE_OK)
    return fault;
  if (fault_is_due ())
    return fault_vfs.fail_code;
  if (fault_is_beyond_quota (file, offset + n))
    return SQLITE_FULL;
  return REAL (file)->pMethods->xWrite (REAL (file), data, n, offset);
}

static int
fault_truncate (sqlite3_file *file, sqlite3_int64 size)
{
  int fault = fault_meet (FAULT_TRUNCATE);

  if (fault != SQLITE_OK)
    return fault;
  return REAL (file)->pMethods->xTruncate (REAL (file), size);
}

static void
fault_keep_durable (const char *name)
{
  g_autofree char *copy = g_strconcat (name, ".durable", NULL);
  g_autofree char *content = NULL;
  gsize length;

  if (!g_file_get_contents (name, &content, &length, NULL)
      || !g_file_set_contents (copy, content, (gssize) length, NULL))
    g_error ("cannot copy %s", name);
}

static int
fault_sync (sqlite3_file *file, int flags)
{
  int fault = fault_meet (FAULT_SYNC);

  g_atomic_int_inc (&fault_vfs.syncs);
  if (fault != SQLITE_OK)
    return fault;
  if (fault_vfs.sync_sleep > 0)
    g_usleep ((gulong) fault_vfs.sync_sleep);
  if (fault_is_due ())
    return SQLITE_IOERR_FSYNC;
  if (g_atomic_int_get (&fault_vfs.keep_durable) && ((FaultFile *) file)->name != NULL)
    fault_keep_durable (((FaultFile *) file)->name);
  return REAL (file)->pMethods->xSync (REAL (file), flags);
}

static int
fault_file_size (sqlite3_file *file, sqlite3_int64 *size)
{
  int fault = fault_meet (FAULT_SIZE);

  if (fault != SQLITE_OK)
    return fault;
  return REAL (file)->pMethods->xFileSize (REAL (file), size);
}

static int
fault_lock (sqlite3_file *file, int level)
{
  int fault = fault_meet (FAULT_LOCK);

  if (fault != SQLITE_OK)
    return fault;
  return REAL (file)->pMethods->xLock (REAL (file), level);
}

static int
fault_unlock (sqlite3_file *file, int level)
{
  return REAL (file)->pMethods->xUnlock (REAL (file), level);
}

static int
fault_check_reserved (sqlite3_file *file, int *out)
{
  return REAL (file)->pMethods->xCheckReservedLock (REAL (file), out);
}

static int
fault_control (sqlite3_file *file, int op, void *arg)
{
  return REAL (file)->pMethods->xFileControl (REAL (file), op, arg);
}

static int
fault_sector_size (sqlite3_file *file)
{
  return REAL (file)->pMethods->xSectorSize (REAL (file));
}

static int
fault_characteristics (sqlite3_file *file)
{
  return REAL (file)->pMethods->xDeviceCharacteristics (REAL (file));
}

static int
fault_shm_map (sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
  int fault = fault_meet (FAULT_SHM_MAP);

  if (fault != SQLITE_OK)
    return fault;
  return REAL (file)->pMethods->xShmMap (REAL (file), page, size, extend, out);
}

static int
fault_shm_lock (sqlite3_file *file, int offset, int n, int flags)
{
  /* Letting go does not fail. */
  int fault = flags & SQLITE_SHM_LOCK ? fault_meet (FAULT_SHM_LOCK) : SQLITE_OK;

  if (fault != SQLITE_OK)
    return fault;
  return REAL (file)->pMethods->xShmLock (REAL (file), offset, n, flags);
}

static void
fault_shm_barrier (sqlite3_file *file)
{
  REAL (file)->pMethods->xShmBarrier (REAL (file));
}

static int
fault_shm_unmap (sqlite3_file *file, int delete)
{
  return REAL (file)->pMethods->xShmUnmap (REAL (file), delete);
}

static int
fault_open (sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
  FaultFile *self = (FaultFile *) file;
  int rc = fault_meet (FAULT_OPEN);

  memset (self, 0, sizeof *self);
  if (rc != SQLITE_OK)
    return rc;
  self->real = (sqlite3_file *) (self + 1);
  self->name = name;
  rc = real_vfs->xOpen (real_vfs, name, self->real, flags, out_flags);
  if (self->real->pMethods == NULL)
    return rc;
  self->methods = (sqlite3_io_methods){ .iVersion = 2,
                                        .xClose = fault_close,
                                        .xRead = fault_read,
                                        .xWrite = fault_write,
                                        .xTruncate = fault_truncate,
                                        .xSync = fault_sync,
                                        .xFileSize = fault_file_size,
                                        .xLock = fault_lock,
                                        .xUnlock = fault_unlock,
                                        .xCheckReservedLock = fault_check_reserved,
                                        .xFileControl = fault_control,
                                        .xSectorSize = fault_sector_size,
                                        .xDeviceCharacteristics = fault_characteristics,
                                        .xShmMap = fault_shm_map,
                                        .xShmLock = fault_shm_lock,
                                        .xShmBarrier = fault_shm_barrier,
                                        .xShmUnmap = fault_shm_unmap };
  self->base.pMethods = &self->methods;
  return rc;
}

void
fault_vfs_register (void)
{
  static sqlite3_vfs vfs;

  real_vfs = sqlite3_vfs_find (NULL);
  vfs = *real_vfs;
  vfs.zName = "fault";
  vfs.szOsFile = (int) sizeof (FaultFile) + real_vfs->szOsFile;
  vfs.xOpen = fault_open;
  sqlite3_vfs_register (&vfs, 1);
}
