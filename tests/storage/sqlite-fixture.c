/* tests/storage/sqlite-fixture.c - see sqlite-fixture.h. */
#include "sqlite-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

const CfCall fixture_call = { sizeof (CfCall), G_MAXINT64, 1, "test" };

/* The registry keeps what it was given for as long as it is open, and one is open at a time. */
static CfConfig *fixture_config;

static void
fixture_open (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;

  fixture->class->open (CF_STORE_OPEN_CREATE, &fixture->store, &error);
  g_assert_no_error (error);
  fixture->conn = fixture_connect (fixture);
}

static void
fixture_close (Fixture *fixture)
{
  fixture->class->disconnect (fixture->conn);
  fixture->class->close (fixture->store);
}

CfStoreConn *
fixture_connect (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  CfStoreConn *conn = NULL;

  fixture->class->connect (fixture->store, &conn, &error);
  g_assert_no_error (error);
  return conn;
}

void
fixture_reopen (Fixture *fixture)
{
  fixture_close (fixture);
  fixture_open (fixture);
}

Fixture *
fixture_new (const char *settings)
{
  Fixture *fixture = g_new0 (Fixture, 1);
  g_autoptr (GError) error = NULL;
  g_autofree char *text = NULL;
  g_autoptr (Index) inbox = NULL;

  fixture->directory = g_dir_make_tmp ("coffer-sqlite-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->directory, "store", "mail.db", NULL);
  text = g_strdup_printf ("[storage-sqlite]\npath = %s\n%s", fixture->path, settings != NULL ? settings : "");
  fixture_config = cf_config_parse ("test.conf", text, &error);
  g_assert_no_error (error);
  cf_registry_open (fixture_config);
  g_assert_nonnull (g_getenv ("STORAGE_SQLITE"));
  cf_loader_load_file (g_getenv ("STORAGE_SQLITE"), &error);
  g_assert_no_error (error);
  fixture->class = cf_registry_lookup_storage ("sqlite");
  g_assert_nonnull (fixture->class);
  fixture_open (fixture);
  fixture->class->account_create (fixture->conn, &fixture_call, "a@example.org", &fixture->account, &error);
  g_assert_no_error (error);
  fixture->inbox = 1; /* the first mailbox of a new store */
  inbox = fixture_load (fixture, fixture->inbox, 0, FALSE);
  return fixture;
}

void
fixture_free (Fixture *fixture)
{
  static const char *const suffixes[] = { "",         ".lock",        "-wal", "-shm",     ".backup",
                                          ".durable", "-wal.durable", ".cut", ".cut-wal", ".cut-shm" };
  g_autofree char *inner = g_path_get_dirname (fixture->path);

  fixture_close (fixture);
  cf_registry_close ();
  g_clear_pointer (&fixture_config, cf_config_free);
  for (guint i = 0; i < G_N_ELEMENTS (suffixes); i++) {
    g_autofree char *path = g_strconcat (fixture->path, suffixes[i], NULL);

    g_remove (path);
  }
  g_assert_cmpint (g_rmdir (inner), ==, 0);
  g_assert_cmpint (g_rmdir (fixture->directory), ==, 0);
  g_free (fixture->directory);
  g_free (fixture->path);
  g_free (fixture);
}

char *
fixture_message (const char *subject, const char *text)
{
  return g_strdup_printf (
      "From: Ann <ann@example.org>\r\nDate: Mon, 2 Jan 2023 03:04:05 +0100\r\nSubject: %s\r\n"
      "Message-ID: <%s@example.org>\r\nConversation-ID: conv-%s\r\n\r\n%s\r\n",
      subject, subject, subject, text);
}

guint32
fixture_append (Fixture *fixture, CfStoreConn *conn, CfMailboxId mailbox, const char *octets, gsize length,
                guint n_segments, const CfSegment *const *segments, GError **error)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (octets, length);
  g_autoptr (CfSource) source = cf_source_new_bytes (bytes);
  g_autoptr (CfFacts) facts = cf_facts_scan (source, NULL);
  CfAppend append = { .struct_size = sizeof append,
                      .internal_date = 1700000000,
                      .size = length,
                      .octets = source,
                      .facts = facts,
                      .n_segments = n_segments,
                      .segments = segments };
  CfWriteOp op = { .struct_size = sizeof op, .kind = CF_WRITE_APPEND, .append = &append };
  g_autoptr (CfWriteBatch) batch = cf_write_batch_new (fixture->account, mailbox, 0, 0, 0);
  CfWriteResult *result;

  cf_write_batch_add_op (batch, &op);
  if (!fixture->class->commit (conn, &fixture_call, batch, error))
    return 0;
  result = cf_write_batch_get_result (batch, 0);
  if (result->error != NULL)
    g_propagate_error (error, g_steal_pointer (&result->error));
  return result->uid;
}

guint32
fixture_append_text (Fixture *fixture, CfStoreConn *conn, const char *text, GError **error)
{
  g_autofree char *message = fixture_message ("short", text);

  return fixture_append (fixture, conn, fixture->inbox, message, strlen (message), 0, NULL, error);
}

CfWriteBatch *
fixture_run (Fixture *fixture, const CfWriteOp *op, CfMailboxId destination)
{
  CfWriteBatch *batch = cf_write_batch_new (fixture->account, fixture->inbox, destination, 0, 0);
  g_autoptr (GError) error = NULL;

  cf_write_batch_add_op (batch, op);
  fixture->class->commit (fixture->conn, &fixture_call, batch, &error);
  g_assert_no_error (error);
  return batch;
}

