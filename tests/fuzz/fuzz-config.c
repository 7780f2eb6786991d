/* tests/fuzz/fuzz-config.c - the configuration file, read, checked, and read again by a running server.
 *
 * The input is the file. Checked: an error names the file and is CF_ERROR_CANNOT; what is accepted can be
 * applied to a running server; what the server prints as its configuration is one.
 */
#include "commands/commands.h"
#include "fuzz.h"
#include "imap/session.h"
#include "module/registry.h"
#include "module/settings.h"

#include <string.h>

#define PATH "/etc/coffer.conf"

extern const CfModuleDescriptor coffer_module_auth, coffer_module_storage_memory;

static CfConfig *running;

/* Starts a server without configuration. */
static void
start (void)
{
  g_autoptr (GError) error = NULL;

  running = cf_config_parse (PATH, "", &error);
  if (!cf_settings_load (running, &error))
    fuzz_fail ("defaults", __FILE__, __LINE__, "%s", error->message);
  cf_registry_open (running);
  FUZZ_CHECK (cf_registry_init_module ("auth", "linked", &coffer_module_auth, &error), "%s", error->message);
  FUZZ_CHECK (cf_registry_init_module ("storage-memory", "linked", &coffer_module_storage_memory, &error),
              "%s", error->message);
  cf_registry_freeze ();
}

static void
describe_group (const CfConfigGroup *group, gpointer user_data)
{
  g_string_append_printf (user_data, "[%s]\n", group->name);
  cf_config_describe (user_data, group->keys, group->row_size, group->n);
}

/* Its own description is a configuration. */
static void
check_description (void)
{
  g_autoptr (GString) text = g_string_new (NULL);
  g_autoptr (GError) error = NULL;
  g_autoptr (CfConfig) config = NULL;

  cf_settings_foreach_group (describe_group, text);
  cf_registry_foreach_group (describe_group, text);
  config = cf_config_parse (PATH, text->str, &error);
  FUZZ_CHECK (config != NULL, "%s", error->message);
}

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_log_init ();
  start ();
  check_description ();
  return 0;
}

static void
check_error (const GError *error)
{
  FUZZ_CHECK (error != NULL, "no reason is given");
  FUZZ_CHECK (g_error_matches (error, CF_ERROR, CF_ERROR_CANNOT), "%d", error->code);
  FUZZ_CHECK (g_str_has_prefix (error->message, PATH), "does not name the file: %s", error->message);
  FUZZ_CHECK (g_utf8_validate (error->message, -1, NULL) && strpbrk (error->message, "\r\n") == NULL, "%s",
              error->message);
}

/* As cf_server_new() looks at it. */
static void
check_settings (const CfSettings *settings)
{
  static const CfProtocol *const protocols[] = { &cf_imap_protocol, NULL };
  CfNetListenNeeds needs;

  FUZZ_CHECK (settings->listen != NULL && settings->modules != NULL && settings->create_mailboxes != NULL,
              "a list is missing");
  FUZZ_CHECK (settings->command_max >= 8192 && settings->literal_max > 0
                  && settings->append_limit < (1LL << 32),
              "a limit is out of its range");
  for (guint i = 0; settings->listen[i] != NULL; i++) {
    g_autoptr (GError) error = NULL;

    FUZZ_CHECK (cf_net_check_listen (settings->listen[i], protocols, &needs, &error) == (error == NULL), "%s",
                settings->listen[i]);
  }
}

/* FALSE: @error. */
static gboolean
read_again (CfConfig *config, CfSettings *fresh, CfConfigChanges *changes, GError **error)
{
  if (!cf_settings_read (config, fresh, error) || !cf_settings_collect (changes, config, error)
      || !cf_registry_collect_config (changes, config, error))
    return FALSE;
  return cf_config_check_unclaimed (config, error);
}

/* A running server takes @text. FALSE: it does not. */
static gboolean
reload (const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (CfConfigChanges) changes = cf_config_changes_new ();
  g_autoptr (CfConfig) config = cf_config_parse (PATH, text, &error);
  CfSettings fresh = { 0 };
  gboolean good = config != NULL && read_again (config, &fresh, changes, &error);

  if (good) {
    g_auto (GStrv) applied = NULL;
    g_auto (GStrv) waiting = cf_config_changes_apply (changes, &applied);

    check_settings (&fresh);
    check_settings (cf_settings_get ());
    for (guint i = 0; waiting[i] != NULL; i++)
      FUZZ_CHECK (strchr (waiting[i], '.') != NULL, "%s", waiting[i]);
    for (guint i = 0; applied[i] != NULL; i++)
      FUZZ_CHECK (strchr (applied[i], '.') != NULL, "%s", applied[i]);
  } else {
    check_error (error);
  }
  cf_settings_clear (&fresh);
  return good;
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  g_autofree char *text = g_strndup ((const char *) data, size);

  if (reload (text)) {
    FUZZ_CHECK (reload (text), "accepted once, and not again");
    FUZZ_CHECK (reload (""), "the way back");
  }
  return 0;
}
