/* modules/search/evaluate.c - does a message match a tree, as far as it is known? (evaluate.h) */
#include "evaluate.h"

#include <coffer/module.h>
#include <string.h>

#define SECONDS_PER_DAY G_GINT64_CONSTANT (86400)

/* ---- The plan ---- */

static SearchStage
plan_get_stage (const CfSearchNode *node)
{
  SearchStage stage = SEARCH_STAGE_INDEX;

  switch (node->kind) {
  case CF_SEARCH_BODY:
  case CF_SEARCH_TEXT:
    return SEARCH_STAGE_BODY;
  case CF_SEARCH_SENTBEFORE:
  case CF_SEARCH_SENTON:
  case CF_SEARCH_SENTSINCE:
  case CF_SEARCH_HEADER:
  case CF_SEARCH_ADDRESS:
    return SEARCH_STAGE_FACTS;
  case CF_SEARCH_MODULE:
    return (((const CfSearchKey *) node->key)->needs & CF_NEED_FACTS) != 0 ? SEARCH_STAGE_FACTS
                                                                           : SEARCH_STAGE_INDEX;
  default:
    /* MAX() would evaluate its argument twice, and that at every level. */
    for (guint i = 0; node->children != NULL && i < node->children->len; i++) {
      SearchStage child = plan_get_stage (g_ptr_array_index (node->children, i));

      stage = MAX (stage, child);
    }
    return stage;
  }
}

static gboolean
plan_add_body_needle (SearchPlan *plan, const char *folded, GError **error)
{
  SearchNeedle needle = { folded, strlen (folded) };

  if (needle.length == 0 || g_hash_table_contains (plan->body_numbers, folded))
    return TRUE;
  if (plan->body_needles->len == SEARCH_BODY_NEEDLES_MAX) {
    g_set_error (error, CF_ERROR, CF_ERROR_LIMIT, "At most %d strings can be looked for in bodies at once",
                 SEARCH_BODY_NEEDLES_MAX);
    return FALSE;
  }
  g_array_append_val (plan->body_needles, needle);
  g_hash_table_insert (plan->body_numbers, (gpointer) folded, GUINT_TO_POINTER (plan->body_needles->len));
  return TRUE;
}

static gboolean
plan_add_texts (SearchPlan *plan, const CfSearchNode *node, GError **error)
{
  plan->n_nodes++;
  for (guint i = 0; node->children != NULL && i < node->children->len; i++)
    if (!plan_add_texts (plan, g_ptr_array_index (node->children, i), error))
      return FALSE;
  if (node->kind == CF_SEARCH_HEADER || node->kind == CF_SEARCH_ADDRESS || node->kind == CF_SEARCH_BODY
      || node->kind == CF_SEARCH_TEXT) {
    char *folded = search_fold (node->text != NULL ? node->text : "", -1);

    g_hash_table_insert (plan->texts, (gpointer) node, folded);
    if (plan_get_stage (node) == SEARCH_STAGE_BODY)
      return plan_add_body_needle (plan, folded, error);
  }
  return TRUE;
}

SearchPlan *
search_plan_new (const CfSearchNode *tree, GError **error)
{
  g_autoptr (SearchPlan) plan = g_new0 (SearchPlan, 1);

  plan->tree = tree;
  plan->stage = plan_get_stage (tree);
  plan->texts = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  plan->body_needles = g_array_new (FALSE, FALSE, sizeof (SearchNeedle));
  plan->body_numbers = g_hash_table_new (g_str_hash, g_str_equal);
  return plan_add_texts (plan, tree, error) ? g_steal_pointer (&plan) : NULL;
}

void
search_plan_free (SearchPlan *plan)
{
  if (plan == NULL)
    return;
  g_hash_table_unref (plan->body_numbers);
  g_array_unref (plan->body_needles);
  g_hash_table_unref (plan->texts);
  g_free (plan);
}