void
fixture_expunge (Fixture *fixture, guint32 first, guint32 last)
{
  g_autoptr (CfUidSet) uids = cf_uid_set_new ();
  CfWriteOp op = { .struct_size = sizeof op, .kind = CF_WRITE_EXPUNGE, .uids = uids };

  cf_uid_set_add_range (uids, first, last);
  cf_write_batch_free (fixture_run (fixture, &op, 0));
}

/* ---- Index ------------------------------------------------------------------------------------------- */

static void
index_on_mailbox (CfIndexSink *sink, const CfMailboxInfo *info)
{
  Index *index = (Index *) sink;

  index->uid_validity = info->uid_validity;
  index->uid_next = info->uid_next;
  index->recent_uid = info->recent_uid;
  index->modseq = info->highest_modseq;
}

static void
index_on_reset (CfIndexSink *sink)
{
  ((Index *) sink)->reset = TRUE;
}

static void
index_on_expunged (CfIndexSink *sink, const CfUidSet *uids)
{
  cf_uid_set_add_set (((Index *) sink)->expunged, uids);
}

static void
index_on_row (CfIndexSink *sink, const CfIndexRow *row)
{
  Index *index = (Index *) sink;
  g_autofree char *keywords = cf_keywords_to_string (row->keywords);

  cf_uid_set_add (index->uids, row->uid);
  index->last_content = row->content;
  g_string_append_printf (index->text, "%u:%u:%s ", row->uid, row->flags, keywords);
}

Index *
fixture_load (Fixture *fixture, CfMailboxId mailbox, guint64 since, gboolean claim)
{
  Index *index = g_new0 (Index, 1);
  CfIndexQuery query = { .struct_size = sizeof query,
                         .account = fixture->account,
                         .mailbox = mailbox,
                         .since = since,
                         .claim_recent = claim };
  g_autoptr (GError) error = NULL;

  index->sink = (CfIndexSink){ sizeof (CfIndexSink), index_on_mailbox, index_on_reset, index_on_expunged,
                               index_on_row };
  index->expunged = cf_uid_set_new ();
  index->uids = cf_uid_set_new ();
  index->text = g_string_new (NULL);
  fixture->class->index_load (fixture->conn, &fixture_call, &query, &index->sink, &error);
  g_assert_no_error (error);
  return index;
}

void
index_free (Index *index)
{
  cf_uid_set_free (index->expunged);
  cf_uid_set_free (index->uids);
  g_string_free (index->text, TRUE);
  g_free (index);
}

char *
fixture_uids (Fixture *fixture)
{
  g_autoptr (Index) index = fixture_load (fixture, fixture->inbox, 0, FALSE);

  return cf_uid_set_to_string (index->uids);
}

/* ---- Content ----------------------------------------------------------------------------------------- */

typedef struct {
  CfReadSink sink;
  gboolean missing;
  GString *octets;
} Reader;

static void
reader_missing (CfReadSink *sink, guint i)
{
  ((Reader *) sink)->missing = TRUE;
}

static void
reader_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
}

static void
reader_area (CfReadSink *sink, guint i, guint64 offset, guint64 length)
{
}

static void
reader_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
  g_string_append_len (((Reader *) sink)->octets, (const char *) data, (gssize) length);
}

GString *
fixture_read (Fixture *fixture, CfContentId content, const char *path, CfSectionKind section, guint64 offset,
              guint64 length)
{
  Reader reader = { { sizeof (CfReadSink), reader_missing, reader_facts, reader_area, reader_octets } };
  CfReadRequest request = { .struct_size = sizeof request,
                            .content = content,
                            .path = path,
                            .section = section,
                            .offset = offset,
                            .length = length };
  const CfReadRequest *requests[] = { &request };
  g_autoptr (GError) error = NULL;

  reader.octets = g_string_new (NULL);
  fixture->class->read (fixture->conn, &fixture_call, fixture->account, 1, requests, &reader.sink, &error);
  g_assert_no_error (error);
  if (!reader.missing)
    return reader.octets;
  g_string_free (reader.octets, TRUE);
  return NULL;
}

CfObjectId
fixture_put (Fixture *fixture, const char *scope, const char *octets, gsize length)
{
  g_autoptr (GBytes) bytes = g_bytes_new_static (octets, length);
  g_autoptr (CfSource) source = cf_source_new_bytes (bytes);
  g_autoptr (GChecksum) checksum = g_checksum_new (G_CHECKSUM_SHA256);
  CfObject object = { .struct_size = sizeof object, .octets = source };
  const CfObject *objects[] = { &object };
  gsize size = sizeof object.sha256;
  g_autoptr (GError) error = NULL;
  CfObjectId id = 0;

  g_checksum_update (checksum, (const guint8 *) octets, (gssize) length);
  g_checksum_get_digest (checksum, object.sha256, &size);
  fixture->class->object_put (fixture->conn, &fixture_call, scope, 1, objects, &id, &error);
  g_assert_no_error (error);
  return id;
}

static void
fixture_on_finding (const char *text, gpointer user_data)
{
  g_test_message ("%s", text);
  ++*(guint *) user_data;
}

void
fixture_check (Fixture *fixture)
{
  guint findings = 0;
  g_autoptr (GError) error = NULL;

  fixture->class->check (fixture->conn, &fixture_call, fixture_on_finding, NULL, &findings, &error);
  g_assert_no_error (error);
  g_assert_cmpuint (findings, ==, 0);
}
