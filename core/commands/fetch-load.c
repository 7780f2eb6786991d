/* core/commands/fetch-load.c - loading what FETCH items need, one call of the store for a batch
 * of messages (fetch.h). */
#include "commands/fetch.h"

#include "mime/facts-cache.h"
#include "store/calls.h"

/* ---- Receiving ---- */

/* Where a request's answer goes. */
typedef struct {
  CfMessage *message;
  CfMessageRun *run;
} LoadTarget;

typedef struct {
  CfReadSink sink;
  GArray *targets; /* of LoadTarget: the i-th request's */
} LoadSink;

static LoadTarget *
load_get_target (CfReadSink *sink, guint i)
{
  return &g_array_index (((LoadSink *) sink)->targets, LoadTarget, i);
}

static void
load_missing (CfReadSink *sink, guint i)
{
  load_get_target (sink, i)->message->missing = TRUE;
}

/* Facts that cannot be read leave the message without; they are computed anew. */
static void
load_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
  CfMessage *message = load_get_target (sink, i)->message;

  g_clear_pointer (&message->facts, cf_facts_unref);
  message->facts = cf_facts_new_from_encoded (encoded, NULL);
  if (message->facts != NULL)
    cf_facts_cache_insert (message->row.content, message->facts);
}

static void
load_area (CfReadSink *sink, guint i, guint64 offset, guint64 length)
{
  load_get_target (sink, i)->run->offset += offset;
}

static void
load_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
  g_byte_array_append (load_get_target (sink, i)->run->octets, data, length);
}

static CfMessageRun *
load_run_new (guint64 offset)
{
  CfMessageRun *run = g_new0 (CfMessageRun, 1);

  run->offset = offset;
  run->octets = g_byte_array_new ();
  return run;
}

/* ---- Asking ---- */

typedef struct {
  GPtrArray *requests; /* of CfReadRequest */
  GArray *targets;     /* of LoadTarget, as many */
} Load;

static void
load_init (Load *load)
{
  load->requests = g_ptr_array_new_with_free_func (g_free);
  load->targets = g_array_new (FALSE, FALSE, sizeof (LoadTarget));
}

