/* Tests of core/base/tally.c, by an injected clock; and by many threads at once. */
#include "base/tally.h"

#include <string.h>

static gint64 test_time;

static gint64
test_clock (void)
{
  return test_time;
}

static CfTally *
tally_new (void)
{
  test_time = 1000;
  return cf_tally_new (test_clock);
}

static CfTallyEntry *
enter (CfTally *tally, const char *key, guint max, guint *out_log)
{
  return cf_tally_enter (tally, key, strlen (key), max, out_log);
}

static void
assert_counters (CfTally *tally, guint keys, guint entries, guint refused)
{
  CfTallyCounters counters;

  cf_tally_get_counters (tally, &counters);
  g_assert_cmpuint (counters.keys, ==, keys);
  g_assert_cmpuint (counters.entries, ==, entries);
  g_assert_cmpuint (counters.refused, ==, refused);
}

static void
test_limit (void)
{
  g_autoptr (CfTally) tally = tally_new ();
  CfTallyEntry *a1, *a2, *b;
  guint log;

  a1 = enter (tally, "a", 2, &log);
  a2 = enter (tally, "a", 2, &log);
  g_assert_nonnull (a1);
  g_assert_nonnull (a2);
  g_assert_null (enter (tally, "a", 2, &log));
  b = enter (tally, "b", 2, &log);
  g_assert_nonnull (b);
  assert_counters (tally, 2, 3, 1);
  cf_tally_leave (tally, a1);
  a1 = enter (tally, "a", 2, &log);
  g_assert_nonnull (a1);
  /* A limit that was lowered refuses, and ends nobody; without one, all are counted. */
  g_assert_null (enter (tally, "a", 1, &log));
  cf_tally_leave (tally, a1);
  a1 = enter (tally, "a", 0, &log);
  cf_tally_leave (tally, a1);
  cf_tally_leave (tally, a2);
  cf_tally_leave (tally, b);
  assert_counters (tally, 0, 0, 2);
}

/* One line a minute for each key, which speaks for those that had none. */
static void
test_log (void)
{
  g_autoptr (CfTally) tally = tally_new ();
  CfTallyEntry *a = NULL;
  guint log;

  a = enter (tally, "a", 1, &log);
  g_assert_cmpuint (log, ==, 0);
  enter (tally, "a", 1, &log);
  g_assert_cmpuint (log, ==, 1);
  for (guint i = 0; i < 10; i++) {
    enter (tally, "a", 1, &log);
    g_assert_cmpuint (log, ==, 0);
  }
  cf_tally_refuse (tally, "b", 1, &log);
  g_assert_cmpuint (log, ==, 1);
  cf_tally_refuse (tally, "b", 1, &log);
  g_assert_cmpuint (log, ==, 0);
  /* Also when it has gone and come again in between. */
  for (guint i = 0; i < 10; i++) {
    cf_tally_leave (tally, a);
    a = enter (tally, "a", 1, &log);
    g_assert_nonnull (a);
    g_assert_null (enter (tally, "a", 1, &log));
    g_assert_cmpuint (log, ==, 0);
  }
  test_time += 60 * G_USEC_PER_SEC;
  enter (tally, "a", 1, &log);
  g_assert_cmpuint (log, ==, 21);
  cf_tally_leave (tally, a);
  assert_counters (tally, 0, 0, 24);
}

/* Keys that were refused once are forgotten: by time, and by number. */
static void
test_bound (void)
{
  g_autoptr (CfTally) tally = tally_new ();
  guint log;

  for (guint i = 0; i < 5000; i++) {
    cf_tally_refuse (tally, &i, sizeof i, &log);
    g_assert_cmpuint (log, ==, 1);
  }
  for (guint i = 4990; i < 5000; i++) {
    cf_tally_refuse (tally, &i, sizeof i, &log);
    g_assert_cmpuint (log, ==, 0);
  }
  for (guint i = 0; i < 10; i++) {
    cf_tally_refuse (tally, &i, sizeof i, &log);
    g_assert_cmpuint (log, ==, 1);
  }
  assert_counters (tally, 0, 0, 5020);
}

/* ---- Threads ---- */

#define MAX_OF_KEY 3

static gint highest[2], present[2];

static gpointer
come_and_go (gpointer data)
{
  CfTally *tally = data;

  for (guint i = 0; i < 20000; i++) {
    guint key = i % 2, log;
    CfTallyEntry *entry = cf_tally_enter (tally, &key, sizeof key, MAX_OF_KEY, &log);
    gint n;

    if (entry == NULL)
      continue;
    n = g_atomic_int_add (&present[key], 1) + 1;
    if (n > g_atomic_int_get (&highest[key]))
      g_atomic_int_set (&highest[key], n);
    if (i % 16 == 0)
      g_thread_yield ();
    g_atomic_int_add (&present[key], -1);
    cf_tally_leave (tally, entry);
  }
  return NULL;
}

static void
test_threads (void)
{
  g_autoptr (CfTally) tally = cf_tally_new (NULL);
  GThread *threads[8];
  CfTallyCounters counters;

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("tally", come_and_go, tally);
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  for (guint key = 0; key < 2; key++)
    g_assert_cmpint (highest[key], <=, MAX_OF_KEY);
  cf_tally_get_counters (tally, &counters);
  g_assert_cmpuint (counters.keys, ==, 0);
  g_assert_cmpuint (counters.entries, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/tally/limit", test_limit);
  g_test_add_func ("/core/tally/log", test_log);
  g_test_add_func ("/core/tally/bound", test_bound);
  g_test_add_func ("/core/tally/threads", test_threads);
  return g_test_run ();
}