CfSearchNode *
search_plan_new_rest (const SearchPlan *plan)
{
  const GPtrArray *children = plan->tree->children;
  CfSearchNode *rest = cf_search_node_new (CF_SEARCH_AND);

  rest->children = g_ptr_array_new (); /* frees none of them */
  if (plan->tree->kind != CF_SEARCH_AND) {
    g_ptr_array_add (rest->children, (gpointer) plan->tree);
    return rest;
  }
  for (guint i = 0; children != NULL && i < children->len; i++)
    if (plan_get_stage (g_ptr_array_index (children, i)) != SEARCH_STAGE_INDEX)
      g_ptr_array_add (rest->children, g_ptr_array_index (children, i));
  return rest;
}

/* ---- Predicates ---- */

static SearchMatch
match_known (gboolean matches)
{
  return matches ? SEARCH_YES : SEARCH_NO;
}

/* The date disregarding time and zone: as its own zone shows it. Days since 1970-01-01. */
static gint64
match_get_day (gint64 time, gint zone_minutes)
{
  gint64 local = time + zone_minutes * 60;

  return local >= 0 ? local / SECONDS_PER_DAY : -((SECONDS_PER_DAY - 1 - local) / SECONDS_PER_DAY);
}

static SearchMatch
match_day (const CfSearchNode *node, gint64 day)
{
  switch (node->kind) {
  case CF_SEARCH_BEFORE:
  case CF_SEARCH_SENTBEFORE:
    return match_known (day < node->day);
  case CF_SEARCH_ON:
  case CF_SEARCH_SENTON:
    return match_known (day == node->day);
  default:
    return match_known (day >= node->day);
  }
}

/* A message without a Date field that can be read was sent on no day. */
static SearchMatch
match_sent (const CfSearchNode *node, const SearchSubject *subject)
{
  gint64 date;
  gint zone;

  if (subject->facts == NULL)
    return SEARCH_MAYBE;
  if (!cf_facts_get_date (subject->facts, &date, &zone))
    return SEARCH_NO;
  return match_day (node, match_get_day (date, zone));
}

/* Folded fields, as two keys often look at the same ones. */
static GPtrArray *
subject_get_fields (SearchSubject *subject)
{
  guint n = cf_facts_get_n_headers (subject->facts);

  if (subject->fields != NULL)
    return subject->fields;
  subject->fields = g_ptr_array_new_full (n, g_free);
  for (guint i = 0; i < n; i++) {
    const CfHeaderField *field = cf_facts_get_header (subject->facts, i);
    g_autofree char *line = g_strdup_printf ("%s: %s", field->name, field->value);

    g_ptr_array_add (subject->fields, search_fold (line, -1));
  }
  return subject->fields;
}

static SearchMatch
match_header (const SearchPlan *plan, const CfSearchNode *node, SearchSubject *subject)
{
  const char *text = g_hash_table_lookup (plan->texts, node);
  guint n;

  if (subject->facts == NULL)
    return SEARCH_MAYBE;
  n = cf_facts_get_n_headers (subject->facts);
  for (guint i = 0; i < n; i++) {
    const char *name = cf_facts_get_header (subject->facts, i)->name;

    if (g_ascii_strcasecmp (name, node->name) != 0)
      continue;
    /* A name is ASCII, so folding has not moved what follows it. */
    const char *value
        = (const char *) g_ptr_array_index (subject_get_fields (subject), i) + strlen (name) + 2;
    if (strstr (value, text) != NULL)
      return SEARCH_YES;
  }
  return SEARCH_NO;
}

static SearchMatch
match_body (const char *text, const SearchPlan *plan, const SearchSubject *subject)
{
  guint number = GPOINTER_TO_UINT (g_hash_table_lookup (plan->body_numbers, text));

  if (number == 0) /* the empty string, which is everywhere */
    return SEARCH_YES;
  if (subject->body != NULL && search_stream_has_found (subject->body, number - 1))
    return SEARCH_YES;
  return subject->body_complete ? SEARCH_NO : SEARCH_MAYBE;
}

