/* core/cofferctl/cofferctl.c - the admin tool: usage, options, and the one command that is asked for.
 *
 * Exit codes are those of sysexits.h where there is one: 0, 64 for wrong usage, 78 for a wrong configuration,
 * 65 when check finds the store damaged, 1 when what was asked for could not be done.
 */
#include "cofferctl/commands.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "cofferctl/engine.h"
#include "cofferctl/password.h"
#include "cofferctl/text.h"

#define HELP_WIDTH 100

/* ---- Usage ---- */

/* One line on stderr. */
static int
fail (int code, const char *format, ...)
{
  va_list args;
  g_autofree char *text = NULL;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("cofferctl: %s\n", g_strdelimit (text, "\r\n", ' '));
  return code;
}

/* The commands that begin with @start. */
static void
print_commands (const char *start)
{
  for (gsize i = 0; i < ctl_n_commands; i++) {
    g_autofree char *line = g_strjoin (" ", ctl_commands[i].name, ctl_commands[i].args, NULL);

    if (g_str_has_prefix (line, start))
      printf ("  %-32s %s\n", line, ctl_commands[i].summary);
  }
}

static void
print_usage (void)
{
  printf ("Usage: cofferctl [--config FILE] COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:\n");
  print_commands ("");
  printf ("\nCOMMAND --help explains one. Without --config, " CF_DEFAULT_CONFIG
          " is read. A running server is asked\n"
          "over its [server] control_socket; when none runs, the store is opened directly.\n");
}

/* The command that @argv begins with; *@out_used is how many words name it. NULL: none. */
static const CtlCommand *
find_command (int argc, char **argv, int *out_used)
{
  for (gsize i = 0; i < ctl_n_commands; i++) {
    g_auto (GStrv) words = g_strsplit (ctl_commands[i].name, " ", -1);
    int n = (int) g_strv_length (words), same = 0;

    while (same < n && same < argc && g_str_equal (words[same], argv[same]))
      same++;
    *out_used = n;
    if (same == n)
      return &ctl_commands[i];
  }
  return NULL;
}

/* Says why @word and @next, which may be NULL, name no command; "user --help" shows those of "user". */
static int
fail_unknown (const char *word, const char *next)
{
  g_autofree char *start = g_strconcat (word, " ", NULL);
  g_autoptr (GString) seconds = g_string_new (NULL);

  for (gsize i = 0; i < ctl_n_commands; i++)
    if (g_str_has_prefix (ctl_commands[i].name, start))
      g_string_append_printf (seconds, "%s%s", seconds->len > 0 ? ", " : "",
                              ctl_commands[i].name + strlen (start));
  if (seconds->len > 0 && (g_strcmp0 (next, "--help") == 0 || g_strcmp0 (next, "-h") == 0)) {
    print_commands (start);
    return EXIT_SUCCESS;
  }
  if (seconds->len > 0 && next != NULL)
    return fail (EX_USAGE, "'%s %s' is no command; after '%s' comes one of: %s", word, next, word,
                 seconds->str);
  if (seconds->len > 0)
    return fail (EX_USAGE, "after '%s' comes one of: %s", word, seconds->str);
  return fail (EX_USAGE, "'%s' is no command; cofferctl --help lists them", word);
}

/* ---- One command ---- */

/* GLib's table of @command's options, which fill @options; the caller frees. */
static GOptionEntry *
make_entries (const CtlCommand *command, CtlOptions *options)
{
  GOptionEntry *entries = g_new0 (GOptionEntry, ctl_n_options + 1);
  gsize n = 0;

  for (gsize i = 0; i < ctl_n_options; i++) {
    const CtlOption *option = &ctl_options[i];

    if ((command->options & option->bit) == 0)
      continue;
    entries[n++] = (GOptionEntry){
      .long_name = option->name,
      .short_name = option->letter,
      .arg = option->argument != NULL ? G_OPTION_ARG_STRING : G_OPTION_ARG_NONE,
      .arg_data = G_STRUCT_MEMBER_P (options, option->offset),
      .description = option->help,
      .arg_description = option->argument,
    };
  }
  return entries;
}

/* What GLib does not check. */
static gboolean
check_options (const CtlCommand *command, const CtlOptions *options, GError **error)
{
  if ((command->options & CTL_OPT_YES) != 0 && !options->yes) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "%s is done only with --yes; cofferctl %s --help says what it does", command->name,
                 command->name);
    return FALSE;
  }
  if (options->password_stdin && options->no_password) {
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                         "either --password-stdin or --no-password");
    return FALSE;
  }
  if (options->format != NULL && !g_str_equal (options->format, "maildir")
      && !g_str_equal (options->format, "mbox")) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--format is maildir or mbox");
    return FALSE;
  }
  if (options->by != NULL && !g_str_equal (options->by, "user") && !g_str_equal (options->by, "address")) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--by is user or address");
    return FALSE;
  }
  return TRUE;
}

