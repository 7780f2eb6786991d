/* tests/unit/test-view.c - a model client applies what views tell, and must always agree with them and the
 * mailbox.
 *
 * Two views follow one mailbox and are told the same at the same moments: one stays awake, the other is
 * demoted at random. Whatever happens, both must give the same sequence numbers.
 */
#include "mailbox/view.h"
#include "mailbox-model.h"

typedef struct {
  CfViewSink sink; /* first */
  GArray *uids;    /* guint32: what the client believes, by sequence number; 0: arrived, not yet fetched */
  GHashTable *flags;
  guint32 recent;
  guint room; /* how many more things are told before the sink says stop */
  GString *log;
} Client;

static gboolean
client_take (Client *client)
{
  return client->room == 0 || --client->room > 0;
}

static gboolean
client_expunged (CfViewSink *sink, guint32 seq, guint32 uid)
{
  Client *client = (Client *) sink;

  g_assert_cmpuint (seq, >=, 1);
  g_assert_cmpuint (seq, <=, client->uids->len);
  g_assert_cmpuint (g_array_index (client->uids, guint32, seq - 1), ==, uid);
  g_array_remove_index (client->uids, seq - 1);
  g_string_append_printf (client->log, "-%u ", seq);
  return client_take (client);
}

static gboolean
client_exists (CfViewSink *sink, guint32 exists, guint32 recent)
{
  Client *client = (Client *) sink;

  g_assert_cmpuint (exists, >, client->uids->len);
  g_array_set_size (client->uids, exists);
  client->recent = recent;
  g_string_append_printf (client->log, "=%u ", exists);
  return client_take (client);
}

static gboolean
client_changed (CfViewSink *sink, guint32 seq, const CfIndexRow *row)
{
  Client *client = (Client *) sink;

  g_assert_cmpuint (g_array_index (client->uids, guint32, seq - 1), ==, row->uid);
  g_hash_table_insert (client->flags, GUINT_TO_POINTER (row->uid), GUINT_TO_POINTER (row->flags));
  g_string_append_printf (client->log, "*%u ", seq);
  return client_take (client);
}

/* FETCH (UID FLAGS) of what the client has not seen yet. */
static void
client_fetch (Client *client, const CfView *view)
{
  for (guint32 seq = 1; seq <= client->uids->len; seq++) {
    const CfIndexRow *row = cf_view_get_row (view, seq);

    if (g_array_index (client->uids, guint32, seq - 1) != 0)
      continue;
    g_array_index (client->uids, guint32, seq - 1) = row->uid;
    g_hash_table_insert (client->flags, GUINT_TO_POINTER (row->uid), GUINT_TO_POINTER (row->flags));
  }
}

static Client *
client_new (const CfView *view)
{
  Client *client = g_new0 (Client, 1);

  client->sink = (CfViewSink){ client_expunged, client_exists, client_changed };
  client->uids = g_array_new (FALSE, TRUE, sizeof (guint32));
  client->flags = g_hash_table_new (NULL, NULL);
  client->log = g_string_new (NULL);
  g_array_set_size (client->uids, cf_view_get_exists (view));
  client_fetch (client, view);
  return client;
}

static void
client_free (Client *client)
{
  g_array_unref (client->uids);
  g_hash_table_unref (client->flags);
  g_string_free (client->log, TRUE);
  g_free (client);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Client, client_free)

/* The client's numbers are the view's, in both directions; ghosts are what the mailbox does not have. */
static void
assert_agree (const Client *client, const CfView *view, const Model *model)
{
  guint32 highest = 0;

  g_assert_cmpuint (cf_view_get_exists (view), ==, client->uids->len);
  g_assert_null (cf_view_get_row (view, 0));
  g_assert_null (cf_view_get_row (view, client->uids->len + 1));
  for (guint32 seq = 1; seq <= client->uids->len; seq++) {
    guint32 uid = g_array_index (client->uids, guint32, seq - 1);

    g_assert_cmpuint (uid, >, highest);
    highest = uid;
    g_assert_cmpint (cf_view_is_ghost (view, uid), ==, model_lookup (model, uid)->expunged != 0);
    if (cf_view_is_demoted (view))
      continue;
    g_assert_cmpuint (cf_view_get_row (view, seq)->uid, ==, uid);
    g_assert_cmpuint (cf_view_lookup_seq (view, uid), ==, seq);
    g_assert_true (cf_view_lookup_row (view, uid) == cf_view_get_row (view, seq));
  }
  if (!cf_view_is_demoted (view) && highest < G_MAXUINT32)
    g_assert_cmpuint (cf_view_lookup_seq (view, highest + 1), ==, 0);
}

