/* tests/sanitize/planted.c - one planted fault, or something that only looks like one.
 *
 *   planted NAME
 *
 * test-planted.py runs it in a build with sanitizers: each fault must be reported, and nothing must be said
 * of what is correct. A sanitizer that reports nothing proves something only after this.
 */
#include <glib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static gpointer volatile kept;
static gint shared;
static GMutex lock, second_lock;
static GRWLock rw_lock;
static GCond cond;
static GHashTable *table;
static gboolean ready;

/* Runs @run in two threads at a time, with 0 and 1. */
static void
run_two (GThreadFunc run)
{
  GThread *one = g_thread_new ("one", run, GINT_TO_POINTER (0));
  GThread *two = g_thread_new ("two", run, GINT_TO_POINTER (1));

  g_thread_join (one);
  g_thread_join (two);
}

/* ---- AddressSanitizer ---------------------------------------------------------------------------------- */

static void
heap_overflow (void)
{
  kept = malloc (8);
  ((volatile char *) kept)[8] = 'x';
}

static void
use_after_free (void)
{
  char *volatile octets = g_malloc (8);

  g_free (octets);
  printf ("%d\n", ((volatile char *) octets)[0]);
}

static void
slice_overflow (void)
{
  kept = g_slice_alloc (24);
  ((volatile char *) kept)[24] = 'x';
}

static void
leak (void)
{
  kept = malloc (1000);
  kept = NULL;
}

/* ---- UndefinedBehaviorSanitizer ------------------------------------------------------------------------ */

static void
integer_overflow (void)
{
  volatile gint number = G_MAXINT;

  number = number + 1;
}

static void
shift (void)
{
  volatile guint by = 32;

  shared = 1 << by;
}

static void
float_cast (void)
{
  volatile double number = 1e30;

  shared = (gint) number;
}

/* ---- ThreadSanitizer ----------------------------------------------------------------------------------- */

static gpointer
count_unguarded (gpointer number)
{
  for (guint i = 0; i < 1000; i++)
    shared++;
  return NULL;
}

static void
race (void)
{
  run_two (count_unguarded);
}

static gpointer
insert_unguarded (gpointer number)
{
  for (gint i = 0; i < 10; i++)
    if (number != NULL)
      g_hash_table_insert (table, GINT_TO_POINTER (i), table);
    else
      g_hash_table_lookup (table, GINT_TO_POINTER (i));
  return NULL;
}

static void
container_race (void)
{
  table = g_hash_table_new (NULL, NULL);
  run_two (insert_unguarded);
  g_hash_table_unref (table);
}

static gpointer
lock_in_turn (gpointer number)
{
  GMutex *outer = number != NULL ? &lock : &second_lock;
  GMutex *inner = number != NULL ? &second_lock : &lock;

  g_mutex_lock (outer);
  g_mutex_lock (inner);
  g_mutex_unlock (inner);
  g_mutex_unlock (outer);
  return NULL;
}

/* One after the other: no deadlock, only the possibility of one. */
static void
lock_order (void)
{
  g_thread_join (g_thread_new ("one", lock_in_turn, GINT_TO_POINTER (0)));
  g_thread_join (g_thread_new ("two", lock_in_turn, GINT_TO_POINTER (1)));
}

/* ---- Correct ------------------------------------------------------------------------------------------- */

static gpointer
count_guarded (gpointer number)
{
  for (guint i = 0; i < 1000; i++) {
    g_mutex_lock (&lock);
    shared++;
    g_mutex_unlock (&lock);
    if (g_mutex_trylock (&lock)) {
      shared++;
      g_mutex_unlock (&lock);
    }
  }
  return NULL;
}

static void
mutex (void)
{
  run_two (count_guarded);
}

static gpointer
wait_or_signal (gpointer number)
{
  g_autoptr (GMutexLocker) locker = NULL;

  if (number != NULL)
    shared = 1;
  locker = g_mutex_locker_new (&lock);
  if (number != NULL) {
    ready = TRUE;
    g_cond_signal (&cond);
  }
  while (!ready)
    g_cond_wait (&cond, &lock);
  g_clear_pointer (&locker, g_mutex_locker_free);
  if (number == NULL)
    shared = 2;
  return NULL;
}

static void
condition (void)
{
  run_two (wait_or_signal);
}

static gpointer
read_and_write (gpointer number)
{
  for (guint i = 0; i < 1000; i++) {
    g_autoptr (GRWLockReaderLocker) reader = g_rw_lock_reader_locker_new (&rw_lock);
    gint seen = shared;

    g_clear_pointer (&reader, g_rw_lock_reader_locker_free);
    g_rw_lock_writer_lock (&rw_lock);
    shared = seen + 1;
    g_rw_lock_writer_unlock (&rw_lock);
  }
  return NULL;
}

static void
reader_writer_lock (void)
{
  run_two (read_and_write);
}

static gpointer
use_once (gpointer number)
{
  static gsize once;

  if (g_once_init_enter (&once)) {
    shared = 7;
    g_once_init_leave (&once, 1);
  }
  return shared == 7 ? NULL : number;
}

static void
once_only (void)
{
  run_two (use_once);
}

typedef struct {
  gatomicrefcount count;
  gint value;
} Counted;

static gpointer
drop_reference (gpointer number)
{
  Counted *counted = kept;

  if (counted->value != 7)
    abort ();
  if (g_atomic_ref_count_dec (&counted->count)) {
    counted->value = 0;
    g_free (counted);
  }
  return NULL;
}

static void
reference_count (void)
{
  for (guint i = 0; i < 100; i++) {
    Counted *counted = g_new0 (Counted, 1);

    g_atomic_ref_count_init (&counted->count);
    g_atomic_ref_count_inc (&counted->count);
    counted->value = 7;
    kept = counted;
    run_two (drop_reference);
  }
}

static gpointer
drop_bytes (gpointer number)
{
  GBytes *bytes = kept;

  if (((const char *) g_bytes_get_data (bytes, NULL))[0] != 'o')
    abort ();
  g_bytes_unref (bytes);
  return NULL;
}

static void
byte_references (void)
{
  for (guint i = 0; i < 100; i++) {
    GBytes *bytes = g_bytes_new ("octets", 6);

    kept = g_bytes_ref (bytes);
    run_two (drop_bytes);
  }
}

static const struct {
  const char *name;
  void (*run) (void);
} plants[] = {
  { "heap-overflow", heap_overflow },
  { "use-after-free", use_after_free },
  { "slice-overflow", slice_overflow },
  { "leak", leak },
  { "integer-overflow", integer_overflow },
  { "shift", shift },
  { "float-cast", float_cast },
  { "race", race },
  { "container-race", container_race },
  { "lock-order", lock_order },
  { "mutex", mutex },
  { "condition", condition },
  { "reader-writer-lock", reader_writer_lock },
  { "once", once_only },
  { "reference-count", reference_count },
  { "byte-references", byte_references },
};

int
main (int argc, char **argv)
{
  for (guint i = 0; argc == 2 && i < G_N_ELEMENTS (plants); i++)
    if (strcmp (argv[1], plants[i].name) == 0) {
      plants[i].run ();
      return 0;
    }
  fprintf (stderr, "Usage: planted NAME\n");
  return 64;
}