static void
load_clear (Load *load)
{
  g_clear_pointer (&load->requests, g_ptr_array_unref);
  g_clear_pointer (&load->targets, g_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Load, load_clear)

/* Adds a request for what @message holds, to be filled in further; its octets go to @run. */
static CfReadRequest *
load_add (Load *load, CfMessage *message, CfMessageRun *run)
{
  CfReadRequest *request = g_new0 (CfReadRequest, 1);
  LoadTarget target = { message, run };

  request->struct_size = sizeof *request;
  request->content = message->row.content;
  g_ptr_array_add (load->requests, request);
  g_array_append_val (load->targets, target);
  return request;
}

static gboolean
load_call (CfSession *session, Load *load, GError **error)
{
  LoadSink sink
      = { { sizeof (CfReadSink), load_missing, load_facts, load_area, load_octets }, load->targets };

  return cf_store_read (session, load->requests->len, (const CfReadRequest *const *) load->requests->pdata,
                        &sink.sink, error);
}

/* ---- A batch ---- */

/* Whether it is known where @item's octets are, before the facts are. */
static gboolean
load_is_ahead (const CfFetchItem *item)
{
  return item->request.is_span && item->request.path != NULL;
}

/* What to read ahead for one item of a message, given how much is read for those before it. */
static guint64
load_get_length (const CfFetchItem *item, guint64 size, guint64 before)
{
  return MIN (MIN (item->request.length, size), CF_FETCH_SLICE - before);
}

guint64
cf_fetch_get_ahead (const GArray *items, guint64 size)
{
  guint64 octets = 0;

  for (guint i = 0; i < items->len; i++)
    if (load_is_ahead (&g_array_index (items, CfFetchItem, i)))
      octets += load_get_length (&g_array_index (items, CfFetchItem, i), size, octets);
  return octets;
}

/* The range to ask for when the message's facts are known already. FALSE: nothing is read ahead. */
static gboolean
load_locate (const CfMessage *message, const CfItemRequest *ahead, guint64 most, guint64 *out_offset,
             guint64 *out_length)
{
  guint64 offset, length;

  if (cf_facts_needs_presentation (message->facts)
      || !cf_facts_locate_raw (message->facts, ahead->path, ahead->section, &offset, &length)
      || ahead->offset >= length)
    return FALSE;
  *out_offset = offset + ahead->offset;
  *out_length = MIN (most, length - ahead->offset);
  return *out_length > 0;
}

/* Asks for the octets of one item; returns how many at most. */
static guint64
load_add_item (Load *load, CfMessage *message, const CfFetchItem *item, guint64 before)
{
  const CfItemRequest *ahead = &item->request;
  guint64 offset = ahead->offset;
  guint64 length = load_get_length (item, message->row.size, before);
  CfReadRequest *request;
  CfMessageRun *run;

  if (length == 0 || (message->facts != NULL && !load_locate (message, ahead, length, &offset, &length)))
    return 0;
  run = load_run_new (offset);
  g_ptr_array_add (message->ahead, run);
  request = load_add (load, message, run);
  request->offset = offset;
  request->length = length;
  if (message->facts == NULL) {
    request->path = ahead->path;
    request->section = ahead->section;
  }
  return length;
}

/* Asks for what @message lacks. */
static void
load_add_message (Load *load, CfMessage *message, const GArray *items)
{
  guint first = load->requests->len;
  guint64 octets = 0;

  if (message->row.content == 0) {
    message->missing = TRUE;
    return;
  }
  if (message->facts == NULL)
    message->facts = cf_facts_cache_lookup (message->row.content);
  g_clear_pointer (&message->ahead, g_ptr_array_unref);
  message->ahead = g_ptr_array_new_with_free_func ((GDestroyNotify) cf_message_run_free);
  for (guint i = 0; i < items->len; i++)
    if (load_is_ahead (&g_array_index (items, CfFetchItem, i)))
      octets += load_add_item (load, message, &g_array_index (items, CfFetchItem, i), octets);
  if (message->facts != NULL)
    return;
  if (load->requests->len == first)
    load_add (load, message, NULL);
  ((CfReadRequest *) g_ptr_array_index (load->requests, first))->want_facts = TRUE;
}

static gboolean
load_scan_anew (CfMessage *message, GError **error)
{
  if (message->missing || message->facts != NULL)
    return TRUE;
  if (!cf_store_scan_anew (message->session, message->row.content, &message->facts, error))
    return FALSE;
  message->missing = message->facts == NULL;
  return TRUE;
}

CfRun
cf_fetch_load (CfCommandCall *call, GPtrArray *batch, const GArray *items, GError **error)
{
  g_auto (Load) load = { 0 };
  gboolean facts = FALSE;

  for (guint i = 0; i < items->len; i++)
    facts = facts || (g_array_index (items, CfFetchItem, i).request.needs & CF_NEED_FACTS) != 0;
  load_init (&load);
  for (guint i = 0; facts && i < batch->len; i++)
    load_add_message (&load, g_ptr_array_index (batch, i), items);
  if (load.requests->len == 0)
    return CF_RUN_DONE;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  if (!load_call (cf_call_get_session (call), &load, error))
    return CF_RUN_ERROR;
  for (guint i = 0; i < batch->len; i++)
    if (!load_scan_anew (g_ptr_array_index (batch, i), error))
      return CF_RUN_ERROR;
  return CF_RUN_DONE;
}

/* ---- Octets ---- */

static const guint8 *
run_lookup (const CfMessageRun *run, guint64 offset, gsize length)
{
  if (run == NULL || offset < run->offset || offset + length > run->offset + run->octets->len)
    return NULL;
  return run->octets->data + (offset - run->offset);
}

static const guint8 *
message_lookup (const CfMessage *message, guint64 offset, gsize length)
{
  const guint8 *octets = run_lookup (message->run, offset, length);

  for (guint i = 0; octets == NULL && message->ahead != NULL && i < message->ahead->len; i++)
    octets = run_lookup (g_ptr_array_index (message->ahead, i), offset, length);
  return octets;
}

CfRun
cf_fetch_read (CfCommandCall *call, CfMessage *message, guint64 offset, gsize length, guint64 end,
               const guint8 **out_octets, GError **error)
{
  g_auto (Load) load = { 0 };
  CfReadRequest *request;

  *out_octets = length > 0 ? message_lookup (message, offset, length) : NULL;
  if (length == 0 || *out_octets != NULL)
    return CF_RUN_DONE;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  g_clear_pointer (&message->run, cf_message_run_free);
  g_clear_pointer (&message->ahead, g_ptr_array_unref);
  message->run = load_run_new (offset);
  load_init (&load);
  request = load_add (&load, message, message->run);
  request->offset = offset;
  request->length = end > offset ? MAX (length, MIN (CF_FETCH_SLICE, end - offset)) : length;
  if (!load_call (message->session, &load, error))
    return CF_RUN_ERROR;
  *out_octets = message_lookup (message, offset, length);
  if (*out_octets != NULL)
    return CF_RUN_DONE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_EXPUNGEISSUED, "The message's content is gone");
  return CF_RUN_ERROR;
}

static gboolean
run_is_within (const CfMessageRun *run, guint64 begin, guint64 end)
{
  return run != NULL && run->offset >= begin && run->offset + run->octets->len <= end;
}

void
cf_fetch_forget (CfMessage *message, guint64 begin, guint64 end)
{
  if (run_is_within (message->run, begin, end))
    g_clear_pointer (&message->run, cf_message_run_free);
  for (guint i = message->ahead != NULL ? message->ahead->len : 0; i-- > 0;)
    if (run_is_within (g_ptr_array_index (message->ahead, i), begin, end))
      g_ptr_array_remove_index_fast (message->ahead, i);
}
