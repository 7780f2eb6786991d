/* core/cofferctl/cofferctl.c - the admin tool: its commands as a table, and their options.
 *
 * Exit codes are those of sysexits.h where there is one: 0, 64 for wrong usage, 78 for a wrong configuration,
 * 1 when what was asked for could not be done.
 */
#include "cofferctl/cofferctl.h"

#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "cofferctl/engine.h"
#include "cofferctl/password.h"

typedef struct {
  const char *name; /* "user add" */
  const char *args; /* as shown in the usage */
  guint n_args;
  guint options; /* Opt bits */
  CtlRun run;
  const char *summary;
  const char *description; /* NULL: the summary says all */
} Command;

enum {
  OPT_PASSWORD = 1 << 0,    /* asks for one */
  OPT_NO_PASSWORD = 1 << 1, /* may do without */
  OPT_MAIL = 1 << 2,        /* --mailbox and --format */
  OPT_YES = 1 << 3,         /* must be said */
  OPT_BY = 1 << 5,          /* --by */
  OPT_SERVER = 1 << 4,      /* not an option: asks a running server, and is of no use without one */
};

static const Command commands[] = {
  { "user add", "NAME", 1, OPT_PASSWORD | OPT_NO_PASSWORD, ctl_user_add, "Make an account",
    "NAME is the account's first address: a mail address, a tel: or sip: URI, or any login name. It is put "
    "into\n"
    "the form that is looked up when clients log in, so that spellings of one address are one account: the\n"
    "case of a host and the separators in a number do not count. The case of what stands before an \"@\" "
    "does,\n"
    "as does that of a login name.\n"
    "The account gets INBOX and the mailboxes of [storage] create_mailboxes, and is subscribed to them." },
  { "user list", "", 0, 0, ctl_user_list, "Show all accounts", NULL },
  { "user disable", "NAME", 1, 0, ctl_user_disable, "Let an account log in no more; its sessions end", NULL },
  { "user enable", "NAME", 1, 0, ctl_user_enable, "Let it log in again", NULL },
  { "user delete", "NAME", 1, 0, ctl_user_delete, "Delete an account with all its mail, for good",
    "Its sessions end. Nothing of it is left; there is no question and no way back." },
  { "passwd", "NAME", 1, OPT_PASSWORD, ctl_passwd, "Change an account's password",
    "Sessions that are logged in go on." },
  { "address add", "NAME ADDRESS", 2, 0, ctl_address_add, "Give an account another address to log in with",
    NULL },
  { "address remove", "NAME ADDRESS", 2, 0, ctl_address_remove, "Take an address from an account",
    "An account keeps the address it is named by." },
  { "address list", "NAME", 1, 0, ctl_address_list, "Show an account's addresses", NULL },
  { "mailbox list", "NAME", 1, 0, ctl_mailbox_list, "Show an account's mailboxes", NULL },
  { "import", "NAME PATH", 2, OPT_MAIL, ctl_import, "Add mail from Maildirs or mbox files to an account",
    "PATH is a Maildir, an mbox file, or a directory that holds such; folders below it become mailboxes: "
    "those of\n"
    "Maildir++ (.Work.2026), plain directories, and mbox files by their names without \".mbox\". PATH itself "
    "is INBOX,\n"
    "or the mailbox of --mailbox, below which the others then are. Missing mailboxes are made and subscribed "
    "to.\n"
    "\n"
    "Flags, keywords and dates are kept: of a Maildir from its file names, dovecot-keywords and the files' "
    "times, of\n"
    "an mbox from Status, X-Status, X-Keywords (which are taken out, with X-UID, X-IMAP and X-IMAPbase) and "
    "the\n"
    "\"From \" lines. Lines that end with LF alone get CRLF, as IMAP has it; all else is stored octet for "
    "octet.\n"
    "\n"
    "A message that the mailbox holds already, octet for octet, is not imported again, nor are its flags "
    "changed; so an\n"
    "import that was interrupted is started again and goes on, and a later one adds what is new. A message "
    "that is in\n"
    "the source twice will be in the mailbox twice." },
  { "export", "NAME PATH", 2, OPT_MAIL, ctl_export, "Write an account's mail to Maildirs or mbox files",
    "PATH becomes a Maildir++: INBOX in PATH itself, other mailboxes in PATH/.NAME.NAME, in modified UTF-7. "
    "With\n"
    "--format mbox it becomes a directory of files, PATH/NAME/NAME.mbox, of the form mboxrd. --mailbox: this "
    "one alone.\n"
    "In a name, \"\\2e\" stands for a dot and \"\\5c\" for a backslash; import undoes all that.\n"
    "\n"
    "Flags, keywords and dates are written as import reads them. Lines that end with CRLF get LF; in an mbox "
    "file the\n"
    "last line of a message always has an end.\n"
    "\n"
    "An export that was interrupted is started again and goes on: a message's file in a Maildir is not "
    "written twice\n"
    "(its flags are brought up to date), and an mbox file that is complete is left as it is." },
  { "who", "", 0, OPT_SERVER | OPT_BY, ctl_who, "Show the sessions of the running server",
    "Of each: its number, protocol, whether it has TLS, since when it is there, octets received and sent, "
    "the\n"
    "peer, and the user, or - where nobody is logged in yet. An import or export that runs is a session as "
    "well.\n"
    "With --by, how many sessions each user or address has, most first; IPv6 addresses by their first 64 "
    "bits, as\n"
    "[server] connections_per_address counts them." },
  { "kick", "NAME|#NUMBER", 1, OPT_SERVER, ctl_kick, "End an account's sessions, or one session",
    "NAME is the name the account is listed by; #NUMBER a session's number as shown by who (quote it: # "
    "begins "
    "a\n"
    "comment in a shell). Says how many sessions were told to end. Nothing keeps the user from logging in "
    "again:\n"
    "user disable does." },
  { "stats", "", 0, OPT_SERVER, ctl_stats, "Show the running server's counters",
    "Lines of NAME and NUMBER, counted since the server started; more may be added.\n"
    "\n"
    "  connections_open      now, this one included\n"
    "  connections_accepted  this one included\n"
    "  connections_refused   beyond connections_per_address\n"
    "  addresses             that have connections now; of IPv6 each /64 is one\n"
    "  sessions              of clients that are logged in now\n"
    "  accounts              that have such a session\n"
    "  logins_refused        beyond connections_per_account\n"
    "  tls_failures          handshakes that did not succeed\n"
    "  octets_in, octets_out of the protocols, without TLS's own\n"
    "  store_calls           calls of the message store\n"
    "  store_available       1, or 0 while the message store does not answer\n"
    "  modules               that are loaded" },
  { "check", "", 0, 0, ctl_check, "Look through the message store for damage",
    "Checks what the store keeps against itself, and every stored octet against its hash, while the server "
    "goes "
    "on\n"
    "serving. Each fault is one line; of more than 10,000 the first are shown. The exit code is 0 when there "
    "is "
    "none,\n"
    "1 when there is one or the store could not be looked through. Interrupting it ends the check." },
  { "backup", "PATH", 1, 0, ctl_backup, "Write a consistent copy of the message store to PATH",
    "The server goes on serving meanwhile. PATH must not exist. It is the server that writes it: as the user "
    "it "
    "runs\n"
    "as, who must be allowed to, and on the machine and in the file systems that it sees. Interrupting this "
    "ends "
    "the\n"
    "backup and removes what had been written. A store may have other means and not support this." },
  { "restored", "", 0, OPT_YES, ctl_restored, "Tell the server that its store was restored from a backup",
    "After a restore, UIDs that clients know may stand for other messages. This gives every mailbox a new "
    "UIDVALIDITY,\n"
    "so that clients load everything again, and ends every session. Once begun it is carried through, also "
    "when "
    "this\n"
    "command is interrupted." },
  { "collect", "", 0, 0, ctl_collect, "Free what no message refers to any more, now",
    "What has been unused for less than [storage] collect_grace stays. The server does the same by itself "
    "every\n"
    "[storage] collect_interval. Prints how many pieces of content were freed. Interrupting it loses "
    "nothing." },
  { "modules", "", 0, 0, ctl_modules, "Show the modules that the server has loaded", NULL },
};

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
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++) {
    g_autofree char *line = g_strjoin (" ", commands[i].name, commands[i].args, NULL);

    if (g_str_has_prefix (line, start))
      printf ("  %-32s %s\n", line, commands[i].summary);
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
static const Command *
find_command (int argc, char **argv, int *out_used)
{
  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++) {
    g_auto (GStrv) words = g_strsplit (commands[i].name, " ", -1);
    int n = (int) g_strv_length (words), same = 0;

    while (same < n && same < argc && g_str_equal (words[same], argv[same]))
      same++;
    *out_used = n;
    if (same == n)
      return &commands[i];
  }
  return NULL;
}

