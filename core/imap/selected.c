/* core/imap/selected.c - the session's selected mailbox (selected.h). */
#include "imap/selected.h"

#include "imap/modseq.h"
#include "imap/notify.h"
#include "imap/output.h"
#include "imap/revision.h"
#include "imap/search-result.h"

/* EXAMINE shows what is recent and leaves it so for the next (RFC 3501, 6.3.2). */
static void
selected_take_recent (CfSession *session, guint32 recent, guint32 end)
{
  guint32 claimed = session->read_only ? 0 : cf_mailbox_claim_recent (session->mailbox, end);

  cf_view_add_recent (session->view, MAX (recent, claimed), end);
}

gboolean
cf_selected_open (CfSession *session, const char *name, gboolean read_only, CfResyncQuery *resync,
                  GError **error)
{
  g_autoptr (CfMailbox) mailbox = NULL;
  g_autoptr (CfSnapshot) snapshot = NULL;
  gboolean shows_recent = !cf_session_is_rev2 (session);
  CfSelectInfo info;

  if (!cf_store_select (session, session->ref, name, !read_only && shows_recent, resync, &mailbox, &snapshot,
                        &info, error))
    return FALSE;
  session->view = cf_view_new (snapshot);
  session->mailbox = g_steal_pointer (&mailbox);
  session->mailbox_name = g_strdup (name);
  session->read_only = read_only;
  session->special_use = info.special_use;
  if (shows_recent)
    selected_take_recent (session, info.recent, cf_snapshot_get_uid_next (snapshot));
  cf_mailbox_watch (session->mailbox, session->ref);
  return TRUE;
}

void
cf_selected_close (CfSession *session)
{
  if (session->mailbox == NULL)
    return;
  cf_mailbox_unwatch (session->mailbox, session->ref);
  g_clear_pointer (&session->view, cf_view_free);
  g_clear_pointer (&session->mailbox, cf_mailbox_release);
  g_clear_pointer (&session->mailbox_name, g_free);
  cf_search_result_clear (session);
  cf_notify_leave (session);
  session->read_only = FALSE;
  session->demote_at = 0;
}

gboolean
cf_selected_is_gone (CfSession *session)
{
  return session->mailbox != NULL && cf_mailbox_is_gone (session->mailbox);
}

gboolean
cf_selected_needs_refresh (CfSession *session)
{
  return !cf_selected_is_gone (session)
         && (cf_view_is_demoted (session->view) || cf_mailbox_is_stale (session->mailbox));
}

gboolean
cf_selected_promote (CfSession *session)
{
  if (cf_mailbox_is_stale (session->mailbox))
    return FALSE;
  cf_selected_advance (session);
  return !cf_view_is_demoted (session->view);
}

gboolean
cf_selected_refresh (CfSession *session, GError **error)
{
  g_autoptr (CfSnapshot) snapshot = NULL;

  if (!cf_store_refresh (session, session->ref, session->mailbox, &snapshot, error))
    return FALSE;
  cf_view_advance (session->view, snapshot);
  return TRUE;
}

void
cf_selected_advance (CfSession *session)
{
  g_autoptr (CfSnapshot) snapshot = cf_mailbox_ref_snapshot (session->mailbox);

  if (snapshot == NULL)
    return;
  cf_view_advance (session->view, snapshot);
}

void
cf_selected_catch_up (CfSession *session, CfCommandCall *call)
{
  g_autoptr (CfSnapshot) newest = cf_mailbox_ref_snapshot (session->mailbox);
  CfSnapshot *told = cf_view_get_snapshot (session->view);

  if (told != NULL && (told != newest || cf_mailbox_is_stale (session->mailbox)))
    call->told = cf_snapshot_ref (told);
  if (newest != NULL && !cf_selected_needs_refresh (session))
    cf_view_advance (session->view, newest);
}

/* ---- Telling ---- */

typedef struct {
  CfViewSink sink;
  CfSession *session;
  CfUidSet *vanished; /* told by the view, not yet to the client; NULL: EXPUNGE is used */
} TellSink;

