/* core/store/index.c - the wrappers round index_load and the commits that keep the index fresh (calls.h). */
#include "module/registry.h"
#include "store/attributes.h"
#include "store/calls.h"
#include "store/names.h"
#include "store/rights.h"
#include "store/service.h"

static gboolean
index_load (CfSession *session, const CfIndexQuery *query, CfIndexSink *sink, GError **error)
{
  CfStoreFrame frame;

  if (!cf_store_begin (&frame, cf_session_get_number (session), 0, error))
    return FALSE;
  return cf_store_end (&frame, frame.slots->index_load (frame.conn, &frame.call, query, sink, error), error);
}

/* ---- Loading what a snapshot is made of ---- */

typedef struct {
  CfStoreFrame frame;
  CfConnRef self;
} ReportLoad;

/* As long as rows come, a large mailbox may take longer than the deadline of an ordinary call. */
static void
report_go_on (gpointer user_data)
{
  ReportLoad *load = user_data;

  cf_store_go_on (&load->frame);
  cf_loads_go_on (cf_store_service_get_loads (), load->self, load->frame.call.deadline);
}

static gboolean
report_load (CfSession *session, CfConnRef self, const CfIndexQuery *query, CfSnapshotReport *report,
             GError **error)
{
  ReportLoad load = { .self = self };
  CfStoreFrame *frame = &load.frame;
  gboolean ok;

  if (!cf_store_begin (frame, cf_session_get_number (session), 0, error))
    return FALSE;
  cf_snapshot_report_set_progress (report, report_go_on, &load);
  ok = frame->slots->index_load (frame->conn, &frame->call, query, cf_snapshot_report_get_sink (report),
                                 error);
  cf_snapshot_report_set_progress (report, NULL, NULL);
  return cf_store_end (frame, ok, error);
}

gboolean
cf_store_begin_load (CfSession *session, CfConnRef self, const char *name)
{
  CfAccountId account = cf_session_get_account (session);
  g_autoptr (CfMailbox) known = cf_mailbox_lookup_name (account, name);
  g_autoptr (CfSnapshot) snapshot = known != NULL ? cf_mailbox_ref_snapshot (known) : NULL;

  return snapshot != NULL || cf_loads_begin (cf_store_service_get_loads (), self, account, name);
}

gboolean
cf_store_begin_refresh (CfSession *session, CfConnRef self, const char *name)
{
  return cf_loads_begin (cf_store_service_get_loads (), self, cf_session_get_account (session), name);
}

void
cf_store_end_load (CfConnRef self)
{
  cf_loads_end (cf_store_service_get_loads (), self);
}

/* A store that succeeds must have said which mailbox it found. */
static const CfMailboxInfo *
index_get_info (const CfSnapshotReport *report, GError **error)
{
  const CfMailboxInfo *info = cf_snapshot_report_get_info (report);

  if (info == NULL)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_SERVERBUG, "The store did not say which mailbox it found");
  return info;
}

static gboolean
select_may (CfSession *session, const char *name, GError **error)
{
  CfHookInfo hook = { .struct_size = sizeof hook,
                      .event = CF_HOOK_SELECT,
                      .session = session,
                      .account = cf_session_get_account (session),
                      .mailbox = name };

  return cf_rights_check (session, name, CF_RIGHT_READ, error) && cf_registry_run_hooks (&hook, error);
}

/* ---- What has gone ---- */

/* Takes of a report what was expunged; the rows are known, or wanted by nobody. */
typedef struct {
  CfIndexSink sink;
  CfUidSet *expunged;
  gboolean is_reset;
} ExpungedSink;

static void
expunged_mailbox (CfIndexSink *sink, const CfMailboxInfo *info)
{
}

static void
expunged_reset (CfIndexSink *sink)
{
  ((ExpungedSink *) sink)->is_reset = TRUE;
}

static void
expunged_expunged (CfIndexSink *sink, const CfUidSet *uids)
{
  cf_uid_set_add_set (((ExpungedSink *) sink)->expunged, uids);
}

