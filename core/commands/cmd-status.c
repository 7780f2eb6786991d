/* core/commands/cmd-status.c - STATUS (RFC 3501, 6.3.10; RFC 9051, 6.3.11 for DELETED; RFC 8438 for SIZE; RFC
 * 7889 for APPENDLIMIT). */
#include "commands/commands.h"
#include "commands/net-unicode.h"
#include "commands/status.h"
#include "imap/revision.h"
#include "imap/session.h"
#include "module/registry.h"
#include "module/settings.h"
#include "store/calls.h"

typedef struct {
  char *name;
  GPtrArray *items; /* of const CfItem *, in the order asked */
} Status;

static void
status_free (gpointer data)
{
  Status *status = data;

  g_free (status->name);
  g_clear_pointer (&status->items, g_ptr_array_unref);
  g_free (status);
}

GPtrArray *
cf_status_items_read (CfCommandCall *call, CfInput *input, GError **error)
{
  g_autoptr (GPtrArray) items = g_ptr_array_new ();

  if (!cf_input_expect (input, '(', error))
    return NULL;
  do {
    g_autofree char *name = NULL;
    const CfItem *item;

    if (!cf_input_name (input, &name, error))
      return NULL;
    item = cf_registry_lookup_item (CF_ITEM_STATUS, name);
    if (item == NULL) {
      g_set_error (error, CF_ERROR, CF_ERROR_BAD, "Unknown STATUS item %s", name);
      return NULL;
    }
    if (item->parse != NULL && !item->parse (call, input, NULL, error))
      return NULL;
    g_ptr_array_add (items, (gpointer) item);
  } while (cf_input_skip (input, ' '));
  return cf_input_expect (input, ')', error) ? g_steal_pointer (&items) : NULL;
}

static gboolean
status_parse (CfCommandCall *call, Status *status, GError **error)
{
  CfInput *input = cf_call_get_input (call);

  if (!cf_input_space (input, error) || !cf_input_mailbox (input, &status->name, error)
      || !cf_input_space (input, error))
    return FALSE;
  status->items = cf_status_items_read (call, input, error);
  return status->items != NULL && cf_input_end (input, error);
}

void
cf_status_write (CfCommandCall *call, const char *name, const GPtrArray *items, const CfMailboxStatus *status)
{
  CfOutput *output = cf_call_get_output (call);

  cf_output_text (output, "* STATUS ");
  cf_output_mailbox (output, name, FALSE);
  cf_output_text (output, " (");
  for (guint i = 0; i < items->len; i++) {
    const CfItem *item = g_ptr_array_index (items, i);

    cf_output_printf (output, "%s%s ", i > 0 ? " " : "", item->name);
    item->emit_status (cf_call_get_session (call), status, output);
  }
  cf_output_text (output, ")\r\n");
}

CfRun
cmd_status (CfCommandCall *call, GError **error)
{
  Status *status = cf_call_get_state (call);
  CfMailboxStatus counts;
  CfRun run;

  if (status == NULL) {
    status = g_new0 (Status, 1);
    cf_call_set_state (call, status, status_free);
    if (!status_parse (call, status, error))
      return CF_RUN_ERROR;
  }
  if ((run = cf_net_unicode_settle (call, &status->name, error)) != CF_RUN_DONE)
    return run;
  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  if (!cf_store_mailbox_status (cf_call_get_session (call), status->name, &counts, error))
    return CF_RUN_ERROR;
  cf_status_write (call, status->name, status->items, &counts);
  return CF_RUN_DONE;
}

/* ---- Items ---- */

static void
emit_messages (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  cf_output_printf (output, "%u", status->messages);
}

static void
emit_recent (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  cf_output_printf (output, "%u", status->recent);
}

/* RFC 9051 has no \Recent. */
static gboolean
parse_recent (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error)
{
  if (!cf_session_is_rev2 (cf_call_get_session (call)))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "RECENT is not an item of IMAP4rev2");
  return FALSE;
}

static void
emit_uidnext (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  cf_output_printf (output, "%u", status->uid_next);
}

static void
emit_uidvalidity (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  cf_output_printf (output, "%u", status->uid_validity);
}

static void
emit_unseen (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  cf_output_printf (output, "%u", status->unseen);
}

static void
emit_deleted (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  cf_output_printf (output, "%u", status->deleted);
}

static void
emit_size (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  cf_output_printf (output, "%" G_GUINT64_FORMAT, status->octets);
}

static void
emit_appendlimit (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
  cf_output_printf (output, "%" G_GINT64_FORMAT, cf_settings_get ()->append_limit);
}

static const CfItem items[] = {
  { .kind = CF_ITEM_STATUS, .name = "MESSAGES", .emit_status = emit_messages },
  { .kind = CF_ITEM_STATUS, .name = "RECENT", .parse = parse_recent, .emit_status = emit_recent },
  { .kind = CF_ITEM_STATUS, .name = "UIDNEXT", .emit_status = emit_uidnext },
  { .kind = CF_ITEM_STATUS, .name = "UIDVALIDITY", .emit_status = emit_uidvalidity },
  { .kind = CF_ITEM_STATUS, .name = "UNSEEN", .emit_status = emit_unseen },
  { .kind = CF_ITEM_STATUS, .name = "DELETED", .emit_status = emit_deleted },
  { .kind = CF_ITEM_STATUS, .name = "SIZE", .emit_status = emit_size },
  { .kind = CF_ITEM_STATUS, .name = "APPENDLIMIT", .emit_status = emit_appendlimit },
};

gboolean
cf_status_items_register (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_items (registrar, items, error);
}
