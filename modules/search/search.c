/* modules/search/search.c - one SEARCH being carried out (search.h). */
#include "search.h"

#include <coffer/store.h>

#include "body.h"

/* Predicates evaluated in one step, at most: messages times nodes of the tree. */
#define EVALUATIONS_PER_STEP 65536
/* Messages whose facts are loaded by one call. */
#define FACTS_BATCH 200
/* What one call reads of bodies: octets, and ranges of them. */
#define READ_OCTETS (256 * 1024)
#define READ_RANGES 200

typedef enum {
  STEP_INDEX,
  STEP_STORE,
  STEP_FACTS,
  STEP_BODIES,
  STEP_DONE,
} Step;

/* A message whose body is being looked through. */
typedef struct {
  guint32 uid;
  CfContentId content;
  CfFacts *facts;
  SearchBody *body;
  gboolean gone; /* the store has no such content any more */
} Reading;

/* A range asked for. */
typedef struct {
  Reading *reading; /* borrowed */
  CfReadRequest request;
  GByteArray *octets;
} Range;

struct _Search {
  CfSearchNode *tree;
  SearchPlan *plan;
  Step step;
  guint32 last_seq, next_seq; /* INDEX: the last message to look at, and where to go on */
  CfUidSet *found;            /* by INDEX and STORE */
  CfUidSet *found_later;      /* by the steps after, apart because they come from below again */
  GArray *open;               /* UIDs not decided, ascending */
  guint next_open;            /* FACTS: where to go on */
  GPtrArray *readings;        /* BODIES: of the current batch */
};

static void
reading_free (gpointer data)
{
  Reading *reading = data;

  search_body_free (reading->body);
  cf_facts_unref (reading->facts);
  g_free (reading);
}

static void
range_free (gpointer data)
{
  Range *range = data;

  g_byte_array_unref (range->octets);
  g_free (range);
}

/* A set of UIDs that must match bounds what has to be looked at: clients ask for the few newest
 * of very many. */
static void
search_bound (Search *search, CfSession *session, const CfSearchNode *node)
{
  gsize n;

  if (node->kind == CF_SEARCH_AND)
    for (guint i = 0; node->children != NULL && i < node->children->len; i++)
      search_bound (search, session, g_ptr_array_index (node->children, i));
  if (node->kind != CF_SEARCH_UID)
    return;
  n = cf_uid_set_get_n_ranges (node->uids);
  if (n == 0) {
    search->last_seq = 0;
    return;
  }
  guint32 first = cf_session_lookup_seq (session, cf_uid_set_get_range (node->uids, 0).first);
  guint32 last = cf_session_lookup_seq (session, cf_uid_set_get_range (node->uids, n - 1).last);
  search->next_seq = MAX (search->next_seq, first); /* 0: not in the view, which bounds nothing */
  if (last != 0)
    search->last_seq = MIN (search->last_seq, last);
}

static guint
search_get_messages_per_step (const Search *search)
{
  return MAX (EVALUATIONS_PER_STEP / search->plan->n_nodes, 1);
}

Search *
search_new (CfCommandCall *call, CfSearchNode *tree, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  g_autoptr (Search) search = g_new0 (Search, 1);

  search->tree = tree;
  search->last_seq = cf_session_get_exists (session);
  search->next_seq = 1;
  search_bound (search, session, tree);
  search->found = cf_uid_set_new ();
  search->found_later = cf_uid_set_new ();
  search->open = g_array_new (FALSE, FALSE, sizeof (guint32));
  search->readings = g_ptr_array_new_with_free_func (reading_free);
  search->plan = search_plan_new (tree, error);
  return search->plan != NULL ? g_steal_pointer (&search) : NULL;
}

void
search_free (Search *search)
{
  if (search == NULL)
    return;
  g_ptr_array_unref (search->readings);
  g_array_unref (search->open);
  cf_uid_set_free (search->found_later);
  cf_uid_set_free (search->found);
  search_plan_free (search->plan);
  cf_search_node_free (search->tree);
  g_free (search);
}