static void
expunged_row (CfIndexSink *sink, const CfIndexRow *row)
{
}

gboolean
cf_store_load_expunged (CfSession *session, CfMailbox *mailbox, guint64 since, CfUidSet **out_expunged,
                        GError **error)
{
  g_autoptr (CfUidSet) expunged = cf_uid_set_new ();
  ExpungedSink sink
      = { { sizeof (CfIndexSink), expunged_mailbox, expunged_reset, expunged_expunged, expunged_row },
          expunged,
          FALSE };
  CfIndexQuery query = {
    .struct_size = sizeof query,
    .account = cf_mailbox_get_account (mailbox),
    .mailbox = cf_mailbox_get_id (mailbox),
    .since = since,
  };

  if (!index_load (session, &query, &sink.sink, error))
    return FALSE;
  *out_expunged = sink.is_reset ? NULL : g_steal_pointer (&expunged);
  return TRUE;
}

/* ---- SELECT ---- */

/* The report goes as far back as the client, where that is known before the store is asked. */
static void
resync_prepare (const CfResyncQuery *resync, CfMailbox *known, CfSnapshotReport *report)
{
  g_autoptr (CfSnapshot) snapshot = cf_mailbox_ref_snapshot (known);

  if (snapshot != NULL && cf_snapshot_get_uid_validity (snapshot) == resync->uid_validity)
    cf_snapshot_report_lower_since (report, resync->modseq);
}

/* @report has been published as @snapshot. */
static gboolean
resync_complete (CfSession *session, CfMailbox *mailbox, CfSnapshot *snapshot, const CfSnapshotReport *report,
                 CfResyncQuery *resync, GError **error)
{
  guint64 since = cf_snapshot_report_get_since (report);

  resync->is_valid = cf_snapshot_get_uid_validity (snapshot) == resync->uid_validity;
  if (!resync->is_valid)
    return TRUE;
  if (resync->modseq >= cf_snapshot_get_highest_modseq (snapshot)) {
    resync->expunged = cf_uid_set_new ();
    return TRUE;
  }
  /* A snapshot that another's commit has made newer lacks messages of whose end the report does not know. */
  if (since == 0 || since > resync->modseq
      || cf_snapshot_report_get_info (report)->highest_modseq < cf_snapshot_get_highest_modseq (snapshot))
    return cf_store_load_expunged (session, mailbox, resync->modseq, &resync->expunged, error);
  if (!cf_snapshot_report_is_reset (report))
    resync->expunged = cf_uid_set_copy (cf_snapshot_report_get_expunged (report));
  return TRUE;
}

/* *@out_fell_back: what was known of the mailbox was void, and is known no longer. */
static gboolean
select_load (CfSession *session, CfConnRef self, const char *name, gboolean claim_recent,
             CfResyncQuery *resync, CfMailbox **out_mailbox, CfSnapshot **out_snapshot,
             CfSelectInfo *out_info, gboolean *out_fell_back, GError **error)
{
  CfAccountId account = cf_session_get_account (session);
  g_autoptr (CfMailbox) known = cf_mailbox_lookup_name (account, name);
  g_autoptr (CfSnapshotReport) report
      = known != NULL ? cf_mailbox_begin_report (known) : cf_mailbox_begin_first_report ();
  CfIndexQuery query = {
    .struct_size = sizeof query,
    .account = account,
    .name = name,
    .since = cf_snapshot_report_get_since (report),
    .since_of = known != NULL ? cf_mailbox_get_id (known) : 0,
    .claim_recent = claim_recent,
    .known_recent = known != NULL ? cf_mailbox_get_known_recent (known) : 0,
  };
  const CfMailboxInfo *info;

  *out_fell_back = FALSE;
  if (resync != NULL && known != NULL) {
    resync_prepare (resync, known, report);
    query.since = cf_snapshot_report_get_since (report);
  }
  if (!report_load (session, self, &query, report, error) || (info = index_get_info (report, error)) == NULL)
    return FALSE;
  cf_names_remember (account, name, info->id);

  g_autoptr (CfMailbox) mailbox = cf_mailbox_acquire (account, info->id);
  g_autoptr (CfSnapshot) snapshot = cf_mailbox_publish (mailbox, report, 0, error);
  if (snapshot == NULL) {
    *out_fell_back = cf_mailbox_is_gone (mailbox);
    return FALSE;
  }
  if (resync != NULL && !resync_complete (session, mailbox, snapshot, report, resync, error))
    return FALSE;
  *out_info = (CfSelectInfo){ MAX (info->recent_uid, query.known_recent), info->special_use };
  *out_snapshot = g_steal_pointer (&snapshot);
  *out_mailbox = g_steal_pointer (&mailbox);
  return TRUE;
}

