/* tests/unit/test-batch.c - what a store may report into a batch, and what becomes of what it may not. */
#include "store/batch.h"

static CfWriteBatch *
make_batch (void)
{
  static const struct {
    CfWriteKind kind;
    guint group;
  } ops[] = { { CF_WRITE_APPEND, 1 }, { CF_WRITE_APPEND, 1 },  { CF_WRITE_STORE, 0 },
              { CF_WRITE_COPY, 2 },   { CF_WRITE_EXPUNGE, 0 }, { CF_WRITE_MOVE, 0 } };
  CfWriteBatch *batch = cf_write_batch_new (5, 6, 7, 100, 10);

  for (gsize i = 0; i < G_N_ELEMENTS (ops); i++) {
    CfWriteOp op = { .struct_size = sizeof op, .kind = ops[i].kind, .group = ops[i].group };

    cf_write_batch_add_op (batch, &op);
  }
  return batch;
}

static void
assert_set (const CfUidSet *set, const char *expected)
{
  g_autofree char *text = set != NULL ? cf_uid_set_to_string (set) : NULL;

  g_assert_cmpstr (text, ==, expected);
}

static GError *
make_error (gint code)
{
  return g_error_new_literal (CF_ERROR, code, "test");
}

static void
test_reports (void)
{
  g_autoptr (CfWriteBatch) batch = make_batch ();
  const CfWriteResult *copy = cf_write_batch_get_result (batch, 3);

  g_assert_cmpuint (cf_write_batch_get_account (batch), ==, 5);
  g_assert_cmpuint (cf_write_batch_get_mailbox (batch), ==, 6);
  g_assert_cmpuint (cf_write_batch_get_destination (batch), ==, 7);
  g_assert_cmpuint (cf_write_batch_get_n_ops (batch), ==, 6);
  g_assert_cmpuint (cf_write_batch_get_max_octets (batch), ==, 100);
  g_assert_cmpuint (cf_write_batch_get_max_messages (batch), ==, 10);
  g_assert_cmpuint (cf_write_batch_get_since (batch, 1), ==, G_MAXUINT64);
  g_assert_nonnull (cf_write_batch_get_sink (batch, 0));

  cf_write_batch_appended (batch, 0, 12);
  cf_write_batch_not_modified (batch, 2, 3);
  cf_write_batch_not_modified (batch, 2, 9);
  cf_write_batch_copied (batch, 3, 4, 20);
  cf_write_batch_copied (batch, 3, 6, 21);
  cf_write_batch_expunged (batch, 4, 8);
  g_assert_cmpuint (cf_write_batch_get_result (batch, 0)->uid, ==, 12);
  assert_set (cf_write_batch_get_result (batch, 2)->not_modified, "3,9");
  assert_set (copy->copied_from, "4,6");
  assert_set (copy->copied_to, "20:21");
  assert_set (cf_write_batch_get_result (batch, 4)->expunged, "8");
  for (guint i = 0; i < 6; i++)
    g_assert_no_error (cf_write_batch_get_result (batch, i)->error);
}

/* One that fails takes its group along, and what the group had reported; nobody else. */
static void
test_group (void)
{
  g_autoptr (CfWriteBatch) batch = make_batch ();

  cf_write_batch_appended (batch, 0, 12);
  cf_write_batch_fail (batch, 1, make_error (CF_ERROR_OVERQUOTA));
  cf_write_batch_fail (batch, 0, make_error (CF_ERROR_NO)); /* the first error stays */
  cf_write_batch_appended (batch, 0, 13);                   /* a failed one stays failed */
  g_assert_error (cf_write_batch_get_result (batch, 0)->error, CF_ERROR, CF_ERROR_OVERQUOTA);
  g_assert_error (cf_write_batch_get_result (batch, 1)->error, CF_ERROR, CF_ERROR_OVERQUOTA);
  g_assert_cmpuint (cf_write_batch_get_result (batch, 0)->uid, ==, 0);
  g_assert_no_error (cf_write_batch_get_result (batch, 2)->error);
}

