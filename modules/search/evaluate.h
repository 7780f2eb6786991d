/* modules/search/evaluate.h - does a message match a tree, as far as it is known?
 *
 * Three values: a predicate that what is known of the message does not decide is MAYBE, and AND, OR and NOT
 * carry that upwards. So one function serves three stages, index row, facts, text of the body, each of which
 * is reached only by the messages that the stage before left open.
 */
#ifndef SEARCH_EVALUATE_H
#define SEARCH_EVALUATE_H

#include <coffer/facts.h>
#include <coffer/search.h>
#include <coffer/session.h>

#include "fold.h"

typedef enum {
  SEARCH_NO,
  SEARCH_MAYBE,
  SEARCH_YES,
} SearchMatch;

/* What a predicate, and so a tree, needs at most to be decided. */
typedef enum {
  SEARCH_STAGE_INDEX,
  SEARCH_STAGE_FACTS,
  SEARCH_STAGE_BODY,
} SearchStage;

/* A tree made ready: its strings folded, those to look for in bodies numbered. Immutable once made. */
typedef struct {
  const CfSearchNode *tree; /* borrowed */
  SearchStage stage;
  guint n_nodes;
  GHashTable *texts;        /* CfSearchNode -> its folded text */
  GArray *body_needles;     /* SearchNeedle, each string once */
  GHashTable *body_numbers; /* folded text -> its number in body_needles, plus 1 */
} SearchPlan;

/* Strings to look for in bodies that one command may have. */
#define SEARCH_BODY_NEEDLES_MAX 100

/* CF_ERROR_LIMIT: too many strings to look for in bodies. */
SearchPlan *search_plan_new (const CfSearchNode *tree, GError **error);
void search_plan_free (SearchPlan *plan);
G_DEFINE_AUTOPTR_CLEANUP_FUNC (SearchPlan, search_plan_free)

/* The part of the tree that the index does not decide, for messages that it left open; it borrows from the
 * tree. The caller frees. */
CfSearchNode *search_plan_new_rest (const SearchPlan *plan);

/* A message and what is known of it. Clear with search_subject_clear(). */
typedef struct {
  CfSession *session;
  guint32 seq;
  const CfIndexRow *row; /* borrowed */
  gboolean recent;
  CfFacts *facts;           /* borrowed; NULL: not loaded */
  const SearchStream *body; /* borrowed; NULL: not looked into */
  gboolean body_complete;   /* all of the body's text has gone through it */
  GPtrArray *fields;        /* made when needed: the header fields, folded, "name: value" */
} SearchSubject;

SearchMatch search_plan_match (const SearchPlan *plan, SearchSubject *subject);
void search_subject_clear (SearchSubject *subject);

#endif
