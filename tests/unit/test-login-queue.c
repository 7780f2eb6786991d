/* Tests of core/store/login-queue.c: what is dropped when it is full, and what becomes of texts; by many
 * threads at once. */
#include "store/login-queue.h"

#include <string.h>

static void
push (CfLoginQueue *queue, guint number)
{
  g_autofree char *name = g_strdup_printf ("%u", number);
  CfLoginRecord record
      = { .struct_size = sizeof record, .account = number, .name = name, .mechanism = "PLAIN" };

  cf_login_queue_push (queue, &record);
}

static void
push_range (CfLoginQueue *queue, guint first, guint last)
{
  for (guint i = first; i <= last; i++)
    push (queue, i);
}

/* The caller unrefs. */
static GPtrArray *
take (CfLoginQueue *queue, guint max, guint n, guint first)
{
  GPtrArray *records = cf_login_queue_take (queue, max);

  g_assert_cmpuint (records->len, ==, n);
  for (guint i = 0; i < n; i++) {
    const CfLoginRecord *record = g_ptr_array_index (records, i);

    g_assert_cmpuint (record->account, ==, first + i);
    g_assert_cmpuint (g_ascii_strtoull (record->name, NULL, 10), ==, first + i);
  }
  return records;
}

static void
assert_counters (CfLoginQueue *queue, guint64 waiting, guint64 dropped)
{
  CfLoginQueueCounters counters;

  cf_login_queue_get_counters (queue, &counters);
  g_assert_cmpuint (counters.waiting, ==, waiting);
  g_assert_cmpuint (counters.dropped, ==, dropped);
}

static void
test_order (void)
{
  g_autoptr (CfLoginQueue) queue = cf_login_queue_new (10);

  g_ptr_array_unref (take (queue, 5, 0, 0));
  push_range (queue, 1, 8);
  assert_counters (queue, 8, 0);
  g_ptr_array_unref (take (queue, 5, 5, 1));
  g_ptr_array_unref (take (queue, 5, 3, 6));
  assert_counters (queue, 0, 0);
}

static void
test_full (void)
{
  g_autoptr (CfLoginQueue) queue = cf_login_queue_new (10);

  push_range (queue, 1, 25);
  assert_counters (queue, 10, 15);
  g_ptr_array_unref (take (queue, 100, 10, 16));
}

/* What is given back is the oldest again, and the first to go when there is no room. */
static void
test_give_back (void)
{
  g_autoptr (CfLoginQueue) queue = cf_login_queue_new (10);
  GPtrArray *taken;

  push_range (queue, 1, 6);
  taken = take (queue, 4, 4, 1);
  push_range (queue, 7, 8);
  cf_login_queue_give_back (queue, taken);
  assert_counters (queue, 8, 0);
  taken = take (queue, 4, 4, 1);
  push_range (queue, 9, 13);
  cf_login_queue_give_back (queue, taken);
  assert_counters (queue, 10, 3);
  g_ptr_array_unref (take (queue, 100, 10, 4));
}

static void
assert_name (const char *given, const char *kept)
{
  g_autoptr (CfLoginQueue) queue = cf_login_queue_new (1);
  CfLoginRecord record = { .struct_size = sizeof record, .name = given };
  GPtrArray *taken;

  cf_login_queue_push (queue, &record);
  taken = cf_login_queue_take (queue, 1);
  g_assert_cmpstr (((CfLoginRecord *) g_ptr_array_index (taken, 0))->name, ==, kept);
  g_assert_null (((CfLoginRecord *) g_ptr_array_index (taken, 0))->reason);
  g_ptr_array_unref (taken);
}

static void
test_texts (void)
{
  g_autofree char *long_text = g_strnfill (5000, 'x'), *cut = g_strnfill (CF_LOGIN_TEXT_MAX, 'x');
  g_autofree char *kept = NULL;
  g_autoptr (GString) wide = g_string_new ("x");
  g_autoptr (GString) bad = g_string_new (NULL);
  g_autoptr (GString) replaced = g_string_new (NULL);

  assert_name ("", "");
  assert_name ("jos\xc3\xa9", "jos\xc3\xa9");
  assert_name ("a\xff"
               "b",
               "a\xef\xbf\xbd"
               "b");
  assert_name (long_text, cut);
  /* Never in the middle of a character: 1 + 2 * 127 octets are whole ones. */
  for (guint i = 0; i < 300; i++)
    g_string_append (wide, "\xc3\xa9");
  kept = g_strndup (wide->str, CF_LOGIN_TEXT_MAX - 1);
  assert_name (wide->str, kept);
  for (guint i = 0; i < 300; i++)
    g_string_append_c (bad, '\xff');
  for (guint i = 0; i < CF_LOGIN_TEXT_MAX / 3; i++)
    g_string_append (replaced, "\xef\xbf\xbd");
  assert_name (bad->str, replaced->str);
}

static gpointer
wait_until_closed (gpointer data)
{
  CfLoginQueue *queue = data;
  guint n = 0;

  while (cf_login_queue_wait (queue, 1000)) {
    GPtrArray *records = cf_login_queue_take (queue, 100);

    n += records->len;
    if (n % 3 == 0) {
      n -= records->len;
      cf_login_queue_give_back (queue, records);
    } else {
      g_ptr_array_unref (records);
    }
  }
  return GUINT_TO_POINTER (n);
}

static gpointer
push_many (gpointer data)
{
  push_range (data, 1, 5000);
  return NULL;
}

/* Nothing is lost between those who push and the one who takes. */
static void
test_threads (void)
{
  g_autoptr (CfLoginQueue) queue = cf_login_queue_new (100000);
  GThread *taker = g_thread_new ("taker", wait_until_closed, queue), *pushers[4];
  CfLoginQueueCounters counters;
  guint taken;

  for (guint i = 0; i < G_N_ELEMENTS (pushers); i++)
    pushers[i] = g_thread_new ("pusher", push_many, queue);
  for (guint i = 0; i < G_N_ELEMENTS (pushers); i++)
    g_thread_join (pushers[i]);
  cf_login_queue_close (queue);
  taken = GPOINTER_TO_UINT (g_thread_join (taker));
  cf_login_queue_get_counters (queue, &counters);
  g_assert_cmpuint (taken + counters.waiting, ==, 20000);
  g_assert_cmpuint (counters.dropped, ==, 0);
  g_assert_false (cf_login_queue_wait (queue, 0));
}

int
main (int argc, char *argv[])
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/login-queue/order", test_order);
  g_test_add_func ("/core/login-queue/full/drops-the-oldest", test_full);
  g_test_add_func ("/core/login-queue/give-back", test_give_back);
  g_test_add_func ("/core/login-queue/texts", test_texts);
  g_test_add_func ("/core/login-queue/threads", test_threads);
  return g_test_run ();
}