const CfUidSet *
search_get_uids (const Search *search)
{
  return search->found;
}

static gboolean
node_has_modseq (const CfSearchNode *node)
{
  if (node->kind == CF_SEARCH_MODSEQ)
    return TRUE;
  for (guint i = 0; node->children != NULL && i < node->children->len; i++)
    if (node_has_modseq (g_ptr_array_index (node->children, i)))
      return TRUE;
  return FALSE;
}

gboolean
search_has_modseq (const Search *search)
{
  return node_has_modseq (search->tree);
}

/* What is known of @uid without asking. FALSE: it is not in the view. */
static gboolean
search_get_subject (CfSession *session, guint32 uid, SearchSubject *out_subject)
{
  guint32 seq = cf_session_lookup_seq (session, uid);
  const CfIndexRow *row = seq != 0 ? cf_session_get_row (session, seq) : NULL;

  if (row == NULL)
    return FALSE;
  *out_subject = (SearchSubject){
    .session = session, .seq = seq, .row = row, .recent = cf_session_is_recent (session, uid)
  };
  return TRUE;
}

/* ---- Index ---- */

static CfRun
search_step_index (Search *search, CfSession *session)
{
  guint left = search_get_messages_per_step (search);

  for (; left > 0 && search->next_seq <= search->last_seq; left--, search->next_seq++) {
    const CfIndexRow *row = cf_session_get_row (session, search->next_seq);
    SearchSubject subject = { .session = session, .seq = search->next_seq, .row = row };
    SearchMatch match;

    if (row == NULL)
      continue;
    subject.recent = cf_session_is_recent (session, row->uid);
    match = search_plan_match (search->plan, &subject);
    if (match == SEARCH_YES)
      cf_uid_set_add (search->found, row->uid);
    else if (match == SEARCH_MAYBE && row->content != 0)
      g_array_append_val (search->open, row->uid);
  }
  if (search->next_seq <= search->last_seq)
    return CF_RUN_MORE;
  search->step = search->open->len > 0 ? STEP_STORE : STEP_DONE;
  return CF_RUN_DONE;
}

/* ---- Store ---- */

/* What the store does not know to be in the mailbox, expunged but not announced, is left open:
 * its content decides. */
static CfUidSet *
search_get_candidates (const Search *search, CfSession *session)
{
  CfUidSet *candidates = cf_uid_set_new ();

  for (guint i = 0; i < search->open->len; i++) {
    guint32 uid = g_array_index (search->open, guint32, i);

    if (!cf_session_is_ghost (session, uid))
      cf_uid_set_add (candidates, uid);
  }
  return candidates;
}

/* Takes the store's answer in. */
static void
search_narrow (Search *search, const CfUidSet *candidates, const CfUidSet *answer, gboolean exact)
{
  g_autoptr (CfUidSet) matching = cf_uid_set_intersect (answer, candidates);
  guint n = 0;

  for (guint i = 0; i < search->open->len; i++) {
    guint32 uid = g_array_index (search->open, guint32, i);
    gboolean asked = cf_uid_set_contains (candidates, uid);

    if (!asked || (!exact && cf_uid_set_contains (matching, uid)))
      g_array_index (search->open, guint32, n++) = uid;
  }
  g_array_set_size (search->open, n);
  if (exact)
    cf_uid_set_add_set (search->found, matching);
}

static CfRun
search_step_store (Search *search, CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  g_autoptr (CfUidSet) candidates = search_get_candidates (search, session);
  g_autoptr (CfSearchNode) rest = NULL;
  g_autoptr (CfUidSet) answer = NULL;
  gboolean exact;

  if (!cf_uid_set_is_empty (candidates)) {
    if (!cf_call_enter_store (call))
      return CF_RUN_WAIT;
    rest = search_plan_new_rest (search->plan);
    if (!cf_store_search (session, rest, candidates, &answer, &exact, error))
      return CF_RUN_ERROR;
    search_narrow (search, candidates, answer, exact);
  }
  search->step = search->open->len > 0 ? STEP_FACTS : STEP_DONE;
  return CF_RUN_MORE;
}

