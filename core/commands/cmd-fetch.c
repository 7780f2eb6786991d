/* core/commands/cmd-fetch.c - FETCH and UID FETCH (RFC 3501, 6.4.5, 7.4.2).
 *
 * Messages are taken in batches. For each batch, in steps that pin nothing in between: \Seen is set where an
 * item does that, one call of the store loads what the items need and is not cached, and the responses are
 * written as far as the output takes them. Items come in the order asked, literals of content last, as
 * deployed clients expect.
 *
 * With CHANGEDSINCE (RFC 7162, 3.1.4.1) only messages that have changed are looked at; with VANISHED (3.2.6)
 * one call of the store comes first, for what has gone.
 */
#include "commands/commands.h"
#include "commands/fetch.h"
#include "commands/resync.h"
#include "imap/modseq.h"
#include "imap/output.h"
#include "imap/selected.h"
#include "module/registry.h"
#include "store/service.h"

/* How long after a failure in the midst of a literal the store is asked again. */
#define RETRY_MS 500

typedef enum {
  PHASE_VANISHED,
  PHASE_GATHER,
  PHASE_SEEN,
  PHASE_LOAD,
  PHASE_WRITE,
} Phase;

struct _CfFetch {
  CfFetchArguments arguments;
  CfVanished vanished;
  gboolean has_asked; /* what has vanished is known */
  CfUidIter iter;
  Phase phase;
  GPtrArray *batch; /* of CfMessage */
  CfUidSet *seen;   /* of the batch: those that got \Seen just now */
  CfWriting writing;
  guint at_message, at_item; /* what is written next */
  gboolean opened;           /* the message's response has begun */
  gboolean separate;         /* ... and something stands in it */
  gboolean flags_told;       /* ... and so do the flags, if they are to */
  CfFetchSpan span;
  gint64 retry_until; /* the store failed inside a literal, and is asked again until then; 0: not */
  gboolean expunged;  /* some messages' content was gone */
  guint32 told;       /* everything up to this UID has been written */
};

static CfFetch *
fetch_new_empty (void)
{
  CfFetch *self = g_new0 (CfFetch, 1);

  self->batch = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_message_free);
  return self;
}

void
cf_fetch_free (CfFetch *self)
{
  cf_writing_clear (&self->writing);
  cf_fetch_span_clear (&self->span);
  cf_vanished_clear (&self->vanished);
  cf_fetch_arguments_clear (&self->arguments);
  g_clear_pointer (&self->seen, cf_uid_set_free);
  g_ptr_array_unref (self->batch);
  g_free (self);
}

/* ---- VANISHED ---- */

static CfRun
fetch_tell_vanished (CfCommandCall *call, CfFetch *self, GError **error)
{
  const CfFetchArguments *arguments = &self->arguments;
  CfRun run;

  if (arguments->known != NULL && !self->has_asked) {
    run = cf_vanished_ask (&self->vanished, call, arguments->known, arguments->changed_since, error);
    if (run != CF_RUN_DONE)
      return run;
    self->has_asked = TRUE;
  }
  return cf_vanished_write (&self->vanished, call);
}

/* ---- A batch: gathering ---- */

static void
fetch_gather (CfCommandCall *call, CfFetch *self)
{
  CfSession *session = cf_call_get_session (call);
  guint64 octets = 0;
  guint32 uid;

  g_ptr_array_set_size (self->batch, 0);
  g_clear_pointer (&self->seen, cf_uid_set_free);
  self->at_message = self->at_item = 0;
  while (self->batch->len < CF_FETCH_BATCH && octets < CF_FETCH_SLICE
         && cf_uid_set_next (self->arguments.uids, &self->iter, &uid)) {
    const CfIndexRow *row = cf_view_lookup_row (session->view, uid);

    if (row == NULL)
      continue;
    g_ptr_array_add (self->batch, cf_message_new (session, cf_view_lookup_seq (session->view, uid), row));
    octets += cf_fetch_get_ahead (self->arguments.items, row->size);
  }
}

/* ---- A batch: \Seen ---- */

/* Starts setting \Seen on the batch's messages that lack it. FALSE: there is nothing to set, or
 * no right to. */
