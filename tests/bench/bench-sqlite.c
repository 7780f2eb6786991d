/* tests/bench/bench-sqlite.c - what writing to the embedded store costs.
 *
 *   bench-sqlite [ROUNDS]
 *
 * Each comparison runs its ways of doing the same work in turn, round after round, in one process and on one
 * store, so that whatever else the machine does meets all of them alike; the order turns round with each
 * round. Printed are the medians, and over the rounds the median (and range) of each way's rate against the
 * first one's. The store lies below TMPDIR: that has to be a disk for the syncs to be real.
 */
#include "../storage/sqlite-fixture.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
  THREADS = 8,
  COMMITS = 800, /* of each run, by all threads together; each thread's share is even */
  MANY = 10000,
  APPENDS = 100,
  SYNCS = 100,
  MAX_ROUNDS = 99,
};

typedef struct {
  Fixture *fixture;
  CfStoreConn *conns[THREADS];
  CfMailboxId mailboxes[THREADS]; /* with THREADS messages each */
  CfMailboxId large;              /* with MANY */
  CfMailboxId filled;             /* by the appends */
  gboolean flagged;               /* what `large` has, every message of it */
  CfAppend append;
} Bench;

/* ---- Writes ------------------------------------------------------------------------------------------ */

/* Commits @batch and takes it over. */
static void
commit (Bench *bench, CfStoreConn *conn, CfWriteBatch *batch)
{
  g_autoptr (CfWriteBatch) owned = batch;
  g_autoptr (GError) error = NULL;

  if (!bench->fixture->class->commit (conn, &fixture_call, batch, &error))
    g_error ("commit failed: %s", error->message);
  for (guint i = 0; i < cf_write_batch_get_n_ops (batch); i++)
    g_assert_no_error (cf_write_batch_get_result (batch, i)->error);
}

static void
store (Bench *bench, CfStoreConn *conn, CfMailboxId mailbox, guint32 first, guint32 last, gboolean add)
{
  g_autoptr (CfUidSet) uids = cf_uid_set_new ();
  CfWriteOp op = { .struct_size = sizeof op,
                   .kind = CF_WRITE_STORE,
                   .uids = uids,
                   .mode = add ? CF_STORE_ADD : CF_STORE_REMOVE,
                   .flags = CF_FLAG_FLAGGED,
                   .unchanged_since = G_MAXUINT64 };
  CfWriteBatch *batch = cf_write_batch_new (bench->fixture->account, mailbox, 0, 0, 0);

  cf_uid_set_add_range (uids, first, last);
  cf_write_batch_add_op (batch, &op);
  commit (bench, conn, batch);
}

static void
append (Bench *bench, CfMailboxId mailbox, guint n)
{
  CfWriteOp op = { .struct_size = sizeof op, .kind = CF_WRITE_APPEND, .append = &bench->append };
  CfWriteBatch *batch = cf_write_batch_new (bench->fixture->account, mailbox, 0, 0, 0);

  for (guint i = 0; i < n; i++)
    cf_write_batch_add_op (batch, &op);
  commit (bench, bench->fixture->conn, batch);
}

/* ---- Ways of doing it -------------------------------------------------------------------------------- */

typedef struct {
  Bench *bench;
  CfStoreConn *conn;
  CfMailboxId mailbox;
  guint32 uid;
  guint commits;
} Writer;

static gpointer
write_flags (gpointer data)
{
  Writer *writer = data;

  for (guint i = 0; i < writer->commits; i++)
    store (writer->bench, writer->conn, writer->mailbox, writer->uid, writer->uid, i % 2 == 0);
  return NULL;
}

static void
commit_by_threads (Bench *bench, guint n, gboolean one_mailbox)
{
  Writer writers[THREADS];
  GThread *threads[THREADS];

  for (guint i = 0; i < n; i++) {
    writers[i]
        = (Writer){ bench, bench->conns[i], bench->mailboxes[one_mailbox ? 0 : i], i + 1, COMMITS / n };
    threads[i] = g_thread_new ("writer", write_flags, &writers[i]);
  }
  for (guint i = 0; i < n; i++)
    g_thread_join (threads[i]);
}

static void
commit_alone (Bench *bench)
{
  commit_by_threads (bench, 1, TRUE);
}

static void
commit_one_mailbox (Bench *bench)
{
  commit_by_threads (bench, THREADS, TRUE);
}

static void
commit_own_mailboxes (Bench *bench)
{
  commit_by_threads (bench, THREADS, FALSE);
}

static void
store_in_steps (Bench *bench, guint step)
{
  bench->flagged = !bench->flagged;
  for (guint32 uid = 1; uid <= MANY; uid += step)
    store (bench, bench->fixture->conn, bench->large, uid, uid + step - 1, bench->flagged);
}

static void
store_by_hundreds (Bench *bench)
{
  store_in_steps (bench, 100);
}

static void
store_at_once (Bench *bench)
{
  store_in_steps (bench, MANY);
}

static void
append_one_by_one (Bench *bench)
{
  for (guint i = 0; i < APPENDS; i++)
    append (bench, bench->filled, 1);
}

static void
append_at_once (Bench *bench)
{
  append (bench, bench->filled, APPENDS);
}

typedef struct {
  const char *title;
  const char *unit;
  guint units; /* of work in one run */
  struct {
    const char *name; /* NULL: there is no third */
    void (*run) (Bench *bench);
  } ways[3];
} Comparison;

