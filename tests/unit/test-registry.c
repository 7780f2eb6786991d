/* tests/unit/test-registry.c - what the registrar takes and refuses, and what the registry then finds. */
#include "module/registry.h"

#include <string.h>

static CfRun
run (CfCommandCall *call, GError **error)
{
  return CF_RUN_DONE;
}

static gboolean
parse (CfCommandCall *call, CfInput *input, GError **error)
{
  return TRUE;
}

static CfSearchNode *
parse_key (CfCommandCall *call, CfInput *input, GError **error)
{
  return NULL;
}

static gboolean
emit (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  return TRUE;
}

static void
emit_status (CfSession *session, const CfMailboxStatus *status, CfOutput *output)
{
}

static void
assert_refused (gboolean result, GError **error, const char *message)
{
  g_assert_false (result);
  g_assert_error (*error, CF_ERROR, CF_ERROR_CANNOT);
  g_assert_cmpstr ((*error)->message, ==, message);
  g_clear_error (error);
}

static void
test_commands (void)
{
  static const CfCommand rows[] = {
    { "NOOP", CF_STATE_ANY, 0, run },
    { "UID FETCH", CF_STATE_SELECTED, CF_COMMAND_HEAVY, run },
  };
  g_autoptr (GError) error = NULL;
  CfRegistrar *core;

  cf_registry_open (NULL);
  core = cf_registry_get_core_registrar ();
  g_assert_true (cf_registrar_add_commands (core, rows, &error));
  assert_refused (cf_registrar_add_commands (core, rows, &error), &error,
                  "module core: command NOOP is registered by module core already");
  cf_registry_freeze ();
  assert_refused (cf_registrar_add_commands (core, rows, &error), &error,
                  "module core: tables are registered while init runs, not later");
  g_assert_cmpuint (cf_registry_lookup_command ("UID FETCH")->flags, ==, CF_COMMAND_HEAVY);
  g_assert_null (cf_registry_lookup_command ("FETCH"));
  g_assert_null (cf_registry_lookup_command ("noop"));
  cf_registry_close ();
}

/* A module built earlier has shorter rows, one built later has longer ones. */
static void
test_row_sizes (void)
{
  typedef struct {
    CfCapability known;
    gpointer later;
  } Later;
  const gsize early_size = G_STRUCT_OFFSET (CfCapability, visible);
  const Later later[]
      = { { { "LATER1", CF_STATE_ANY }, (gpointer) 1 }, { { "LATER2", CF_STATE_ANY }, (gpointer) 1 } };
  guint8 early[2 * G_STRUCT_OFFSET (CfCapability, visible)];
  const CfCapability early_rows[] = { { "EARLY1", CF_STATE_ANY }, { "EARLY2", CF_STATE_LOGGED_IN } };
  g_autoptr (GError) error = NULL;
  CfRegistrar *core;

  memcpy (early, &early_rows[0], early_size);
  memcpy (early + early_size, &early_rows[1], early_size);
  cf_registry_open (NULL);
  core = cf_registry_get_core_registrar ();
  g_assert_true (cf_registrar_add (core, CF_ROW_CAPABILITY, early, early_size, 2, &error));
  g_assert_true (cf_registrar_add (core, CF_ROW_CAPABILITY, later, sizeof later[0], 2, &error));
  cf_registry_freeze ();
  g_assert_cmpuint (cf_registry_get_n_capabilities (), ==, 4);
  g_assert_cmpstr (cf_registry_get_capability (1)->text, ==, "EARLY2");
  g_assert_cmpuint (cf_registry_get_capability (1)->states, ==, CF_STATE_LOGGED_IN);
  g_assert_null (cf_registry_get_capability (1)->visible);
  g_assert_null (cf_registry_get_capability (1)->enable);
  g_assert_cmpstr (cf_registry_get_capability (3)->text, ==, "LATER2");
  g_assert_null (cf_registry_get_capability (3)->enable);
  cf_registry_close ();
}

static gboolean
hook_never (const CfHookInfo *info, GError **error)
{
  return TRUE;
}