static void
tell_flush_vanished (TellSink *tell)
{
  gsize range = 0;

  if (tell->vanished == NULL || cf_uid_set_is_empty (tell->vanished))
    return;
  while (cf_modseq_write_vanished (tell->session, FALSE, tell->vanished, &range))
    ;
  cf_uid_set_remove_range (tell->vanished, 0, G_MAXUINT32);
}

static gboolean
tell_expunged (CfViewSink *sink, guint32 seq, guint32 uid)
{
  TellSink *tell = (TellSink *) sink;

  if (tell->vanished != NULL) {
    cf_uid_set_add (tell->vanished, uid);
    return cf_uid_set_get_n_ranges (tell->vanished) < CF_VANISHED_RANGES_MAX;
  }
  cf_output_printf (tell->session->output, "* %u EXPUNGE\r\n", seq);
  return !cf_session_is_output_full (tell->session);
}

static gboolean
tell_exists (CfViewSink *sink, guint32 exists, guint32 recent)
{
  CfSession *session = ((TellSink *) sink)->session;

  tell_flush_vanished ((TellSink *) sink);
  cf_output_printf (session->output, "* %u EXISTS\r\n", exists);
  if (!cf_session_is_rev2 (session))
    cf_output_printf (session->output, "* %u RECENT\r\n", recent);
  return !cf_session_is_output_full (session);
}

static void
tell_row (CfSession *session, guint32 seq, const CfIndexRow *row, gboolean with_uid, gboolean with_modseq)
{
  cf_output_printf (session->output, "* %u FETCH (", seq);
  if (with_uid)
    cf_output_printf (session->output, "UID %u ", row->uid);
  cf_output_text (session->output, "FLAGS ");
  cf_output_flags (session->output, row->flags, row->keywords, cf_view_is_recent (session->view, row->uid));
  if (with_modseq) {
    cf_output_printf (session->output, " MODSEQ (%" G_GUINT64_FORMAT ")", row->modseq);
    cf_modseq_told (session, row->modseq);
  }
  cf_output_text (session->output, ")\r\n");
}

void
cf_selected_write_row (CfSession *session, guint32 seq, const CfIndexRow *row)
{
  tell_row (session, seq, row, TRUE, TRUE);
}

static gboolean
tell_changed (CfViewSink *sink, guint32 seq, const CfIndexRow *row)
{
  CfSession *session = ((TellSink *) sink)->session;
  gboolean modseq = cf_session_tells_modseq (session);
  /* RFC 5465, 5.1; RFC 9051, 7.5.2 */
  gboolean uid = modseq || session->notify != NULL || cf_session_is_rev2 (session);

  tell_flush_vanished ((TellSink *) sink);
  tell_row (session, seq, row, uid, modseq);
  return !cf_session_is_output_full (session);
}

/* What the client wants to know, and what its own command has to tell it in any case. */
static guint
selected_get_news (CfSession *session, gboolean expunge)
{
  const CfCommandCall *call = session->call;
  guint news = cf_notify_get_tellable (session);

  if (call != NULL && call->tells_all)
    news = CF_VIEW_ALL;
  if (call != NULL && call->ends_with_modseq)
    news |= CF_VIEW_EXPUNGED;
  return expunge ? news : news & ~(guint) CF_VIEW_EXPUNGED;
}

gboolean
cf_selected_may_have_news (CfSession *session)
{
  return cf_mailbox_is_beyond (session->mailbox, cf_view_get_modseq (session->view))
         || cf_view_has_news (session->view, TRUE);
}

