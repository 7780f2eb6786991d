/* storage-postgresql/compare.c - what this process knows of mailboxes, against what the database says.
 *
 * It finds what no notification told of. And it finds that the database has fallen back: commits that clients
 * were told of are lost, in a failover to a standby that did not have them, or in a restore. Then UIDs and
 * MODSEQs that clients know stand for nothing, or for something else, and the mailbox gets a new UIDVALIDITY.
 * A mailbox is behind if it is known at a MODSEQ above its highest, or at one that it skipped when it went on
 * (schema/postgresql/011-epochs.sql): so it does not matter who has committed meanwhile.
 */
#include "store.h"

/* Mailboxes in one query. */
#define PIECE 1000

/* What the database says of a known mailbox. */
typedef struct {
  KnownMailbox is; /* modseq 0: it is not there */
  gboolean behind; /* what is known of it */
} State;

typedef struct {
  Pg *pg;
  Known *known;
  CfWatchFunc func;
  gpointer user_data;
  GArray *heard; /* State, of the piece under way */
  guint n_behind;
} Compare;

static gboolean
compare_take (const Row *row, gpointer data, GError **error)
{
  GArray *heard = data;
  State state = { .is = { .account = (CfAccountId) row_int (row, 0),
                          .mailbox = (CfMailboxId) row_int (row, 1),
                          .modseq = (guint64) row_int (row, 2),
                          .uid_validity = (guint32) row_int (row, 4),
                          .name_hash = row_is_null (row, 3) ? 0 : g_str_hash (row_text (row, 3)) },
                  .behind = row_bool (row, 5) };

  g_array_append_val (heard, state);
  return TRUE;
}

static gboolean
compare_ask (Compare *compare, const KnownMailbox *known, guint n)
{
  g_autoptr (GError) error = NULL;
  Params *params;
  CfCall call;

  watch_call (&call);
  g_array_set_size (compare->heard, 0);
  if (!pg_begin (compare->pg, &call, PG_READ, &error))
    return FALSE;
  params = pg_params (compare->pg);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, (gint64) known[i].account);
  params_array_end (params);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, (gint64) known[i].mailbox);
  params_array_end (params);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, known[i].uid_validity);
  params_array_end (params);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, (gint64) known[i].modseq);
  params_array_end (params);
  pg_send (compare->pg, STATEMENT_MAILBOX_STATES, compare_take, compare->heard);
  return pg_run (compare->pg, &error) && compare->heard->len == n;
}

/* Gives those that are behind a new UIDVALIDITY, unless another node has. *@out_n: how many there are. In the
 * order of their ids, as they are locked together. */
static gboolean
compare_renew (Compare *compare, guint *out_n)
{
  g_autoptr (GError) error = NULL;
  Params *params;
  CfCall call;

  *out_n = 0;
  for (guint i = 0; i < compare->heard->len; i++)
    *out_n += g_array_index (compare->heard, State, i).behind;
  if (*out_n == 0)
    return TRUE;
  watch_call (&call);
  if (!pg_begin (compare->pg, &call, PG_WRITE, &error))
    return FALSE;
  for (guint i = 0; i < compare->heard->len; i++) {
    const State *state = &g_array_index (compare->heard, State, i);

    if (!state->behind)
      continue;
    params = pg_params (compare->pg);
    params_int8 (params, (gint64) state->is.account);
    params_int8 (params, (gint64) state->is.mailbox);
    params_int8 (params, state->is.uid_validity);
    pg_send (compare->pg, STATEMENT_MAILBOX_RENEW, NULL, NULL);
  }
  return pg_run (compare->pg, &error);
}

/* What the database says of a mailbox. */
static void
compare_tell (Compare *compare, const KnownMailbox *is)
{
  guint news;

  if (is->modseq == 0) {
    compare->func (is->account, is->mailbox, 0, compare->user_data);
    known_forget (compare->known, is->account, is->mailbox);
    return;
  }
  news = known_take_news (compare->known, is);
  if ((news & (KNOWN_CHANGED | KNOWN_RENEWED)) != 0)
    compare->func (is->account, is->mailbox, (news & KNOWN_RENEWED) != 0 ? 0 : is->modseq,
                   compare->user_data);
  if ((news & KNOWN_RENAMED) != 0)
    compare->func (is->account, 0, 0, compare->user_data);
}

static gboolean
compare_piece (Compare *compare, const KnownMailbox *known, guint n)
{
  guint behind;

  if (!compare_ask (compare, known, n) || !compare_renew (compare, &behind))
    return FALSE;
  if (behind > 0 && !compare_ask (compare, known, n))
    return FALSE;
  compare->n_behind += behind;
  for (guint i = 0; i < n; i++)
    compare_tell (compare, &g_array_index (compare->heard, State, i).is);
  return TRUE;
}

gboolean
compare_run (Watch *watch, Pg *pg, Known *known, CfWatchFunc func, gpointer user_data)
{
  g_autoptr (GArray) list = known_list (known);
  g_autoptr (GArray) heard = g_array_new (FALSE, FALSE, sizeof (State));
  Compare compare = { pg, known, func, user_data, heard, 0 };
  gboolean ok = TRUE;

  for (guint i = 0; ok && i < list->len && !watch_is_asked_to_stop (watch); i += PIECE)
    ok = compare_piece (&compare, &g_array_index (list, KnownMailbox, i), MIN (PIECE, list->len - i));
  if (compare.n_behind > 0)
    g_warning ("storage-postgresql: The database lacks commits that clients were told of: %u mailboxes get a "
               "new UIDVALIDITY",
               compare.n_behind);
  return ok;
}

/* ---- Accounts ---------------------------------------------------------------------------------------- */

static gboolean
compare_take_closed (const Row *row, gpointer data, GError **error)
{
  CfAccountId account = (CfAccountId) row_int (row, 0);

  g_array_append_val ((GArray *) data, account);
  return TRUE;
}

/* Adds to @closed those of @known that are disabled or not there. */
static gboolean
compare_ask_closed (Pg *pg, const KnownMailbox *known, guint n, GArray *closed)
{
  g_autoptr (GError) error = NULL;
  Params *params;
  CfCall call;

  watch_call (&call);
  if (!pg_begin (pg, &call, PG_READ, &error))
    return FALSE;
  params = pg_params (pg);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, (gint64) known[i].account);
  params_array_end (params);
  pg_send (pg, STATEMENT_ACCOUNTS_CLOSED, compare_take_closed, closed);
  return pg_run (pg, &error);
}

/* One that is closed stays known: somebody may be about to log in who was let in before it was. */
gboolean
compare_run_accounts (Watch *watch, Pg *pg, Known *accounts, CfWatchFunc func, gpointer user_data)
{
  g_autoptr (GArray) list = known_list (accounts);
  g_autoptr (GArray) closed = g_array_new (FALSE, FALSE, sizeof (CfAccountId));
  gboolean ok = TRUE;

  for (guint i = 0; ok && i < list->len && !watch_is_asked_to_stop (watch); i += PIECE)
    ok = compare_ask_closed (pg, &g_array_index (list, KnownMailbox, i), MIN (PIECE, list->len - i), closed);
  for (guint i = 0; ok && i < closed->len; i++)
    func (g_array_index (closed, CfAccountId, i), CF_WATCH_CLOSED, 0, user_data);
  return ok;
}