/* Everything has been told: the client has the mailbox's UIDs and flags. */
static void
assert_complete (const Client *client, const CfView *view, const Model *model)
{
  guint seq = 0;

  for (guint i = 0; i < model->rows->len; i++) {
    const ModelRow *row = model_row (model, i);

    if (row->expunged != 0)
      continue;
    g_assert_cmpuint (g_array_index (client->uids, guint32, seq), ==, row->uid);
    g_assert_cmpuint (GPOINTER_TO_UINT (g_hash_table_lookup (client->flags, GUINT_TO_POINTER (row->uid))), ==,
                      row->flags);
    seq++;
  }
  g_assert_cmpuint (client->uids->len, ==, seq);
  g_assert_cmpuint (cf_view_get_sendable_modseq (view), ==, model->modseq);
  g_assert_false (cf_view_has_news (view, TRUE));
}

/* A client that resynchronises from the MODSEQ it was sent learns of every expunge it has not been told. */
static void
assert_sendable (const Client *client, const CfView *view, const Model *model)
{
  guint64 sendable = cf_view_get_sendable_modseq (view);

  for (guint i = 0; i < client->uids->len; i++) {
    const ModelRow *row = model_lookup (model, g_array_index (client->uids, guint32, i));
    guint flags = GPOINTER_TO_UINT (g_hash_table_lookup (client->flags, GUINT_TO_POINTER (row->uid)));

    if (row->expunged != 0)
      g_assert_cmpuint (sendable, <, row->expunged);
    else if (flags != row->flags)
      g_assert_cmpuint (sendable, <, row->modseq);
  }
}

static CfSnapshot *
model_snapshot (const Model *model, CfSnapshot *base)
{
  g_autoptr (CfSnapshotReport) report = cf_snapshot_report_new (base, model->id);
  g_autoptr (GError) error = NULL;
  CfSnapshot *snapshot;

  model_report (model, cf_snapshot_report_get_since (report), FALSE, cf_snapshot_report_get_sink (report));
  snapshot = cf_snapshot_apply (base, report, &error);
  g_assert_no_error (error);
  return snapshot;
}

static void
run_round (GRand *rand, guint n, guint gap)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) snapshot = NULL;
  g_autoptr (CfView) awake = NULL, sleepy = NULL;
  g_autoptr (Client) a = NULL, b = NULL;

  for (guint i = 0; i < n; i++)
    model_append (model, i % (gap + 1), 0);
  snapshot = model_snapshot (model, NULL);
  awake = cf_view_new (snapshot);
  sleepy = cf_view_new (snapshot);
  a = client_new (awake);
  b = client_new (sleepy);

  for (guint step = 0; step < 60; step++) {
    gboolean allow = g_rand_boolean (rand);
    guint changes = g_rand_int_range (rand, 0, 6);
    CfSnapshot *next;

    if (g_rand_int_range (rand, 0, 3) == 0)
      cf_view_demote (sleepy);
    for (guint i = 0; i < changes; i++)
      model_step (model, rand);
    next = model_snapshot (model, snapshot);
    cf_snapshot_unref (snapshot);
    snapshot = next;
    cf_view_advance (awake, snapshot);
    if (g_rand_int_range (rand, 0, 3) > 0) {
      cf_view_advance (sleepy, snapshot);
      assert_agree (b, sleepy, model);
    }
    assert_agree (a, awake, model);
    assert_sendable (a, awake, model);
    if (g_rand_boolean (rand))
      continue;

    cf_view_advance (sleepy, snapshot);
    a->room = b->room = g_rand_int_range (rand, 0, 3) == 0 ? g_rand_int_range (rand, 1, 4) : 0;
    g_string_truncate (a->log, 0);
    g_string_truncate (b->log, 0);
    gboolean done = cf_view_sync (awake, allow ? CF_VIEW_ALL : CF_VIEW_ALL & ~CF_VIEW_EXPUNGED, &a->sink);
    g_assert_cmpint (cf_view_sync (sleepy, allow ? CF_VIEW_ALL : CF_VIEW_ALL & ~CF_VIEW_EXPUNGED, &b->sink),
                     ==, done);
    g_assert_cmpstr (a->log->str, ==, b->log->str);
    client_fetch (a, awake);
    client_fetch (b, sleepy);
    assert_agree (a, awake, model);
    assert_agree (b, sleepy, model);
    assert_sendable (a, awake, model);
    assert_sendable (b, sleepy, model);
    if (done && allow) {
      assert_complete (a, awake, model);
      assert_complete (b, sleepy, model);
    }
    if (done)
      g_assert_false (cf_view_has_news (awake, FALSE));
  }
}