gboolean
cf_selected_sync (CfSession *session, gboolean expunge)
{
  guint news = selected_get_news (session, expunge);
  g_autoptr (CfUidSet) vanished = cf_session_has_qresync (session) ? cf_uid_set_new () : NULL;
  TellSink sink = { { tell_expunged, tell_exists, tell_changed }, session, vanished };
  gboolean done;

  if (cf_view_is_demoted (session->view))
    return TRUE;
  cf_selected_advance (session);
  guint32 bound = cf_view_get_bound (session->view);
  if (!session->read_only && !cf_session_is_rev2 (session) && (news & CF_VIEW_ARRIVED) != 0) {
    guint32 end = cf_snapshot_get_uid_next (cf_view_get_snapshot (session->view));

    cf_view_add_recent (session->view, cf_mailbox_claim_recent (session->mailbox, end), end);
  }
  do {
    done = cf_view_sync (session->view, news, &sink.sink);
    tell_flush_vanished (&sink);
  } while (!done && !cf_session_is_output_full (session));
  cf_notify_arrived (session, cf_view_get_snapshot (session->view), bound, cf_view_get_bound (session->view));
  return done;
}

void
cf_selected_tell_flags (CfSession *session, guint32 uid, gboolean with_uid)
{
  const CfIndexRow *row = cf_view_lookup_row (session->view, uid);
  gboolean modseq = cf_session_tells_modseq (session);

  if (row == NULL || cf_view_is_ghost (session->view, uid))
    return;
  tell_row (session, cf_view_lookup_seq (session->view, uid), row, with_uid || modseq, modseq);
  cf_view_forget_dirty (session->view, uid, row->modseq);
}

void
cf_selected_tell_modseq (CfSession *session, guint32 uid)
{
  const CfIndexRow *row = cf_view_lookup_row (session->view, uid);

  if (row == NULL || cf_view_is_ghost (session->view, uid))
    return;
  cf_output_printf (session->output, "* %u FETCH (UID %u MODSEQ (%" G_GUINT64_FORMAT "))\r\n",
                    cf_view_lookup_seq (session->view, uid), uid, row->modseq);
  cf_modseq_told (session, row->modseq);
  cf_view_forget_dirty (session->view, uid, row->modseq);
}

void
cf_selected_follow_delete (CfSession *session, const char *name)
{
  if (g_strcmp0 (session->mailbox_name, name) == 0)
    cf_selected_close (session);
}

void
cf_selected_follow_names (CfSession *session)
{
  guint serial = cf_mailbox_get_names_serial ();
  char *name;

  if (session->mailbox == NULL || serial == session->names_serial)
    return;
  session->names_serial = serial;
  name = cf_mailbox_dup_name (session->mailbox);
  if (name == NULL)
    return;
  g_free (session->mailbox_name);
  session->mailbox_name = name;
}

void
cf_selected_demote (CfSession *session)
{
  if (session->view == NULL)
    return;
  cf_view_demote (session->view);
  cf_mailbox_evict ();
}

gboolean
cf_selected_is_demoted (CfSession *session)
{
  return cf_view_is_demoted (session->view);
}

/* ---- coffer/session.h ---- */

CfMailboxId
cf_session_get_mailbox (CfSession *session)
{
  return session->mailbox != NULL ? cf_mailbox_get_id (session->mailbox) : 0;
}

const char *
cf_session_get_mailbox_name (CfSession *session)
{
  return session->mailbox_name;
}

gboolean
cf_session_is_selected (CfSession *session)
{
  return session->view != NULL;
}

gboolean
cf_session_is_read_only (CfSession *session)
{
  return session->read_only;
}

guint32
cf_session_get_exists (CfSession *session)
{
  return session->view != NULL ? cf_view_get_exists (session->view) : 0;
}

const CfIndexRow *
cf_session_get_row (CfSession *session, guint32 seq)
{
  return cf_view_get_row (session->view, seq);
}

guint32
cf_session_lookup_seq (CfSession *session, guint32 uid)
{
  return cf_view_lookup_seq (session->view, uid);
}

gboolean
cf_session_is_recent (CfSession *session, guint32 uid)
{
  return cf_view_is_recent (session->view, uid);
}

gboolean
cf_session_is_ghost (CfSession *session, guint32 uid)
{
  return cf_view_is_ghost (session->view, uid);
}