/* ---- Facts ---- */

/* Decides @uid by its facts, or begins with its body. */
static void
search_decide_by_facts (Search *search, CfSession *session, guint32 uid, CfContentId content, CfFacts *facts)
{
  g_autoptr (SearchBody) body = NULL;
  SearchSubject subject;
  SearchMatch match;
  Reading *reading;

  if (!search_get_subject (session, uid, &subject))
    return;
  subject.facts = facts;
  match = search_plan_match (search->plan, &subject);
  if (match == SEARCH_MAYBE) {
    body = search_body_new (facts, (const SearchNeedle *) search->plan->body_needles->data,
                            search->plan->body_needles->len);
    subject.body_complete = search_body_is_complete (body); /* no text at all */
    match = search_plan_match (search->plan, &subject);
  }
  search_subject_clear (&subject);
  if (match == SEARCH_YES)
    cf_uid_set_add (search->found_later, uid);
  if (match != SEARCH_MAYBE)
    return;
  reading = g_new0 (Reading, 1);
  reading->uid = uid;
  reading->content = content;
  reading->facts = cf_facts_ref (facts);
  reading->body = g_steal_pointer (&body);
  g_ptr_array_add (search->readings, reading);
}

static void
search_free_facts (CfFacts **facts, guint n)
{
  for (guint i = 0; i < n; i++)
    g_clear_pointer (&facts[i], cf_facts_unref);
}

static CfRun
search_step_facts (Search *search, CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  CfContentId contents[FACTS_BATCH];
  CfFacts *facts[FACTS_BATCH] = { NULL };
  guint32 uids[FACTS_BATCH];
  guint most = MIN (FACTS_BATCH, search_get_messages_per_step (search));
  guint n = 0;

  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  for (; n < most && search->next_open < search->open->len; search->next_open++) {
    guint32 uid = g_array_index (search->open, guint32, search->next_open);
    SearchSubject subject;

    if (!search_get_subject (session, uid, &subject) || subject.row->content == 0)
      continue;
    uids[n] = uid;
    contents[n++] = subject.row->content;
  }
  if (!cf_store_load_facts (session, n, contents, facts, error))
    return CF_RUN_ERROR;
  for (guint i = 0; i < n; i++)
    if (facts[i] != NULL)
      search_decide_by_facts (search, session, uids[i], contents[i], facts[i]);
  search_free_facts (facts, n);
  search->step = search->readings->len > 0               ? STEP_BODIES
                 : search->next_open < search->open->len ? STEP_FACTS
                                                         : STEP_DONE;
  return CF_RUN_MORE;
}

/* ---- Bodies ---- */

typedef struct {
  CfReadSink sink;
  GPtrArray *ranges; /* Range */
} ReadSink;

static void
read_missing (CfReadSink *sink, guint i)
{
  Range *range = g_ptr_array_index (((ReadSink *) sink)->ranges, i);

  range->reading->gone = TRUE;
}

static void
read_facts (CfReadSink *sink, guint i, GBytes *encoded)
{
}

static void
read_area (CfReadSink *sink, guint i, guint64 offset, guint64 length)
{
}

static void
read_octets (CfReadSink *sink, guint i, const guint8 *data, gsize length)
{
  Range *range = g_ptr_array_index (((ReadSink *) sink)->ranges, i);

  g_byte_array_append (range->octets, data, (guint) length);
}

/* What to read next, of as many messages as one call takes. */
static GPtrArray *
search_ask (Search *search)
{
  GPtrArray *ranges = g_ptr_array_new_with_free_func (range_free);
  gsize left = READ_OCTETS;

  for (guint i = 0; i < search->readings->len; i++) {
    Reading *reading = g_ptr_array_index (search->readings, i);
    guint64 offset;
    gsize length;

    while (left > 0 && ranges->len < READ_RANGES && search_body_ask (reading->body, left, &offset, &length)) {
      Range *range = g_new0 (Range, 1);

      range->reading = reading;
      range->request = (CfReadRequest){
        .struct_size = sizeof range->request, .content = reading->content, .offset = offset, .length = length
      };
      range->octets = g_byte_array_new ();
      g_ptr_array_add (ranges, range);
      left -= length;
    }
  }
  return ranges;
}

