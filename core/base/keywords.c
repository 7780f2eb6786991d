/* core/base/keywords.c - interned sets of keywords (coffer/types.h).
 *
 * One process-wide table, under one lock, finds the set that equals a candidate. The table holds no
 * reference: a count drops to zero only under the lock, in the same step that takes the set out of the table,
 * so a look-up (also under the lock) never meets a set that is being freed.
 */
#include <coffer/types.h>

#include <stdlib.h>
#include <string.h>

struct _CfKeywords {
  gint ref_count; /* atomic; 1 to 0 only under keywords_lock */
  guint hash;
  guint n;
  char *names[]; /* sorted without regard to ASCII case; the strings follow in the same block */
};

static GMutex keywords_lock;
static GHashTable *keywords_table; /* CfKeywords: itself */

static guint
keywords_hash (gconstpointer key)
{
  return ((const CfKeywords *) key)->hash;
}

static gboolean
keywords_equal (gconstpointer a, gconstpointer b)
{
  const CfKeywords *x = a, *y = b;

  if (x->hash != y->hash || x->n != y->n)
    return FALSE;
  for (guint i = 0; i < x->n; i++)
    if (g_ascii_strcasecmp (x->names[i], y->names[i]) != 0)
      return FALSE;
  return TRUE;
}

/* The interned set of @n names, sorted and different. */
static CfKeywords *
keywords_intern (const char *const *names, gsize n)
{
  CfKeywords *candidate, *known;
  gsize octets = 0;
  char *at;

  if (n == 0)
    return NULL;

  for (gsize i = 0; i < n; i++)
    octets += strlen (names[i]) + 1;
  candidate = g_malloc (sizeof *candidate + n * sizeof (char *) + octets);
  candidate->ref_count = 1;
  candidate->hash = 5381;
  candidate->n = (guint) n;
  at = (char *) &candidate->names[n];
  for (gsize i = 0; i < n; i++) {
    candidate->names[i] = at;
    at = stpcpy (at, names[i]) + 1;
    for (const char *c = candidate->names[i]; *c != '\0'; c++)
      candidate->hash = candidate->hash * 33 + (guchar) g_ascii_tolower (*c);
    candidate->hash = candidate->hash * 33 + ' ';
  }

  g_mutex_lock (&keywords_lock);
  if (keywords_table == NULL)
    keywords_table = g_hash_table_new (keywords_hash, keywords_equal);
  known = g_hash_table_lookup (keywords_table, candidate);
  if (known != NULL)
    g_atomic_int_inc (&known->ref_count);
  else
    g_hash_table_add (keywords_table, candidate);
  g_mutex_unlock (&keywords_lock);

  if (known == NULL)
    return candidate;
  g_free (candidate);
  return known;
}

static int
keywords_compare (const void *a, const void *b)
{
  const char *x = *(const char *const *) a, *y = *(const char *const *) b;
  int order = g_ascii_strcasecmp (x, y);

  return order != 0 ? order : strcmp (x, y);
}

CfKeywords *
cf_keywords_new (const char *const *names, gsize n)
{
  g_autofree const char **sorted = g_new (const char *, n + 1);
  gsize used = 0, kept = 0;

  for (gsize i = 0; i < n; i++)
    if (names[i] != NULL && names[i][0] != '\0')
      sorted[used++] = names[i];
  if (used > 1)
    qsort (sorted, used, sizeof *sorted, keywords_compare);
  for (gsize i = 0; i < used; i++)
    if (kept == 0 || g_ascii_strcasecmp (sorted[kept - 1], sorted[i]) != 0)
      sorted[kept++] = sorted[i];
  return keywords_intern (sorted, kept);
}

CfKeywords *
cf_keywords_ref (CfKeywords *keywords)
{
  if (keywords != NULL)
    g_atomic_int_inc (&keywords->ref_count);
  return keywords;
}

void
cf_keywords_unref (CfKeywords *keywords)
{
  gboolean last;

  if (keywords == NULL)
    return;

  for (gint count = g_atomic_int_get (&keywords->ref_count); count > 1;) {
    if (g_atomic_int_compare_and_exchange (&keywords->ref_count, count, count - 1))
      return;
    count = g_atomic_int_get (&keywords->ref_count);
  }

  g_mutex_lock (&keywords_lock);
  last = g_atomic_int_dec_and_test (&keywords->ref_count);
  if (last)
    g_hash_table_remove (keywords_table, keywords);
  g_mutex_unlock (&keywords_lock);
  if (last)
    g_free (keywords);
}

gsize
cf_keywords_get_n (const CfKeywords *keywords)
{
  return keywords != NULL ? keywords->n : 0;
}

const char *
cf_keywords_get (const CfKeywords *keywords, gsize i)
{
  g_return_val_if_fail (i < cf_keywords_get_n (keywords), NULL);
  return keywords->names[i];
}

static int
keywords_compare_name (const void *a, const void *b)
{
  return g_ascii_strcasecmp (*(const char *const *) a, *(const char *const *) b);
}

gboolean
cf_keywords_contains (const CfKeywords *keywords, const char *name)
{
  return keywords != NULL
         && bsearch (&name, keywords->names, keywords->n, sizeof (char *), keywords_compare_name) != NULL;
}

CfKeywords *
cf_keywords_union (CfKeywords *a, CfKeywords *b)
{
  gsize n_a = cf_keywords_get_n (a), n_b = cf_keywords_get_n (b);
  g_autofree const char **merged = g_new (const char *, n_a + n_b + 1);
  gsize n = 0;

  for (gsize i = 0, j = 0; i < n_a || j < n_b;) {
    int order = i == n_a ? 1 : j == n_b ? -1 : g_ascii_strcasecmp (a->names[i], b->names[j]);

    merged[n++] = order <= 0 ? a->names[i] : b->names[j];
    i += order <= 0;
    j += order >= 0;
  }
  return keywords_intern (merged, n);
}

CfKeywords *
cf_keywords_minus (CfKeywords *a, CfKeywords *b)
{
  gsize n_a = cf_keywords_get_n (a), n = 0;
  g_autofree const char **left = g_new (const char *, n_a + 1);

  for (gsize i = 0; i < n_a; i++)
    if (!cf_keywords_contains (b, a->names[i]))
      left[n++] = a->names[i];
  return keywords_intern (left, n);
}

char *
cf_keywords_to_string (const CfKeywords *keywords)
{
  GString *text = g_string_new (NULL);

  for (gsize i = 0; i < cf_keywords_get_n (keywords); i++) {
    if (i > 0)
      g_string_append_c (text, ' ');
    g_string_append (text, keywords->names[i]);
  }
  return g_string_free (text, FALSE);
}

CfKeywords *
cf_keywords_from_string (const char *text)
{
  g_auto (GStrv) names = g_strsplit (text, " ", -1);

  return cf_keywords_new ((const char *const *) names, g_strv_length (names));
}
