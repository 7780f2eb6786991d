/* tests/storage/check-races.c - many connections at once. Each write is raced against another, and what a
 * race may break is looked at in the report that belongs to the same commit, so that no check depends on luck
 * to be right; it takes luck, repeated often, to be caught. */
#include "objects.h"

#include <string.h>

/* What the threads of one race share. */
typedef struct {
  KitMailbox inbox, other;
  gint done;       /* atomic: writers that have finished */
  gint attempt_us; /* atomic: how long it took to append a shared object in vain */
  guint n_writers;
  guint rounds;
  GMutex lock;
  CfUidSet *uids; /* under lock: UIDs that appends got */
  guint n_uids;
  GBytes *octets;
  char *scope;
} Race;

static gboolean
race_init (Kit *kit, Race *race, guint n_writers, guint rounds)
{
  *race = (Race){ .n_writers = n_writers, .rounds = rounds };
  race->uids = cf_uid_set_new ();
  return kit_inbox_new (kit, &race->inbox)
         && kit_mailbox_new (kit, race->inbox.account, "other", &race->other);
}

static void
race_clear (Race *race)
{
  cf_uid_set_free (race->uids);
  g_clear_pointer (&race->octets, g_bytes_unref);
  g_free (race->scope);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Race, race_clear)

static gboolean
race_is_over (Race *race)
{
  return g_atomic_int_get (&race->done) >= (gint) race->n_writers;
}

/* ---- Appends ------------------------------------------------------------------------------------------- */

static void
append_thread (Kit *kit, guint number, gpointer data)
{
  Race *race = data;
  guint32 last = 0;

  for (guint i = 0; i < race->rounds && !kit_has_failed (kit); i++) {
    guint32 uid = kit_append (kit, &race->inbox, KIT_MESSAGE, 0);

    KIT_TRY (uid != 0);
    KIT_EXPECT (kit, uid > last, "one connection got UID %u after UID %u", uid, last);
    last = uid;
    g_mutex_lock (&race->lock);
    if (cf_uid_set_contains (race->uids, uid))
      kit_fail (kit, "two appends got UID %u", uid);
    cf_uid_set_add (race->uids, uid);
    race->n_uids++;
    g_mutex_unlock (&race->lock);
  }
}

static void
check_appends (Kit *kit)
{
  g_auto (Race) race;
  g_autoptr (KitIndex) index = NULL;
  g_autofree char *got = NULL;
  g_autofree char *there = NULL;

  KIT_TRY (race_init (kit, &race, 4, 50));
  kit_run_threads (kit, 4, append_thread, &race);
  index = kit_load (kit, &race.inbox, 0);
  KIT_TRY (index != NULL);
  got = cf_uid_set_to_string (race.uids);
  there = kit_index_uids_text (index);
  KIT_EXPECT (kit, g_str_equal (got, there), "appends got UIDs %.200s; there are %.200s", got, there);
}

/* ---- Flags --------------------------------------------------------------------------------------------- */

static void
flag_thread (Kit *kit, guint number, gpointer data)
{
  Race *race = data;

  for (guint i = 0; i < race->rounds && !kit_has_failed (kit); i++) {
    char keyword[32];

    g_snprintf (keyword, sizeof keyword, "k-%u-%u", number, i);
    KIT_TRY (kit_store (kit, &race->inbox, "1", CF_STORE_ADD, (guint16) (1u << number), keyword));
  }
}

static void
check_flags (Kit *kit)
{
  g_auto (Race) race;
  g_autoptr (KitIndex) index = NULL;

  KIT_TRY (race_init (kit, &race, 4, 40) && kit_append_many (kit, &race.inbox, 1));
  kit_run_threads (kit, 4, flag_thread, &race);
  index = kit_load (kit, &race.inbox, 0);
  KIT_TRY (index != NULL);
  KIT_EXPECT (
      kit,
      kit_index_find (index, 1)->flags == 0xf
          && cf_keywords_get_n (kit_index_find (index, 1)->keywords) == 4 * 40,
      "4 connections added 40 keywords each to one message; %u of 160 are there, and flags 0x%x of 0xf",
      (guint) cf_keywords_get_n (kit_index_find (index, 1)->keywords), kit_index_find (index, 1)->flags);
}

