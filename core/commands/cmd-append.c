/* core/commands/cmd-append.c - APPEND, of any number of messages (RFC 3501, 6.3.11; RFC 3502; RFC 3516, 4.3
 * for literal8; RFC 6855, 4 for UTF8; RFC 4315, 3 for APPENDUID).
 *
 * Each message is scanned when it is complete; its large parts are stored apart first, in commits of their
 * own and without a lock; then all messages are placed in one operation that succeeds or fails as a whole.
 * Should collection have taken a part in between, the store says so and the parts are stored again; and if
 * that goes on, as it may without a time of grace, they stay in their messages.
 */
#include "commands/commands.h"
#include "commands/net-unicode.h"
#include "commands/upload.h"
#include "commands/writing.h"
#include "imap/notify.h"
#include "imap/revision.h"
#include "imap/selected.h"
#include "module/settings.h"
#include "store/names.h"
#include "store/rights.h"
#include "store/service.h"

/* How often parts are stored apart that are collected in between. */
#define MAX_ATTEMPTS 3

typedef struct {
  char *name;
  GPtrArray *uploads; /* of CfUpload */
  gboolean cancelled; /* by a message of no octets (RFC 3502, 6.3.11) */
  guint scanned;      /* uploads that have their facts */
  gboolean stored;    /* all parts that are kept apart */
  guint attempts;
  gboolean renamed; /* the name's remembered id was stale once */
  CfMailbox *mailbox;
  CfWriting writing;
} Append;

static void
append_free (gpointer data)
{
  Append *self = data;

  cf_writing_clear (&self->writing);
  g_clear_pointer (&self->mailbox, cf_mailbox_release);
  g_ptr_array_unref (self->uploads);
  g_free (self->name);
  g_free (self);
}

/* literal, literal8, or utf8-literal: "UTF8 (" literal8 ")" (RFC 6855, 4). */
static gboolean
append_parse_literal (CfInput *input, CfSource **out_source, GError **error)
{
  gboolean literal8;

  if (!cf_settings_get ()->utf8_accept || !cf_input_skip_word (input, "UTF8"))
    return cf_input_literal (input, out_source, &literal8, error);
  if (!cf_input_space (input, error) || !cf_input_expect (input, '(', error)
      || !cf_input_literal (input, out_source, &literal8, error))
    return FALSE;
  if (literal8 && cf_input_skip (input, ')'))
    return TRUE;
  g_clear_pointer (out_source, cf_source_unref);
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Expected UTF8 (~{octets} ...)");
  return FALSE;
}

/* [flag-list SP] [date-time SP] message */
static gboolean
append_parse_message (CfInput *input, Append *self, GError **error)
{
  g_autoptr (CfKeywords) keywords = NULL;
  g_autoptr (CfSource) source = NULL;
  g_autoptr (GDateTime) now = g_date_time_new_now_local ();
  gint64 date = g_date_time_to_unix (now);
  gint zone = g_date_time_get_utc_offset (now) / G_TIME_SPAN_MINUTE;
  guint flags = 0;

  if (!cf_input_space (input, error))
    return FALSE;
  if (cf_input_peek (input) == '('
      && (!cf_input_flags (input, FALSE, &flags, &keywords, error) || !cf_input_space (input, error)))
    return FALSE;
  if (cf_input_peek (input) == '"'
      && (!cf_input_date_time (input, &date, &zone, error) || !cf_input_space (input, error)))
    return FALSE;
  if (!cf_writing_check_keywords (keywords, error) || !append_parse_literal (input, &source, error))
    return FALSE;
  if (cf_source_get_length (source) == 0)
    self->cancelled = TRUE;
  g_ptr_array_add (self->uploads, cf_upload_new (source, flags, keywords, date, zone));
  return TRUE;
}

static gboolean
append_parse (CfCommandCall *call, Append *self, GError **error)
{
  CfInput *input = cf_call_get_input (call);

  if (!cf_input_space (input, error) || !cf_input_mailbox (input, &self->name, error))
    return FALSE;
  do {
    if (!append_parse_message (input, self, error))
      return FALSE;
  } while (!cf_input_is_end (input));
  if (self->cancelled) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "A message of no octets cancels APPEND");
    return FALSE;
  }
  return TRUE;
}

/* Who offers UTF8=ACCEPT must refuse 8-bit header fields to clients that do not know it (RFC 6855, 4). Those
 * of IMAP4rev2 do (RFC 9051, 6.3.12). */
static gboolean
append_check_header (CfCommandCall *call, CfUpload *upload, GError **error)
{
  gboolean is_8bit;

  if (!cf_settings_get ()->utf8_accept || cf_session_is_utf8 (cf_call_get_session (call)))
    return TRUE;
  if (!cf_upload_has_8bit_header (upload, &is_8bit, error))
    return FALSE;
  if (is_8bit)
    g_set_error_literal (error, CF_ERROR, CF_ERROR_NO,
                         "8-bit header fields are for clients that have enabled UTF8=ACCEPT or IMAP4rev2");
  return !is_8bit;
}