static void
test_random (void)
{
  g_autoptr (GRand) rand = g_rand_new_with_seed (23);

  for (guint round = 0; round < 150; round++)
    run_round (rand, g_rand_int_range (rand, 0, round % 10 == 0 ? 600 : 12), round % 3);
}

/* RFC 3501, 7.4.1: each EXPUNGE is applied before the next is read. */
static void
test_expunge_order (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) before = NULL, after = NULL;
  g_autoptr (CfView) view = NULL;
  g_autoptr (Client) client = NULL;

  for (guint i = 0; i < 9; i++)
    model_append (model, 0, 0);
  before = model_snapshot (model, NULL);
  view = cf_view_new (before);
  client = client_new (view);
  for (guint i = 4; i < 9; i++)
    model_expunge (model, i);
  model_expunge (model, 1);
  model_append (model, 0, 0);
  model_store (model, 0, CF_FLAG_SEEN);
  after = model_snapshot (model, before);
  cf_view_advance (view, after);

  g_assert_true (cf_view_has_news (view, FALSE));
  g_assert_true (cf_view_sync (view, CF_VIEW_ALL & ~CF_VIEW_EXPUNGED, &client->sink));
  g_assert_cmpstr (client->log->str, ==, "=10 *1 ");
  g_assert_cmpuint (cf_view_get_sendable_modseq (view), ==, cf_snapshot_get_highest_modseq (before));
  g_assert_false (cf_view_has_news (view, FALSE));
  client_fetch (client, view);
  g_assert_true (cf_view_sync (view, CF_VIEW_ALL, &client->sink));
  g_assert_cmpstr (client->log->str, ==, "=10 *1 -2 -4 -4 -4 -4 -4 ");
  g_assert_cmpuint (cf_view_get_sendable_modseq (view), ==, model->modseq);
}

/* A message that came and went before it was announced was never there. */
static void
test_never_seen (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) first = model_snapshot (model, NULL), second = NULL, third = NULL;
  g_autoptr (CfView) view = cf_view_new (first);
  g_autoptr (Client) client = client_new (view);

  model_append (model, 0, 0);
  second = model_snapshot (model, first);
  cf_view_advance (view, second);
  g_assert_cmpuint (cf_view_get_exists (view), ==, 0);
  g_assert_null (cf_view_lookup_row (view, 1));
  model_expunge (model, 0);
  third = model_snapshot (model, second);
  cf_view_advance (view, third);
  g_assert_false (cf_view_has_news (view, TRUE));
  cf_view_sync (view, CF_VIEW_ALL, &client->sink);
  g_assert_cmpstr (client->log->str, ==, "");
}

static void
test_forget (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) first = NULL, second = NULL, third = NULL;
  g_autoptr (CfView) view = NULL;
  g_autoptr (Client) client = NULL;
  guint64 own;

  model_append (model, 0, 0);
  first = model_snapshot (model, NULL);
  view = cf_view_new (first);
  client = client_new (view);
  model_store (model, 0, CF_FLAG_SEEN);
  own = model->modseq;
  second = model_snapshot (model, first);
  cf_view_advance (view, second);
  g_assert_true (cf_view_has_news (view, FALSE));
  cf_view_forget_dirty (view, 1, own);
  g_assert_false (cf_view_has_news (view, FALSE));
  g_assert_cmpuint (cf_view_get_sendable_modseq (view), ==, own);

  cf_view_sync (view, CF_VIEW_ALL & ~CF_VIEW_EXPUNGED, &client->sink);
  g_assert_cmpstr (client->log->str, ==, "");

  model_store (model, 0, CF_FLAG_DELETED); /* another session's */
  third = model_snapshot (model, second);
  cf_view_advance (view, third);
  cf_view_forget_dirty (view, 1, own);
  g_assert_true (cf_view_has_news (view, FALSE));
  g_assert_cmpuint (cf_view_get_sendable_modseq (view), ==, own);
}