/* ---- COPY while its source changes --------------------------------------------------------------------- */

/* COPY of everything, with the source's whole state reported by the same commit: these must agree. */
static void
copy_all (Kit *kit, Race *race)
{
  while (!race_is_over (race) && !kit_has_failed (kit)) {
    g_autoptr (KitBatch) batch = kit_batch_new (&race->inbox, &race->other, 0, 0, 0);
    CfWriteOp op = kit_op_uids (batch, CF_WRITE_COPY, "1:1000000");
    g_autofree char *there = NULL;
    g_autofree char *copied = NULL;

    cf_write_batch_set_index (batch->batch, 1, G_MAXUINT64, &batch->index[1]->sink);
    batch->since[1] = G_MAXUINT64;
    kit_batch_add (batch, &op);
    KIT_TRY (kit_commit (kit, batch));
    there = kit_index_uids_text (batch->index[0]);
    copied = kit_batch_result (batch, 0)->copied_from != NULL
                 ? cf_uid_set_to_string (kit_batch_result (batch, 0)->copied_from)
                 : g_strdup ("");
    KIT_EXPECT (kit, g_str_equal (there, copied),
                "a COPY of everything copied UIDs %.200s, while its mailbox held %.200s at its commit",
                copied, there);
  }
}

static void
copy_thread (Kit *kit, guint number, gpointer data)
{
  Race *race = data;

  if (number == 0) {
    copy_all (kit, race);
    return;
  }
  for (guint i = 0; i < race->rounds && !kit_has_failed (kit); i++) {
    guint32 uid = kit_append (kit, &race->inbox, KIT_MESSAGE, 0);
    char text[16];

    g_snprintf (text, sizeof text, "%u", uid);
    if (uid == 0 || (number == 2 && !kit_expunge (kit, &race->inbox, text)))
      break;
    g_thread_yield ();
  }
  g_atomic_int_inc (&race->done);
}

static void
check_copies (Kit *kit)
{
  g_auto (Race) race;

  KIT_TRY (race_init (kit, &race, 2, 60));
  kit_run_threads (kit, 3, copy_thread, &race);
}

/* ---- EXPUNGE of what has \Deleted, against STORE ------------------------------------------------------- */

/* Number 0 expunges; the others set and clear \Deleted. No message may go without it: each is cleared
 * in the end. */
static void
expunge_thread (Kit *kit, guint number, gpointer data)
{
  Race *race = data;

  if (number == 0) {
    while (!race_is_over (race) && !kit_has_failed (kit)) {
      g_autoptr (KitBatch) batch = kit_batch_new (&race->inbox, NULL, 0, 0, 0);
      CfWriteOp op = kit_op_uids (batch, CF_WRITE_EXPUNGE, "1:1000000");

      op.only_deleted = TRUE;
      kit_batch_add (batch, &op);
      KIT_TRY (kit_commit (kit, batch));
      for (guint i = 0; i < batch->index[0]->rows->len; i++)
        KIT_EXPECT (kit, (g_array_index (batch->index[0]->rows, CfIndexRow, i).flags & CF_FLAG_DELETED) == 0,
                    "after an expunge of all that has \\Deleted, UID %u has it in the same commit",
                    g_array_index (batch->index[0]->rows, CfIndexRow, i).uid);
    }
    return;
  }
  for (guint i = 0; i < race->rounds && !kit_has_failed (kit); i++) {
    guint32 uid = kit_append (kit, &race->inbox, KIT_MESSAGE, 0);
    g_autoptr (KitBatch) batch = kit_batch_new (&race->inbox, NULL, 0, 0, G_MAXUINT64);
    char text[16];
    CfWriteOp op;

    if (uid == 0)
      break;
    g_snprintf (text, sizeof text, "%u", uid);
    /* Set and cleared in one commit: nobody ever sees it. */
    op = kit_op_store (batch, text, CF_STORE_ADD, CF_FLAG_DELETED, NULL);
    kit_batch_add (batch, &op);
    op = kit_op_store (batch, text, CF_STORE_REMOVE, CF_FLAG_DELETED, NULL);
    kit_batch_add (batch, &op);
    if (!kit_commit (kit, batch))
      break;
    if (number == 2 && !kit_store (kit, &race->inbox, text, CF_STORE_ADD, CF_FLAG_DELETED, NULL))
      break;
  }
  g_atomic_int_inc (&race->done);
}

