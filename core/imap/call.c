/* core/imap/call.c - one command being carried out (call.h, coffer/session.h). */
#include "imap/call.h"

#include "base/secret.h"
#include "imap/session.h"
#include "module/registry.h"
#include "store/calls.h"
#include "store/service.h"

typedef struct {
  gpointer value;
  GDestroyNotify free_value;
} Parameter;

static void
parameter_free (gpointer data)
{
  Parameter *parameter = data;

  if (parameter->free_value != NULL)
    parameter->free_value (parameter->value);
  g_free (parameter);
}

CfCommandCall *
cf_call_new (CfSession *session, const CfCommand *command, const char *tag, CfInput *input)
{
  CfCommandCall *call = g_new0 (CfCommandCall, 1);

  call->session = session;
  call->command = command;
  call->tag = g_strdup (tag);
  call->input = input;
  call->arguments = cf_input_mark (input);
  return call;
}

void
cf_call_give_up (CfCommandCall *call)
{
  if (call->asked_store)
    cf_permits_release (cf_store_service_get_permits (), cf_session_get_ref (call->session));
  if (call->asked_heavy)
    cf_permits_release (cf_store_service_get_heavy_permits (), cf_session_get_ref (call->session));
  call->asked_store = call->has_store = FALSE;
  call->asked_heavy = call->has_heavy = FALSE;
  cf_call_end_load (call);
  cf_call_set_state (call, NULL, NULL);
  call->store_until = 0;
}

void
cf_call_free (CfCommandCall *call)
{
  if (call == NULL)
    return;
  cf_call_give_up (call);
  g_clear_pointer (&call->parameters, g_hash_table_unref);
  cf_input_free (call->input);
  g_clear_error (&call->error);
  g_free (call->search_charset);
  g_free (call->sent_name);
  cf_secret_free (call->line);
  g_clear_pointer (&call->told, cf_snapshot_unref);
  g_free (call->no);
  g_free (call->ok);
  g_free (call->tag);
  g_free (call);
}

CfSession *
cf_call_get_session (CfCommandCall *call)
{
  return call->session;
}

CfInput *
cf_call_get_input (CfCommandCall *call)
{
  return call->input;
}

CfOutput *
cf_call_get_output (CfCommandCall *call)
{
  return cf_session_get_output (call->session);
}

gboolean
cf_call_is_uid (CfCommandCall *call)
{
  return g_str_has_prefix (call->command->name, "UID ");
}

const char *
cf_call_get_tag (CfCommandCall *call)
{
  return call->tag;
}

gpointer
cf_call_get_state (CfCommandCall *call)
{
  return call->state;
}

void
cf_call_set_state (CfCommandCall *call, gpointer state, GDestroyNotify free_state)
{
  if (call->free_state != NULL && call->state != state)
    call->free_state (call->state);
  call->state = state;
  call->free_state = free_state;
}

void
cf_call_set_ok (CfCommandCall *call, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_free (call->ok);
  call->ok = g_strdup_vprintf (format, args);
  va_end (args);
}

void
cf_call_set_no (CfCommandCall *call, char *text)
{
  g_free (call->no);
  call->no = text;
}

gboolean
cf_call_is_output_full (CfCommandCall *call)
{
  return cf_session_is_output_full (call->session);
}

/* ---- Parameters ---- */

void
cf_call_set_parameter (CfCommandCall *call, const char *name, gpointer value, GDestroyNotify free_value)
{
  Parameter *parameter = g_new0 (Parameter, 1);

  parameter->value = value;
  parameter->free_value = free_value;
  if (call->parameters == NULL)
    call->parameters = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, parameter_free);
  g_hash_table_replace (call->parameters, g_ascii_strup (name, -1), parameter);
}

gboolean
cf_call_lookup_parameter (CfCommandCall *call, const char *name, gpointer *out_value)
{
  const Parameter *parameter = call->parameters != NULL ? g_hash_table_lookup (call->parameters, name) : NULL;

  if (parameter == NULL)
    return FALSE;
  if (out_value != NULL)
    *out_value = parameter->value;
  return TRUE;
}

