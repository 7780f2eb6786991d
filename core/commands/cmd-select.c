/* core/commands/cmd-select.c - SELECT and EXAMINE (RFC 3501, 6.3.1, 6.3.2; RFC 9051, 6.3.2, 6.3.3; RFC 7162,
 * 3.2.5 for QRESYNC).
 *
 * RFC 9051 has a LIST response for the mailbox, and neither RECENT nor UNSEEN.
 */
#include "commands/commands.h"
#include "commands/list.h"
#include "commands/net-unicode.h"
#include "commands/object-id.h"
#include "commands/resync.h"
#include "imap/call.h"
#include "imap/modseq.h"
#include "imap/output.h"
#include "imap/revision.h"
#include "imap/selected.h"

typedef struct {
  char *name;
} Select;

static void
select_free (gpointer data)
{
  Select *self = data;

  g_free (self->name);
  g_free (self);
}

/* What the responses tell of the rows, gathered in one walk. */
typedef struct {
  CfKeywords *keywords; /* in use */
  guint32 unseen;       /* sequence number of the first message without \Seen; 0: none */
} Summary;

static void
select_summarise (CfSnapshot *snapshot, Summary *summary)
{
  const CfKeywords *last = NULL;
  const CfIndexRow *row;
  CfSnapshotIter iter;
  guint32 seq = 0;

  cf_snapshot_iter_init (&iter, snapshot, 0);
  while ((row = cf_snapshot_iter_next (&iter)) != NULL) {
    seq++;
    if (summary->unseen == 0 && (row->flags & CF_FLAG_SEEN) == 0)
      summary->unseen = seq;
    /* Sets are interned: a run of messages with the same keywords costs a comparison each. */
    if (row->keywords != NULL && row->keywords != last) {
      CfKeywords *both = cf_keywords_union (summary->keywords, (CfKeywords *) row->keywords);

      cf_keywords_unref (summary->keywords);
      summary->keywords = both;
      last = row->keywords;
    }
  }
}

static void
select_write_permanent_flags (CfSession *session, CfOutput *output, CfKeywords *keywords)
{
  if (session->read_only) {
    cf_output_text (output, "* OK [PERMANENTFLAGS ()] Nothing can be changed\r\n");
    return;
  }
  cf_output_text (output, "* OK [PERMANENTFLAGS ");
  cf_output_flags (output, CF_FLAG_ALL, keywords, FALSE);
  /* "\*": keywords can be made (7.1). It goes inside the parentheses just written. */
  cf_output_truncate (output, cf_output_get_length (output) - 1);
  cf_output_text (output, " \\*)] Flags are kept\r\n");
}

static void
select_write_list (CfCommandCall *call)
{
  CfSession *session = cf_call_get_session (call);
  CfMailboxInfo info = { .struct_size = sizeof info,
                         .id = cf_session_get_mailbox (session),
                         .name = session->mailbox_name,
                         .special_use = session->special_use };

  cf_list_write_one (session, &info, TRUE, cf_net_unicode_get_sent (call));
}

static void
select_respond (CfCommandCall *call)
{
  CfSession *session = cf_call_get_session (call);
  CfOutput *output = cf_call_get_output (call);
  CfSnapshot *snapshot = cf_view_get_snapshot (session->view);
  gboolean rev2 = cf_session_is_rev2 (session);
  Summary summary = { 0 };
  char id[CF_OBJECT_ID_SIZE];

  cf_object_id_of_mailbox (cf_snapshot_get_uid_validity (snapshot), id);
  select_summarise (snapshot, &summary);
  cf_output_text (output, "* FLAGS ");
  cf_output_flags (output, CF_FLAG_ALL, summary.keywords, FALSE);
  cf_output_text (output, "\r\n");
  select_write_permanent_flags (session, output, summary.keywords);
  cf_output_printf (output, "* %u EXISTS\r\n", cf_view_get_exists (session->view));
  if (!rev2)
    cf_output_printf (output, "* %u RECENT\r\n", cf_view_get_n_recent (session->view));
  if (!rev2 && summary.unseen != 0)
    cf_output_printf (output, "* OK [UNSEEN %u] First message without \\Seen\r\n", summary.unseen);
  cf_output_printf (output, "* OK [UIDVALIDITY %u] UIDs are valid\r\n",
                    cf_snapshot_get_uid_validity (snapshot));
  cf_output_printf (output, "* OK [MAILBOXID (%s)] Identifies the mailbox\r\n", id);
  cf_output_printf (output, "* OK [UIDNEXT %u] Next UID\r\n", cf_snapshot_get_uid_next (snapshot));
  cf_modseq_write_opened (session);
  if (rev2)
    select_write_list (call);
  cf_keywords_unref (summary.keywords);
}

static gboolean
select_parse (CfCommandCall *call, Select *self, GError **error)
{
  CfInput *input = cf_call_get_input (call);

  if (!cf_input_space (input, error) || !cf_input_mailbox (input, &self->name, error))
    return FALSE;
  if (cf_input_skip (input, ' ') && !cf_call_parse_parameters (call, CF_PARAMETER_COMMAND, error))
    return FALSE;
  return cf_input_end (input, error);
}

/* Whether SELECT succeeds or not, the mailbox selected so far is left. */
static void
select_leave (CfSession *session, CfOutput *output)
{
  if (session->view == NULL)
    return;
  cf_selected_close (session);
  cf_output_text (output, "* OK [CLOSED] The mailbox that was selected is closed\r\n");
}

static gboolean
select_open (CfCommandCall *call, const char *name, gboolean read_only, CfResync *resync, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  gboolean opened
      = cf_selected_open (session, name, read_only, resync != NULL ? &resync->query : NULL, error);

  cf_call_end_load (call);
  if (!opened)
    return FALSE;
  call->has_opened = TRUE;
  select_respond (call);
  if (resync != NULL)
    cf_resync_begin (resync, session);
  return TRUE;
}

static CfRun
select_run (CfCommandCall *call, gboolean read_only, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  Select *self = cf_call_get_state (call);
  gpointer resync = NULL;
  CfRun run;

  if (self == NULL) {
    self = g_new0 (Select, 1);
    cf_call_set_state (call, self, select_free);
    if (!select_parse (call, self, error))
      return CF_RUN_ERROR;
    select_leave (session, cf_call_get_output (call));
  }
  if ((run = cf_net_unicode_settle (call, &self->name, error)) != CF_RUN_DONE)
    return run;
  cf_call_lookup_parameter (call, "QRESYNC", &resync);
  if (!call->has_opened) {
    if (!cf_call_begin_load (call, self->name) || !cf_call_enter_store (call))
      return CF_RUN_WAIT;
    if (!select_open (call, self->name, read_only, resync, error))
      return CF_RUN_ERROR;
  }
  if (resync != NULL && cf_resync_write (resync, call) == CF_RUN_MORE)
    return CF_RUN_MORE;
  cf_call_set_ok (call, "[%s] %s completed", read_only ? "READ-ONLY" : "READ-WRITE",
                  read_only ? "EXAMINE" : "SELECT");
  return CF_RUN_DONE;
}

CfRun
cmd_select (CfCommandCall *call, GError **error)
{
  return select_run (call, FALSE, error);
}

CfRun
cmd_examine (CfCommandCall *call, GError **error)
{
  return select_run (call, TRUE, error);
}