static gboolean
fetch_start_seen (CfCommandCall *call, CfFetch *self)
{
  CfSession *session = cf_call_get_session (call);
  CfWriteOp op = { .struct_size = sizeof op,
                   .kind = CF_WRITE_STORE,
                   .mode = CF_STORE_ADD,
                   .flags = CF_FLAG_SEEN,
                   .unchanged_since = G_MAXUINT64 };

  if ((self->arguments.needs & CF_NEED_SET_SEEN) == 0 || session->read_only)
    return FALSE;
  self->seen = cf_uid_set_new ();
  for (guint i = 0; i < self->batch->len; i++) {
    const CfMessage *message = g_ptr_array_index (self->batch, i);

    if ((message->row.flags & CF_FLAG_SEEN) == 0 && !cf_view_is_ghost (session->view, message->row.uid))
      cf_uid_set_add (self->seen, message->row.uid);
  }
  op.uids = self->seen;
  if (!cf_uid_set_is_empty (self->seen)
      && cf_writing_start (&self->writing, call, session->mailbox, session->mailbox_name, 0, NULL, &op, 1,
                           NULL))
    return TRUE;
  g_clear_pointer (&self->seen, cf_uid_set_free);
  return FALSE;
}

/* The rows as they are after \Seen has been set; expunged ones keep what they had. */
static void
fetch_refresh_rows (CfSession *session, CfFetch *self)
{
  cf_selected_advance (session);
  for (guint i = 0; i < self->batch->len; i++) {
    CfMessage *message = g_ptr_array_index (self->batch, i);
    const CfIndexRow *row = cf_view_lookup_row (session->view, message->row.uid);

    if (row == NULL || cf_view_is_ghost (session->view, message->row.uid))
      continue;
    g_autoptr (CfKeywords) old = (CfKeywords *) message->row.keywords;
    message->row = *row;
    if (row->keywords != NULL)
      cf_keywords_ref ((CfKeywords *) row->keywords);
  }
}

static CfRun
fetch_finish_seen (CfCommandCall *call, CfFetch *self, GError **error)
{
  const GError *failure;

  if (self->writing.write == NULL)
    return CF_RUN_DONE;
  if (cf_writing_run (&self->writing, call) == CF_RUN_WAIT)
    return CF_RUN_WAIT;
  failure = cf_write_get_error (self->writing.write);
  if (failure != NULL) {
    g_propagate_error (error, g_error_copy (failure));
    return CF_RUN_ERROR;
  }
  fetch_refresh_rows (cf_call_get_session (call), self);
  cf_writing_clear (&self->writing);
  return CF_RUN_DONE;
}

/* ---- A batch: responses ---- */

static void
fetch_write_label (CfFetch *self, CfOutput *output, const char *label)
{
  cf_output_printf (output, "%s%s ", self->separate ? " " : "", label);
  self->separate = TRUE;
}

static const char *
fetch_item_get_label (const CfFetchItem *item)
{
  return item->request.label != NULL ? item->request.label : item->row->name;
}

/* An item that the client has not asked for. */
static void
fetch_tell_item (CfFetch *self, CfMessage *message, const char *name, CfOutput *output)
{
  const CfItem *row = cf_registry_lookup_item (CF_ITEM_FETCH, name);

  if (cf_fetch_arguments_have (&self->arguments, name))
    return;
  fetch_write_label (self, output, name);
  row->emit (message, NULL, output, NULL);
}

/* Whether the items say what an update would. */
static gboolean
fetch_has_update (const CfFetch *self, gboolean with_modseq)
{
  const CfFetchArguments *arguments = &self->arguments;

  return cf_fetch_arguments_have (arguments, "FLAGS")
         && (!with_modseq
             || (cf_fetch_arguments_have (arguments, "UID")
                 && cf_fetch_arguments_have (arguments, "MODSEQ")));
}

/* What is told of the flags here need not be told again as an update. */
static void
fetch_tell_flags (CfSession *session, CfFetch *self, CfMessage *message, CfOutput *output)
{
  gboolean set = self->seen != NULL && cf_uid_set_contains (self->seen, message->row.uid);
  gboolean modseq = cf_session_tells_modseq (session);

  /* \Seen was set implicitly: the response says so (RFC 3501, 6.4.5; RFC 7162, 3.2.4). */
  if (set) {
    fetch_tell_item (self, message, "FLAGS", output);
    if (modseq) {
      fetch_tell_item (self, message, "UID", output);
      fetch_tell_item (self, message, "MODSEQ", output);
    }
  } else if (!fetch_has_update (self, modseq)) {
    return;
  }
  cf_view_forget_dirty (session->view, message->row.uid, message->row.modseq);
}

static guint
fetch_count_plain (const CfFetch *self)
{
  guint n = 0;

  while (n < self->arguments.items->len
         && !g_array_index (self->arguments.items, CfFetchItem, n).request.is_span)
    n++;
  return n;
}

