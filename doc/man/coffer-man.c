/* doc/man/coffer-man.c - fills the templates of this directory, when the tree is built.
 *
 *   coffer-man TEMPLATE     the manual page on stdout
 *   coffer-man --completion a completion for bash
 *
 * A line "@keys@", "@commands@" or "@options@" in a template is replaced by what the programs' own tables
 * say, a word "@config@" or "@moduledir@" by its value. So the pages cannot say anything else than
 * --print-config and --help. They are mdoc(7).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cofferctl/commands.h"
#include "module/config-key.h"
#include "module/loader.h"
#include "server.h"

#define WIDTH 76 /* of source lines; mandoc complains of long ones */

/* ---- Text ---- */

static gboolean
ends_sentence (const char *word)
{
  gsize length = strlen (word);

  while (length > 0 && strchr (")\"", word[length - 1]) != NULL)
    length--;
  return length > 0 && strchr (".?!", word[length - 1]) != NULL;
}

/* @word without what roff would take for something else; the caller frees. */
static char *
escape (const char *word)
{
  GString *out = g_string_new (NULL);

  if (*word == '-')
    g_string_append_c (out, '\\'); /* an option: a minus, not a hyphen */
  for (; *word; word++) {
    if (*word == '\\')
      g_string_append (out, "\\e");
    else if (*word == '"')
      g_string_append (out, "\\(dq");
    else
      g_string_append_c (out, *word);
  }
  return g_string_free (out, FALSE);
}

/* @text in lines that mandoc likes: not long, and a new one for each sentence. */
static void
put_filled (const char *text)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  gsize column = 0;

  for (guint i = 0; words[i] != NULL; i++) {
    g_autofree char *word = escape (words[i]);

    if (*word == '\0')
      continue;
    if (column > 0 && column + 1 + strlen (word) > WIDTH) {
      putchar ('\n');
      column = 0;
    }
    if (column > 0)
      putchar (' ');
    else if (strchr (".'", *word) != NULL)
      fputs ("\\&", stdout);
    fputs (word, stdout);
    column += 1 + strlen (word);
    if (ends_sentence (words[i])) {
      putchar ('\n');
      column = 0;
    }
  }
  if (column > 0)
    putchar ('\n');
}

/* Lines that begin with blanks, as they are. */
static guint
put_literal (char **lines)
{
  guint n = 0;

  puts (".Bd -literal");
  for (; lines[n] != NULL && g_str_has_prefix (lines[n], "  "); n++) {
    g_autofree char *line = escape (lines[n]);

    puts (line);
  }
  puts (".Ed");
  return n;
}

/* Paragraphs as in CtlCommand. */
static void
put_paragraphs (const char *text)
{
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (guint i = 0; lines[i] != NULL;) {
    if (g_str_has_prefix (lines[i], "  ")) {
      i += put_literal (lines + i);
      continue;
    }
    if (*lines[i] != '\0')
      put_filled (lines[i]);
    else if (lines[i + 1] != NULL && !g_str_has_prefix (lines[i + 1], "  "))
      puts (".Pp");
    i++;
  }
}

/* ---- @keys@ ---- */

static void
put_value (const CfConfigKey *key)
{
  static const char *const names[] = {
    [CF_CONFIG_INTEGER] = "number", [CF_CONFIG_DURATION] = "time", [CF_CONFIG_STRING] = "text",
    [CF_CONFIG_FILE] = "file",      [CF_CONFIG_LIST] = "list",
  };
  const char *choices = key->type == CF_CONFIG_BOOLEAN ? "true;false" : key->choices;

  if (key->type == CF_CONFIG_BOOLEAN || key->type == CF_CONFIG_CHOICE) {
    g_auto (GStrv) words = g_strsplit (choices, ";", -1);
    g_autofree char *line = g_strjoinv (" | ", words);

    printf (" Cm %s", line);
  } else {
    printf (" Ar %s", names[key->type]);
  }
}

static void
put_key (const CfConfigKey *key)
{
  const char *text = key->default_text != NULL ? key->default_text : "";
  g_autofree char *low = NULL, *high = NULL;
  g_autoptr (GString) facts = g_string_new (key->help);

  cf_config_key_dup_bounds (key, &low, &high);
  g_string_append_printf (facts, ". Default: %s", *text ? text : "none");
  if (low != NULL && high != NULL)
    g_string_append_printf (facts, "; from %s to %s", low, high);
  else if (low != NULL)
    g_string_append_printf (facts, "; at least %s", low);
  g_string_append (facts, key->reloadable ? "; a reload is enough." : "; takes a restart.");
  printf (".It Ic %s No =", key->name);
  put_value (key);
  putchar ('\n');
  put_filled (facts->str);
}

static void
put_group (const CfConfigGroup *group, gpointer user_data)
{
  printf (".Ss [%s]\\&\n", group->name);
  if (group->summary != NULL) {
    g_autofree char *text = g_strdup_printf ("The module %s: %s.", group->name, group->summary);

    put_filled (text);
  }
  puts (".Bl -tag -width Ds");
  for (guint i = 0; i < group->n; i++) {
    const CfConfigKey key = cf_config_group_get_key (group, i);

    put_key (&key);
  }
  puts (".El");
}

static gboolean
put_keys (GError **error)
{
  return cf_server_foreach_config_group (NULL, put_group, NULL, error);
}

