/* tests/api/toy-items.c - data items: FETCH from the index, from facts and as a run of octets; STATUS; LIST.
 *
 * - FETCH 1 XAGE: days since INTERNALDATE. The index row is all it needs, so the store is not asked.
 * - FETCH 1 XFIELDS: how many header fields. From facts, declared in needs.
 * - FETCH 1 XTAIL[20]: the message's last 20 octets. Core reads and sends them, in pieces if they are many.
 * - FETCH 1 XSERIAL: octets of the item's own.
 * - STATUS INBOX (XDELETED): messages with \Deleted.
 * - LIST "" *: \XLong for names of ten octets or more.
 */
#include <coffer/module.h>

#include <string.h>

static gboolean
emit_age (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  gint64 age = g_get_real_time () / G_USEC_PER_SEC - cf_message_get_row (message)->internal_date;

  cf_output_printf (output, "%" G_GINT64_FORMAT, age / (24 * 3600));
  return TRUE;
}

static gboolean
emit_fields (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  cf_output_printf (output, "%u", cf_facts_get_n_headers (cf_message_get_facts (message)));
  return TRUE;
}

/* "[20]", whose number is kept for span and shown in the response's label. */
static gboolean
parse_tail (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  guint32 n;

  if (!cf_input_expect (input, '[', error) || !cf_input_number (input, &n, error)
      || !cf_input_expect (input, ']', error))
    return FALSE;
  request->data = GUINT_TO_POINTER (n);
  request->label = g_strdup_printf ("XTAIL[%u]", n);
  return TRUE;
}

static gboolean
span_tail (CfMessage *message, const CfItemRequest *request, CfSpan *out_span, GError **error)
{
  guint64 size = cf_facts_get_presented_size (cf_message_get_facts (message));

  out_span->length = MIN (GPOINTER_TO_UINT (request->data), size);
  out_span->offset = size - out_span->length;
  return TRUE;
}

static gboolean
span_serial (CfMessage *message, const CfItemRequest *request, CfSpan *out_span, GError **error)
{
  char *text = g_strdup_printf ("serial\r\nnumber %u", cf_message_get_row (message)->uid);

  out_span->octets = g_bytes_new_take (text, strlen (text));
  return TRUE;
}

static void
emit_deleted (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  cf_output_printf (output, "%u", status->deleted);
}

static void
emit_long (CfSession *session, const CfMailboxInfo *info, CfOutput *output)
{
  if (strlen (info->name) >= 10)
    cf_output_text (output, " \\XLong");
}

static const CfItem items[] = {
  { CF_ITEM_FETCH, "XAGE", .emit = emit_age },
  { CF_ITEM_FETCH, "XFIELDS", .needs = CF_NEED_FACTS, .emit = emit_fields },
  { CF_ITEM_FETCH, "XTAIL", .parse = parse_tail, .needs = CF_NEED_FACTS, .span = span_tail },
  { CF_ITEM_FETCH, "XSERIAL", .needs = CF_NEED_FACTS, .span = span_serial },
  { CF_ITEM_STATUS, "XDELETED", .emit_status = emit_deleted },
  { CF_ITEM_LIST, "\\XLONG", .emit_list = emit_long },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_items (registrar, items, error);
}

CF_MODULE_DEFINE (toy_items, .summary = "Items of FETCH, STATUS and LIST", .init = toy_init)