/* "* 12 FETCH (" */
static void
fetch_open (CfCommandCall *call, CfFetch *self, const CfMessage *message)
{
  cf_output_printf (cf_call_get_output (call), "* %u FETCH (", message->seq);
  self->at_item = 0;
  self->opened = TRUE;
  self->separate = self->flags_told = FALSE;
}

/* The items that are no runs of content, each in one go. */
static CfRun
fetch_write_plain (CfCommandCall *call, CfFetch *self, CfMessage *message, GError **error)
{
  CfOutput *output = cf_call_get_output (call);

  for (guint n = fetch_count_plain (self); self->at_item < n; self->at_item++) {
    const CfFetchItem *item = &g_array_index (self->arguments.items, CfFetchItem, self->at_item);
    gsize begin = cf_output_get_length (output);
    gboolean separate = self->separate;

    if (cf_call_is_output_full (call))
      return CF_RUN_MORE;
    fetch_write_label (self, output, fetch_item_get_label (item));
    if (!item->row->emit (message, &item->request, output, error)) {
      cf_output_truncate (output, begin);
      self->separate = separate;
      return CF_RUN_ERROR;
    }
  }
  if (!self->flags_told)
    fetch_tell_flags (message->session, self, message, output);
  self->flags_told = TRUE;
  return CF_RUN_DONE;
}

/* Begins the next run of content. Nothing of it stays written unless it has begun. */
static CfRun
fetch_begin_span (CfCommandCall *call, CfFetch *self, CfMessage *message, GError **error)
{
  const CfFetchItem *item = &g_array_index (self->arguments.items, CfFetchItem, self->at_item);
  CfOutput *output = cf_call_get_output (call);
  gsize begin = cf_output_get_length (output);
  gboolean separate = self->separate;
  CfSpan span = { .struct_size = sizeof span, .partial_length = G_MAXUINT64 };
  CfRun run;

  if (!item->row->span (message, &item->request, &span, error))
    return CF_RUN_ERROR;
  fetch_write_label (self, output, fetch_item_get_label (item));
  run = cf_fetch_span_begin (&self->span, call, message, &span, error);
  if (run == CF_RUN_DONE) {
    self->at_item++;
    return CF_RUN_DONE;
  }
  cf_output_truncate (output, begin);
  self->separate = separate;
  return run;
}

static CfRun
fetch_write_spans (CfCommandCall *call, CfFetch *self, CfMessage *message, GError **error)
{
  for (;;) {
    CfRun run = cf_fetch_span_continue (&self->span, call, message, error);

    if (run != CF_RUN_DONE)
      return run;
    if (self->at_item == self->arguments.items->len) {
      cf_output_text (cf_call_get_output (call), ")\r\n");
      return CF_RUN_DONE;
    }
    if (cf_call_is_output_full (call))
      return CF_RUN_MORE;
    run = fetch_begin_span (call, self, message, error);
    if (run != CF_RUN_DONE)
      return run;
  }
}

/* The store has failed in the midst of a literal. The client can be told nothing, but it can wait, as long as
 * for one call. FALSE: it has. */
static gboolean
fetch_try_again (CfCommandCall *call, CfFetch *self, GError **error)
{
  if (!g_error_matches (*error, CF_ERROR, CF_ERROR_UNAVAILABLE))
    return FALSE;
  if (self->retry_until == 0)
    self->retry_until = cf_store_service_get_deadline (0);
  if (g_get_monotonic_time () >= self->retry_until)
    return FALSE;
  g_clear_error (error);
  cf_call_sleep (call, RETRY_MS);
  return TRUE;
}

/* Ends a response that cannot be completed. In the midst of a literal there is no way to say so: the client
 * counts octets, and only the end of the connection tells it that they do not come. */
static CfRun
fetch_give_up (CfCommandCall *call, CfFetch *self, const CfMessage *message, GError **error)
{
  CfSession *session = cf_call_get_session (call);

  if (self->span.active && fetch_try_again (call, self, error))
    return CF_RUN_WAIT;
  if (self->span.active) {
    cf_session_log_error (session, call->command->name, *error);
    session->closing = TRUE;
    return CF_RUN_ERROR;
  }
  /* A FETCH response is not empty (RFC 3501, 9: msg-att), and what was begun may be sent already. */
  if (!self->separate)
    cf_output_printf (cf_call_get_output (call), "UID %u", message->row.uid);
  cf_output_text (cf_call_get_output (call), ")\r\n");
  return CF_RUN_ERROR;
}

