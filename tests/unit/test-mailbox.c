/* tests/unit/test-mailbox.c - mailboxes in the process: sharing, publishing, watching, staying in memory. */
#include "mailbox/mailbox-private.h"
#include "mailbox/unheard.h"
#include "mailbox-model.h"

static GString *woken; /* what was woken, in order: "5 6 " */

static void
wake (CfConnRef ref, guint reason, gpointer user_data)
{
  g_assert_cmpuint (reason, ==, CF_WAKE_PUSH);
  g_string_append_printf (woken, "%u ", (guint) ref);
}

static void
assert_woken (const char *expected)
{
  g_assert_cmpstr (woken->str, ==, expected);
  g_string_truncate (woken, 0);
}

typedef struct {
  Model *model;
  CfMailbox *mailbox;
} Fixture;

static void
set_up_with (Fixture *fixture, gsize octets)
{
  woken = g_string_new (NULL);
  cf_mailbox_init (octets, wake, NULL);
  fixture->model = model_new (3);
  fixture->mailbox = cf_mailbox_acquire (1, 3);
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  set_up_with (fixture, 1 << 20);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  cf_mailbox_release (fixture->mailbox);
  cf_mailbox_shutdown ();
  model_free (fixture->model);
  g_string_free (woken, TRUE);
}

/* What a session does to refresh. */
static CfSnapshot *
refresh (CfMailbox *mailbox, const Model *model, CfConnRef except)
{
  g_autoptr (CfSnapshotReport) report = cf_mailbox_begin_report (mailbox);
  g_autoptr (GError) error = NULL;
  CfSnapshot *snapshot;

  model_report (model, cf_snapshot_report_get_since (report), FALSE, cf_snapshot_report_get_sink (report));
  snapshot = cf_mailbox_publish (mailbox, report, except, &error);
  g_assert_no_error (error);
  return snapshot;
}

static void
test_publish (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfSnapshot) first = NULL, again = NULL, second = NULL, newest = NULL;

  g_assert_true (cf_mailbox_is_stale (fixture->mailbox));
  g_assert_null (cf_mailbox_ref_snapshot (fixture->mailbox));
  cf_mailbox_watch (fixture->mailbox, 5);
  cf_mailbox_watch (fixture->mailbox, 6);
  first = refresh (fixture->mailbox, fixture->model, 5);
  assert_woken ("6 ");
  g_assert_false (cf_mailbox_is_stale (fixture->mailbox));
  again = refresh (fixture->mailbox, fixture->model, 0);
  g_assert_true (again == first);
  assert_woken (""); /* nothing new */

  model_append (fixture->model, 0, 0);
  second = refresh (fixture->mailbox, fixture->model, 0);
  assert_woken ("5 6 ");
  newest = cf_mailbox_ref_snapshot (fixture->mailbox);
  g_assert_true (newest == second);
  g_assert_cmpuint (cf_snapshot_get_n (second), ==, 1);
  cf_mailbox_unwatch (fixture->mailbox, 5);
  cf_mailbox_unwatch (fixture->mailbox, 6);
  cf_mailbox_unwatch (fixture->mailbox, 6);
  cf_mailbox_set_stale (fixture->mailbox);
  assert_woken ("");
}

/* Two loads that overlap: the later one is published first, the earlier adds nothing. */
static void
test_overlap (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfSnapshot) first = refresh (fixture->mailbox, fixture->model, 0), newest = NULL, late = NULL;
  g_autoptr (CfSnapshotReport) report = cf_mailbox_begin_report (fixture->mailbox);

  model_append (fixture->model, 0, 0);
  model_report (fixture->model, cf_snapshot_report_get_since (report), FALSE,
                cf_snapshot_report_get_sink (report));
  model_expunge (fixture->model, 0);
  newest = refresh (fixture->mailbox, fixture->model, 0);
  late = cf_mailbox_publish (fixture->mailbox, report, 0, NULL);
  g_assert_true (late == newest);
  g_assert_cmpuint (cf_snapshot_get_n (late), ==, 0);
}

