/* core/commands/fetch-load.c - loading what FETCH items need, one call of the store for a batch of messages
 * (fetch.h). */
#include "commands/fetch.h"

#include "mime/facts-cache.h"
#include "store/calls.h"

/* ---- Receiving ---- */

typedef struct {
  CfReadSink sink;
  GPtrArray *messages; /* the i-th request is for the i-th of these */
} LoadSink;

static CfMessage *
load_get_message (CfReadSink *sink, guint i)
{
  return g_ptr_array_index (((LoadSink *) sink)->messages, i);
}

static void
load_missing (CfReadSink *sink, guint i)
{
  load_get_message (sink, i)->missing = TRUE;
}

/* Facts that cannot be read leave the message without; they are computed anew. */
static void
load_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
  CfMessage *message = load_get_message (sink, i);

  g_clear_pointer (&message->facts, cf_facts_unref);
  message->facts = cf_facts_new_from_encoded (encoded, NULL);
  if (message->facts != NULL)
    cf_facts_cache_insert (message->row.content, message->facts);
}

static void
load_area (CfReadSink *sink, guint i, guint64 offset, guint64 length)
{
  load_get_message (sink, i)->raw_offset += offset;
}

static void
load_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
  CfMessage *message = load_get_message (sink, i);

  if (message->raw == NULL)
    message->raw = g_byte_array_new ();
  g_byte_array_append (message->raw, data, length);
}

#define LOAD_SINK(messages)                                                                                  \
  {                                                                                                          \
    { sizeof (CfReadSink), load_missing, load_facts, load_area, load_octets }, (messages)                    \
  }

static gboolean
load_call (CfSession *session, GPtrArray *messages, GPtrArray *requests, GError **error)
{
  LoadSink sink = LOAD_SINK (messages);

  return cf_store_read (session, requests->len, (const CfReadRequest *const *) requests->pdata, &sink.sink,
                        error);
}

/* ---- A batch ---- */

/* Where reading ahead begins and how much, when the message's facts are known already. FALSE: nothing is read
 * ahead. */
static gboolean
load_locate (CfMessage *message, const CfItemRequest *ahead, CfReadRequest *request)
{
  guint64 offset, length;

  if (cf_facts_needs_presentation (message->facts)
      || !cf_facts_locate_raw (message->facts, ahead->path, ahead->section, &offset, &length)
      || ahead->offset >= length)
    return FALSE;
  request->offset = offset + ahead->offset;
  request->length = MIN (MIN (ahead->length, length - ahead->offset), CF_FETCH_SLICE);
  message->raw_offset = request->offset;
  return request->length > 0;
}

/* What to ask the store for @message; NULL: nothing. */
static CfReadRequest *
load_make_request (CfMessage *message, gboolean facts, const CfItemRequest *ahead)
{
  CfReadRequest *request;

  if (facts && message->facts == NULL)
    message->facts = cf_facts_cache_lookup (message->row.content);
  if (message->row.content == 0) {
    message->missing = TRUE;
    return NULL;
  }
  if (message->facts != NULL && ahead == NULL)
    return NULL;
  request = g_new0 (CfReadRequest, 1);
  request->struct_size = sizeof *request;
  request->content = message->row.content;
  request->want_facts = message->facts == NULL;
  if (message->facts != NULL) {
    if (!load_locate (message, ahead, request))
      g_clear_pointer (&request, g_free);
  } else if (ahead != NULL) {
    request->path = ahead->path;
    request->section = ahead->section;
    request->offset = ahead->offset;
    request->length = MIN (ahead->length, CF_FETCH_SLICE);
    message->raw_offset = ahead->offset;
  }
  return request;
}

CfRun
cf_fetch_load (CfCommandCall *call, GPtrArray *batch, gboolean facts, const CfItemRequest *ahead,
               GError **error)
{
  g_autoptr (GPtrArray) requests = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) messages = g_ptr_array_new ();

  for (guint i = 0; facts && i < batch->len; i++) {
    CfMessage *message = g_ptr_array_index (batch, i);
    CfReadRequest *request = load_make_request (message, facts, ahead);

    if (request == NULL)
      continue;
    g_ptr_array_add (requests, request);
    g_ptr_array_add (messages, message);
  }
  if (requests->len == 0)
    return CF_RUN_DONE;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  if (!load_call (cf_call_get_session (call), messages, requests, error))
    return CF_RUN_ERROR;
  for (guint i = 0; i < messages->len; i++) {
    CfMessage *message = g_ptr_array_index (messages, i);

    if (message->missing || message->facts != NULL)
      continue;
    if (!cf_store_scan_anew (message->session, message->row.content, &message->facts, error))
      return CF_RUN_ERROR;
    message->missing = message->facts == NULL;
  }
  return CF_RUN_DONE;
}

/* ---- Octets ---- */

CfRun
cf_fetch_read (CfCommandCall *call, CfMessage *message, guint64 offset, gsize length,
               const guint8 **out_octets, GError **error)
{
  CfReadRequest request = { .struct_size = sizeof request,
                            .content = message->row.content,
                            .offset = offset,
                            .length = MAX (length, CF_FETCH_SLICE) };
  g_autoptr (GPtrArray) messages = g_ptr_array_new ();
  const CfReadRequest *const requests[] = { &request };
  LoadSink sink = LOAD_SINK (messages);

  if (length == 0) {
    *out_octets = NULL;
    return CF_RUN_DONE;
  }
  if (message->raw == NULL || offset < message->raw_offset
      || offset + length > message->raw_offset + message->raw->len) {
    if (!cf_call_enter_store (call))
      return CF_RUN_WAIT;
    g_clear_pointer (&message->raw, g_byte_array_unref);
    message->raw_offset = offset;
    g_ptr_array_add (messages, message);
    if (!cf_store_read (message->session, 1, requests, &sink.sink, error))
      return CF_RUN_ERROR;
  }
  if (message->raw == NULL || message->raw->len < length + (offset - message->raw_offset)) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_EXPUNGEISSUED, "The message's content is gone");
    return CF_RUN_ERROR;
  }
  *out_octets = message->raw->data + (offset - message->raw_offset);
  return CF_RUN_DONE;
}