static void
check_expunges (Kit *kit)
{
  g_auto (Race) race;
  g_autoptr (KitIndex) index = NULL;
  guint kept = 0;

  KIT_TRY (race_init (kit, &race, 2, 50));
  kit_run_threads (kit, 3, expunge_thread, &race);
  KIT_TRY (!kit_has_failed (kit));
  index = kit_load (kit, &race.inbox, 0);
  KIT_TRY (index != NULL);
  for (guint i = 0; i < index->rows->len; i++)
    kept += (g_array_index (index->rows, CfIndexRow, i).flags & CF_FLAG_DELETED) == 0;
  KIT_EXPECT (kit, kept == 50, "%u of 50 messages are left that nobody saw with \\Deleted", kept);
}

/* ---- A reader that follows ----------------------------------------------------------------------------- */

/* Writers append pairs, set a flag on both of a pair, and expunge both. The reader follows by differences;
 * whatever it holds at any moment must consist of pairs in the same state. */
static void
pairs_thread (Kit *kit, Race *race)
{
  for (guint i = 0; i < race->rounds && !kit_has_failed (kit); i++) {
    g_autoptr (KitBatch) batch = kit_batch_new (&race->inbox, NULL, 0, 0, G_MAXUINT64);
    CfWriteOp op = kit_op_append (batch, KIT_MESSAGE, -1);
    g_autofree char *uids = NULL;

    kit_batch_add (batch, &op);
    kit_batch_add (batch, &op);
    if (!kit_commit (kit, batch))
      break;
    uids = g_strdup_printf ("%u,%u", kit_batch_result (batch, 0)->uid, kit_batch_result (batch, 1)->uid);
    if (!kit_store (kit, &race->inbox, uids, CF_STORE_ADD, CF_FLAG_SEEN, NULL)
        || (i % 3 == 0 && !kit_expunge (kit, &race->inbox, uids)))
      break;
  }
  g_atomic_int_inc (&race->done);
}

static void
follow (Kit *kit, Race *race)
{
  g_autoptr (KitIndex) state = kit_load (kit, &race->inbox, 0);

  KIT_TRY (state != NULL);
  for (gboolean last = FALSE; !last && !kit_has_failed (kit);) {
    g_autoptr (KitIndex) difference = NULL;

    last = race_is_over (race);
    difference = kit_load (kit, &race->inbox, state->info.highest_modseq);
    KIT_TRY (difference != NULL);
    KIT_EXPECT (kit,
                difference->info.highest_modseq >= state->info.highest_modseq
                    && difference->info.uid_next >= state->info.uid_next,
                "highest_modseq or uid_next fell");
    kit_index_apply (state, difference);
    KIT_EXPECT (kit, state->rows->len % 2 == 0,
                "a reader sees one half of a commit: an odd number of messages");
    for (guint i = 0; i + 1 < state->rows->len; i += 2) {
      const CfIndexRow *a = &g_array_index (state->rows, CfIndexRow, i), *b = a + 1;

      KIT_EXPECT (kit, a->uid + 1 == b->uid && a->modseq == b->modseq && a->flags == b->flags,
                  "a reader sees one half of a commit: UID %u (MODSEQ %" G_GUINT64_FORMAT
                  ", flags 0x%x) and UID %u "
                  "(%" G_GUINT64_FORMAT ", 0x%x) were changed together",
                  a->uid, a->modseq, a->flags, b->uid, b->modseq, b->flags);
    }
  }
  {
    g_autoptr (KitIndex) all = kit_load (kit, &race->inbox, 0);
    g_autofree char *unlike = NULL;

    KIT_TRY (all != NULL && !kit_has_failed (kit));
    unlike = kit_index_compare (state, all);
    KIT_EXPECT (kit, unlike == NULL, "a reader that followed by differences missed something: %s", unlike);
  }
}

static void
reader_thread (Kit *kit, guint number, gpointer data)
{
  if (number == 0)
    follow (kit, data);
  else
    pairs_thread (kit, data);
}

