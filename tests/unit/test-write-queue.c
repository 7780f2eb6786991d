/* tests/unit/test-write-queue.c - writes of many sessions become few commits, and each is carried out exactly
 * once.
 *
 * The store is a model mailbox (mailbox-model.h) with a commit function. In the threaded test each session is
 * a thread; to be woken is a condition variable of its own.
 */
#include "mailbox/write-queue.h"
#include "mailbox-model.h"

typedef struct {
  GMutex lock;
  Model *source, *destination;
  guint commits;
} Store;

static Store store;
static GString *woken; /* "P5 C6 "; NULL: not looked at */
static GMutex woken_lock;

static void
wake (CfConnRef ref, guint reason, gpointer user_data)
{
  g_mutex_lock (&woken_lock);
  if (woken != NULL)
    g_string_append_printf (woken, "%c%u ", reason == CF_WAKE_PUSH ? 'P' : 'C', (guint) ref);
  g_mutex_unlock (&woken_lock);
}

static void
assert_woken (const char *expected)
{
  g_assert_cmpstr (woken->str, ==, expected);
  g_string_truncate (woken, 0);
}

/* ---- The store --------------------------------------------------------------------------------------- */

static void
commit_copy (CfWriteBatch *batch, guint i, const CfWriteOp *op)
{
  guint32 uid;
  CfUidIter iter = { 0 };

  g_assert_cmpuint (cf_write_batch_get_destination (batch), ==, store.destination->id);
  while (cf_uid_set_next (op->uids, &iter, &uid)) {
    const ModelRow *row = model_lookup (store.source, uid);

    if (row != NULL && row->expunged == 0)
      cf_write_batch_copied (batch, i, uid, model_append (store.destination, 0, row->flags));
  }
}

static void
commit_op (CfWriteBatch *batch, guint i)
{
  const CfWriteOp *op = cf_write_batch_get_op (batch, i);
  guint32 uid;
  CfUidIter iter = { 0 };

  switch (op->kind) {
  case CF_WRITE_APPEND:
    if (op->append->size == 666)
      cf_write_batch_fail (batch, i, g_error_new_literal (CF_ERROR, CF_ERROR_OVERQUOTA, "full"));
    else
      cf_write_batch_appended (batch, i, model_append (store.source, 0, op->append->flags));
    return;
  case CF_WRITE_COPY:
    commit_copy (batch, i, op);
    return;
  default:
    break;
  }
  while (cf_uid_set_next (op->uids, &iter, &uid)) {
    for (guint row = 0; row < store.source->rows->len; row++) {
      if (model_row (store.source, row)->uid != uid || model_row (store.source, row)->expunged != 0)
        continue;
      if (op->kind == CF_WRITE_STORE && model_row (store.source, row)->modseq > op->unchanged_since)
        cf_write_batch_not_modified (batch, i, uid);
      else if (op->kind == CF_WRITE_STORE)
        model_store (store.source, row, op->flags);
      else
        model_expunge (store.source, row);
      if (op->kind == CF_WRITE_EXPUNGE)
        cf_write_batch_expunged (batch, i, uid);
    }
  }
}

static void
commit (CfWriteBatch *batch)
{
  g_mutex_lock (&store.lock);
  store.commits++;
  for (guint i = 0; i < cf_write_batch_get_n_ops (batch); i++)
    commit_op (batch, i);
  model_report (store.source, cf_write_batch_get_since (batch, 0), FALSE, cf_write_batch_get_sink (batch, 0));
  if (cf_write_batch_get_destination (batch) != 0)
    model_report (store.destination, cf_write_batch_get_since (batch, 1), FALSE,
                  cf_write_batch_get_sink (batch, 1));
  g_mutex_unlock (&store.lock);
}

static void
load (CfMailbox *mailbox, const Model *model)
{
  g_autoptr (CfSnapshotReport) report = cf_mailbox_begin_report (mailbox);

  model_report (model, cf_snapshot_report_get_since (report), FALSE, cf_snapshot_report_get_sink (report));
  cf_snapshot_unref (cf_mailbox_publish (mailbox, report, 0, NULL));
}

/* ---- Writes ------------------------------------------------------------------------------------------ */

