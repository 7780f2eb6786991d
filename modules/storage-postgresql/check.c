/* storage-postgresql/check.c - verifying the store while it serves.
 *
 * Two looks: invariants, as queries that list what breaks them, and every stored octet against its hash. Each
 * query sees one moment of its own, so that a long check keeps nothing from being vacuumed for long. In the
 * invariants $1 is the account, 0 for all; the condition is written so that the planner, who knows the value,
 * finds an account's rows by index.
 */
#include "store.h"

#include <gnutls/crypto.h>
#include <string.h>

typedef struct {
  Pg *pg;
  const CfCall *call;
  CfFindingFunc finding;
  CfProgressFunc progress;
  gpointer user_data;
  gint64 account;      /* 0: all */
  guint64 done, total; /* octets */
} Check;

/* Each lists one line of text per fault. Flags are bits: 4 \Deleted, 8 \Seen (CfFlags). */
static const char *const invariants[] = {
  "select format('mailbox %s: its counts are not those of its messages', m.id) from coffer.mailbox m"
  " left join (select account, mailbox, count(*) as messages, sum(size) as octets,"
  "   count(*) filter (where flags & 8 = 0) as unseen, count(*) filter (where flags & 4 <> 0) as deleted"
  "   from coffer.placement where ($1::bigint = 0 or account = $1::bigint) group by account, mailbox) p"
  "   on p.account = m.account and p.mailbox = m.id"
  " where ($1::bigint = 0 or m.account = $1::bigint)"
  " and (m.messages, m.octets, m.unseen, m.deleted) is distinct from"
  "   (coalesce(p.messages, 0), coalesce(p.octets, 0), coalesce(p.unseen, 0), coalesce(p.deleted, 0))",

  "select format('mailbox %s: UID %s is not below UIDNEXT, or its MODSEQ above the highest', m.id, p.uid)"
  " from coffer.mailbox m join coffer.placement p on p.account = m.account and p.mailbox = m.id"
  " where ($1::bigint = 0 or m.account = $1::bigint)"
  " and (p.uid >= m.uid_next or p.modseq > m.highest_modseq)",

  "select format('mailbox %s: UIDVALIDITY is above the last of its account', m.id) from coffer.mailbox m"
  " join coffer.account a on a.id = m.account"
  " where ($1::bigint = 0 or m.account = $1::bigint) and m.uid_validity > a.last_uid_validity",

  "select distinct format('placements in mailbox %s, which does not exist', p.mailbox)"
  " from coffer.placement p"
  " where ($1::bigint = 0 or p.account = $1::bigint)"
  " and not exists (select from coffer.mailbox m where m.id = p.mailbox and m.account = p.account)"
  " and not exists (select from coffer.dead_mailbox d where d.mailbox = p.mailbox and d.account = p.account)"
  " and not exists (select from coffer.account a where a.id = p.account and a.dying)",

  "select format('mailbox %s: UID %s has no content', p.mailbox, p.uid) from coffer.placement p"
  " left join coffer.content c on c.id = p.content and c.account = p.account"
  " where ($1::bigint = 0 or p.account = $1::bigint) and c.id is null",

  "select format('content %s: placed and unplaced, or neither', c.id) from coffer.content c"
  " where ($1::bigint = 0 or c.account = $1::bigint) and (c.unplaced_since is null)"
  "   <> exists (select from coffer.placement p where p.account = c.account and p.content = c.id)"
  " and not exists (select from coffer.account a where a.id = c.account and a.dying)",

  "select format('content %s: has no facts', c.id) from coffer.content c"
  " left join coffer.content_facts f on f.account = c.account and f.content = c.id"
  " where ($1::bigint = 0 or c.account = $1::bigint) and f.content is null",

  "select format('content %s: its chunks do not make up its inline octets', c.id) from coffer.content c"
  " left join (select account, content, sum(octet_length(data)) as octets from coffer.content_chunk"
  "   where ($1::bigint = 0 or account = $1::bigint) group by account, content) k"
  "   on k.account = c.account and k.content = c.id"
  " where ($1::bigint = 0 or c.account = $1::bigint) and c.inline_octets <> coalesce(k.octets, 0)",

  /* An append that was refused leaves a content without segments to collection. */
  "select format('content %s: its segments do not make it up', c.id) from coffer.content c"
  " left join (select account, content, sum(length) as octets from coffer.content_segment"
  "   where ($1::bigint = 0 or account = $1::bigint) group by account, content) s"
  "   on s.account = c.account and s.content = c.id"
  " where ($1::bigint = 0 or c.account = $1::bigint) and c.octets <> coalesce(s.octets, c.inline_octets)"
  " and (s.octets is not null or c.unplaced_since is null)",

  "select format('content %s: object %s is not there, or too short', s.content, s.object)"
  " from coffer.content_segment s left join coffer.object o on o.id = s.object where s.object is not null"
  " and ($1::bigint = 0 or s.account = $1::bigint)"
  " and (o.sha256 is null or s.source_offset + s.length > o.length)",

  "select format('object %s: unused, and not known to be', o.id) from coffer.object o"
  " where $1::bigint = 0 and o.unused_since is null"
  " and not exists (select from coffer.content_segment s where s.object = o.id)",
};