static void
test_stale (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfSnapshot) first = refresh (fixture->mailbox, fixture->model, 0), second = NULL, third = NULL;
  g_autoptr (CfSnapshotReport) report = NULL;

  cf_mailbox_watch (fixture->mailbox, 5);
  cf_mailbox_changed_elsewhere (1, 3, fixture->model->modseq); /* known */
  cf_mailbox_changed_elsewhere (2, 3, 99);                     /* another account's */
  g_assert_false (cf_mailbox_is_stale (fixture->mailbox));
  assert_woken ("");
  cf_mailbox_changed_elsewhere (1, 3, fixture->model->modseq + 1);
  g_assert_true (cf_mailbox_is_stale (fixture->mailbox));
  assert_woken ("5 ");

  /* A load that began before the change was known of does not undo it. */
  report = cf_mailbox_begin_report (fixture->mailbox);
  model_report (fixture->model, cf_snapshot_report_get_since (report), FALSE,
                cf_snapshot_report_get_sink (report));
  cf_mailbox_changed_elsewhere (1, 0, 0);
  assert_woken ("5 ");
  second = cf_mailbox_publish (fixture->mailbox, report, 0, NULL);
  g_assert_true (cf_mailbox_is_stale (fixture->mailbox));
  third = refresh (fixture->mailbox, fixture->model, 0);
  g_assert_false (cf_mailbox_is_stale (fixture->mailbox));
  cf_mailbox_unwatch (fixture->mailbox, 5);
}

/* A load of a mailbox that is not in memory, and what others do meanwhile: is it stale afterwards? */
static gboolean
is_stale_after (Model *model, void (*meanwhile) (Model *model))
{
  g_autoptr (CfSnapshotReport) report = cf_mailbox_begin_first_report ();
  g_autoptr (CfMailbox) mailbox = NULL;
  g_autoptr (CfSnapshot) snapshot = NULL, whole = NULL;
  gboolean stale;

  model_report (model, 0, FALSE, cf_snapshot_report_get_sink (report));
  meanwhile (model);
  mailbox = cf_mailbox_acquire (1, model->id);
  snapshot = cf_mailbox_publish (mailbox, report, 0, NULL);
  g_assert_nonnull (snapshot);
  stale = cf_mailbox_is_stale (mailbox);
  whole = refresh (mailbox, model, 0);
  g_assert_false (cf_mailbox_is_stale (mailbox));
  cf_mailbox_set_gone (mailbox); /* out of memory, for the next */
  return stale;
}

static void
meanwhile_nothing (Model *model)
{
}

/* A COPY into it, by a session that found no such mailbox in memory. */
static void
meanwhile_news (Model *model)
{
  model_append (model, 0, 0);
  cf_mailbox_changed_elsewhere (1, model->id, model->modseq);
}

static void
meanwhile_news_of_all (Model *model)
{
  model_append (model, 0, 0);
  cf_mailbox_changed_elsewhere (1, 0, 0);
}

static void
meanwhile_news_of_any (Model *model)
{
  model_append (model, 0, 0);
  cf_mailbox_changed_elsewhere (0, 0, 0);
}

static void
meanwhile_no_news (Model *model)
{
  cf_mailbox_changed_elsewhere (1, model->id, model->modseq);
  cf_mailbox_changed_elsewhere (1, model->id + 1, model->modseq + 1);
  cf_mailbox_changed_elsewhere (2, model->id, model->modseq + 1);
}

/* An APPEND into it: its session has the mailbox for that time only, and no snapshot. */
static void
meanwhile_passing (Model *model)
{
  g_autoptr (CfMailbox) mailbox = cf_mailbox_acquire (1, model->id);

  model_append (model, 0, 0);
  cf_mailbox_note_modseq (mailbox, model->modseq, NULL, 0);
}

static void
meanwhile_more_than_is_kept (Model *model)
{
  for (guint i = 0; i <= CF_UNHEARD_MAX; i++)
    cf_mailbox_changed_elsewhere (2, 1000 + i, 1);
}