/* Copies @words, which are arguments. */
static gboolean
take_words (const CtlCommand *command, char **words, CtlCall *call, GError **error)
{
  call->args = g_strdupv (words);
  for (guint i = 0; call->args[i] != NULL; i++) {
    /* A file's name need not be. */
    gboolean is_path = (command->options & CTL_OPT_MAIL) != 0 && i == 1;

    if (!is_path && !g_utf8_validate (call->args[i], -1, NULL)) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "an argument is not UTF-8");
      return FALSE;
    }
  }
  return TRUE;
}

/* Reads what stands behind the command's name. FALSE: wrong usage. */
static gboolean
parse_arguments (const CtlCommand *command, int argc, char **argv, char **config, CtlCall *call,
                 GError **error)
{
  GOptionEntry all[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, config, "Configuration file", "FILE" },
    { NULL },
  };
  g_autofree GOptionEntry *own = make_entries (command, &call->options);
  g_autofree char *usage = g_strjoin (" ", command->name, command->args, NULL);
  g_autofree char *description = NULL;
  g_autoptr (GOptionContext) context = g_option_context_new (usage);

  g_option_context_set_summary (context, command->summary);
  if (command->description != NULL)
    description = ctl_text_wrap (command->description, HELP_WIDTH);
  g_option_context_set_description (context, description);
  g_option_context_add_main_entries (context, all, NULL);
  g_option_context_add_main_entries (context, own, NULL);
  if (!g_option_context_parse (context, &argc, &argv, error))
    return FALSE;
  /* A "--" that ended the options is left in. */
  if (argc > 1 && g_str_equal (argv[1], "--")) {
    argv++;
    argc--;
  }
  if ((guint) argc - 1 != command->n_args) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "usage: cofferctl %s %s", command->name,
                 command->args);
    return FALSE;
  }
  return check_options (command, &call->options, error) && take_words (command, argv + 1, call, error);
}

static int
carry_out (const CtlCommand *command, const char *config, CtlCall *call)
{
  g_autoptr (GError) error = NULL;
  CtlEngineNeed need = CTL_ENGINE_ANY;
  CtlEngine engine;
  gboolean good;
  int code;

  if ((command->options & CTL_OPT_PASSWORD) != 0 && !call->options.no_password) {
    call->password = ctl_password_read (call->options.password_stdin, &error);
    if (call->password == NULL)
      return fail (EXIT_FAILURE, "%s", error->message);
  }
  if ((command->options & CTL_OPT_SERVER) != 0)
    need = CTL_ENGINE_DAEMON;
  else if ((command->options & CTL_OPT_FILE) != 0)
    need = CTL_ENGINE_NONE;
  if (!ctl_engine_open (&engine, config, need, &code, &error))
    return fail (code, "%s", error->message);
  call->config = config;
  call->connection = engine.connection;
  good = command->run (call, &error);
  ctl_engine_close (&engine);
  if (!good)
    return fail (call->code != 0 ? call->code : EXIT_FAILURE, "%s", error->message);
  return fflush (stdout) == 0 ? EXIT_SUCCESS : fail (EXIT_FAILURE, "Cannot write to stdout");
}

static int
run_command (const CtlCommand *command, int argc, char **argv, char **config)
{
  g_autoptr (GError) error = NULL;
  CtlCall call = { 0 };
  int code;

  if (parse_arguments (command, argc, argv, config, &call, &error))
    code = carry_out (command, *config != NULL ? *config : CF_DEFAULT_CONFIG, &call);
  else
    code = fail (EX_USAGE, "%s", error->message);
  ctl_password_free (call.password);
  g_free (call.options.mailbox);
  g_free (call.options.format);
  g_free (call.options.by);
  g_free (call.options.time);
  g_free (call.options.account);
  g_strfreev (call.args);
  return code;
}

int
main (int argc, char **argv)
{
  g_autofree char *config = NULL;
  gboolean version = FALSE, help = FALSE;
  const GOptionEntry entries[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, &config, "Configuration file", "FILE" },
    { "version", 0, 0, G_OPTION_ARG_NONE, &version, "Print the version", NULL },
    { "help", 'h', 0, G_OPTION_ARG_NONE, &help, "Show this", NULL },
    { NULL },
  };
  g_autoptr (GOptionContext) context = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  const CtlCommand *command;
  int used;

  setlocale (LC_ALL, "");
  signal (SIGPIPE, SIG_IGN);
  cf_log_install ();
  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_help_enabled (context, FALSE);
  /* What stands behind the command is the command's. */
  g_option_context_set_strict_posix (context, TRUE);
  if (!g_option_context_parse (context, &argc, &argv, &error))
    return fail (EX_USAGE, "%s", error->message);
  if (version)
    printf ("cofferctl " CF_VERSION "\n");
  if (help)
    print_usage ();
  if (version || help)
    return EXIT_SUCCESS;
  if (argc < 2)
    return fail (EX_USAGE, "no command; cofferctl --help lists them");
  command = find_command (argc - 1, argv + 1, &used);
  if (command == NULL)
    return fail_unknown (argv[1], argv[2]);
  /* Its last word stands where a program's name does. */
  return run_command (command, argc - used, argv + used, &config);
}