static gboolean
check_take_finding (const Row *row, gpointer data, GError **error)
{
  Check *check = data;

  check->finding (row_text (row, 0), check->user_data);
  return TRUE;
}

static gboolean
check_invariants (Check *check, GError **error)
{
  for (guint i = 0; i < G_N_ELEMENTS (invariants); i++) {
    if (!pg_begin (check->pg, check->call, PG_READ, error))
      return FALSE;
    /* Here whole tables are read. */
    pg_params (check->pg);
    pg_send_text (check->pg, "select set_config('enable_seqscan', 'on', true)", NULL, NULL);
    params_int8 (pg_params (check->pg), check->account);
    pg_send_text (check->pg, invariants[i], check_take_finding, check);
    if (!pg_run (check->pg, error))
      return FALSE;
  }
  return TRUE;
}

static gboolean
check_take_total (const Row *row, gpointer data, GError **error)
{
  *(guint64 *) data = (guint64) row_int (row, 0);
  return TRUE;
}

static gboolean
check_count (Check *check, GError **error)
{
  if (!pg_begin (check->pg, check->call, PG_READ, error))
    return FALSE;
  params_int8 (pg_params (check->pg), check->account);
  pg_send (check->pg, STATEMENT_CHECK_TOTAL, check_take_total, &check->total);
  return pg_run (check->pg, error);
}

static void
check_report (Check *check, const char *what, gint64 id)
{
  g_autofree char *text
      = g_strdup_printf ("%s %" G_GINT64_FORMAT ": its octets do not match their hash", what, id);

  check->finding (text, check->user_data);
}

static gboolean
check_go_on (Check *check, GError **error)
{
  if (check->progress == NULL
      || check->progress (check->done, MAX (check->done, check->total), check->user_data))
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The check was stopped");
  return FALSE;
}

static gboolean
check_matches (const Row *row, int column, const guint8 *hash)
{
  gsize length;
  gconstpointer wanted = row_octets (row, column, &length);

  return length == 32 && memcmp (wanted, hash, length) == 0;
}

/* ---- Contents ---------------------------------------------------------------------------------------- */

typedef struct {
  Check *check;
  gint64 account, content, n; /* of the chunk seen last */
  guint seen;
} ContentCheck;

static gboolean
check_take_chunk (const Row *row, gpointer data, GError **error)
{
  ContentCheck *at = data;
  guint8 hash[32];
  gsize length;
  gconstpointer octets = row_octets (row, 4, &length);

  at->account = row_int (row, 0);
  at->content = row_int (row, 1);
  at->n = row_int (row, 2);
  at->seen++;
  at->check->done += length;
  if (gnutls_hash_fast (GNUTLS_DIG_SHA256, octets, length, hash) < 0) {
    errors_set_no_hash (error);
    return FALSE;
  }
  if (!check_matches (row, 3, hash))
    check_report (at->check, "content", at->content);
  return TRUE;
}

static gboolean
check_contents (Check *check, GError **error)
{
  ContentCheck at = { .check = check, .account = check->account };
  gint64 last = check->account != 0 ? check->account : G_MAXINT64;

  do {
    Params *params;

    at.seen = 0;
    if (!pg_begin (check->pg, check->call, PG_READ, error))
      return FALSE;
    params = pg_params (check->pg);
    params_int8 (params, at.account);
    params_int8 (params, at.content);
    params_int4 (params, (gint32) at.n);
    params_int8 (params, last);
    pg_send (check->pg, STATEMENT_CHECK_CONTENTS, check_take_chunk, &at);
    if (!pg_run (check->pg, error) || !check_go_on (check, error))
      return FALSE;
  } while (at.seen > 0);
  return TRUE;
}