static void
test_recent (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) first = NULL, second = NULL;
  g_autoptr (CfView) view = NULL;
  g_autoptr (Client) client = NULL;

  for (guint i = 0; i < 5; i++)
    model_append (model, 1, 0); /* 2, 4, 6, 8, 10 */
  first = model_snapshot (model, NULL);
  view = cf_view_new (first);
  client = client_new (view);
  cf_view_add_recent (view, 5, model->uid_next);
  g_assert_cmpuint (cf_view_get_n_recent (view), ==, 3);
  g_assert_true (cf_view_is_recent (view, 6));
  g_assert_false (cf_view_is_recent (view, 4));
  cf_view_add_recent (view, 11, 11);

  model_expunge (model, 3);
  model_append (model, 0, 0);
  second = model_snapshot (model, first);
  cf_view_advance (view, second);
  cf_view_add_recent (view, 11, 12);
  g_assert_cmpuint (cf_view_get_n_recent (view), ==, 3); /* the ghost counts, the arrival not yet */
  cf_view_sync (view, CF_VIEW_ALL & ~CF_VIEW_EXPUNGED, &client->sink);
  g_assert_cmpuint (client->recent, ==, 4);
  client_fetch (client, view);
  cf_view_sync (view, CF_VIEW_ALL, &client->sink);
  g_assert_cmpuint (cf_view_get_n_recent (view), ==, 3);
}

static void
test_demoted_size (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) snapshot = NULL;
  g_autoptr (CfView) view = NULL;

  for (guint i = 0; i < 2000; i++)
    model_append (model, 0, 0);
  for (guint i = 0; i < 2000; i += 500)
    model_expunge (model, i);
  snapshot = model_snapshot (model, NULL);
  view = cf_view_new (snapshot);
  cf_view_demote (view);
  g_assert_true (cf_view_is_demoted (view));
  g_assert_null (cf_view_get_snapshot (view));
  g_assert_true (cf_snapshot_is_sole (snapshot));
  g_assert_cmpuint (cf_view_get_exists (view), ==, 1996);
  g_assert_cmpuint (cf_view_get_size (view), <, 300);
}

/* What went while the view was demoted has no content left, but its place. */
static void
test_demoted_ghost (void)
{
  g_autoptr (Model) model = model_new (3);
  g_autoptr (CfSnapshot) first = NULL, second = NULL;
  g_autoptr (CfView) view = NULL;

  for (guint i = 0; i < 3; i++)
    model_append (model, 0, 0);
  first = model_snapshot (model, NULL);
  view = cf_view_new (first);
  cf_view_demote (view);
  model_expunge (model, 1);
  second = model_snapshot (model, first);
  cf_view_advance (view, second);
  g_assert_false (cf_view_is_demoted (view));
  g_assert_cmpuint (cf_view_get_row (view, 2)->uid, ==, 2);
  g_assert_cmpuint (cf_view_get_row (view, 2)->content, ==, 0);
  g_assert_cmpuint (cf_view_get_row (view, 3)->content, ==, 1003);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/view/random/client-agrees", test_random);
  g_test_add_func ("/core/view/sync/expunge-order", test_expunge_order);
  g_test_add_func ("/core/view/sync/never-seen", test_never_seen);
  g_test_add_func ("/core/view/forget-dirty", test_forget);
  g_test_add_func ("/core/view/recent", test_recent);
  g_test_add_func ("/core/view/demote/size", test_demoted_size);
  g_test_add_func ("/core/view/demote/ghost-has-no-content", test_demoted_ghost);
  return g_test_run ();
}