static void
test_unheard (Fixture *fixture, gconstpointer data)
{
  Model *model = model_new (4);

  g_assert_false (is_stale_after (model, meanwhile_nothing));
  g_assert_true (is_stale_after (model, meanwhile_news));
  g_assert_true (is_stale_after (model, meanwhile_news_of_all));
  g_assert_true (is_stale_after (model, meanwhile_news_of_any));
  g_assert_false (is_stale_after (model, meanwhile_no_news));
  g_assert_true (is_stale_after (model, meanwhile_passing));
  g_assert_true (is_stale_after (model, meanwhile_more_than_is_kept));
  model_free (model);
}

static void
test_gone (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfSnapshot) first = refresh (fixture->mailbox, fixture->model, 0);
  g_autoptr (CfSnapshotReport) report = cf_mailbox_begin_report (fixture->mailbox);
  g_autoptr (CfMailbox) fresh = NULL;
  g_autoptr (GError) error = NULL;

  cf_mailbox_watch (fixture->mailbox, 5);
  cf_mailbox_set_gone (fixture->mailbox);
  assert_woken ("5 ");
  g_assert_true (cf_mailbox_is_gone (fixture->mailbox));
  g_assert_null (cf_mailbox_publish (fixture->mailbox, report, 0, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_NONEXISTENT);
  g_assert_null (cf_mailbox_lookup_name (1, "Model"));
  fresh = cf_mailbox_acquire (1, 3);
  g_assert_true (fresh != fixture->mailbox);
  g_assert_false (cf_mailbox_is_gone (fresh));
}

/* The database was restored: it is behind what it had said, even if no snapshot is in memory any more. */
static void
test_restored (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Model) restored = model_new (3);
  g_autoptr (CfSnapshotReport) report = NULL;
  g_autoptr (GError) error = NULL;

  model_append (fixture->model, 0, 0);
  cf_snapshot_unref (refresh (fixture->mailbox, fixture->model, 0));
  if (data != NULL)
    g_clear_pointer (&fixture->mailbox->snapshot, cf_snapshot_unref);
  cf_mailbox_watch (fixture->mailbox, 5);
  report = cf_mailbox_begin_report (fixture->mailbox);
  model_report (restored, cf_snapshot_report_get_since (report), FALSE, cf_snapshot_report_get_sink (report));
  g_assert_null (cf_mailbox_publish (fixture->mailbox, report, 0, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE);
  g_assert_true (cf_mailbox_is_gone (fixture->mailbox));
  assert_woken ("5 ");
}

static void
test_corrupt (Fixture *fixture, gconstpointer data)
{
  g_autoptr (CfSnapshot) first = refresh (fixture->mailbox, fixture->model, 0), newest = NULL;
  g_autoptr (CfSnapshotReport) report = cf_mailbox_begin_report (fixture->mailbox);
  g_autoptr (GError) error = NULL;

  cf_mailbox_watch (fixture->mailbox, 5);
  g_assert_null (cf_mailbox_publish (fixture->mailbox, report, 0, &error)); /* an empty report */
  g_assert_error (error, CF_ERROR, CF_ERROR_CORRUPTION);
  g_assert_true (cf_mailbox_is_stale (fixture->mailbox));
  assert_woken (""); /* or its watchers would ask for ever */
  newest = cf_mailbox_ref_snapshot (fixture->mailbox);
  g_assert_true (newest == first);
}

static void
test_names (Fixture *fixture, gconstpointer data)
{
  g_autoptr (Model) other_model = model_new (4);
  g_autoptr (CfMailbox) other = cf_mailbox_acquire (1, 4), found = NULL, again = NULL;

  g_assert_null (cf_mailbox_lookup_name (1, "Model"));
  cf_snapshot_unref (refresh (fixture->mailbox, fixture->model, 0));
  found = cf_mailbox_lookup_name (1, "Model");
  g_assert_true (found == fixture->mailbox);
  g_assert_null (cf_mailbox_lookup_name (2, "Model"));
  cf_snapshot_unref (refresh (other, other_model, 0)); /* the name is another mailbox's now */
  again = cf_mailbox_lookup_name (1, "Model");
  g_assert_true (again == other);
}