static SearchMatch
match_text (const char *text, const SearchPlan *plan, SearchSubject *subject)
{
  GPtrArray *fields = subject->facts != NULL ? subject_get_fields (subject) : NULL;

  for (guint i = 0; fields != NULL && i < fields->len; i++)
    if (strstr (g_ptr_array_index (fields, i), text) != NULL)
      return SEARCH_YES;
  return match_body (text, plan, subject);
}

static SearchMatch
match_module (const CfSearchNode *node, SearchSubject *subject)
{
  const CfSearchKey *key = node->key;
  CfMessage *message;
  gboolean matches;

  if ((key->needs & CF_NEED_FACTS) != 0 && subject->facts == NULL)
    return SEARCH_MAYBE;
  message = cf_message_new (subject->session, subject->seq, subject->row);
  if (subject->facts != NULL)
    cf_message_set_facts (message, subject->facts);
  matches = key->match (message, node);
  cf_message_free (message);
  return match_known (matches);
}

static SearchMatch
match_row (const CfSearchNode *node, const SearchSubject *subject)
{
  const CfIndexRow *row = subject->row;

  switch (node->kind) {
  case CF_SEARCH_ALL:
    return SEARCH_YES;
  case CF_SEARCH_UID:
    return match_known (cf_uid_set_contains (node->uids, row->uid));
  case CF_SEARCH_FLAG:
    return match_known ((row->flags & node->number) != 0);
  case CF_SEARCH_KEYWORD:
    return match_known (cf_keywords_contains (row->keywords, node->text));
  case CF_SEARCH_RECENT:
    return match_known (subject->recent);
  case CF_SEARCH_LARGER:
    return match_known (row->size > node->number);
  case CF_SEARCH_SMALLER:
    return match_known (row->size < node->number);
  case CF_SEARCH_MODSEQ:
    return match_known (row->modseq >= node->number);
  default: /* BEFORE, ON, SINCE */
    return match_day (node, match_get_day (row->internal_date, row->zone));
  }
}

static SearchMatch
match_node (const SearchPlan *plan, const CfSearchNode *node, SearchSubject *subject)
{
  guint n = node->children != NULL ? node->children->len : 0;
  SearchMatch match, child; /* MIN() and MAX() would evaluate it twice, and that at every level */

  switch (node->kind) {
  case CF_SEARCH_AND:
    match = SEARCH_YES;
    for (guint i = 0; i < n && match != SEARCH_NO; i++) {
      child = match_node (plan, g_ptr_array_index (node->children, i), subject);
      match = MIN (match, child);
    }
    return match;
  case CF_SEARCH_OR:
    match = SEARCH_NO;
    for (guint i = 0; i < n && match != SEARCH_YES; i++) {
      child = match_node (plan, g_ptr_array_index (node->children, i), subject);
      match = MAX (match, child);
    }
    return match;
  case CF_SEARCH_NOT:
    return SEARCH_YES - match_node (plan, g_ptr_array_index (node->children, 0), subject);
  case CF_SEARCH_SENTBEFORE:
  case CF_SEARCH_SENTON:
  case CF_SEARCH_SENTSINCE:
    return match_sent (node, subject);
  case CF_SEARCH_HEADER:
  case CF_SEARCH_ADDRESS:
    return match_header (plan, node, subject);
  case CF_SEARCH_BODY:
    return match_body (g_hash_table_lookup (plan->texts, node), plan, subject);
  case CF_SEARCH_TEXT:
    return match_text (g_hash_table_lookup (plan->texts, node), plan, subject);
  case CF_SEARCH_MODULE:
    return match_module (node, subject);
  default:
    return match_row (node, subject);
  }
}

SearchMatch
search_plan_match (const SearchPlan *plan, SearchSubject *subject)
{
  return match_node (plan, plan->tree, subject);
}

void
search_subject_clear (SearchSubject *subject)
{
  g_clear_pointer (&subject->fields, g_ptr_array_unref);
}