/* One message a step, so that many do not keep a worker. */
static CfRun
append_scan (CfCommandCall *call, Append *self, GError **error)
{
  CfUpload *upload = g_ptr_array_index (self->uploads, self->scanned);

  if (!cf_upload_scan (upload, cf_store_has_object_put (), error)
      || !append_check_header (call, upload, error))
    return CF_RUN_ERROR;
  self->scanned++;
  return CF_RUN_MORE;
}

static gboolean
append_resolve (CfCommandCall *call, Append *self, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfMailboxId id;

  /* The write asks again; here so that nothing is stored apart for who may not append. */
  if (!cf_writing_resolve (call, self->name, &id, error)
      || !cf_rights_check (session, self->name, CF_RIGHT_INSERT, error))
    return FALSE;
  g_clear_pointer (&self->mailbox, cf_mailbox_release);
  self->mailbox = cf_mailbox_acquire (session->identity.account, id);
  return TRUE;
}

static gboolean
append_start (CfCommandCall *call, Append *self, GError **error)
{
  g_autofree CfWriteOp *ops = g_new0 (CfWriteOp, self->uploads->len);

  for (guint i = 0; i < self->uploads->len; i++) {
    ops[i].struct_size = sizeof ops[i];
    ops[i].kind = CF_WRITE_APPEND;
    ops[i].group = self->uploads->len > 1 ? 1 : 0;
    ops[i].append = cf_upload_get_append (g_ptr_array_index (self->uploads, i));
  }
  return cf_writing_start (&self->writing, call, self->mailbox, self->name, 0, NULL, ops, self->uploads->len,
                           error);
}

static void
append_respond (CfCommandCall *call, Append *self)
{
  guint32 uid_validity = cf_write_get_uid_validity (self->writing.write, 0);
  g_autoptr (CfUidSet) uids = cf_uid_set_new ();
  g_autofree char *text = NULL;

  for (guint i = 0; i < self->uploads->len; i++)
    cf_uid_set_add (uids, cf_write_get_result (self->writing.write, i)->uid);
  cf_notify_brought (call->session, cf_mailbox_get_id (self->mailbox), uids);
  text = cf_uid_set_to_string (uids);
  if (uid_validity != 0)
    cf_call_set_ok (call, "[APPENDUID %u %s] APPEND completed", uid_validity, text);
  cf_net_unicode_tell (call, self->name, TRUE);
}

/* After a failed write: TRUE when it is worth another try from what has been reset here. */
static gboolean
append_try_again (CfCommandCall *call, Append *self, const GError *failure)
{
  if (g_error_matches (failure, CF_ERROR, CF_ERROR_CONTENT_GONE) && self->attempts < MAX_ATTEMPTS) {
    self->attempts++;
    self->stored = FALSE;
    for (guint i = 0; i < self->uploads->len; i++)
      cf_upload_forget_parts (g_ptr_array_index (self->uploads, i), self->attempts == MAX_ATTEMPTS);
    cf_writing_clear (&self->writing);
    return TRUE;
  }
  if (g_error_matches (failure, CF_ERROR, CF_ERROR_NONEXISTENT) && !self->renamed) {
    self->renamed = TRUE;
    cf_names_forget (call->session->identity.account, self->name);
    g_clear_pointer (&self->mailbox, cf_mailbox_release);
    cf_writing_clear (&self->writing);
    return TRUE;
  }
  return FALSE;
}

/* One call of the store a step at most, but the last, which places everything. */
static CfRun
append_write (CfCommandCall *call, Append *self, GError **error)
{
  const GError *failure;

  if (self->writing.write == NULL) {
    if (!cf_call_enter_store (call))
      return CF_RUN_WAIT;
    if (self->mailbox == NULL && !append_resolve (call, self, error))
      return CF_RUN_ERROR;
    if (!self->stored) {
      CfRun run = cf_uploads_store_parts (self->uploads, call, error);

      if (run != CF_RUN_DONE)
        return run;
      self->stored = TRUE;
    }
    if (!append_start (call, self, error))
      return CF_RUN_ERROR;
  }
  if (cf_writing_run (&self->writing, call) == CF_RUN_WAIT)
    return CF_RUN_WAIT;
  failure = cf_write_get_error (self->writing.write);
  if (failure == NULL) {
    append_respond (call, self);
    return CF_RUN_DONE;
  }
  if (append_try_again (call, self, failure))
    return CF_RUN_MORE;
  /* Deleted between the look-up and the commit, twice. */
  if (g_error_matches (failure, CF_ERROR, CF_ERROR_NONEXISTENT))
    g_set_error_literal (error, CF_ERROR, CF_ERROR_TRYCREATE, failure->message);
  else
    g_propagate_error (error, g_error_copy (failure));
  return CF_RUN_ERROR;
}

CfRun
cmd_append (CfCommandCall *call, GError **error)
{
  Append *self = cf_call_get_state (call);
  CfRun run;

  if (self == NULL) {
    self = g_new0 (Append, 1);
    self->uploads = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_upload_free);
    cf_call_set_state (call, self, append_free);
    if (!append_parse (call, self, error))
      return CF_RUN_ERROR;
  }
  if (self->scanned < self->uploads->len)
    return append_scan (call, self, error);
  if ((run = cf_net_unicode_settle (call, &self->name, error)) != CF_RUN_DONE)
    return run;
  return append_write (call, self, error);
}