/* RENAME takes what is below along; INBOX leaves it, and another's mailboxes are not meant. */
static void
test_renamed (Fixture *fixture, gconstpointer data)
{
  static const struct {
    const char *from, *to, *name;
  } cases[] = {
    { "Mode", "Other", "Model" },
    { "Model/below", "Other", "Model" },
    { "Model", "INBOX/below", "INBOX/below" },
    { "INBOX", "Other", "INBOX/below" },
    { "INBOX/below", "a", "a" },
    { "a", "b/c", "b/c" },
    { "b", "x/y/z", "x/y/z/c" },
  };

  cf_snapshot_unref (refresh (fixture->mailbox, fixture->model, 0));
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    guint serial = cf_mailbox_get_names_serial ();
    g_autofree char *before = cf_mailbox_dup_name (fixture->mailbox), *name = NULL;
    g_autoptr (CfMailbox) found = NULL;

    cf_mailbox_renamed (2, before, "stranger");
    cf_mailbox_renamed (1, cases[i].from, cases[i].to);
    name = cf_mailbox_dup_name (fixture->mailbox);
    g_assert_cmpstr (name, ==, cases[i].name);
    found = cf_mailbox_lookup_name (1, name);
    g_assert_true (found == fixture->mailbox);
    g_assert_cmpint (serial != cf_mailbox_get_names_serial (), ==, !g_str_equal (before, name));
  }
}

static void
test_recent (Fixture *fixture, gconstpointer data)
{
  g_assert_cmpuint (cf_mailbox_get_known_recent (fixture->mailbox), ==, 0);
  cf_snapshot_unref (refresh (fixture->mailbox, fixture->model, 0));
  g_assert_cmpuint (cf_mailbox_claim_recent (fixture->mailbox, 5), ==, 1);
  g_assert_cmpuint (cf_mailbox_claim_recent (fixture->mailbox, 5), ==, 5);
  g_assert_cmpuint (cf_mailbox_claim_recent (fixture->mailbox, 3), ==, 5);
  g_assert_cmpuint (cf_mailbox_get_known_recent (fixture->mailbox), ==, 5);
}

/* Room for about two of these snapshots: the least recently used goes, but never one that is held. */
static void
test_lru (void)
{
  Fixture fixture;
  g_autoptr (CfSnapshot) held = NULL, snapshot = NULL;

  set_up_with (&fixture, 15000);
  for (guint i = 0; i < 100; i++)
    model_append (fixture.model, 0, 0);
  for (CfMailboxId id = 10; id < 20; id++) {
    g_autoptr (CfMailbox) mailbox = cf_mailbox_acquire (1, id);
    g_autoptr (CfMailbox) used = cf_mailbox_lookup (1, 10);

    fixture.model->id = id;
    snapshot = refresh (mailbox, fixture.model, 0);
    if (id == 12)
      held = cf_snapshot_ref (snapshot);
    g_clear_pointer (&snapshot, cf_snapshot_unref);
  }
  for (CfMailboxId id = 10; id < 20; id++) {
    g_autoptr (CfMailbox) mailbox = cf_mailbox_lookup (1, id);
    gboolean kept = id == 12 || id == 19;

    if (id == 10)
      continue; /* used all the time, but one other is held: depends on the sizes */
    g_assert_cmpint (mailbox != NULL, ==, kept);
    if (!kept)
      continue;
    snapshot = cf_mailbox_ref_snapshot (mailbox);
    g_assert_nonnull (snapshot);
    g_assert_true (id == 19 || snapshot == held);
    g_clear_pointer (&snapshot, cf_snapshot_unref);
  }
  tear_down (&fixture, NULL);
}

/* The last one that is larger than all may be together stays besides, and the others do not go for its sake.
 */