static const Comparison comparisons[] = {
  { "Commits of one STORE of one message",
    "commits",
    COMMITS,
    { { "1 thread", commit_alone },
      { "8 threads, one mailbox", commit_one_mailbox },
      { "8 threads, 8 mailboxes", commit_own_mailboxes } } },
  { "STORE on 10,000 messages",
    "messages",
    MANY,
    { { "100 commits of 100", store_by_hundreds }, { "one commit", store_at_once } } },
  { "APPEND of 100 small messages",
    "messages",
    APPENDS,
    { { "one by one", append_one_by_one }, { "one batch", append_at_once } } },
};

/* ---- Measuring --------------------------------------------------------------------------------------- */

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a, y = *(const double *) b;

  return (x > y) - (x < y);
}

static void
sort (double *values, guint n)
{
  qsort (values, n, sizeof *values, compare_doubles);
}

/* Of sorted values. */
static double
median (const double *values, guint n)
{
  return n % 2 != 0 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static double
seconds_since (gint64 start)
{
  return (double) (g_get_monotonic_time () - start) / G_USEC_PER_SEC;
}

static void
compare (Bench *bench, const Comparison *comparison, guint rounds)
{
  double seconds[3][MAX_ROUNDS], ratios[3][MAX_ROUNDS];
  guint n = comparison->ways[2].name != NULL ? 3 : 2;

  for (guint way = 0; way < n; way++) /* warm */
    comparison->ways[way].run (bench);
  for (guint round = 0; round < rounds; round++) {
    for (guint i = 0; i < n; i++) {
      guint way = round % 2 == 0 ? i : n - 1 - i;
      gint64 start = g_get_monotonic_time ();

      comparison->ways[way].run (bench);
      seconds[way][round] = seconds_since (start);
    }
    for (guint way = 0; way < n; way++)
      ratios[way][round] = seconds[0][round] / seconds[way][round];
  }
  g_print ("%s\n", comparison->title);
  for (guint way = 0; way < n; way++) {
    sort (seconds[way], rounds);
    sort (ratios[way], rounds);
    g_print ("  %-24s %8.1f ms %8.0f %s/s  x %.2f (%.2f to %.2f)\n", comparison->ways[way].name,
             median (seconds[way], rounds) * 1000, comparison->units / median (seconds[way], rounds),
             comparison->unit, median (ratios[way], rounds), ratios[way][0], ratios[way][rounds - 1]);
  }
}

/* What every commit waits for: the disk. */
static void
measure_sync (const Bench *bench)
{
  g_autofree char *path = g_build_filename (bench->fixture->directory, "sync", NULL);
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  double seconds[SYNCS];
  char block[4096] = { 0 };

  if (fd < 0)
    g_error ("Cannot open %s", path);
  for (guint i = 0; i < SYNCS; i++) {
    gint64 start = g_get_monotonic_time ();

    if (write (fd, block, sizeof block) != sizeof block || fdatasync (fd) != 0)
      g_error ("Cannot write %s", path);
    seconds[i] = seconds_since (start);
  }
  close (fd);
  unlink (path);
  sort (seconds, SYNCS);
  g_print ("A write of 4 KB and fdatasync: %.2f ms\n", median (seconds, SYNCS) * 1000);
}

/* ---- The store --------------------------------------------------------------------------------------- */

typedef struct {
  CfMailboxSink sink;
  CfMailboxId id;
} Created;

static void
created_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
  ((Created *) sink)->id = info->id;
}

static CfMailboxId
create (Bench *bench, const char *name, guint n_messages)
{
  Created created = { { sizeof (CfMailboxSink), created_mailbox }, 0 };
  g_autoptr (GError) error = NULL;

  bench->fixture->class->mailbox_create (bench->fixture->conn, &fixture_call, bench->fixture->account, name,
                                         0, &created.sink, &error);
  g_assert_no_error (error);
  if (n_messages > 0)
    append (bench, created.id, n_messages);
  return created.id;
}

static void
fill (Bench *bench)
{
  for (guint i = 0; i < THREADS; i++) {
    g_autofree char *name = g_strdup_printf ("box%u", i);

    bench->mailboxes[i] = create (bench, name, THREADS);
    bench->conns[i] = fixture_connect (bench->fixture);
  }
  bench->large = create (bench, "large", MANY);
  bench->filled = create (bench, "filled", 0);
}

int
main (int argc, char **argv)
{
  guint rounds = argc > 1 ? (guint) CLAMP (atoi (argv[1]), 1, MAX_ROUNDS) : 9;
  g_autofree char *text = g_strnfill (800, 't');
  g_autofree char *message = fixture_message ("bench", text);
  g_autoptr (GBytes) bytes = g_bytes_new_static (message, strlen (message));
  g_autoptr (CfSource) source = cf_source_new_bytes (bytes);
  g_autoptr (CfFacts) facts = cf_facts_scan (source, NULL);
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  Bench bench = { .fixture = fixture,
                  .append = { .struct_size = sizeof (CfAppend),
                              .internal_date = 1700000000,
                              .size = strlen (message),
                              .octets = source,
                              .facts = facts } };

  g_print ("%u rounds, store in %s\n", rounds, fixture->directory);
  measure_sync (&bench);
  fill (&bench);
  for (guint i = 0; i < G_N_ELEMENTS (comparisons); i++)
    compare (&bench, &comparisons[i], rounds);
  fixture_check (fixture);
  for (guint i = 0; i < THREADS; i++)
    fixture->class->disconnect (bench.conns[i]);
  return 0;
}
