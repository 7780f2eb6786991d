/* tests/storage/test-sqlite.c - what is particular to storage-sqlite: its file, its lock, its write queue,
 * what it does when the disk fails, and how much it reads. The contract itself is the conformance kit's. */
#include "fault-vfs.h"
#include "sqlite-fixture.h"

#include <fcntl.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static gint astray_logged; /* times that the file was said to be another */

static GLogWriterOutput
log_counting (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer user_data)
{
  for (gsize i = 0; i < n && level == G_LOG_LEVEL_CRITICAL; i++) {
    if (g_strcmp0 (fields[i].key, "MESSAGE") != 0
        || strstr (fields[i].value, "is not the file that was opened") == NULL)
      continue;
    g_atomic_int_inc (&astray_logged);
    return G_LOG_WRITER_HANDLED;
  }
  return g_log_writer_default (level, fields, n, user_data);
}

static void
test_reopen (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *message = fixture_message ("one", "hello");
  g_autoptr (Index) index = NULL;
  g_autofree char *uids = NULL;
  GString *octets;
  GStatBuf status;

  g_assert_cmpuint (
      fixture_append (fixture, fixture->conn, fixture->inbox, message, strlen (message), 0, NULL, NULL), ==,
      1);
  index = fixture_load (fixture, fixture->inbox, 0, TRUE);
  g_assert_cmpuint (index->recent_uid, ==, 1);
  fixture_reopen (fixture);
  g_clear_pointer (&index, index_free);
  index = fixture_load (fixture, fixture->inbox, 0, TRUE);
  g_assert_cmpuint (index->recent_uid, ==, 2); /* the claim was written when the store was closed */
  g_assert_cmpuint (index->uid_next, ==, 2);
  octets = fixture_read (fixture, index->last_content, NULL, 0, 0, G_MAXUINT64);
  g_assert_cmpstr (octets->str, ==, message);
  g_string_free (octets, TRUE);
  octets = fixture_read (fixture, index->last_content, "", CF_SECTION_TEXT, 1, 3);
  g_assert_cmpstr (octets->str, ==, "ell");
  g_string_free (octets, TRUE);
  g_assert_cmpint (g_stat (fixture->path, &status), ==, 0);
  g_assert_cmphex (status.st_mode & 0777, ==, 0600);
  fixture_check (fixture);
}