static CfWrite *
write_append_group (CfConnRef ref, guint n, gboolean full, guint group)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static ("hello", 5);
  g_autoptr (CfSource) octets = cf_source_new_bytes (bytes);
  CfWrite *write = cf_write_new (0, ref);

  for (guint i = 0; i < n; i++) {
    CfAppend append
        = { .struct_size = sizeof append, .octets = octets, .size = full && i + 1 == n ? 666 : 5 };
    CfWriteOp op = { .struct_size = sizeof op, .kind = CF_WRITE_APPEND, .group = group, .append = &append };

    cf_write_add_op (write, &op);
  }
  return write;
}

static CfWrite *
write_append (CfConnRef ref)
{
  return write_append_group (ref, 1, FALSE, 0);
}

static CfWrite *
write_uids (CfWriteKind kind, CfConnRef ref, const char *text, CfMailboxId destination,
            guint64 unchanged_since)
{
  g_autoptr (CfUidSet) uids = cf_uid_set_from_string (text, NULL);
  CfWrite *write = cf_write_new (destination, ref);
  CfWriteOp op = { .struct_size = sizeof op,
                   .kind = kind,
                   .uids = uids,
                   .flags = CF_FLAG_SEEN,
                   .unchanged_since = unchanged_since };

  cf_write_add_op (write, &op);
  return write;
}

typedef struct {
  CfMailbox *mailbox;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  woken = g_string_new (NULL);
  cf_mailbox_init (1 << 24, wake, NULL);
  store = (Store){ .source = model_new (3), .destination = model_new (4) };
  g_mutex_init (&store.lock);
  fixture->mailbox = cf_mailbox_acquire (1, 3);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  cf_mailbox_release (fixture->mailbox);
  cf_mailbox_shutdown ();
  model_free (store.source);
  model_free (store.destination);
  g_mutex_clear (&store.lock);
  g_string_free (woken, TRUE);
  woken = NULL;
}

static void
assert_set (const CfUidSet *set, const char *expected)
{
  g_autofree char *text = set != NULL ? cf_uid_set_to_string (set) : NULL;

  g_assert_cmpstr (text, ==, expected);
}

/* Three sessions' writes are one commit; each gets its own results, and the watchers the news. */
static void
test_combine (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfWrite) a = write_append_group (11, 2, FALSE, 1), b = NULL, c = NULL;
  g_autoptr (CfMailbox) destination = cf_mailbox_acquire (1, 4);
  g_autoptr (CfSnapshot) source_snapshot = NULL, destination_snapshot = NULL;
  CfWriteQueueBatch *batch;

  model_append (store.source, 0, 0);
  model_append (store.source, 0, 0);
  load (fixture->mailbox, store.source);
  load (destination, store.destination);
  b = write_uids (CF_WRITE_COPY, 12, "1:2", 4, 0);
  c = write_uids (CF_WRITE_EXPUNGE, 13, "2", 0, 0);
  cf_mailbox_watch (fixture->mailbox, 13);
  cf_mailbox_watch (fixture->mailbox, 14);
  cf_mailbox_watch (destination, 15);
  g_assert_null (cf_write_queue_try_begin (fixture->mailbox));

  cf_write_queue_add (fixture->mailbox, a);
  cf_write_queue_add (fixture->mailbox, b);
  cf_write_queue_add (fixture->mailbox, c);
  batch = cf_write_queue_try_begin (fixture->mailbox);
  g_assert_nonnull (batch);
  g_assert_null (cf_write_queue_try_begin (fixture->mailbox)); /* one at a time */
  g_assert_cmpuint (cf_write_batch_get_n_ops (cf_write_queue_batch_get (batch)), ==, 4);
  commit (cf_write_queue_batch_get (batch));
  g_assert_false (cf_write_is_done (a));
  cf_write_queue_finish (batch, NULL, 12);

  assert_woken ("P14 P15 C11 C13 "); /* 12 is the caller's own */
  g_assert_true (cf_write_is_done (a) && cf_write_is_done (b) && cf_write_is_done (c));
  g_assert_no_error (cf_write_get_error (a));
  g_assert_cmpuint (cf_write_get_result (a, 0)->uid, ==, 3);
  g_assert_cmpuint (cf_write_get_result (a, 1)->uid, ==, 4);
  g_assert_cmpuint (cf_write_get_uid_validity (a, 0), ==, 7);
  assert_set (cf_write_get_result (b, 0)->copied_from, "1:2");
  assert_set (cf_write_get_result (b, 0)->copied_to, "1:2");
  g_assert_cmpuint (cf_write_get_uid_validity (b, 1), ==, 7);
  assert_set (cf_write_get_result (c, 0)->expunged, "2");
  source_snapshot = cf_mailbox_ref_snapshot (fixture->mailbox);
  destination_snapshot = cf_mailbox_ref_snapshot (destination);
  g_assert_cmpuint (cf_snapshot_get_n (source_snapshot), ==, 3);
  g_assert_cmpuint (cf_snapshot_get_n (destination_snapshot), ==, 2);
  g_assert_cmpuint (store.commits, ==, 1);
}