static gboolean
call_parse_parameter (CfCommandCall *call, guint kind, GError **error)
{
  g_autofree char *name = NULL;
  const CfParameter *row;

  if (!cf_input_name (call->input, &name, error))
    return FALSE;
  row = cf_registry_lookup_parameter (call->command->name, kind, name);
  if (row == NULL) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "Unknown parameter %s", name);
    return FALSE;
  }
  if (kind == CF_PARAMETER_COMMAND && cf_call_lookup_parameter (call, name, NULL)) {
    g_set_error (error, CF_ERROR, CF_ERROR_BAD, "%s is given twice", name);
    return FALSE;
  }
  return row->parse (call, call->input, error);
}

gboolean
cf_call_parse_parameters (CfCommandCall *call, guint kind, GError **error)
{
  if (!cf_input_expect (call->input, '(', error))
    return FALSE;
  if (kind != CF_PARAMETER_COMMAND && cf_input_skip (call->input, ')'))
    return TRUE;
  do {
    if (!call_parse_parameter (call, kind, error))
      return FALSE;
  } while (cf_input_skip (call->input, ' '));
  return cf_input_expect (call->input, ')', error);
}

/* ---- Permits ---- */

gboolean
cf_call_enter_store (CfCommandCall *call)
{
  CfConnRef ref = cf_session_get_ref (call->session);
  CfAccountId account = cf_session_get_account (call->session);

  if (call->has_store)
    return TRUE;
  if ((call->command->flags & CF_COMMAND_HEAVY) != 0 && !call->has_heavy) {
    call->asked_heavy = TRUE;
    call->has_heavy = cf_permits_try (cf_store_service_get_heavy_permits (), ref, account);
  }
  if ((call->command->flags & CF_COMMAND_HEAVY) == 0 || call->has_heavy) {
    call->asked_store = TRUE;
    call->has_store = cf_permits_try (cf_store_service_get_permits (), ref, account);
  }
  call->is_queued = !call->has_store;
  if (call->is_queued)
    cf_call_wait_for_store (call, 0);
  return call->has_store;
}

void
cf_call_wait_for_store (CfCommandCall *call, guint64 octets)
{
  /* Woken in vain it waits no longer for that. */
  if (call->store_until == 0)
    call->store_until = cf_store_service_get_deadline (octets);
}

void
cf_call_leave_store (CfCommandCall *call)
{
  if (call->is_queued)
    return;
  /* One that was waited for and is not needed any more is given back as well. */
  if (call->asked_store)
    cf_permits_release (cf_store_service_get_permits (), cf_session_get_ref (call->session));
  if (call->asked_heavy)
    cf_permits_release (cf_store_service_get_heavy_permits (), cf_session_get_ref (call->session));
  call->has_store = call->asked_store = call->has_heavy = call->asked_heavy = FALSE;
}

/* ---- Loads ---- */

gboolean
cf_call_begin_load (CfCommandCall *call, const char *name)
{
  gboolean waited = call->waits_for_load;

  call->asked_load = TRUE;
  call->waits_for_load = !cf_store_begin_load (call->session, cf_session_get_ref (call->session), name);
  /* It has had what it waited for; its turn at the store is another thing to wait for. */
  if (waited && !call->waits_for_load)
    call->store_until = 0;
  if (call->waits_for_load)
    cf_call_wait_for_store (call, 0);
  return !call->waits_for_load;
}

gboolean
cf_call_begin_refresh (CfCommandCall *call, const char *name)
{
  call->asked_load = TRUE;
  return cf_store_begin_refresh (call->session, cf_session_get_ref (call->session), name);
}

void
cf_call_end_load (CfCommandCall *call)
{
  if (call->asked_load)
    cf_store_end_load (cf_session_get_ref (call->session));
  if (call->waits_for_load)
    call->store_until = 0;
  call->asked_load = call->waits_for_load = FALSE;
}

/* ---- Waiting ---- */

char *
cf_call_read_line (CfCommandCall *call, gsize max)
{
  char *line = g_steal_pointer (&call->line);

  call->wants_line = line == NULL ? max : 0;
  return line;
}

void
cf_call_sleep (CfCommandCall *call, guint ms)
{
  call->wake_at = g_get_monotonic_time () + ms * G_GINT64_CONSTANT (1000);
}

gboolean
cf_call_has_slept (CfCommandCall *call)
{
  return call->wake_at != 0 && g_get_monotonic_time () >= call->wake_at;
}
