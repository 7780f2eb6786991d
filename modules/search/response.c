/* modules/search/response.c - the answer to a SEARCH (response.h).
 *
 * First what is written is made ready, some thousands of messages a step: the set that ALL or PARTIAL list,
 * as numbers of the kind that was asked for, and the highest MODSEQ. Then it is written as far as the output
 * takes it. Sequence numbers stand still meanwhile, as no expunge is told before the command ends.
 */
#include "response.h"

/* Messages looked up in one step. */
#define MESSAGES_PER_STEP 16384

typedef enum {
  STEP_NUMBERS,
  STEP_MODSEQ,
  STEP_BEGIN,
  STEP_LIST,
} Step;

struct _SearchResponse {
  SearchReturn options;
  const CfUidSet *found;
  gboolean with_modseq;
  Step step;
  CfUidSet *listed;  /* ALL, PARTIAL, or no options: the UIDs to write */
  CfUidSet *numbers; /* the same as UIDs or sequence numbers */
  CfUidSet *about;   /* the UIDs whose MODSEQ counts */
  CfUidIter iter;    /* of the step */
  gsize next_range;  /* LIST with options */
  guint64 modseq;
};

SearchResponse *
search_response_new (const SearchReturn *options, const CfUidSet *found, gboolean with_modseq)
{
  SearchResponse *self = g_new0 (SearchResponse, 1);

  self->options = *options;
  self->found = found;
  self->with_modseq = with_modseq;
  self->numbers = cf_uid_set_new ();
  self->about = search_return_select (options, found);
  if (options->options == 0 || (options->options & SEARCH_RETURN_ALL) != 0)
    self->listed = cf_uid_set_copy (found);
  else if ((options->options & SEARCH_RETURN_PARTIAL) != 0)
    self->listed = cf_partial_apply (&options->partial, found);
  else
    self->listed = cf_uid_set_new ();
  return self;
}

void
search_response_free (SearchResponse *self)
{
  if (self == NULL)
    return;
  cf_uid_set_free (self->about);
  cf_uid_set_free (self->numbers);
  cf_uid_set_free (self->listed);
  g_free (self);
}

static guint32
response_get_number (CfCommandCall *call, guint32 uid)
{
  return cf_call_is_uid (call) ? uid : cf_session_lookup_seq (cf_call_get_session (call), uid);
}

static void
response_next (SearchResponse *self, Step step)
{
  self->step = step;
  self->iter = (CfUidIter){ 0 };
}

/* ---- Making ready ---- */

static CfRun
response_step_numbers (SearchResponse *self, CfCommandCall *call)
{
  guint32 uid;

  for (guint left = MESSAGES_PER_STEP; left > 0; left--) {
    if (!cf_uid_set_next (self->listed, &self->iter, &uid)) {
      response_next (self, self->with_modseq ? STEP_MODSEQ : STEP_BEGIN);
      return CF_RUN_DONE;
    }
    cf_uid_set_add (self->numbers, response_get_number (call, uid));
  }
  return CF_RUN_MORE;
}

static CfRun
response_step_modseq (SearchResponse *self, CfSession *session)
{
  guint32 uid;

  for (guint left = MESSAGES_PER_STEP; left > 0; left--) {
    if (!cf_uid_set_next (self->about, &self->iter, &uid)) {
      response_next (self, STEP_BEGIN);
      return CF_RUN_DONE;
    }
    const CfIndexRow *row = cf_session_get_row (session, cf_session_lookup_seq (session, uid));

    if (row != NULL)
      self->modseq = MAX (self->modseq, row->modseq);
  }
  return CF_RUN_MORE;
}

/* ---- SEARCH ---- */

static CfRun
response_step_plain (SearchResponse *self, CfCommandCall *call)
{
  CfOutput *output = cf_call_get_output (call);
  guint32 number;

  if (self->step == STEP_BEGIN) {
    cf_output_text (output, "* SEARCH");
    self->step = STEP_LIST;
  }
  while (!cf_call_is_output_full (call)) {
    if (!cf_uid_set_next (self->numbers, &self->iter, &number)) {
      if (self->modseq != 0)
        cf_output_printf (output, " (MODSEQ %" G_GUINT64_FORMAT ")", self->modseq);
      cf_output_text (output, "\r\n");
      return CF_RUN_DONE;
    }
    cf_output_printf (output, " %u", number);
  }
  return CF_RUN_MORE;
}

/* ---- ESEARCH ---- */

static void
response_begin (SearchResponse *self, CfCommandCall *call)
{
  CfOutput *output = cf_call_get_output (call);
  guint options = self->options.options;
  gsize n = cf_uid_set_get_n_ranges (self->found);
  const CfPartial *partial = &self->options.partial;
  const char *minus = partial->from_end ? "-" : "";

  cf_output_printf (output, "* ESEARCH (TAG \"%s\")%s", cf_call_get_tag (call),
                    cf_call_is_uid (call) ? " UID" : "");
  if ((options & SEARCH_RETURN_MIN) != 0 && n > 0)
    cf_output_printf (output, " MIN %u",
                      response_get_number (call, cf_uid_set_get_range (self->found, 0).first));
  if ((options & SEARCH_RETURN_MAX) != 0 && n > 0)
    cf_output_printf (output, " MAX %u",
                      response_get_number (call, cf_uid_set_get_range (self->found, n - 1).last));
  if ((options & SEARCH_RETURN_COUNT) != 0)
    cf_output_printf (output, " COUNT %" G_GUINT64_FORMAT, cf_uid_set_get_count (self->found));
  if ((options & SEARCH_RETURN_ALL) != 0 && n > 0)
    cf_output_text (output, " ALL ");
  if ((options & SEARCH_RETURN_PARTIAL) != 0)
    cf_output_printf (output, " PARTIAL (%s%u:%s%u %s", minus, partial->first, minus, partial->last,
                      cf_uid_set_is_empty (self->numbers) ? "NIL" : "");
}

static CfRun
response_step_extended (SearchResponse *self, CfCommandCall *call)
{
  CfOutput *output = cf_call_get_output (call);

  if (self->step == STEP_BEGIN) {
    response_begin (self, call);
    self->step = STEP_LIST;
  }
  for (; self->next_range < cf_uid_set_get_n_ranges (self->numbers); self->next_range++) {
    CfUidRange range = cf_uid_set_get_range (self->numbers, self->next_range);

    if (cf_call_is_output_full (call))
      return CF_RUN_MORE;
    cf_output_printf (output, "%s%u", self->next_range > 0 ? "," : "", range.first);
    if (range.last > range.first)
      cf_output_printf (output, ":%u", range.last);
  }
  if ((self->options.options & SEARCH_RETURN_PARTIAL) != 0)
    cf_output_text (output, ")");
  if (self->modseq != 0)
    cf_output_printf (output, " MODSEQ %" G_GUINT64_FORMAT, self->modseq);
  cf_output_text (output, "\r\n");
  return CF_RUN_DONE;
}

CfRun
search_response_run (SearchResponse *self, CfCommandCall *call)
{
  CfRun run = CF_RUN_DONE;

  /* SAVE alone is answered by its tagged OK (RFC 5182, 1). */
  if (self->options.options == SEARCH_RETURN_SAVE)
    return CF_RUN_DONE;
  if (self->step == STEP_NUMBERS)
    run = response_step_numbers (self, call);
  if (self->step == STEP_MODSEQ && run == CF_RUN_DONE)
    run = response_step_modseq (self, cf_call_get_session (call));
  if (run != CF_RUN_DONE)
    return run;
  return self->options.options == 0 ? response_step_plain (self, call) : response_step_extended (self, call);
}