/* What does not fit into one batch waits for the next, in order, and somebody is woken to commit it. */
static void
test_split (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfWrite) a = write_append (11), b = write_uids (CF_WRITE_COPY, 12, "1", 4, 0),
                      c = write_uids (CF_WRITE_COPY, 13, "1", 5, 0), d = write_append (14),
                      e = write_append (15);
  static const guint expected[] = { 2, 2, 1 };

  cf_write_set_limits (e, 1000, 0);
  cf_write_queue_add (fixture->mailbox, a);
  cf_write_queue_add (fixture->mailbox, b);
  cf_write_queue_add (fixture->mailbox, c);
  cf_write_queue_add (fixture->mailbox, d);
  cf_write_queue_add (fixture->mailbox, e);
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    CfWriteQueueBatch *batch = cf_write_queue_try_begin (fixture->mailbox);
    CfWriteBatch *writes = cf_write_queue_batch_get (batch);

    g_assert_cmpuint (cf_write_batch_get_n_ops (writes), ==, expected[i]);
    g_assert_cmpuint (cf_write_batch_get_max_octets (writes), ==, i == 2 ? 1000 : 0);
    g_assert_cmpuint (cf_write_batch_get_destination (writes), ==, i == 0 ? 4 : i == 1 ? 5 : 0);
    g_assert_cmpuint (cf_write_batch_get_since (writes, 0), ==, G_MAXUINT64); /* nothing is in memory */
    model_report (store.source, G_MAXUINT64, FALSE, cf_write_batch_get_sink (writes, 0));
    cf_write_queue_finish (batch, NULL, 0);
  }
  assert_woken ("C11 C12 C13 C13 C14 C15 C15 ");
  g_assert_true (cf_write_is_done (e));
  g_assert_null (cf_write_queue_try_begin (fixture->mailbox));
}

/* Two writes may both number their groups from 1; a failure takes only its own. */
static void
test_groups (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfWrite) a = write_append_group (11, 2, FALSE, 1), b = write_append_group (12, 2, TRUE, 1),
                      c = write_append_group (13, 2, FALSE, 1);
  CfWriteQueueBatch *batch;

  cf_write_queue_add (fixture->mailbox, a);
  cf_write_queue_add (fixture->mailbox, b);
  cf_write_queue_add (fixture->mailbox, c);
  batch = cf_write_queue_try_begin (fixture->mailbox);
  commit (cf_write_queue_batch_get (batch));
  cf_write_queue_finish (batch, NULL, 0);
  g_assert_no_error (cf_write_get_error (a));
  g_assert_error (cf_write_get_result (b, 0)->error, CF_ERROR, CF_ERROR_OVERQUOTA);
  g_assert_error (cf_write_get_result (b, 1)->error, CF_ERROR, CF_ERROR_OVERQUOTA);
  g_assert_no_error (cf_write_get_error (c));
}

static const struct {
  gint code;
  gboolean stale, gone;
} failures[] = {
  { CF_ERROR_UNAVAILABLE, FALSE, FALSE },
  { CF_ERROR_UNKNOWN, TRUE, FALSE },
  { CF_ERROR_NONEXISTENT, FALSE, TRUE },
};

static void
test_failure (Fixture *fixture, gconstpointer data)
{
  for (gsize i = 0; i < G_N_ELEMENTS (failures); i++) {
    g_autoptr (CfWrite) a = write_append (11), b = write_uids (CF_WRITE_STORE, 12, "1", 0, G_MAXUINT64);
    g_autoptr (GError) failure = g_error_new_literal (CF_ERROR, failures[i].code, "test");
    CfWriteQueueBatch *batch;

    load (fixture->mailbox, store.source);
    cf_write_queue_add (fixture->mailbox, a);
    cf_write_queue_add (fixture->mailbox, b);
    batch = cf_write_queue_try_begin (fixture->mailbox);
    cf_write_batch_appended (cf_write_queue_batch_get (batch), 0, 99); /* before it failed */
    cf_write_queue_finish (batch, failure, 0);
    g_assert_true (cf_write_is_done (a) && cf_write_is_done (b));
    g_assert_error (cf_write_get_error (a), CF_ERROR, failures[i].code);
    g_assert_error (cf_write_get_error (b), CF_ERROR, failures[i].code);
    g_assert_cmpuint (cf_write_get_result (a, 0)->uid, ==, 0);
    g_assert_cmpint (cf_mailbox_is_stale (fixture->mailbox), ==, failures[i].stale);
    g_assert_cmpint (cf_mailbox_is_gone (fixture->mailbox), ==, failures[i].gone);
    assert_woken ("C11 C12 ");
  }
}