static void
test_spared (void)
{
  Fixture fixture;
  gsize kept_octets = 15000;

  set_up_with (&fixture, kept_octets);
  model_append (fixture.model, 0, 0);
  for (CfMailboxId id = 10; id < 13; id++) {
    g_autoptr (CfMailbox) mailbox = cf_mailbox_acquire (1, id);
    g_autoptr (CfSnapshot) snapshot = NULL;

    /* 10 is a small one, 11 and 12 are large. */
    while (id > 10 && model_count (fixture.model) < 300 * (id - 10))
      model_append (fixture.model, 0, 0);
    fixture.model->id = id;
    snapshot = refresh (mailbox, fixture.model, 0);
    g_assert_cmpint (cf_snapshot_get_size (snapshot) > kept_octets, ==, id > 10);
  }
  for (CfMailboxId id = 10; id < 13; id++) {
    g_autoptr (CfMailbox) mailbox = cf_mailbox_lookup (1, id);

    g_assert_cmpint (mailbox != NULL, ==, id != 11);
  }
  g_assert_false (cf_mailbox_is_crowded ());
  cf_mailbox_set_all_gone ();
  tear_down (&fixture, NULL);
}

/* ---- Threads ----------------------------------------------------------------------------------------- */

static GMutex shared_lock; /* the store's: guards the model */

static gpointer
hammer (gpointer data)
{
  Fixture *fixture = data;
  guint64 highest = 0;

  for (guint i = 0; i < 300; i++) {
    g_autoptr (CfMailbox) mailbox = cf_mailbox_acquire (1, 3);
    g_autoptr (CfSnapshotReport) report = cf_mailbox_begin_report (mailbox);
    g_autoptr (CfSnapshot) snapshot = NULL;

    g_mutex_lock (&shared_lock);
    if (i % 3 == 0)
      model_append (fixture->model, 0, 0);
    else
      model_expunge (fixture->model, i % fixture->model->rows->len);
    model_report (fixture->model, cf_snapshot_report_get_since (report), FALSE,
                  cf_snapshot_report_get_sink (report));
    g_mutex_unlock (&shared_lock);
    snapshot = cf_mailbox_publish (mailbox, report, 0, NULL);
    g_assert_nonnull (snapshot);
    g_assert_cmpuint (cf_snapshot_get_highest_modseq (snapshot), >=,
                      cf_snapshot_report_get_info (report)->highest_modseq);
    g_assert_cmpuint (cf_snapshot_get_highest_modseq (snapshot), >=, highest);
    highest = cf_snapshot_get_highest_modseq (snapshot);
  }
  return NULL;
}

static void
test_threads (void)
{
  GThread *threads[4];
  Fixture fixture;
  g_autoptr (CfSnapshot) snapshot = NULL;

  set_up_with (&fixture, 0); /* everything that nobody holds is dropped at once */
  model_append (fixture.model, 0, 0);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("hammer", hammer, &fixture);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  snapshot = refresh (fixture.mailbox, fixture.model, 0);
  g_assert_cmpuint (cf_snapshot_get_n (snapshot), ==, model_count (fixture.model));
  g_assert_cmpuint (cf_snapshot_get_highest_modseq (snapshot), ==, fixture.model->modseq);
  tear_down (&fixture, NULL);
}

#define ADD(path, func, data) g_test_add (path, Fixture, data, set_up, func, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  ADD ("/core/mailbox/publish", test_publish, NULL);
  ADD ("/core/mailbox/publish/overlap", test_overlap, NULL);
  ADD ("/core/mailbox/publish/corrupt", test_corrupt, NULL);
  ADD ("/core/mailbox/stale", test_stale, NULL);
  ADD ("/core/mailbox/stale/unheard", test_unheard, NULL);
  ADD ("/core/mailbox/gone", test_gone, NULL);
  ADD ("/core/mailbox/gone/restored", test_restored, NULL);
  ADD ("/core/mailbox/gone/restored-without-snapshot", test_restored, "");
  ADD ("/core/mailbox/names", test_names, NULL);
  ADD ("/core/mailbox/renamed", test_renamed, NULL);
  ADD ("/core/mailbox/recent", test_recent, NULL);
  g_test_add_func ("/core/mailbox/lru", test_lru);
  g_test_add_func ("/core/mailbox/lru/spared", test_spared);
  g_test_add_func ("/core/mailbox/threads", test_threads);
  return g_test_run ();
}
