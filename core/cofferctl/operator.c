/* core/cofferctl/operator.c - who, kick and stats: looking at the running server. */
#include "cofferctl/cofferctl.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ip.h"
#include "cofferctl/json.h"

char *
ctl_dup_time (const char *text)
{
  g_autoptr (GDateTime) time
      = g_date_time_new_from_unix_local (g_ascii_strtoll (text, NULL, 10) / G_USEC_PER_SEC);

  return time != NULL ? g_date_time_format (time, "%Y-%m-%d %H:%M:%S") : g_strdup ("-");
}

/* ---- Who ---- */

/* The fields of the server's data lines. */
enum { WHO_NUMBER, WHO_PROTOCOL, WHO_TLS, WHO_SINCE, WHO_IN, WHO_OUT, WHO_PEER, WHO_USER, WHO_N };

static void
print_session (char **line)
{
  g_autofree char *since = ctl_dup_time (line[WHO_SINCE]);

  /* The user last: it alone may hold spaces. */
  printf ("#%-6s %-7s %-5s %s %10s in %10s out  %-22s %s\n", line[WHO_NUMBER], line[WHO_PROTOCOL],
          line[WHO_TLS], since, line[WHO_IN], line[WHO_OUT], line[WHO_PEER],
          line[WHO_USER][0] != '\0' ? line[WHO_USER] : "-");
}

static void
add_session (GString *json, char **line)
{
  static const struct {
    const char *name;
    guint field;
    gboolean is_number;
  } members[] = { { "number", WHO_NUMBER, TRUE }, { "protocol", WHO_PROTOCOL },    { "tls", WHO_TLS },
                  { "octets_in", WHO_IN, TRUE },  { "octets_out", WHO_OUT, TRUE }, { "peer", WHO_PEER } };
  g_autofree char *since
      = g_strdup_printf ("%" G_GINT64_FORMAT, g_ascii_strtoll (line[WHO_SINCE], NULL, 10) / G_USEC_PER_SEC);

  ctl_json_separate (json);
  g_string_append_c (json, '{');
  for (gsize i = 0; i < G_N_ELEMENTS (members); i++)
    if (members[i].is_number)
      ctl_json_member_number (json, members[i].name, line[members[i].field]);
    else
      ctl_json_member (json, members[i].name, line[members[i].field]);
  ctl_json_member_number (json, "since", since);
  ctl_json_member (json, "user", line[WHO_USER][0] != '\0' ? line[WHO_USER] : NULL);
  g_string_append_c (json, '}');
}

/* What the server counts "192.0.2.1:50000" or "[2001:db8::1]:50000" by; other texts as they are. The caller
 * frees. */
static char *
dup_site (const char *peer)
{
  CfIp ip;

  if (!cf_ip_parse_peer (peer, &ip))
    return g_strdup (peer);
  ip = cf_ip_get_site (&ip);
  return cf_ip_site_to_string (&ip);
}

typedef struct {
  const char *name;
  guint n;
} Count;

static int
count_compare (gconstpointer a, gconstpointer b)
{
  const Count *one = a, *other = b;

  return one->n != other->n ? (one->n < other->n ? 1 : -1) : strcmp (one->name, other->name);
}

static void
print_counts (GHashTable *names, GString *json)
{
  g_autoptr (GArray) counts = g_array_new (FALSE, FALSE, sizeof (Count));
  GHashTableIter iter;
  gpointer name, n;

  g_hash_table_iter_init (&iter, names);
  while (g_hash_table_iter_next (&iter, &name, &n)) {
    Count count = { name, GPOINTER_TO_UINT (n) };

    g_array_append_val (counts, count);
  }
  g_array_sort (counts, count_compare); /* qsort() does not take the NULL of an empty one */
  for (guint i = 0; i < counts->len; i++) {
    const Count *count = &g_array_index (counts, Count, i);
    g_autofree char *number = g_strdup_printf ("%u", count->n);

    if (json == NULL) {
      printf ("%7u %s\n", count->n, count->name);
      continue;
    }
    ctl_json_separate (json);
    g_string_append_c (json, '{');
    ctl_json_member (json, "name", count->name);
    ctl_json_member_number (json, "sessions", number);
    g_string_append_c (json, '}');
  }
}

gboolean
ctl_who (CtlCall *call, GError **error)
{
  static const char *const words[] = { "who", NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);
  g_autoptr (GHashTable) names = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GString) json = g_string_new ("[");
  const char *by = call->options.by;

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i), *name;

    if (g_strv_length (line) < WHO_N)
      continue;
    if (by == NULL) {
      if (call->options.json)
        add_session (json, line);
      else
        print_session (line);
      continue;
    }
    if (g_str_equal (by, "address"))
      name = dup_site (line[WHO_PEER]);
    else
      name = g_strdup (line[WHO_USER][0] != '\0' ? line[WHO_USER] : "-");
    g_hash_table_replace (names, name,
                          GUINT_TO_POINTER (GPOINTER_TO_UINT (g_hash_table_lookup (names, name)) + 1));
  }
  print_counts (names, call->options.json ? json : NULL);
  if (lines != NULL && call->options.json)
    printf ("%s]\n", json->str);
  return lines != NULL;
}

/* ---- Kick and stats ---- */

gboolean
ctl_kick (CtlCall *call, GError **error)
{
  const char *const words[] = { "kick", call->args[0], NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (g_strv_length (line) >= 2)
      printf ("%s session%s told to end\n", line[1], g_str_equal (line[1], "1") ? "" : "s");
  }
  return lines != NULL;
}

gboolean
ctl_stats (CtlCall *call, GError **error)
{
  static const char *const words[] = { "stats", NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);
  g_autoptr (GString) json = g_string_new ("{");

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (g_strv_length (line) < 2)
      continue;
    if (call->options.json)
      ctl_json_member_number (json, line[0], line[1]);
    else
      printf ("%s %s\n", line[0], line[1]);
  }
  if (lines != NULL && call->options.json)
    printf ("%s}\n", json->str);
  return lines != NULL;
}
