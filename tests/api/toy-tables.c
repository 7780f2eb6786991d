/* tests/api/toy-tables.c - a row of every kind that needs no store: commands, capabilities, items, keys,
 * hooks.
 *
 * It is the example of a module's shape: tables, an init that registers them, and the descriptor.
 */
#define CF_MODULE_VERSION "1.2"
#include <coffer/module.h>

static struct {
  gint64 answers;
  char *comment;
} config;

static const CfConfigKey keys[] = {
  { .name = "answers",
    .type = CF_CONFIG_INTEGER,
    .default_text = "42",
    .minimum = 1,
    .maximum = 100,
    .help = "How many answers there are",
    .offset = 0,
    .reloadable = TRUE },
  { .name = "comment",
    .type = CF_CONFIG_STRING,
    .default_text = "",
    .help = "Read, and not used",
    .offset = sizeof (gint64) },
};

/* Does nothing, and says OK. */
static CfRun
cmd_xtoy (CfCommandCall *call, GError **error)
{
  return CF_RUN_DONE;
}

static const CfCommand commands[] = {
  { "XTOY", CF_STATE_ANY, 0, cmd_xtoy },
};

static const CfCapability capabilities[] = {
  { "XTOY", CF_STATE_ANY },
};

static gboolean
emit_answers (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error)
{
  cf_output_printf (output, "%" G_GINT64_FORMAT, config.answers);
  return TRUE;
}

static const CfItem items[] = {
  { CF_ITEM_FETCH, "XTOY.ANSWERS", .emit = emit_answers },
};

/* A key of its own: messages with so many parts. */
static CfSearchNode *
parse_parts (CfCommandCall *call, CfInput *input, GError **error)
{
  CfSearchNode *node;
  guint32 number;

  if (!cf_input_space (input, error) || !cf_input_number (input, &number, error))
    return NULL;
  node = cf_search_node_new (CF_SEARCH_MODULE);
  node->number = number;
  return node;
}

static gboolean
match_parts (CfMessage *message, const CfSearchNode *node)
{
  return cf_facts_get_n_parts (cf_message_get_facts (message)) == node->number;
}

/* And one that is another way to say what core knows, so that a store can evaluate it too. */
static CfSearchNode *
parse_open (CfCommandCall *call, CfInput *input, GError **error)
{
  CfSearchNode *node = cf_search_node_new (CF_SEARCH_NOT);
  CfSearchNode *answered = cf_search_node_new (CF_SEARCH_FLAG);

  answered->number = CF_FLAG_ANSWERED;
  cf_search_node_add (node, answered);
  return node;
}

static const CfSearchKey search_keys[] = {
  { "XTOY.PARTS", parse_parts, CF_NEED_FACTS, match_parts },
  { "XTOY.OPEN", parse_open },
};

/* Mailboxes cannot be called Toy. */
static gboolean
refuse_toy (const CfHookInfo *info, GError **error)
{
  if (g_strcmp0 (info->mailbox, "Toy") != 0)
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT, "No toys here");
  return FALSE;
}

static const CfHook hooks[] = {
  { CF_HOOK_MAILBOX_CREATE, TRUE, refuse_toy },
};

static gboolean
toy_init (CfRegistrar *registrar, GError **error)
{
  return cf_registrar_add_config (registrar, "toy-tables", keys, &config, error)
         && cf_registrar_add_commands (registrar, commands, error)
         && cf_registrar_add_capabilities (registrar, capabilities, error)
         && cf_registrar_add_items (registrar, items, error)
         && cf_registrar_add_search_keys (registrar, search_keys, error)
         && cf_registrar_add_hooks (registrar, hooks, error);
}

static void
toy_shutdown (void)
{
  g_message ("The toy shuts down");
}

CF_MODULE_DEFINE (toy_tables, .summary = "A row of every kind", .init = toy_init, .shutdown = toy_shutdown)