/* One message's response, from where it stopped. */
static CfRun
fetch_write_message (CfCommandCall *call, CfFetch *self, CfMessage *message, GError **error)
{
  gsize begin = cf_output_get_length (cf_call_get_output (call));
  gboolean opening;
  CfRun run;

  if (message->missing) {
    self->expunged = TRUE;
    return CF_RUN_DONE;
  }
  opening = !self->opened;
  if (opening)
    fetch_open (call, self, message);
  run = fetch_write_plain (call, self, message, error);
  if (run == CF_RUN_ERROR && opening) {
    cf_output_truncate (cf_call_get_output (call), begin); /* nothing of it has been sent */
    return CF_RUN_ERROR;
  }
  if (run == CF_RUN_DONE)
    run = fetch_write_spans (call, self, message, error);
  if (run == CF_RUN_ERROR)
    return fetch_give_up (call, self, message, error);
  if (run != CF_RUN_WAIT)
    self->retry_until = 0;
  if (run == CF_RUN_DONE)
    self->opened = FALSE;
  return run;
}

static CfRun
fetch_write_batch (CfCommandCall *call, CfFetch *self, GError **error)
{
  while (self->at_message < self->batch->len) {
    CfRun run;

    if (cf_call_is_output_full (call))
      return CF_RUN_MORE;
    run = fetch_write_message (call, self, g_ptr_array_index (self->batch, self->at_message), error);
    if (run != CF_RUN_DONE)
      return run;
    CfMessage *message = g_ptr_array_index (self->batch, self->at_message);
    cf_fetch_forget (message, 0, G_MAXUINT64);
    self->told = message->row.uid;
    self->at_message++;
  }
  return CF_RUN_DONE;
}

/* ---- The command ---- */

static CfRun
fetch_advance (CfCommandCall *call, CfFetch *self, GError **error)
{
  CfRun run = CF_RUN_DONE;

  switch (self->phase) {
  case PHASE_VANISHED:
    run = fetch_tell_vanished (call, self, error);
    self->phase = run == CF_RUN_DONE ? PHASE_GATHER : PHASE_VANISHED;
    break;
  case PHASE_GATHER:
    fetch_gather (call, self);
    fetch_start_seen (call, self);
    self->phase = PHASE_SEEN;
    break;
  case PHASE_SEEN:
    run = fetch_finish_seen (call, self, error);
    self->phase = run == CF_RUN_DONE ? PHASE_LOAD : PHASE_SEEN;
    break;
  case PHASE_LOAD:
    run = cf_fetch_load (call, self->batch, self->arguments.items, error);
    self->phase = run == CF_RUN_DONE ? PHASE_WRITE : PHASE_LOAD;
    break;
  case PHASE_WRITE:
    run = fetch_write_batch (call, self, error);
    self->phase = run == CF_RUN_DONE ? PHASE_GATHER : PHASE_WRITE;
    break;
  }
  return run;
}

CfRun
cf_fetch_run (CfFetch *self, CfCommandCall *call, GError **error)
{
  /* Another call may have a time of its own. */
  if (self->retry_until != 0 && call->wake_at != 0 && !cf_call_has_slept (call))
    return CF_RUN_WAIT;
  if (self->retry_until != 0)
    call->wake_at = 0;
  for (;;) {
    CfRun run = fetch_advance (call, self, error);

    if (run != CF_RUN_DONE)
      return run;
    if (self->phase == PHASE_SEEN && self->batch->len == 0)
      return CF_RUN_DONE;
    /* One batch a step at the store, however little of the output it fills: others wait for the permit. */
    if (self->phase == PHASE_GATHER && call->has_store)
      return CF_RUN_MORE;
  }
}

CfRun
cmd_fetch (CfCommandCall *call, GError **error)
{
  CfFetch *self = cf_call_get_state (call);
  CfRun run;

  if (self == NULL) {
    self = fetch_new_empty ();
    cf_call_set_state (call, self, (GDestroyNotify) cf_fetch_free);
    if (!cf_fetch_arguments_parse (&self->arguments, call, error))
      return CF_RUN_ERROR;
  }
  run = cf_fetch_run (self, call, error);
  if (run == CF_RUN_DONE && self->expunged) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_EXPUNGEISSUED, "Some of the messages have been expunged");
    return CF_RUN_ERROR;
  }
  return run;
}

/* ---- Within another call ---- */

CfFetch *
cf_fetch_new (GArray *items, const CfUidSet *uids)
{
  CfFetch *self = fetch_new_empty ();

  self->arguments.items = g_array_ref (items);
  self->arguments.uids = cf_uid_set_copy (uids);
  for (guint i = 0; i < items->len; i++)
    self->arguments.needs |= g_array_index (items, CfFetchItem, i).request.needs;
  return self;
}

guint32
cf_fetch_get_told (const CfFetch *fetch)
{
  return fetch->told;
}