static void
test_lock (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *pid = g_strdup_printf ("%d", (int) getpid ());
  g_autoptr (GError) error = NULL;
  CfStore *second = NULL;

  g_assert_false (fixture->class->open (CF_STORE_OPEN_CREATE, &second, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_INUSE);
  g_assert_nonnull (strstr (error->message, pid));
  g_clear_error (&error);
  g_assert_false (fixture->class->open (CF_STORE_OPEN_READONLY, &second, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_INUSE);
}

static void
test_read_only (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *uids = NULL;

  fixture_append_text (fixture, fixture->conn, "x", NULL);
  fixture->class->disconnect (fixture->conn);
  fixture->class->close (fixture->store);
  fixture->class->open (CF_STORE_OPEN_READONLY, &fixture->store, &error);
  g_assert_no_error (error);
  fixture->conn = fixture_connect (fixture);
  uids = fixture_uids (fixture);
  g_assert_cmpstr (uids, ==, "1");
  g_assert_cmpuint (fixture_append_text (fixture, fixture->conn, "x", &error), ==, 0);
  g_assert_error (error, CF_ERROR, CF_ERROR_CANNOT);
}

/* ---- Durability -------------------------------------------------------------------------------------- */

/* The messages in the database @path. */
static gint
count_messages (const char *path)
{
  sqlite3 *db;
  sqlite3_stmt *statement;
  gint n = -1;

  g_assert_cmpint (sqlite3_open (path, &db), ==, SQLITE_OK);
  sqlite3_prepare_v2 (db, "SELECT count(*) FROM placement", -1, &statement, NULL);
  if (sqlite3_step (statement) == SQLITE_ROW)
    n = sqlite3_column_int (statement, 0);
  sqlite3_finalize (statement);
  sqlite3_close (db);
  return n;
}

/* How many of three messages, each answered with success, are there after the power has failed. */
static gint
count_after_power_failure (const char *settings)
{
  static const char *const names[] = { "", "-wal" };
  g_autoptr (Fixture) fixture = fixture_new (settings);
  g_autofree char *cut = g_strconcat (fixture->path, ".cut", NULL);

  fixture_reopen (fixture); /* so that the file itself is whole, and the log new */
  g_atomic_int_set (&fault_vfs.keep_durable, 1);
  for (guint i = 1; i <= 3; i++)
    g_assert_cmpuint (fixture_append_text (fixture, fixture->conn, "answered", NULL), ==, i);
  g_atomic_int_set (&fault_vfs.keep_durable, 0);
  for (guint i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *durable = g_strconcat (fixture->path, names[i], ".durable", NULL);
    g_autofree char *from
        = g_file_test (durable, G_FILE_TEST_EXISTS) || i > 0 ? g_strdup (durable) : g_strdup (fixture->path);
    g_autofree char *to = g_strconcat (cut, names[i], NULL);
    g_autofree char *content = NULL;
    gsize length;

    if (g_file_get_contents (from, &content, &length, NULL))
      g_assert_true (g_file_set_contents (to, content, (gssize) length, NULL));
  }
  return count_messages (cut);
}

static void
test_power_failure (void)
{
  g_assert_cmpint (count_after_power_failure (NULL), ==, 3);
  /* Proves that the test above can fail. */
  g_assert_cmpint (count_after_power_failure ("synchronous = off\n"), <, 3);
}

/* ---- The write queue --------------------------------------------------------------------------------- */

#define THREADS 8
#define EACH    40

static gpointer
append_many (gpointer data)
{
  Fixture *fixture = data;
  CfStoreConn *conn = fixture_connect (fixture);

  for (guint i = 0; i < EACH; i++) {
    g_autoptr (GError) error = NULL;

    fixture_append_text (fixture, conn, "many", &error);
    g_assert_no_error (error);
  }
  fixture->class->disconnect (conn);
  return NULL;
}

static void
test_group_commit (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  GThread *threads[THREADS];
  g_autofree char *uids = NULL;
  gint before = fault_vfs.syncs;

  fault_vfs.sync_sleep = 2000;
  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("append", append_many, fixture);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  fault_vfs.sync_sleep = 0;
  uids = fixture_uids (fixture);
  g_assert_cmpstr (uids, ==, "1:320");
  g_test_message ("%d syncs for %d commits", fault_vfs.syncs - before, THREADS * EACH);
  g_assert_cmpint (fault_vfs.syncs - before, <, THREADS * EACH / 3);
  fixture_check (fixture);
}

static void
ignore_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
}

/* Every second request fails by itself. */
static gpointer
create_and_fail (gpointer data)
{
  Fixture *fixture = data;
  CfStoreConn *conn = fixture_connect (fixture);
  CfMailboxSink sink = { sizeof sink, ignore_mailbox };
  static gint number;

  for (guint i = 0; i < 200; i++) {
    g_autofree char *name = g_strdup_printf ("box-%d", g_atomic_int_add (&number, 1));
    g_autoptr (GError) error = NULL;

    g_assert_false (
        fixture->class->mailbox_create (conn, &fixture_call, fixture->account, "INBOX", 0, &sink, &error));
    g_assert_error (error, CF_ERROR, CF_ERROR_ALREADYEXISTS);
    g_clear_error (&error);
    if (i % 10 == 0)
      fixture->class->mailbox_create (conn, &fixture_call, fixture->account, name, 0, &sink, &error);
    g_assert_no_error (error);
  }
  fixture->class->disconnect (conn);
  return NULL;
}

/* A group of which all have left, as their requests failed, is still there for the next. */
static void
test_failing_group (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  GThread *threads[THREADS];

  for (guint i = 0; i < THREADS; i++)
    threads[i] = g_thread_new ("create", create_and_fail, fixture);
  for (guint i = 0; i < THREADS; i++)
    g_thread_join (threads[i]);
  fixture_check (fixture);
}

static gpointer
append_one (gpointer data)
{
  Fixture *fixture = data;
  CfStoreConn *conn = fixture_connect (fixture);

  fixture_append_text (fixture, conn, "slow", NULL);
  fixture->class->disconnect (conn);
  return NULL;
}

/* A write that waits for its turn can be withdrawn; nothing of it happens later. */
static void
test_deadline (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  CfCall call = { sizeof call, 0, 1, "test" };
  CfAttributeTarget target = { sizeof target, fixture->account, 0, 0 };
  g_autoptr (GBytes) value = g_bytes_new_static ("v", 1);
  CfAttribute attribute = { sizeof attribute, "late", value };
  const CfAttribute *attributes[] = { &attribute };
  g_autoptr (GError) error = NULL;
  GThread *thread;

  fault_vfs.sync_sleep = 300 * 1000;
  thread = g_thread_new ("append", append_one, fixture);
  g_usleep (100 * 1000);
  call.deadline = g_get_monotonic_time () + 50 * 1000;
  g_assert_false (fixture->class->attribute_set (fixture->conn, &call, &target, 1, attributes, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_thread_join (thread);
  fault_vfs.sync_sleep = 0;
  fixture_check (fixture);
}

/* ---- A failing disk ---------------------------------------------------------------------------------- */

/* Lets every write and sync of an append fail in turn, until one goes through. */
static void
try_failures (int code)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  gint n = 0;

  fixture_append_text (fixture, fixture->conn, "before", NULL);
  for (;; n++) {
    g_autoptr (GError) error = NULL;
    g_autofree char *uids = NULL;
    guint32 uid;

    fault_vfs.fail_code = code;
    g_atomic_int_set (&fault_vfs.fail_after, n);
    uid = fixture_append_text (fixture, fixture->conn, "torn", &error);
    g_atomic_int_set (&fault_vfs.fail_after, -1);
    if (uid != 0)
      break;
    /* A full disk is no store that cannot be asked. */
    g_assert_true (
        g_error_matches (error, CF_ERROR, code == SQLITE_FULL ? CF_ERROR_LIMIT : CF_ERROR_UNAVAILABLE)
        || g_error_matches (error, CF_ERROR, CF_ERROR_UNKNOWN));
    uids = fixture_uids (fixture);
    g_assert_cmpstr (uids, ==, "1");
  }
  g_assert_cmpint (n, >, 3);
  g_assert_cmpuint (fixture_append_text (fixture, fixture->conn, "after", NULL), ==, 3);
  fixture_reopen (fixture);
  {
    g_autofree char *uids = fixture_uids (fixture);

    g_assert_cmpstr (uids, ==, "1:3");
  }
  fixture_check (fixture);
}

static void
test_io_error (void)
{
  try_failures (SQLITE_IOERR_WRITE);
}

static void
test_disk_full (void)
{
  try_failures (SQLITE_FULL);
}

static void
test_not_a_database (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *other = g_strdup (fixture->path);
  g_autofree char *junk = g_strnfill (8192, 'j');
  g_autoptr (GError) error = NULL;

  fixture->class->disconnect (fixture->conn);
  fixture->class->close (fixture->store);
  g_assert_true (g_file_set_contents (other, junk, 8192, NULL));
  g_assert_false (fixture->class->open (CF_STORE_OPEN_CREATE, &fixture->store, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_CORRUPTION);
  g_unlink (other);
  fixture->class->open (CF_STORE_OPEN_CREATE, &fixture->store, NULL);
  fixture->conn = fixture_connect (fixture);
}

/* ---- The file at the path ----------------------------------------------------------------------------- */

/* The writes that fail as another file, or none, is at the path: nothing is acknowledged. */
static void
assert_not_written (Fixture *fixture)
{
  CfAttributeTarget target = { sizeof target, fixture->account, 0, 0 };
  g_autoptr (GBytes) value = g_bytes_new_static ("v", 1);
  CfAttribute attribute = { sizeof attribute, "lost", value };
  const CfAttribute *attributes[] = { &attribute };
  g_autoptr (GError) error = NULL;
  CfStoreConn *conn = NULL;

  g_assert_cmpuint (fixture_append_text (fixture, fixture->conn, "lost", &error), ==, 0);
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_assert_cmpstr (error->message, ==, "The store's file is not the one that was opened");
  g_clear_error (&error);
  g_assert_false (
      fixture->class->attribute_set (fixture->conn, &fixture_call, &target, 1, attributes, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_clear_error (&error);
  g_assert_false (fixture->class->connect (fixture->store, &conn, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
}

static void
test_file_moved (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *away = g_strconcat (fixture->path, ".backup", NULL);
  g_autofree char *uids = NULL;
  g_autofree char *after = NULL;

  g_assert_cmpuint (fixture_append_text (fixture, fixture->conn, "before", NULL), ==, 1);
  for (guint round = 1; round <= 2; round++) {
    g_atomic_int_set (&astray_logged, 0);
    g_assert_cmpint (g_rename (fixture->path, away), ==, 0);
    assert_not_written (fixture);
    g_assert_true (g_file_set_contents (fixture->path, "", 0, NULL));
    assert_not_written (fixture);
    g_assert_cmpint (g_atomic_int_get (&astray_logged), ==, 1);
    g_clear_pointer (&uids, g_free);
    uids = fixture_uids (fixture); /* what was read before can be read still */
    g_assert_cmpstr (uids, ==, round == 1 ? "1" : "1:2");
    g_assert_cmpint (g_rename (away, fixture->path), ==, 0);
    g_assert_cmpuint (fixture_append_text (fixture, fixture->conn, "back", NULL), ==, round + 1);
  }
  fixture_reopen (fixture);
  after = fixture_uids (fixture);
  g_assert_cmpstr (after, ==, "1:3");
  fixture_check (fixture);
}

/* ---- Content ----------------------------------------------------------------------------------------- */

/* Runs @sql on the database by a connection of the test's own. */
static void
run_sql (Fixture *fixture, const char *sql)
{
  sqlite3 *db;

  g_assert_cmpint (sqlite3_open (fixture->path, &db), ==, SQLITE_OK);
  g_assert_cmpint (sqlite3_exec (db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
  sqlite3_close (db);
}

typedef struct {
  CfReadSink sink;
  GBytes *facts;
  guint areas;
} FactsReader;

static void
facts_missing (CfReadSink *sink, guint i)
{
  g_assert_not_reached ();
}

static void
facts_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
  ((FactsReader *) sink)->facts = g_bytes_ref (encoded);
}

static void
facts_area (CfReadSink *sink, guint i, guint64 offset, guint64 length)
{
  ((FactsReader *) sink)->areas++;
}

static void
facts_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
}

/* The encoded facts that are read with the text of @content. The caller frees. */
static GBytes *
read_facts (Fixture *fixture, CfContentId content, gboolean *out_area)
{
  FactsReader reader = { { sizeof (CfReadSink), facts_missing, facts_facts, facts_area, facts_octets } };
  CfReadRequest request = { .struct_size = sizeof request,
                            .content = content,
                            .want_facts = TRUE,
                            .path = "",
                            .section = CF_SECTION_TEXT,
                            .length = G_MAXUINT64 };
  const CfReadRequest *requests[] = { &request };
  g_autoptr (GError) error = NULL;

  fixture->class->read (fixture->conn, &fixture_call, fixture->account, 1, requests, &reader.sink, &error);
  g_assert_no_error (error);
  g_assert_nonnull (reader.facts);
  *out_area = reader.areas > 0;
  return reader.facts;
}

/* Facts can be had from the octets: without their row they are like those that cannot be read. */
static void
test_facts_lost (void)
{
  static const char *const damages[]
      = { "DELETE FROM content_facts", "UPDATE content_facts SET encoded = x''",
          "UPDATE content_facts SET encoded = x'ff00ff'" };
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *message = fixture_message ("one", "hello");
  g_autoptr (GBytes) octets = g_bytes_new_static (message, strlen (message));
  g_autoptr (CfSource) source = cf_source_new_bytes (octets);
  g_autoptr (CfFacts) facts = cf_facts_scan (source, NULL);
  g_autoptr (Index) index = NULL;

  fixture_append (fixture, fixture->conn, fixture->inbox, message, strlen (message), 0, NULL, NULL);
  index = fixture_load (fixture, fixture->inbox, 0, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (damages); i++) {
    g_autoptr (GBytes) damaged = NULL;
    g_autoptr (GBytes) repaired = NULL;
    g_autoptr (GError) error = NULL;
    GString *whole;
    gboolean area;

    run_sql (fixture, damages[i]);
    damaged = read_facts (fixture, index->last_content, &area);
    g_assert_false (area);
    g_assert_null (cf_facts_new_from_encoded (damaged, NULL));
    whole = fixture_read (fixture, index->last_content, NULL, 0, 0, G_MAXUINT64);
    g_assert_cmpstr (whole->str, ==, message);
    g_string_free (whole, TRUE);
    /* As core does then. */
    fixture->class->facts_update (fixture->conn, &fixture_call, fixture->account, index->last_content, facts,
                                  &error);
    g_assert_no_error (error);
    repaired = read_facts (fixture, index->last_content, &area);
    g_assert_true (area);
    g_assert_true (g_bytes_equal (repaired, cf_facts_get_encoded (facts)));
  }
  fixture_check (fixture);
}

#define LARGE (20 * 1024 * 1024)

static void
test_ranges (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *header = fixture_message ("large", "");
  gsize head = strlen (header);
  g_autofree char *octets = g_malloc (head + LARGE);
  CfSegment inline_segment = { sizeof (CfSegment), CF_SEGMENT_INLINE, 0, head, 0, 0 };
  CfSegment object_segment = { sizeof (CfSegment), CF_SEGMENT_OBJECT, head, LARGE, 0, 0 };
  const CfSegment *segments[] = { &inline_segment, &object_segment };
  g_autoptr (Index) index = NULL;
  GString *range;
  gssize before;

  memcpy (octets, header, head);
  for (gsize i = 0; i < LARGE; i++)
    octets[head + i] = (char) ('a' + (i / 1000) % 26);
  object_segment.object = fixture_put (fixture, "server", octets + head, LARGE);
  g_assert_cmpuint (fixture_put (fixture, "server", octets + head, LARGE), ==, object_segment.object);
  g_assert_cmpuint (
      fixture_append (fixture, fixture->conn, fixture->inbox, octets, head + LARGE, 2, segments, NULL), ==,
      1);
  g_assert_cmpuint (fixture_put (fixture, "server", octets + head, LARGE), ==, object_segment.object);
  g_assert_cmpuint (fixture_put (fixture, "account/1", octets + head, 1000), !=, object_segment.object);
  index = fixture_load (fixture, fixture->inbox, 0, FALSE);

  fixture_reopen (fixture);
  before = fault_vfs.read;
  range = fixture_read (fixture, index->last_content, NULL, 0, LARGE / 2, 2000);
  g_assert_cmpmem (range->str, range->len, octets + LARGE / 2, 2000);
  g_string_free (range, TRUE);
  g_test_message ("%" G_GSSIZE_FORMAT " octets read for 2000", fault_vfs.read - before);
  g_assert_cmpint (fault_vfs.read - before, <, 800 * 1024);

  range = fixture_read (fixture, index->last_content, NULL, 0, 0, G_MAXUINT64);
  g_assert_cmpmem (range->str, range->len, octets, head + LARGE);
  g_string_free (range, TRUE);
  fixture_check (fixture);
}

/* Across the borders of chunks, for a message kept in one piece. */
static void
test_inline_chunks (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  gsize length = 600 * 1024;
  g_autofree char *octets = g_malloc (length);
  g_autoptr (Index) index = NULL;
  static const guint64 ranges[][2]
      = { { 0, 10 }, { 262143, 2 }, { 262144, 262144 }, { 524288, 1 }, { 614399, 100 }, { 614400, 5 } };

  for (gsize i = 0; i < length; i++)
    octets[i] = (char) ('a' + (i * 7 / 5) % 26);
  g_assert_cmpuint (fixture_append (fixture, fixture->conn, fixture->inbox, octets, length, 0, NULL, NULL),
                    ==, 1);
  index = fixture_load (fixture, fixture->inbox, 0, FALSE);
  for (guint i = 0; i < G_N_ELEMENTS (ranges); i++) {
    GString *range = fixture_read (fixture, index->last_content, NULL, 0, ranges[i][0], ranges[i][1]);

    g_assert_cmpmem (range->str, range->len, octets + ranges[i][0],
                     MIN (ranges[i][1], length - ranges[i][0]));
    g_string_free (range, TRUE);
  }
}

/* ---- Upkeep ------------------------------------------------------------------------------------------ */

static gint stop_writing;

static gpointer
append_until_told (gpointer data)
{
  Fixture *fixture = data;
  CfStoreConn *conn = fixture_connect (fixture);

  while (!g_atomic_int_get (&stop_writing))
    fixture_append_text (fixture, conn, "meanwhile", NULL);
  fixture->class->disconnect (conn);
  return NULL;
}

static gboolean
count_progress (guint64 done, guint64 total, gpointer user_data)
{
  ++*(guint *) user_data;
  return TRUE;
}

static void
test_backup (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *copy = g_strconcat (fixture->path, ".backup", NULL);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = g_strnfill (4000, 't');
  guint calls = 0;
  sqlite3 *db;
  sqlite3_stmt *statement;
  GThread *thread;

  for (guint i = 0; i < 500; i++)
    fixture_append_text (fixture, fixture->conn, text, NULL);
  thread = g_thread_new ("append", append_until_told, fixture);
  fixture->class->backup (fixture->conn, &fixture_call, copy, count_progress, &calls, &error);
  g_atomic_int_set (&stop_writing, 1);
  g_thread_join (thread);
  g_assert_no_error (error);
  g_assert_cmpuint (calls, >, 1);
  g_assert_false (fixture->class->backup (fixture->conn, &fixture_call, copy, NULL, NULL, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_ALREADYEXISTS);

  g_assert_cmpint (sqlite3_open (copy, &db), ==, SQLITE_OK);
  sqlite3_prepare_v2 (db,
                      "SELECT (SELECT count(*) FROM placement) >= 500, integrity_check FROM"
                      " pragma_integrity_check",
                      -1, &statement, NULL);
  g_assert_cmpint (sqlite3_step (statement), ==, SQLITE_ROW);
  g_assert_cmpint (sqlite3_column_int (statement, 0), ==, 1);
  g_assert_cmpstr ((const char *) sqlite3_column_text (statement, 1), ==, "ok");
  sqlite3_finalize (statement);
  sqlite3_close (db);
}

static gboolean
file_contains (const char *path, const char *text)
{
  g_autofree char *content = NULL;
  gsize length;

  return g_file_get_contents (path, &content, &length, NULL)
         && memmem (content, length, text, strlen (text)) != NULL;
}

/* Not a trace of the account in the file or the log. */
static void
test_account_delete (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *log = g_strconcat (fixture->path, "-wal", NULL);
  g_autofree char *text = g_strnfill (300 * 1024, 's');
  g_autofree char *secret = g_strconcat ("SECRET-MARKER", text, "SECRET-MARKER", NULL);
  g_autoptr (GError) error = NULL;
  CfAccountId other;

  for (guint i = 0; i < 20; i++)
    g_assert_cmpuint (fixture_append_text (fixture, fixture->conn, secret, NULL), !=, 0);
  fixture_put (fixture, "account/1", secret, strlen (secret));
  fixture_expunge (fixture, 3, 5);
  g_assert_true (file_contains (fixture->path, "SECRET-MARKER") || file_contains (log, "SECRET-MARKER"));
  fixture->class->account_create (fixture->conn, &fixture_call, "b@example.org", &other, &error);
  g_assert_no_error (error);
  fixture->class->account_delete (fixture->conn, &fixture_call, fixture->account, &error);
  g_assert_no_error (error);
  g_assert_false (file_contains (fixture->path, "SECRET-MARKER"));
  g_assert_false (file_contains (log, "SECRET-MARKER"));
  g_assert_false (file_contains (fixture->path, "a@example.org"));
  g_assert_false (file_contains (fixture->path, "ann@example.org"));
  g_assert_false (fixture->class->account_delete (fixture->conn, &fixture_call, fixture->account, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_NONEXISTENT);
  fixture_check (fixture);
}

static void
collect_all (Fixture *fixture, guint64 *out_freed)
{
  gboolean more = TRUE;

  *out_freed = 0;
  while (more) {
    g_autoptr (GError) error = NULL;
    guint64 freed;

    fixture->class->collect (fixture->conn, &fixture_call, 0, &freed, &more, &error);
    g_assert_no_error (error);
    *out_freed += freed;
  }
}

static void
test_collect (void)
{
  g_autoptr (Fixture) fixture = fixture_new (NULL);
  g_autofree char *octets = fixture_message ("part", "0123456789");
  gsize length = strlen (octets);
  CfSegment segment = { sizeof (CfSegment), CF_SEGMENT_OBJECT, 0, length, 0, 0 };
  const CfSegment *segments[] = { &segment };
  g_autoptr (GError) error = NULL;
  g_autoptr (Index) index = NULL;
  GString *range;
  guint64 freed;

  segment.object = fixture_put (fixture, "server", octets, length);
  collect_all (fixture, &freed);
  g_assert_cmpuint (freed, ==, 1);
  g_assert_cmpuint (
      fixture_append (fixture, fixture->conn, fixture->inbox, octets, length, 1, segments, &error), ==, 0);
  g_assert_error (error, CF_ERROR, CF_ERROR_CONTENT_GONE);
  segment.object = fixture_put (fixture, "server", octets, length);
  g_assert_cmpuint (
      fixture_append (fixture, fixture->conn, fixture->inbox, octets, length, 1, segments, NULL), ==, 1);
  index = fixture_load (fixture, fixture->inbox, 0, FALSE);
  collect_all (fixture, &freed);
  g_assert_cmpuint (freed, ==, 0);
  fixture_expunge (fixture, 1, 1);
  range = fixture_read (fixture, index->last_content, NULL, 0, 0, G_MAXUINT64);
  g_assert_cmpstr (range->str, ==, octets);
  g_string_free (range, TRUE);
  collect_all (fixture, &freed);
  g_assert_cmpuint (freed, ==, 2); /* the content and its object */
  g_assert_null (fixture_read (fixture, index->last_content, NULL, 0, 0, G_MAXUINT64));
  fixture_check (fixture);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (log_counting, NULL, NULL);
  fault_vfs_register ();
  g_test_add_func ("/storage/sqlite/file/reopen", test_reopen);
  g_test_add_func ("/storage/sqlite/file/lock", test_lock);
  g_test_add_func ("/storage/sqlite/file/read-only", test_read_only);
  g_test_add_func ("/storage/sqlite/file/not-a-database", test_not_a_database);
  g_test_add_func ("/storage/sqlite/durability/power-failure", test_power_failure);
  g_test_add_func ("/storage/sqlite/writer/group-commit", test_group_commit);
  g_test_add_func ("/storage/sqlite/writer/failing-group", test_failing_group);
  g_test_add_func ("/storage/sqlite/writer/deadline", test_deadline);
  g_test_add_func ("/storage/sqlite/failure/io-error", test_io_error);
  g_test_add_func ("/storage/sqlite/failure/disk-full", test_disk_full);
  g_test_add_func ("/storage/sqlite/failure/file-moved", test_file_moved);
  g_test_add_func ("/storage/sqlite/content/facts-lost", test_facts_lost);
  g_test_add_func ("/storage/sqlite/content/ranges", test_ranges);
  g_test_add_func ("/storage/sqlite/content/inline-chunks", test_inline_chunks);
  g_test_add_func ("/storage/sqlite/upkeep/backup", test_backup);
  g_test_add_func ("/storage/sqlite/upkeep/account-delete", test_account_delete);
  g_test_add_func ("/storage/sqlite/upkeep/collect", test_collect);
  return g_test_run ();
}