gboolean
cf_store_select (CfSession *session, CfConnRef self, const char *name, gboolean claim_recent,
                 CfResyncQuery *resync, CfMailbox **out_mailbox, CfSnapshot **out_snapshot,
                 CfSelectInfo *out_info, GError **error)
{
  g_autoptr (GError) local_error = NULL;
  gboolean fell_back;

  if (!select_may (session, name, error))
    return FALSE;
  if (select_load (session, self, name, claim_recent, resync, out_mailbox, out_snapshot, out_info, &fell_back,
                   &local_error))
    return TRUE;
  if (!fell_back) {
    g_propagate_error (error, g_steal_pointer (&local_error));
    return FALSE;
  }
  /* This client knows nothing of the mailbox yet, so nothing is wrong for it. */
  return select_load (session, self, name, claim_recent, resync, out_mailbox, out_snapshot, out_info,
                      &fell_back, error);
}

gboolean
cf_store_refresh (CfSession *session, CfConnRef self, CfMailbox *mailbox, CfSnapshot **out_snapshot,
                  GError **error)
{
  g_autoptr (CfSnapshotReport) report = cf_mailbox_begin_report (mailbox);
  CfIndexQuery query = {
    .struct_size = sizeof query,
    .account = cf_mailbox_get_account (mailbox),
    .mailbox = cf_mailbox_get_id (mailbox),
    .since = cf_snapshot_report_get_since (report),
  };
  g_autoptr (GError) local_error = NULL;

  if (!report_load (session, self, &query, report, &local_error)) {
    if (g_error_matches (local_error, CF_ERROR, CF_ERROR_NONEXISTENT))
      cf_mailbox_set_gone (mailbox);
    g_propagate_error (error, g_steal_pointer (&local_error));
    return FALSE;
  }
  *out_snapshot = cf_mailbox_publish (mailbox, report, 0, error);
  return *out_snapshot != NULL;
}

gboolean
cf_store_resolve (CfSession *session, const char *name, CfMailboxId *out_mailbox, GError **error)
{
  CfAccountId account = cf_session_get_account (session);
  g_autoptr (CfSnapshotReport) report = NULL;
  CfIndexQuery query = {
    .struct_size = sizeof query,
    .account = account,
    .name = name,
    .since = G_MAXUINT64,
  };
  const CfMailboxInfo *info;

  if (cf_names_lookup (account, name, out_mailbox))
    return TRUE;
  report = cf_snapshot_report_new_info (0);
  if (!index_load (session, &query, cf_snapshot_report_get_sink (report), error)
      || (info = index_get_info (report, error)) == NULL)
    return FALSE;
  cf_names_remember (account, name, info->id);
  *out_mailbox = info->id;
  return TRUE;
}

/* ---- Writes ---- */

static CfHookEvent
write_hook (CfWriteKind kind)
{
  switch (kind) {
  case CF_WRITE_APPEND:
    return CF_HOOK_APPEND;
  case CF_WRITE_COPY:
  case CF_WRITE_MOVE:
    return CF_HOOK_COPY;
  case CF_WRITE_EXPUNGE:
    return CF_HOOK_EXPUNGE;
  case CF_WRITE_STORE:
  case CF_WRITE_ANNOTATE:
    break;
  }
  return CF_HOOK_STORE;
}