/* ---- Objects ----------------------------------------------------------------------------------------- */

typedef struct {
  gint64 id;
  guint64 length;
  guint8 wanted[32]; /* its hash */
} FoundObject;

typedef struct {
  Check *check;
  guint64 seen;
  gnutls_hash_hd_t hash;
} ObjectCheck;

static gboolean
check_take_object (const Row *row, gpointer data, GError **error)
{
  FoundObject object = { .id = row_int (row, 0), .length = (guint64) row_int (row, 2) };
  gsize length;
  gconstpointer wanted = row_octets (row, 1, &length);

  memcpy (object.wanted, wanted, MIN (length, sizeof object.wanted));
  g_array_append_val ((GArray *) data, object);
  return TRUE;
}

static gboolean
check_take_object_chunk (const Row *row, gpointer data, GError **error)
{
  ObjectCheck *at = data;
  gsize length;
  gconstpointer octets = row_octets (row, 0, &length);

  if (gnutls_hash (at->hash, octets, length) < 0) {
    errors_set_no_hash (error);
    return FALSE;
  }
  at->seen += length;
  at->check->done += length;
  return TRUE;
}

/* The next objects behind @after; none: that was all. The caller frees. */
static GArray *
check_find_objects (Check *check, gint64 after, GError **error)
{
  g_autoptr (GArray) found = g_array_new (FALSE, FALSE, sizeof (FoundObject));
  Params *params;

  if (!pg_begin (check->pg, check->call, PG_READ, error))
    return NULL;
  params = pg_params (check->pg);
  params_int8 (params, after);
  params_int8 (params, check->account);
  pg_send (check->pg, STATEMENT_CHECK_OBJECTS, check_take_object, found);
  return pg_run (check->pg, error) ? g_steal_pointer (&found) : NULL;
}

/* One that is not what it should be may have been collected since it was found. */
static gboolean
check_is_there_still (Check *check, gint64 id, gboolean *out_there, GError **error)
{
  g_autoptr (GArray) found = check_find_objects (check, id - 1, error);

  if (found == NULL)
    return FALSE;
  *out_there = found->len > 0 && g_array_index (found, FoundObject, 0).id == id;
  return TRUE;
}

static gboolean
check_object (Check *check, const FoundObject *object, GError **error)
{
  ObjectCheck at = { .check = check };
  guint8 hash[32];
  gboolean ok, there;

  if (gnutls_hash_init (&at.hash, GNUTLS_DIG_SHA256) < 0) {
    errors_set_no_hash (error);
    return FALSE;
  }
  ok = pg_begin (check->pg, check->call, PG_READ, error);
  if (ok) {
    params_int8 (pg_params (check->pg), object->id);
    pg_send (check->pg, STATEMENT_CHECK_OBJECT_CHUNKS, check_take_object_chunk, &at);
    ok = pg_run (check->pg, error);
  }
  gnutls_hash_deinit (at.hash, hash);
  if (!ok || (at.seen == object->length && memcmp (hash, object->wanted, sizeof hash) == 0))
    return ok;
  if (!check_is_there_still (check, object->id, &there, error))
    return FALSE;
  if (there)
    check_report (check, "object", object->id);
  return TRUE;
}

static gboolean
check_objects (Check *check, GError **error)
{
  gint64 last = 0;

  for (;;) {
    g_autoptr (GArray) found = check_find_objects (check, last, error);

    if (found == NULL)
      return FALSE;
    if (found->len == 0)
      return TRUE;
    for (guint i = 0; i < found->len; i++) {
      const FoundObject *object = &g_array_index (found, FoundObject, i);

      if (!check_object (check, object, error) || !check_go_on (check, error))
        return FALSE;
      last = object->id;
    }
  }
}

gboolean
slot_check (CfStoreConn *conn, const CfCall *call, CfFindingFunc finding, CfProgressFunc progress,
            gpointer user_data, GError **error)
{
  return slot_check_account (conn, call, 0, finding, progress, user_data, error);
}

gboolean
slot_check_account (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfFindingFunc finding,
                    CfProgressFunc progress, gpointer user_data, GError **error)
{
  Check check = {
    .pg = conn->pg,
    .call = call,
    .finding = finding,
    .progress = progress,
    .user_data = user_data,
    .account = (gint64) account,
  };

  return check_invariants (&check, error) && check_count (&check, error) && check_contents (&check, error)
         && check_objects (&check, error);
}