static void
test_incomplete_rows (void)
{
  static const CfCommand no_run[] = { { "X", CF_STATE_ANY } };
  static const CfCommand end_mark[] = { { "X", CF_STATE_ANY, 0, run }, { NULL } };
  static const CfCommand lower[] = { { "x", CF_STATE_ANY, 0, run } };
  static const CfItem no_emit[] = { { CF_ITEM_FETCH, "X" } };
  static const CfItem status_emit[] = { { CF_ITEM_STATUS, "X", .emit = emit } };
  static const CfHook veto[] = { { CF_HOOK_LOGOUT, TRUE, hook_never } };
  static const CfHook no_event[] = { { CF_HOOK_LAST, FALSE, hook_never } };
  static const CfCapability no_atom[] = { { "A B", CF_STATE_ANY } };
  static const CfStorageClass empty = { .struct_size = sizeof empty };
  static const CfClass storage[] = { { CF_CLASS_STORAGE, "empty", &empty } };
  static const CfAccessClass no_size = { 0 };
  static const CfClass access[] = { { CF_CLASS_ACCESS, "a", &no_size } };
  g_autoptr (GError) error = NULL;
  CfRegistrar *core;

  cf_registry_open (NULL);
  core = cf_registry_get_core_registrar ();
  assert_refused (cf_registrar_add_commands (core, no_run, &error), &error,
                  "module core: command X (row 1): it lacks run");
  assert_refused (cf_registrar_add_commands (core, end_mark, &error), &error,
                  "module core: row 2 of its command table is empty; tables have no end mark");
  assert_refused (cf_registrar_add_commands (core, lower, &error), &error,
                  "module core: command x (row 1): its name is not in upper case");
  assert_refused (cf_registrar_add_items (core, no_emit, &error), &error,
                  "module core: item X (row 1): it lacks emit or span");
  assert_refused (cf_registrar_add_items (core, status_emit, &error), &error,
                  "module core: item X (row 1): it lacks emit_status");
  assert_refused (cf_registrar_add_hooks (core, veto, &error), &error,
                  "module core: hook (row 1): its event allows no veto");
  assert_refused (cf_registrar_add_hooks (core, no_event, &error), &error,
                  "module core: hook (row 1): its event is unknown");
  assert_refused (cf_registrar_add_capabilities (core, no_atom, &error), &error,
                  "module core: capability A B (row 1): its text is no atom");
  assert_refused (cf_registrar_add_classes (core, storage, &error), &error,
                  "module core: class empty: it lacks the required slot open");
  assert_refused (cf_registrar_add_classes (core, access, &error), &error,
                  "module core: class a: its vtable's struct_size is not set");
  assert_refused (cf_registrar_add (core, 99, lower, sizeof lower[0], 1, &error), &error,
                  "module core: a table of kind 99, which this core does not know");
  cf_registry_close ();
}

/* One name means different things in different tables. */
static void
test_names_do_not_meet (void)
{
  static const char *const search[] = { "SEARCH", "UID SEARCH", NULL };
  static const char *const list[] = { "LIST", NULL };
  static const CfCommand commands[] = { { "SIZE", CF_STATE_ANY, 0, run } };
  static const CfItem items[] = {
    { CF_ITEM_FETCH, "SIZE", .emit = emit, .needs = CF_NEED_FACTS },
    { CF_ITEM_STATUS, "SIZE", .emit_status = emit_status },
    { CF_ITEM_STATUS, "MESSAGES", .emit_status = emit_status },
  };
  static const CfSearchKey keys[] = { { "SIZE", parse_key } };
  static const CfParameter parameters[] = {
    { search, CF_PARAMETER_RETURN, "SIZE", parse },
    { search, CF_PARAMETER_COMMAND, "SIZE", parse },
    { list, CF_PARAMETER_RETURN, "SIZE", parse },
  };
  static const CfParameter again[] = { { list, CF_PARAMETER_RETURN, "SIZE", parse } };
  g_autoptr (GError) error = NULL;
  CfRegistrar *core;

  cf_registry_open (NULL);
  core = cf_registry_get_core_registrar ();
  g_assert_true (cf_registrar_add_commands (core, commands, &error));
  g_assert_true (cf_registrar_add_items (core, items, &error));
  g_assert_true (cf_registrar_add_search_keys (core, keys, &error));
  g_assert_true (cf_registrar_add_parameters (core, parameters, &error));
  assert_refused (cf_registrar_add_parameters (core, again, &error), &error,
                  "module core: parameter LIST SIZE is registered by module core already");
  cf_registry_freeze ();

  g_assert_cmpuint (cf_registry_lookup_item (CF_ITEM_FETCH, "SIZE")->needs, ==, CF_NEED_FACTS);
  g_assert_nonnull (cf_registry_lookup_item (CF_ITEM_STATUS, "SIZE"));
  g_assert_null (cf_registry_lookup_item (CF_ITEM_LIST, "SIZE"));
  g_assert_cmpuint (cf_registry_get_n_items (CF_ITEM_STATUS), ==, 2);
  g_assert_cmpstr (cf_registry_get_item (CF_ITEM_STATUS, 1)->name, ==, "MESSAGES");
  g_assert_nonnull (cf_registry_lookup_search_key ("SIZE"));
  g_assert_nonnull (cf_registry_lookup_parameter ("UID SEARCH", CF_PARAMETER_RETURN, "SIZE"));
  g_assert_nonnull (cf_registry_lookup_parameter ("SEARCH", CF_PARAMETER_COMMAND, "SIZE"));
  g_assert_null (cf_registry_lookup_parameter ("LIST", CF_PARAMETER_COMMAND, "SIZE"));
  g_assert_null (cf_registry_lookup_parameter ("FETCH", CF_PARAMETER_RETURN, "SIZE"));
  cf_registry_close ();
}