static gboolean
write_ask_hook (CfSession *session, CfHookEvent event, const char *name, const char *destination,
                const CfWriteOp *op, GError **error)
{
  CfHookInfo hook = {
    .struct_size = sizeof hook,
    .event = event,
    .session = session,
    .account = cf_session_get_account (session),
    .mailbox = name,
    .destination = destination,
    .uids = op->uids,
    .append = op->append,
  };

  return cf_registry_run_hooks (&hook, error);
}

/* Rights that setting or clearing these flags takes (RFC 4314, 4). */
static guint
write_flag_rights (const CfWriteOp *op)
{
  guint needed = 0;
  guint flags = op->mode == CF_STORE_REPLACE ? CF_FLAG_ALL : op->flags;

  if ((flags & CF_FLAG_SEEN) != 0)
    needed |= CF_RIGHT_SEEN;
  if ((flags & CF_FLAG_DELETED) != 0)
    needed |= CF_RIGHT_DELETE_MESSAGE;
  if ((flags & ~(CF_FLAG_SEEN | CF_FLAG_DELETED)) != 0 || op->keywords != NULL || needed == 0)
    needed |= CF_RIGHT_WRITE;
  return needed;
}

gboolean
cf_store_may_write (CfSession *session, const char *name, const char *destination, const CfWriteOp *op,
                    GError **error)
{
  guint needed = 0;

  switch (op->kind) {
  case CF_WRITE_APPEND:
    needed = CF_RIGHT_INSERT;
    break;
  case CF_WRITE_STORE:
    needed = write_flag_rights (op);
    break;
  case CF_WRITE_EXPUNGE:
    needed = CF_RIGHT_EXPUNGE;
    break;
  case CF_WRITE_COPY:
    needed = CF_RIGHT_READ;
    break;
  case CF_WRITE_MOVE:
    needed = CF_RIGHT_READ | CF_RIGHT_DELETE_MESSAGE | CF_RIGHT_EXPUNGE;
    break;
  case CF_WRITE_ANNOTATE:
    needed = CF_RIGHT_WRITE;
    break;
  }
  if (!cf_rights_check (session, name, needed, error)
      || !cf_attributes_check (op->n_attributes, op->attributes, error))
    return FALSE;
  if (destination != NULL && !cf_rights_check (session, destination, CF_RIGHT_INSERT, error))
    return FALSE;
  if (!write_ask_hook (session, write_hook (op->kind), name, destination, op, error))
    return FALSE;
  return op->kind != CF_WRITE_MOVE || write_ask_hook (session, CF_HOOK_EXPUNGE, name, NULL, op, error);
}

gboolean
cf_store_commit_queue (CfSession *session, CfMailbox *mailbox, CfConnRef self)
{
  CfWriteQueueBatch *batch = cf_write_queue_try_begin (mailbox);
  g_autoptr (GError) failure = NULL;
  CfStoreFrame frame;

  if (batch == NULL)
    return FALSE;
  CfWriteBatch *store_batch = cf_write_queue_batch_get (batch);
  if (cf_store_begin (&frame, cf_session_get_number (session), cf_write_queue_batch_get_octets (batch),
                      &failure))
    cf_store_end (&frame, frame.slots->commit (frame.conn, &frame.call, store_batch, &failure), &failure);
  /* What is stored is stored, and other sessions' as well, also if it came too late for this one. */
  if (frame.done) {
    g_clear_error (&failure);
    CfHookInfo hook = {
      .struct_size = sizeof hook,
      .event = CF_HOOK_COMMITTED,
      .account = cf_mailbox_get_account (mailbox),
      .batch = store_batch,
    };
    cf_registry_run_hooks (&hook, NULL);
  } else if (failure == NULL) {
    g_set_error_literal (&failure, CF_ERROR, CF_ERROR_SERVERBUG, "The store failed without saying why");
  }
  cf_write_queue_finish (batch, failure, self);
  return TRUE;
}