/* The destination is deleted before the commit: the operations say so, nothing is reported of it, and that is
 * no fault of the store (a warning would end this program). */
static void
test_lost_destination (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfWrite) copy = write_uids (CF_WRITE_COPY, 11, "1", 4, 0), append = write_append (12);
  g_autoptr (CfMailbox) destination = cf_mailbox_acquire (1, 4);
  CfWriteQueueBatch *batch;
  CfWriteBatch *writes;

  load (fixture->mailbox, store.source);
  load (destination, store.destination);
  cf_mailbox_watch (destination, 15);
  cf_write_queue_add (fixture->mailbox, copy);
  cf_write_queue_add (fixture->mailbox, append);
  batch = cf_write_queue_try_begin (fixture->mailbox);
  writes = cf_write_queue_batch_get (batch);
  cf_write_batch_fail (writes, 0, g_error_new_literal (CF_ERROR, CF_ERROR_TRYCREATE, "gone"));
  commit_op (writes, 1);
  model_report (store.source, cf_write_batch_get_since (writes, 0), FALSE,
                cf_write_batch_get_sink (writes, 0));
  cf_write_queue_finish (batch, NULL, 0);

  g_assert_error (cf_write_get_error (copy), CF_ERROR, CF_ERROR_TRYCREATE);
  g_assert_cmpuint (cf_write_get_uid_validity (copy, 1), ==, 0);
  g_assert_no_error (cf_write_get_error (append));
  g_assert_cmpuint (cf_write_get_result (append, 0)->uid, ==, 1);
  g_assert_true (cf_mailbox_is_gone (destination));
  g_assert_false (cf_mailbox_is_gone (fixture->mailbox));
  g_assert_false (cf_mailbox_is_stale (fixture->mailbox));
  assert_woken ("P15 C11 C12 ");
}

/* The destination comes into memory while the commit is under way, loaded from before it. */
static void
test_late_destination (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfSnapshotReport) report = cf_mailbox_begin_first_report ();
  g_autoptr (CfWrite) copy = write_uids (CF_WRITE_COPY, 11, "1", 4, 0);
  g_autoptr (CfMailbox) destination = NULL;
  g_autoptr (CfSnapshot) snapshot = NULL;
  CfWriteQueueBatch *batch;

  model_append (store.source, 0, 0);
  load (fixture->mailbox, store.source);
  cf_write_queue_add (fixture->mailbox, copy);
  batch = cf_write_queue_try_begin (fixture->mailbox);
  model_report (store.destination, 0, FALSE, cf_snapshot_report_get_sink (report));
  commit (cf_write_queue_batch_get (batch));
  if (data != NULL) /* which of the two ends first */
    cf_write_queue_finish (batch, NULL, 0);
  destination = cf_mailbox_acquire (1, 4);
  snapshot = cf_mailbox_publish (destination, report, 0, NULL);
  if (data == NULL)
    cf_write_queue_finish (batch, NULL, 0);

  g_assert_cmpuint (cf_snapshot_get_n (snapshot), ==, 0);
  g_assert_true (cf_mailbox_is_stale (destination));
  assert_woken ("C11 ");
}

/* Before it is begun a cancelled write is dropped, and if its session was to commit, another is woken;
 * afterwards it is carried out, and nobody is woken for it. */
static void
test_cancel (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfWrite) a = write_append (11), b = write_append (12), c = write_append (13),
                      d = write_append (14);
  CfWriteQueueBatch *batch;

  cf_write_queue_add (fixture->mailbox, a);
  cf_write_queue_add (fixture->mailbox, b);
  cf_write_cancel (a);
  assert_woken ("C12 ");
  g_assert_true (cf_write_is_done (a));
  g_assert_error (cf_write_get_error (a), CF_ERROR, CF_ERROR_UNAVAILABLE);
  batch = cf_write_queue_try_begin (fixture->mailbox);
  cf_write_queue_add (fixture->mailbox, c);
  cf_write_queue_add (fixture->mailbox, d);
  cf_write_cancel (b);
  cf_write_cancel (c);
  assert_woken (""); /* somebody is committing */
  g_clear_pointer (&b, cf_write_unref);
  commit (cf_write_queue_batch_get (batch));
  cf_write_queue_finish (batch, NULL, 0);
  assert_woken ("C14 ");
  g_assert_cmpuint (model_count (store.source), ==, 1);
  cf_write_cancel (d);
  cf_write_cancel (d);
  g_assert_null (cf_write_queue_try_begin (fixture->mailbox));
}