/* Says why @word and @next, which may be NULL, name no command; "user --help" shows those of "user". */
static int
fail_unknown (const char *word, const char *next)
{
  g_autofree char *start = g_strconcat (word, " ", NULL);
  g_autoptr (GString) seconds = g_string_new (NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (commands); i++)
    if (g_str_has_prefix (commands[i].name, start))
      g_string_append_printf (seconds, "%s%s", seconds->len > 0 ? ", " : "",
                              commands[i].name + strlen (start));
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

/* Reads what stands behind the command's name. FALSE: wrong usage. */
static gboolean
parse_arguments (const Command *command, int argc, char **argv, char **config, CtlCall *call, GError **error)
{
  GOptionEntry password[] = {
    { "password-stdin", 0, 0, G_OPTION_ARG_NONE, &call->options.password_stdin,
      "Read the password from the first line of stdin; otherwise it is asked for on the terminal", NULL },
    { NULL },
  };
  GOptionEntry no_password[] = {
    { "no-password", 0, 0, G_OPTION_ARG_NONE, &call->options.no_password,
      "Without a password: nobody can log in with one until passwd sets it", NULL },
    { NULL },
  };
  GOptionEntry mail[] = {
    { "mailbox", 'm', 0, G_OPTION_ARG_STRING, &call->options.mailbox, "The mailbox, in UTF-8", "MAILBOX" },
    { "format", 'f', 0, G_OPTION_ARG_STRING, &call->options.format,
      "maildir or mbox; import finds out by itself, export writes maildir", "FORMAT" },
    { NULL },
  };
  GOptionEntry by[] = {
    { "by", 0, 0, G_OPTION_ARG_STRING, &call->options.by, "Count them by user or by address",
      "user|address" },
    { NULL },
  };
  GOptionEntry yes[] = {
    { "yes", 'y', 0, G_OPTION_ARG_NONE, &call->options.yes, "Yes, do it", NULL },
    { NULL },
  };
  GOptionEntry all[] = {
    { "config", 'c', 0, G_OPTION_ARG_FILENAME, config, "Configuration file", "FILE" },
    { NULL },
  };
  g_autofree char *usage = g_strjoin (" ", command->name, command->args, NULL);
  g_autoptr (GOptionContext) context = g_option_context_new (usage);

  g_option_context_set_summary (context, command->summary);
  g_option_context_set_description (context, command->description);
  g_option_context_add_main_entries (context, all, NULL);
  if ((command->options & OPT_PASSWORD) != 0)
    g_option_context_add_main_entries (context, password, NULL);
  if ((command->options & OPT_NO_PASSWORD) != 0)
    g_option_context_add_main_entries (context, no_password, NULL);
  if ((command->options & OPT_MAIL) != 0)
    g_option_context_add_main_entries (context, mail, NULL);
  if ((command->options & OPT_YES) != 0)
    g_option_context_add_main_entries (context, yes, NULL);
  if ((command->options & OPT_BY) != 0)
    g_option_context_add_main_entries (context, by, NULL);
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
  if ((command->options & OPT_YES) != 0 && !call->options.yes) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "%s is done only with --yes; cofferctl %s --help says what it does", command->name,
                 command->name);
    return FALSE;
  }
  if (call->options.password_stdin && call->options.no_password) {
    g_set_error_literal (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                         "either --password-stdin or --no-password");
    return FALSE;
  }
  if (call->options.format != NULL && !g_str_equal (call->options.format, "maildir")
      && !g_str_equal (call->options.format, "mbox")) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--format is maildir or mbox");
    return FALSE;
  }
  if (call->options.by != NULL && !g_str_equal (call->options.by, "user")
      && !g_str_equal (call->options.by, "address")) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--by is user or address");
    return FALSE;
  }
  call->args = g_strdupv (argv + 1);
  for (guint i = 0; call->args[i] != NULL; i++) {
    /* A file's name need not be. */
    gboolean is_path = (command->options & OPT_MAIL) != 0 && i == 1;

    if (!is_path && !g_utf8_validate (call->args[i], -1, NULL)) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "an argument is not UTF-8");
      return FALSE;
    }
  }
  return TRUE;
}

static int
carry_out (const Command *command, const char *config, CtlCall *call)
{
  g_autoptr (GError) error = NULL;
  CtlEngine engine;
  gboolean good;
  int code;

  if ((command->options & OPT_PASSWORD) != 0 && !call->options.no_password) {
    call->password = ctl_password_read (call->options.password_stdin, &error);
    if (call->password == NULL)
      return fail (EXIT_FAILURE, "%s", error->message);
  }
  if (!ctl_engine_open (&engine, config, (command->options & OPT_SERVER) == 0, &code, &error))
    return fail (code, "%s", error->message);
  call->connection = engine.connection;
  good = command->run (call, &error);
  ctl_engine_close (&engine);
  if (!good)
    return fail (EXIT_FAILURE, "%s", error->message);
  return fflush (stdout) == 0 ? EXIT_SUCCESS : fail (EXIT_FAILURE, "Cannot write to stdout");
}

static int
run_command (const Command *command, int argc, char **argv, char **config)
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
  const Command *command;
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