/* ---- Hooks ------------------------------------------------------------------------------------------- */

static guint asked;

static gboolean
hook_count (const CfHookInfo *info, GError **error)
{
  asked++;
  return TRUE;
}

static gboolean
hook_refuse (const CfHookInfo *info, GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_LIMIT, "Too many");
  return FALSE;
}

static gboolean
hook_refuse_silently (const CfHookInfo *info, GError **error)
{
  return FALSE;
}

static guint logged;

static GLogWriterOutput
count_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  logged++;
  return G_LOG_WRITER_HANDLED;
}

static void
test_hooks (void)
{
  static const CfHook hooks[] = {
    { CF_HOOK_APPEND, FALSE, hook_count },     { CF_HOOK_APPEND, TRUE, hook_refuse },
    { CF_HOOK_APPEND, FALSE, hook_count },     { CF_HOOK_LOGIN, TRUE, hook_refuse_silently },
    { CF_HOOK_COMMITTED, FALSE, hook_refuse }, { CF_HOOK_COMMITTED, FALSE, hook_count },
  };
  g_autoptr (GError) error = NULL;
  CfHookInfo info = { .struct_size = sizeof info, .event = CF_HOOK_APPEND };

  cf_registry_open (NULL);
  g_assert_true (cf_registrar_add_hooks (cf_registry_get_core_registrar (), hooks, &error));
  cf_registry_freeze ();
  asked = 0;
  g_assert_false (cf_registry_run_hooks (&info, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_LIMIT);
  g_assert_cmpuint (asked, ==, 1);
  g_clear_error (&error);

  info.event = CF_HOOK_LOGIN;
  g_assert_false (cf_registry_run_hooks (&info, &error));
  g_assert_error (error, CF_ERROR, CF_ERROR_NOPERM);
  g_clear_error (&error);

  /* One that may not veto is reported, and the next is asked. */
  info.event = CF_HOOK_COMMITTED;
  g_assert_true (cf_registry_run_hooks (&info, &error));
  g_assert_cmpuint (logged, ==, 1);
  g_assert_cmpuint (asked, ==, 2);

  info.event = CF_HOOK_CONNECT;
  g_assert_true (cf_registry_run_hooks (&info, &error));
  cf_registry_close ();
}

/* ---- Classes and slots --------------------------------------------------------------------------------- */

static gboolean
rights (CfSession *session, CfAccountId owner, const char *name, guint *out_rights, GError **error)
{
  *out_rights = CF_RIGHT_LOOKUP;
  return TRUE;
}

static gpointer
opened (CfConn *conn)
{
  return NULL;
}

static CfRun
speak (CfConn *conn, gpointer session, guint reasons)
{
  return CF_RUN_CLOSE;
}

static void
closed (CfConn *conn, gpointer session)
{
}

static guint freed;

static void
count_free (gpointer data)
{
  freed++;
}

static void
test_classes (void)
{
  static const CfAccessClass vtable = { sizeof vtable, rights };
  static const CfClass classes[]
      = { { CF_CLASS_ACCESS, "one", &vtable }, { CF_CLASS_ACCESS, "two", &vtable } };
  static const CfProtocol protocol
      = { .struct_size = sizeof protocol, .name = "toy", .opened = opened, .run = speak, .closed = closed };
  static const CfClass protocols[] = { { CF_CLASS_PROTOCOL, "toy", &protocol } };
  g_autoptr (GError) error = NULL;
  CfRegistrar *core;

  cf_registry_open (NULL);
  core = cf_registry_get_core_registrar ();
  g_assert_true (cf_registrar_add_classes (core, classes, &error));
  g_assert_true (cf_registrar_add_classes (core, protocols, &error));
  g_assert_cmpuint (cf_registrar_add_session_slot (core, count_free), ==, 0);
  g_assert_cmpuint (cf_registrar_add_session_slot (core, NULL), ==, 1);
  cf_registry_freeze ();

  g_assert_nonnull (cf_registry_get_access ()[1]);
  g_assert_true (cf_registry_get_access ()[1]->rights == rights);
  g_assert_null (cf_registry_get_access ()[2]);
  g_assert_null (cf_registry_get_authentication ()[0]);
  g_assert_cmpstr (cf_registry_get_protocols ()[0]->name, ==, "toy");
  g_assert_null (cf_registry_get_protocols ()[1]);
  g_assert_null (cf_registry_get_storage_names ()[0]);
  g_assert_null (cf_registry_lookup_storage ("one"));

  g_assert_cmpuint (cf_registry_get_n_session_slots (), ==, 2);
  cf_registry_free_session_data (0, NULL);
  cf_registry_free_session_data (1, (gpointer) 1);
  g_assert_cmpuint (freed, ==, 0);
  cf_registry_free_session_data (0, (gpointer) 1);
  g_assert_cmpuint (freed, ==, 1);
  cf_registry_close ();
}

/* ---- Configuration ----------------------------------------------------------------------------------- */

static struct {
  gint64 limit;
  char **names;
} values;

static void
append_group (const CfConfigGroup *group, gpointer user_data)
{
  g_string_append_printf (user_data, "[%s]", group->name);
  for (guint i = 0; i < group->n; i++)
    g_string_append_printf (user_data, " %s", cf_config_group_get_key (group, i).name);
  g_string_append_c (user_data, '\n');
}

static void
test_config (void)
{
  static const CfConfigKey keys[] = {
    { "limit", CF_CONFIG_INTEGER, "7", .reloadable = TRUE },
    { "names", CF_CONFIG_LIST, "", .offset = sizeof (gint64) },
  };
  static const CfConfigKey twice[] = { { "a", CF_CONFIG_STRING }, { "a", CF_CONFIG_STRING, .offset = 8 } };
  static const CfConfigKey no_reload[] = { { "a", CF_CONFIG_LIST, .reloadable = TRUE } };
  g_autoptr (CfConfig) config = cf_config_parse ("t.conf", "[toy]\nlimit = 8\nnames = a;b\n", NULL);
  g_autoptr (CfConfig) bad = cf_config_parse ("t.conf", "[toy]\nlimit = x\n", NULL);
  g_autoptr (CfConfigChanges) changes = cf_config_changes_new ();
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  CfRegistrar *core;

  cf_registry_open (config);
  core = cf_registry_get_core_registrar ();
  g_assert_true (cf_registrar_add_config (core, "toy", keys, &values, &error));
  g_assert_cmpint (values.limit, ==, 8);
  g_assert_cmpuint (g_strv_length (values.names), ==, 2);
  assert_refused (cf_registrar_add_config (core, "toy", keys, &values, &error), &error,
                  "module core: group [toy] is registered by module core already");
  assert_refused (cf_registrar_add_config (core, "t", twice, &values, &error), &error,
                  "module core: key [t] a (row 2): it is there twice");
  assert_refused (cf_registrar_add_config (core, "t", no_reload, &values, &error), &error,
                  "module core: key [t] a (row 1): its type cannot be reloaded");
  cf_registry_freeze ();
  g_assert_true (cf_config_check_unclaimed (config, &error));
  cf_registry_foreach_group (append_group, text);
  g_assert_cmpstr (text->str, ==, "[toy] limit names\n");
  assert_refused (cf_registry_collect_config (changes, bad, &error), &error,
                  "t.conf:2: limit: 'x' is not a number (k, M or G may follow)");
  cf_registry_close ();
  g_assert_null (values.names);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (count_log, NULL, NULL);
  g_test_add_func ("/core/registry/commands", test_commands);
  g_test_add_func ("/core/registry/row-sizes", test_row_sizes);
  g_test_add_func ("/core/registry/incomplete-rows", test_incomplete_rows);
  g_test_add_func ("/core/registry/names-do-not-meet", test_names_do_not_meet);
  g_test_add_func ("/core/registry/hooks", test_hooks);
  g_test_add_func ("/core/registry/classes-and-slots", test_classes);
  g_test_add_func ("/core/registry/config", test_config);
  return g_test_run ();
}
