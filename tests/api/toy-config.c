/* tests/api/toy-config.c - configuration keys: one of each type, and a command that shows them.
 *
 *   C: a1 XCONFIG
 *   S: * XCONFIG true 2048 90 "text" "/etc/file" ("a" "b") red
 *
 * The keys are set when cf_registrar_add_config() returns. `colour` may change while sessions run.
 */
#include <coffer/module.h>

typedef struct {
  gboolean boolean;
  gint64 integer, duration;
  char *string, *file;
  char **list;
  const char *_Atomic colour;
} ToyConfig;

static ToyConfig config;

#define KEY(key_name, key_type, value, text)                                                                 \
  .name = #key_name, .type = CF_CONFIG_##key_type, .default_text = value, .help = text,                      \
  .offset = G_STRUCT_OFFSET (ToyConfig, key_name)

static const CfConfigKey keys[] = {
  { KEY (boolean, BOOLEAN, "true", "true or false") },
  { KEY (integer, INTEGER, "2k", "A number, with k, M or G behind it"), .maximum = 1 << 20 },
  { KEY (duration, DURATION, "90s", "A time") },
  { KEY (string, STRING, "text", "Anything in a line") },
  { KEY (file, FILE, "", "Relative to the configuration file") },
  { KEY (list, LIST, "a;b", "Separated by semicolons") },
  { KEY (colour, CHOICE, "red", "One of a few words"), .choices = "red;green", .reloadable = TRUE },
};

static CfRun
cmd_xconfig (CfCommandCall *call, GError **error)
{
  CfOutput *output = cf_call_get_output (call);

  cf_output_printf (output, "* XCONFIG %s %" G_GINT64_FORMAT " %" G_GINT64_FORMAT " ",
                    config.boolean ? "true" : "false", config.integer, config.duration);
  cf_output_nstring (output, config.string);
  cf_output_text (output, " ");
  cf_output_nstring (output, config.file);
  cf_output_text (output, " (");
  for (guint i = 0; config.list[i] != NULL; i++) {
    cf_output_text (output, i > 0 ? " " : "");
    cf_output_string (output, config.list[i]);
  }
  cf_output_printf (output, ") %s\r\n", config.colour);
  return CF_RUN_DONE;
}

static const CfCommand commands[] = {
  { "XCONFIG", CF_STATE_ANY, 0, cmd_xconfig },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_config (registrar, "toy-config", keys, &config, error)
         && cf_registrar_add_commands (registrar, commands, error);
}

CF_MODULE_DEFINE (toy_config, .summary = "A configuration key of each type", .init = toy_init)