static void
check_reader (Kit *kit)
{
  g_auto (Race) race;

  KIT_TRY (race_init (kit, &race, 2, 60));
  kit_run_threads (kit, 3, reader_thread, &race);
}

/* ---- MOVE in opposite directions: no deadlock, nothing lost or doubled ------------------------------- */

static void
move_thread (Kit *kit, guint number, gpointer data)
{
  Race *race = data;
  const KitMailbox *from = number % 2 == 0 ? &race->inbox : &race->other;
  const KitMailbox *to = number % 2 == 0 ? &race->other : &race->inbox;

  for (guint i = 0; i < race->rounds && !kit_has_failed (kit); i++) {
    g_autoptr (KitBatch) batch = kit_batch_new (from, to, 0, 0, G_MAXUINT64);
    CfWriteOp op = kit_op_uids (batch, CF_WRITE_MOVE, "1:1000000");

    kit_batch_add (batch, &op);
    KIT_TRY (kit_commit (kit, batch));
  }
}

static void
check_moves (Kit *kit)
{
  g_auto (Race) race;
  g_autoptr (KitIndex) a = NULL;
  g_autoptr (KitIndex) b = NULL;

  KIT_TRY (race_init (kit, &race, 4, 30) && kit_append_many (kit, &race.inbox, 20)
           && kit_append_many (kit, &race.other, 20));
  kit_run_threads (kit, 4, move_thread, &race);
  KIT_TRY (!kit_has_failed (kit));
  a = kit_load (kit, &race.inbox, 0);
  b = kit_load (kit, &race.other, 0);
  KIT_TRY (a != NULL && b != NULL);
  KIT_EXPECT (kit, a->rows->len + b->rows->len == 40, "40 messages were moved about; %u are left",
              a->rows->len + b->rows->len);
}

/* ---- Collecting while the same objects are appended ---------------------------------------------------- */

/* Appends the shared object until it is placed, as core does: put, commit, and again when it was gone. */
static gboolean
append_object (Kit *kit, Race *race, guint32 *out_uid)
{
  for (guint attempt = 0; attempt < 1000; attempt++) {
    gint64 begin = g_get_monotonic_time ();
    g_autoptr (KitBatch) batch = kit_batch_new (&race->inbox, NULL, 0, 0, G_MAXUINT64);
    CfObjectId object;
    CfWriteOp op;

    if (!kit_object_put (kit, race->scope, race->octets, &object))
      return FALSE;
    op = kit_op_append_object (batch, "A: b\r\n\r\n", race->octets, object, "");
    kit_batch_add (batch, &op);
    if (!kit_commit_any (kit, batch))
      return FALSE;
    *out_uid = kit_batch_result (batch, 0)->uid;
    if (kit_batch_result (batch, 0)->error == NULL)
      return TRUE;
    if (!kit_op_failed_with (kit, batch, 0, CF_ERROR_CONTENT_GONE))
      return FALSE;
    g_atomic_int_set (&race->attempt_us, (gint) MIN (g_get_monotonic_time () - begin, G_USEC_PER_SEC / 10));
  }
  return kit_fail (kit, "an object was gone 1000 times in a row");
}

static gboolean
placed_is_readable (Kit *kit, Race *race, guint32 uid)
{
  g_autoptr (KitIndex) index = kit_load (kit, &race->inbox, 0);
  const CfIndexRow *row = index != NULL ? kit_index_find (index, uid) : NULL;
  g_autoptr (KitRead) read = NULL;

  if (index == NULL)
    return FALSE;
  if (row == NULL)
    return kit_fail (kit, "UID %u was appended and is not there", uid);
  read = kit_read (kit, race->inbox.account, row->content, NULL, 0, 0, G_MAXUINT64);
  if (read == NULL)
    return FALSE;
  if (read->missing || read->octets->len != 8 + g_bytes_get_size (race->octets)
      || memcmp (read->octets->data + 8, g_bytes_get_data (race->octets, NULL),
                 g_bytes_get_size (race->octets))
             != 0)
    return kit_fail (kit, "UID %u is placed, and its content %s", uid,
                     read->missing ? "was collected" : "is not what was appended");
  return TRUE;
}

