/* tests/unit/test-permits.c - core/store/permits.c: turns, shares, and permits of connections that go away.
 */
#include "store/permits.h"

static GArray *woken; /* of CfConnRef */

static void
note_wake (CfConnRef ref, gpointer user_data)
{
  g_array_append_val (woken, ref);
}

static CfPermits *
permits_new (guint total, guint share)
{
  woken = g_array_new (FALSE, FALSE, sizeof (CfConnRef));
  return cf_permits_new (total, share, note_wake, NULL);
}

static void
permits_end (CfPermits *permits)
{
  cf_permits_free (permits);
  g_array_unref (woken);
}

#define assert_woken(...)                                                                                    \
  G_STMT_START                                                                                               \
  {                                                                                                          \
    CfConnRef expected[] = { __VA_ARGS__ };                                                                  \
    g_assert_cmpmem (woken->data, woken->len * sizeof (CfConnRef), expected, sizeof expected);               \
    g_array_set_size (woken, 0);                                                                             \
  }                                                                                                          \
  G_STMT_END

static void
test_first_come (void)
{
  CfPermits *permits = permits_new (1, 1);

  g_assert_true (cf_permits_try (permits, 1, 10));
  g_assert_true (cf_permits_try (permits, 1, 10)); /* holds it already */
  g_assert_false (cf_permits_try (permits, 2, 20));
  g_assert_false (cf_permits_try (permits, 3, 30));
  g_assert_false (cf_permits_try (permits, 2, 20)); /* keeps its place */

  cf_permits_release (permits, 1);
  assert_woken (2);
  /* It is set aside: nobody overtakes. */
  g_assert_false (cf_permits_try (permits, 4, 40));
  g_assert_true (cf_permits_try (permits, 2, 20));
  cf_permits_release (permits, 2);
  assert_woken (3);
  g_assert_true (cf_permits_try (permits, 3, 30));
  cf_permits_release (permits, 3);
  assert_woken (4);
  permits_end (permits);
}

static void
test_share (void)
{
  CfPermits *permits = permits_new (3, 2);

  g_assert_true (cf_permits_try (permits, 1, 10));
  g_assert_true (cf_permits_try (permits, 2, 10));
  g_assert_false (cf_permits_try (permits, 3, 10)); /* the account has its share */
  g_assert_true (cf_permits_try (permits, 4, 20));  /* which holds up nobody else */
  cf_permits_release (permits, 4);
  g_assert_cmpuint (woken->len, ==, 0);
  cf_permits_release (permits, 1);
  assert_woken (3);
  g_assert_true (cf_permits_try (permits, 3, 10));
  permits_end (permits);
}

static void
test_gone_while_waiting (void)
{
  CfPermits *permits = permits_new (1, 1);

  g_assert_true (cf_permits_try (permits, 1, 10));
  g_assert_false (cf_permits_try (permits, 2, 20));
  g_assert_false (cf_permits_try (permits, 3, 30));
  cf_permits_release (permits, 2); /* leaves the queue */
  cf_permits_release (permits, 1);
  assert_woken (3);
  cf_permits_release (permits, 3); /* gone before it took what was set aside */
  g_assert_true (cf_permits_try (permits, 4, 40));
  cf_permits_release (permits, 5); /* has nothing */
  permits_end (permits);
}

/* ---- Many threads: never more than the total, everybody gets a turn ---- */

#define N_THREADS 4
#define N_TURNS   2000

static struct {
  CfPermits *permits;
  guint inside, turns;
  guint wakes[N_THREADS + 1];
  GMutex lock;
  GCond cond;
} storm;

static void
storm_wake (CfConnRef ref, gpointer user_data)
{
  g_mutex_lock (&storm.lock);
  storm.wakes[ref]++;
  g_cond_broadcast (&storm.cond);
  g_mutex_unlock (&storm.lock);
}

static gpointer
storm_run (gpointer data)
{
  CfConnRef ref = GPOINTER_TO_UINT (data);

  for (guint i = 0; i < N_TURNS; i++) {
    while (!cf_permits_try (storm.permits, ref, ref)) {
      g_mutex_lock (&storm.lock);
      while (storm.wakes[ref] == 0)
        g_cond_wait (&storm.cond, &storm.lock);
      storm.wakes[ref]--;
      g_mutex_unlock (&storm.lock);
    }
    g_assert_cmpuint (__atomic_add_fetch (&storm.inside, 1, __ATOMIC_ACQ_REL), <=, 2);
    __atomic_add_fetch (&storm.turns, 1, __ATOMIC_RELAXED);
    __atomic_sub_fetch (&storm.inside, 1, __ATOMIC_ACQ_REL);
    cf_permits_release (storm.permits, ref);
  }
  return NULL;
}

static void
test_storm (void)
{
  GThread *threads[N_THREADS];

  storm.permits = cf_permits_new (2, 1, storm_wake, NULL);
  for (guint i = 0; i < N_THREADS; i++)
    threads[i] = g_thread_new ("storm", storm_run, GUINT_TO_POINTER (i + 1));
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (storm.turns, ==, N_THREADS * N_TURNS);
  cf_permits_free (storm.permits);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/permits/first-come-first-served", test_first_come);
  g_test_add_func ("/core/permits/account-has-a-share", test_share);
  g_test_add_func ("/core/permits/gone-while-waiting", test_gone_while_waiting);
  g_test_add_func ("/core/permits/threads", test_storm);
  return g_test_run ();
}