/* ---- @commands@ and @options@ ---- */

static void
put_option (const CtlOption *option)
{
  if (option->letter != 0)
    printf (" Fl %c ,", option->letter);
  printf (" Fl \\-%s", option->name);
  if (option->argument != NULL)
    printf (" Ns = Ns Ar %s", option->argument);
}

static void
put_arguments (const CtlCommand *command)
{
  for (gsize i = 0; i < ctl_n_options; i++) {
    const CtlOption *option = &ctl_options[i];

    if ((command->options & option->bit) == 0)
      continue;
    printf (" Oo Fl \\-%s", option->name);
    if (option->argument != NULL)
      printf (" Ns = Ns Ar %s", option->argument);
    printf (" Oc");
  }
  if (command->args[0] != '\0')
    printf (" Ar %s", command->args);
}

static gboolean
put_commands (GError **error)
{
  puts (".Bl -tag -width Ds");
  for (gsize i = 0; i < ctl_n_commands; i++) {
    const CtlCommand *command = &ctl_commands[i];
    g_autofree char *summary = g_strconcat (command->summary, ".", NULL);

    printf (".It Ic %s", command->name);
    put_arguments (command);
    putchar ('\n');
    put_filled (summary);
    if (command->description != NULL)
      put_paragraphs (command->description);
  }
  puts (".El");
  return TRUE;
}

static gboolean
put_options (GError **error)
{
  puts (".Bl -tag -width Ds");
  for (gsize i = 0; i < ctl_n_options; i++) {
    g_autofree char *help = g_strconcat (ctl_options[i].help, ".", NULL);

    fputs (".It", stdout);
    put_option (&ctl_options[i]);
    putchar ('\n');
    put_filled (help);
  }
  puts (".El");
  return TRUE;
}

/* ---- A template ---- */

static const struct {
  const char *line;
  gboolean (*put) (GError **error);
} parts[] = {
  { "@keys@", put_keys },
  { "@commands@", put_commands },
  { "@options@", put_options },
};

static gboolean
put_line (const char *line, GError **error)
{
  static const char *const values[][2] = {
    { "@config@", CF_DEFAULT_CONFIG },
    { "@moduledir@", CF_MODULE_DIR },
  };
  g_autoptr (GString) text = g_string_new (line);

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    if (g_str_equal (line, parts[i].line))
      return parts[i].put (error);
  for (guint i = 0; i < G_N_ELEMENTS (values); i++)
    g_string_replace (text, values[i][0], values[i][1], 0);
  puts (text->str);
  return TRUE;
}

static gboolean
put_template (const char *path, GError **error)
{
  g_autofree char *text = NULL;
  g_auto (GStrv) lines = NULL;

  if (!g_file_get_contents (path, &text, NULL, error))
    return FALSE;
  lines = g_strsplit (g_strchomp (text), "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    if (!put_line (lines[i], error))
      return FALSE;
  return TRUE;
}

/* ---- Completion ---- */

/* A case for each command, by the words before the one to be completed. */
static void
put_completion (void)
{
  puts ("# Completion of cofferctl for bash.\n"
        "_cofferctl () {\n"
        "  local current=${COMP_WORDS[COMP_CWORD]} words=() word options='--config --help' skip=false\n"
        "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD - 1}\"; do\n"
        "    if $skip; then skip=false; continue; fi\n"
        "    case $word in\n"
        "      -c | --config) skip=true ;;\n"
        "      -* | =) ;;\n"
        "      *) words+=(\"$word\") ;;\n"
        "    esac\n"
        "  done\n"
        "  case \"${words[*]:0:2} \" in");
  for (gsize i = 0; i < ctl_n_commands; i++) {
    printf ("    '%s '*) options+='", ctl_commands[i].name);
    for (gsize j = 0; j < ctl_n_options; j++)
      if ((ctl_commands[i].options & ctl_options[j].bit) != 0)
        printf (" --%s", ctl_options[j].name);
    puts ("' ;;");
  }
  puts ("    *) options+=' --version' ;;\n"
        "  esac\n"
        "  # The next words of the commands that begin so.\n"
        "  COMPREPLY=($(compgen -W \"$(while read -r line; do\n"
        "    [[ $line == \"${words[*]:+${words[*]} }\"?* ]] || continue\n"
        "    read -r word _ <<<\"${line#\"${words[*]}\"}\"\n"
        "    printf '%s\\n' \"$word\"\n"
        "  done <<'END'");
  for (gsize i = 0; i < ctl_n_commands; i++)
    puts (ctl_commands[i].name);
  puts ("END\n"
        "  )\" -- \"$current\"))\n"
        "  [[ $current != -* ]] || COMPREPLY=($(compgen -W \"$options\" -- \"$current\"))\n"
        "}\n"
        "complete -o default -F _cofferctl cofferctl");
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;

  if (argc != 2) {
    fputs ("Usage: coffer-man TEMPLATE | --completion\n", stderr);
    return EXIT_FAILURE;
  }
  cf_loader_trust_all ();
  if (g_str_equal (argv[1], "--completion")) {
    put_completion ();
  } else if (!put_template (argv[1], &error)) {
    fprintf (stderr, "coffer-man: %s\n", error->message);
    return EXIT_FAILURE;
  }
  return fflush (stdout) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