static void
collect_thread (Kit *kit, guint number, gpointer data)
{
  Race *race = data;

  while (number == 0 && !race_is_over (race) && !kit_has_failed (kit)) {
    g_autoptr (GError) error = NULL;
    gboolean more = FALSE;
    guint64 freed = 0;

    KIT_EXPECT (kit, kit->slots->collect (kit->conn, kit_call (kit), 0, &freed, &more, &error),
                "collect failed: %s", error != NULL ? error->message : "no error set");
    /* Or nobody would ever place the object. */
    g_usleep (g_random_int_range (0, 1000 + 2 * g_atomic_int_get (&race->attempt_us)));
  }
  for (guint i = 0; number != 0 && i < race->rounds && !kit_has_failed (kit); i++) {
    guint32 uid = 0;
    char text[16];

    if (!append_object (kit, race, &uid) || !placed_is_readable (kit, race, uid))
      break;
    g_snprintf (text, sizeof text, "%u", uid);
    if (!kit_expunge (kit, &race->inbox, text))
      break;
  }
  if (number != 0)
    g_atomic_int_inc (&race->done);
}

static void
check_collect (Kit *kit)
{
  g_auto (Race) race;

  KIT_TRY (race_init (kit, &race, 2, 60));
  if (kit->slots->object_put == NULL) {
    kit_skip (kit, "the plugin keeps no parts apart");
    return;
  }
  race.octets = kit_noise (5000, 31);
  race.scope = kit_scope (race.inbox.account);
  kit_run_threads (kit, 3, collect_thread, &race);
}

/* ---- Creating and deleting the same mailbox ------------------------------------------------------------ */

static void
ignore_mailbox (CfMailboxSink *sink, const CfMailboxInfo *info)
{
}

static void
tree_thread (Kit *kit, guint number, gpointer data)
{
  CfMailboxSink sink = { sizeof sink, ignore_mailbox };
  Race *race = data;

  for (guint i = 0; i < race->rounds && !kit_has_failed (kit); i++) {
    CfMailboxInfo info;
    g_autoptr (GError) error = NULL;

    if (kit_mailbox_find (kit, race->inbox.account, "contested", &info)) {
      if (!kit->slots->mailbox_delete (kit->conn, kit_call (kit), race->inbox.account, info.id, &error))
        KIT_TRY (kit_failed_with (kit, "mailbox_delete", FALSE, &error, CF_ERROR_NONEXISTENT));
      continue;
    }
    if (!kit->slots->mailbox_create (kit->conn, kit_call (kit), race->inbox.account, "contested", 0, &sink,
                                     &error))
      KIT_TRY (kit_failed_with (kit, "mailbox_create", FALSE, &error, CF_ERROR_ALREADYEXISTS));
  }
}

static void
check_tree (Kit *kit)
{
  g_auto (Race) race;

  KIT_TRY (race_init (kit, &race, 3, 30));
  kit_run_threads (kit, 3, tree_thread, &race);
}

const KitCheck kit_race_checks[]
    = { { "race/appends",
          "Different connections are used at the same time; UIDs never repeat, and rise in order of commit.",
          0, check_appends },
        { "race/flags", "What an operation reads it reads after the mailboxes are locked.", 0, check_flags },
        { "race/copy-of-changing-source",
          "What an operation reads (which messages exist) it reads after the mailboxes are "
          "locked.",
          0, check_copies },
        { "race/expunge-of-deleted",
          "What an operation reads (which have \\Deleted) it reads after the mailboxes are locked.", 0,
          check_expunges },
        { "race/reader-sees-all-or-nothing",
          "Atomic: other readers see all of the commit or nothing. The report is complete "
          "up to the highest_modseq it gives.",
          0, check_reader },
        { "race/moves-both-ways", "two mailboxes are locked in order of id.", 0, check_moves },
        { "race/collect-against-append",
          "never takes what an append under way is about to use (it asks for it again: "
          "CF_ERROR_CONTENT_GONE).",
          KIT_NEEDS (collect), check_collect },
        { "race/tree", "\"Not there\" and \"there already\" are the only ways for it to fail.", 0,
          check_tree },
        { NULL } };