static gboolean
search_read (CfSession *session, GPtrArray *ranges, GError **error)
{
  g_autoptr (GPtrArray) requests = g_ptr_array_new ();
  ReadSink sink = { { sizeof (CfReadSink), read_missing, read_facts, read_area, read_octets }, ranges };

  for (guint i = 0; i < ranges->len; i++)
    g_ptr_array_add (requests, &((Range *) g_ptr_array_index (ranges, i))->request);
  return cf_store_read (session, requests->len, (const CfReadRequest *const *) requests->pdata, &sink.sink,
                        error);
}

/* FALSE: fewer octets than the facts promise. */
static gboolean
search_feed (GPtrArray *ranges, GError **error)
{
  for (guint i = 0; i < ranges->len; i++) {
    Range *range = g_ptr_array_index (ranges, i);

    if (range->reading->gone)
      continue;
    if (range->octets->len != range->request.length) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_CORRUPTION, "A message is shorter than it was");
      return FALSE;
    }
    search_body_feed (range->reading->body, range->octets->data, range->octets->len);
  }
  return TRUE;
}

/* TRUE: @reading is over, one way or the other. */
static gboolean
search_decide_by_body (Search *search, CfSession *session, Reading *reading)
{
  SearchSubject subject;
  SearchMatch match;

  if (reading->gone || !search_get_subject (session, reading->uid, &subject))
    return TRUE;
  subject.facts = reading->facts;
  subject.body = search_body_get_stream (reading->body);
  subject.body_complete = search_body_is_complete (reading->body);
  match = search_plan_match (search->plan, &subject);
  search_subject_clear (&subject);
  if (match == SEARCH_YES)
    cf_uid_set_add (search->found_later, reading->uid);
  return match != SEARCH_MAYBE;
}

/* The readings that @ranges touched are at the front, in order. */
static void
search_decide_by_bodies (Search *search, CfSession *session, GPtrArray *ranges)
{
  const Range *last = g_ptr_array_index (ranges, ranges->len - 1);
  guint n = 0, kept = 0;

  while (g_ptr_array_index (search->readings, n++) != last->reading)
    ;
  for (guint i = 0; i < n; i++) {
    if (search_decide_by_body (search, session, g_ptr_array_index (search->readings, kept)))
      g_ptr_array_remove_index (search->readings, kept);
    else
      kept++;
  }
}

static CfRun
search_step_bodies (Search *search, CfCommandCall *call, GError **error)
{
  CfSession *session = cf_call_get_session (call);
  g_autoptr (GPtrArray) ranges = NULL;

  if (!cf_call_enter_store (call))
    return CF_RUN_WAIT;
  ranges = search_ask (search);
  if (!search_read (session, ranges, error) || !search_feed (ranges, error))
    return CF_RUN_ERROR;
  search_decide_by_bodies (search, session, ranges);
  if (search->readings->len == 0)
    search->step = search->next_open < search->open->len ? STEP_FACTS : STEP_DONE;
  return CF_RUN_MORE;
}

/* ---- Steps ---- */

CfRun
search_run (Search *search, CfCommandCall *call, GError **error)
{
  CfRun run = CF_RUN_DONE;

  if (search->step == STEP_INDEX)
    run = search_step_index (search, cf_call_get_session (call));
  if (run != CF_RUN_DONE)
    return run;
  switch (search->step) {
  case STEP_STORE:
    return search_step_store (search, call, error);
  case STEP_FACTS:
    return search_step_facts (search, call, error);
  case STEP_BODIES:
    return search_step_bodies (search, call, error);
  case STEP_INDEX:
  case STEP_DONE:
    break;
  }
  cf_uid_set_add_set (search->found, search->found_later);
  return CF_RUN_DONE;
}