/* What is kept apart does not count; a message that is too large for a batch has one of its own. */
static void
test_bounds (Fixture *fixture, gconstpointer data)
{
  const guint64 size = 9 * 1024 * 1024;
  g_autofree guint8 *zeros = g_malloc0 (size);
  g_autoptr (GBytes) bytes = g_bytes_new_static (zeros, size);
  g_autoptr (CfSource) octets = cf_source_new_bytes (bytes);
  g_autoptr (GPtrArray) writes = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_write_unref);
  g_autoptr (GError) failure = g_error_new_literal (CF_ERROR, CF_ERROR_UNAVAILABLE, "test");
  CfSegment object = { .struct_size = sizeof object, .kind = CF_SEGMENT_OBJECT, .length = size };
  const CfSegment *const segments[] = { &object };
  static const guint expected[] = { 1, 1, CF_WRITE_QUEUE_MAX_WRITES, 300 - CF_WRITE_QUEUE_MAX_WRITES };

  /* Two large ones, one that is kept apart, 299 small ones: the third shares a batch with small ones. */
  for (guint i = 0; i < 302; i++) {
    CfAppend append
        = { .struct_size = sizeof append, .octets = octets, .n_segments = i == 2, .segments = segments };
    CfWriteOp op = { .struct_size = sizeof op, .kind = CF_WRITE_APPEND, .append = &append };
    CfWrite *write = i < 3 ? cf_write_new (0, 0) : write_append (0);

    if (i < 3)
      cf_write_add_op (write, &op);
    cf_write_queue_add (fixture->mailbox, write);
    g_ptr_array_add (writes, write);
  }
  for (guint i = 0; i < G_N_ELEMENTS (expected); i++) {
    CfWriteQueueBatch *batch = cf_write_queue_try_begin (fixture->mailbox);

    g_assert_cmpuint (cf_write_batch_get_n_ops (cf_write_queue_batch_get (batch)), ==, expected[i]);
    cf_write_queue_finish (batch, failure, 0);
  }
  g_assert_null (cf_write_queue_try_begin (fixture->mailbox));
}

/* ---- Threads ----------------------------------------------------------------------------------------- */

#define N_SESSIONS 6
#define N_WRITES   150

typedef struct {
  GThread *thread;
  CfConnRef ref;
  CfMailbox *mailbox;
  GMutex lock;
  GCond cond;
  gboolean is_woken;
  GArray *uids; /* of its appends */
  guint cancelled;
  guint expunged;
} Session;

static Session sessions[N_SESSIONS];

static void
wake_session (CfConnRef ref, guint reason, gpointer user_data)
{
  Session *session = &sessions[ref - 1];

  g_mutex_lock (&session->lock);
  session->is_woken = TRUE;
  g_cond_signal (&session->cond);
  g_mutex_unlock (&session->lock);
}

/* WAIT. A wake that never comes is a test that never ends, so after a long time it fails. */
static void
session_wait (Session *session)
{
  gint64 until = g_get_monotonic_time () + 20 * G_USEC_PER_SEC;

  g_mutex_lock (&session->lock);
  while (!session->is_woken)
    g_assert_true (g_cond_wait_until (&session->cond, &session->lock, until));
  session->is_woken = FALSE;
  g_mutex_unlock (&session->lock);
}

static void
session_step (Session *session, CfWrite *write)
{
  while (!cf_write_is_done (write)) {
    CfWriteQueueBatch *batch = cf_write_queue_try_begin (session->mailbox);

    if (batch == NULL) {
      session_wait (session);
      continue;
    }
    commit (cf_write_queue_batch_get (batch));
    cf_write_queue_finish (batch, NULL, session->ref);
  }
}