static void
test_object_gone (void)
{
  g_autoptr (CfWriteBatch) batch = make_batch ();
  const CfWriteResult *result = cf_write_batch_get_result (batch, 0);

  cf_write_batch_object_gone (batch, 0, 77);
  cf_write_batch_object_gone (batch, 0, 78);
  cf_write_batch_fail (batch, 0, make_error (CF_ERROR_CONTENT_GONE));
  g_assert_error (result->error, CF_ERROR, CF_ERROR_CONTENT_GONE);
  g_assert_cmpuint (result->objects_gone->len, ==, 2);
  g_assert_cmpuint (g_array_index (result->objects_gone, CfObjectId, 1), ==, 78);
  g_assert_error (cf_write_batch_get_result (batch, 1)->error, CF_ERROR, CF_ERROR_CONTENT_GONE);
}

static guint warnings;

static GLogWriterOutput
count_warnings (GLogLevelFlags level, const GLogField *fields, gsize n, gpointer user_data)
{
  g_assert_cmpint (level, ==, G_LOG_LEVEL_WARNING);
  warnings++;
  return G_LOG_WRITER_HANDLED;
}

static void
test_misuse (void)
{
  g_autoptr (CfWriteBatch) batch = make_batch ();

  g_log_set_writer_func (count_warnings, NULL, NULL);
  cf_write_batch_appended (batch, 6, 1);
  cf_write_batch_fail (batch, G_MAXUINT, make_error (CF_ERROR_NO));
  cf_write_batch_object_gone (batch, 2, 1);
  cf_write_batch_appended (batch, 2, 1);
  g_assert_error (cf_write_batch_get_result (batch, 2)->error, CF_ERROR, CF_ERROR_SERVERBUG);

  cf_write_batch_copied (batch, 3, 4, 20);
  cf_write_batch_copied (batch, 3, 3, 21);
  g_assert_error (cf_write_batch_get_result (batch, 3)->error, CF_ERROR, CF_ERROR_SERVERBUG);
  g_assert_null (cf_write_batch_get_result (batch, 3)->copied_from);
  cf_write_batch_copied (batch, 5, 4, 20);
  cf_write_batch_copied (batch, 5, 5, 20);
  g_assert_error (cf_write_batch_get_result (batch, 5)->error, CF_ERROR, CF_ERROR_SERVERBUG);
  g_assert_cmpuint (warnings, ==, 6);
}

static void
test_uid_validity (void)
{
  guint32 now = (guint32) (g_get_real_time () / G_USEC_PER_SEC);

  g_assert_cmpuint (cf_uid_validity_next (0), >=, now);
  g_assert_cmpuint (cf_uid_validity_next (now + 1000), ==, now + 1001);
  g_assert_cmpuint (cf_uid_validity_next (5), >=, now);
  g_assert_cmpuint (cf_uid_validity_next (G_MAXUINT32 - 1), ==, G_MAXUINT32);
  g_assert_cmpuint (cf_uid_validity_next (G_MAXUINT32), ==, G_MAXUINT32);
}

static void
test_find_first (void)
{
  const CfAppend one = { .struct_size = sizeof one }, other = { .struct_size = sizeof other };
  const CfRestoreMessage messages[] = { { .append = &one }, { .append = NULL }, { .append = &other },
                                        { .append = &one }, { .append = NULL }, { .append = &other } };
  static const guint wanted[] = { 0, 1, 2, 0, 4, 2 };
  const CfRestoreMessage *list[G_N_ELEMENTS (messages)];
  CfRestore restore = { .struct_size = sizeof restore, .n_messages = G_N_ELEMENTS (list), .messages = list };

  for (guint i = 0; i < G_N_ELEMENTS (list); i++)
    list[i] = &messages[i];
  for (guint i = 0; i < G_N_ELEMENTS (list); i++)
    g_assert_cmpuint (cf_restore_find_first (&restore, i), ==, wanted[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_test_add_func ("/core/batch/reports", test_reports);
  g_test_add_func ("/core/batch/fail/takes-group", test_group);
  g_test_add_func ("/core/batch/fail/object-gone", test_object_gone);
  g_test_add_func ("/core/batch/misuse", test_misuse);
  g_test_add_func ("/core/batch/uid-validity", test_uid_validity);
  g_test_add_func ("/core/batch/restore/finds-first-of-an-append", test_find_first);
  return g_test_run ();
}