static gpointer
session_run (gpointer data)
{
  Session *session = data;
  g_autoptr (GRand) rand = g_rand_new_with_seed (session->ref);

  for (guint i = 0; i < N_WRITES; i++) {
    guint what = g_rand_int_range (rand, 0, 5);
    g_autoptr (CfWrite) write = NULL;
    g_autofree char *uid = NULL;

    if (what == 3 && session->uids->len > session->expunged)
      uid = g_strdup_printf ("%u", g_array_index (session->uids, guint32, session->expunged++));
    write
        = uid != NULL ? write_uids (CF_WRITE_EXPUNGE, session->ref, uid, 0, 0) : write_append (session->ref);
    cf_write_queue_add (session->mailbox, write);
    if (what == 4) { /* the session is gone; whether the write was begun is seen by its results */
      g_thread_yield ();
      cf_write_cancel (write);
      session->cancelled++;
      continue;
    }
    session_step (session, write);
    g_assert_no_error (cf_write_get_error (write));
    if (uid != NULL)
      assert_set (cf_write_get_result (write, 0)->expunged, uid);
    else
      g_array_append_val (session->uids, cf_write_get_result (write, 0)->uid);
  }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (GHashTable) seen = g_hash_table_new (NULL, NULL);
  g_autoptr (CfSnapshot) snapshot = NULL;
  g_autoptr (CfMailbox) mailbox = NULL;
  guint cancelled = 0, expunged = 0;

  cf_mailbox_init (1 << 24, wake_session, NULL);
  store = (Store){ .source = model_new (3), .destination = model_new (4) };
  mailbox = cf_mailbox_acquire (1, 3);
  load (mailbox, store.source);
  for (guint i = 0; i < N_SESSIONS; i++) {
    sessions[i] = (Session){ .ref = i + 1, .mailbox = mailbox };
    sessions[i].uids = g_array_new (FALSE, FALSE, sizeof (guint32));
    cf_mailbox_watch (mailbox, i + 1);
  }
  for (guint i = 0; i < N_SESSIONS; i++)
    sessions[i].thread = g_thread_new ("session", session_run, &sessions[i]);
  for (guint i = 0; i < N_SESSIONS; i++)
    g_thread_join (sessions[i].thread);

  /* Every append has a UID of its own, which the mailbox has unless its session expunged it. */
  for (guint i = 0; i < N_SESSIONS; i++) {
    for (guint n = 0; n < sessions[i].uids->len; n++) {
      guint32 uid = g_array_index (sessions[i].uids, guint32, n);

      g_assert_true (g_hash_table_add (seen, GUINT_TO_POINTER (uid)));
      g_assert_cmpint (model_lookup (store.source, uid)->expunged != 0, ==, n < sessions[i].expunged);
    }
    cancelled += sessions[i].cancelled;
    expunged += sessions[i].expunged;
    g_array_unref (sessions[i].uids);
  }
  g_assert_cmpuint (store.source->rows->len, >=, g_hash_table_size (seen));
  g_assert_cmpuint (store.source->rows->len, <=, g_hash_table_size (seen) + cancelled);
  g_assert_cmpuint (g_hash_table_size (seen) + cancelled + expunged, ==, N_SESSIONS * N_WRITES);
  snapshot = cf_mailbox_ref_snapshot (mailbox);
  g_assert_cmpuint (cf_snapshot_get_n (snapshot), ==, model_count (store.source));
  g_assert_false (cf_mailbox_is_stale (mailbox));
  g_test_message ("%u writes in %u commits", N_SESSIONS * N_WRITES, store.commits);

  g_clear_pointer (&mailbox, cf_mailbox_release);
  g_clear_pointer (&snapshot, cf_snapshot_unref);
  cf_mailbox_shutdown ();
  model_free (store.source);
  model_free (store.destination);
}

#define ADD_WITH(path, func, data) g_test_add (path, Fixture, data, set_up, func, tear_down)
#define ADD(path, func)            ADD_WITH (path, func, NULL)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/core/write-queue/combine", test_combine);
  ADD ("/core/write-queue/split", test_split);
  ADD ("/core/write-queue/groups", test_groups);
  ADD ("/core/write-queue/failure", test_failure);
  ADD ("/core/write-queue/lost-destination", test_lost_destination);
  ADD_WITH ("/core/write-queue/late-destination/finished-first", test_late_destination, "");
  ADD_WITH ("/core/write-queue/late-destination/loaded-first", test_late_destination, NULL);
  ADD ("/core/write-queue/cancel", test_cancel);
  ADD ("/core/write-queue/bounds", test_bounds);
  g_test_add_func ("/core/write-queue/threads", test_threads);
  return g_test_run ();
}
