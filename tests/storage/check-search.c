/* tests/storage/check-search.c - search and header look-up. */
#include "kit.h"

#include <string.h>

enum { N_MESSAGES = 12 };

/* 2020-01-01, as days since 1970-01-01. */
#define FIRST_SENT_DAY 18262

/* Twelve messages that differ in what a placement tells. The first, third, and so on have a Date field, each
 * two days later than the one before; in UTC all are of the day after. */
static gboolean
fill (Kit *kit, KitMailbox *inbox)
{
  g_autoptr (KitBatch) batch = NULL;

  if (!kit_inbox_new (kit, inbox))
    return FALSE;
  batch = kit_batch_new (inbox, NULL, 0, 0, G_MAXUINT64);
  for (guint i = 0; i < N_MESSAGES; i++) {
    g_autofree char *date = g_strdup_printf ("Date: %u Jan 2020 23:30:00 -0500\r\n", i + 1);
    g_autofree char *text
        = g_strdup_printf ("%sSubject: number %u\r\nConversation-ID: c%u\r\n\r\nbody %u\r\n",
                           i % 2 == 0 ? date : "", i, i % 3, i);
    CfWriteOp op = kit_op_append (batch, text, -1);
    CfAppend *append = kit_op_get_append (&op);

    append->flags = i % 32;
    append->internal_date = 1000000000 + (gint64) i * 43200;
    append->zone = i % 2 == 0 ? 600 : -600;
    append->size = 1000 + i * 10;
    append->keywords = kit_batch_own (batch, cf_keywords_from_string (i % 2 == 0 ? "Even" : "odd"),
                                      (GDestroyNotify) cf_keywords_unref);
    kit_batch_add (batch, &op);
  }
  return kit_commit (kit, batch);
}

static CfSearchNode *
node (CfSearchKind kind, guint64 number, gint32 day, const char *text)
{
  CfSearchNode *made = cf_search_node_new (kind);

  made->number = number;
  made->day = day;
  made->text = g_strdup (text);
  return made;
}

/* What the kit itself makes of @tree for @row. */
static gboolean
matches (const CfSearchNode *tree, const CfIndexRow *row)
{
  gint64 seconds = row->internal_date + row->zone * 60;
  gint64 day = seconds >= 0 ? seconds / 86400 : (seconds - 86399) / 86400;
  gboolean is_sent = row->uid % 2 == 1;
  gint64 sent_day = FIRST_SENT_DAY + row->uid - 1;

  switch (tree->kind) {
  case CF_SEARCH_ALL:
    return TRUE;
  case CF_SEARCH_AND:
    return matches (tree->children->pdata[0], row) && matches (tree->children->pdata[1], row);
  case CF_SEARCH_OR:
    return matches (tree->children->pdata[0], row) || matches (tree->children->pdata[1], row);
  case CF_SEARCH_NOT:
    return !matches (tree->children->pdata[0], row);
  case CF_SEARCH_UID:
    return cf_uid_set_contains (tree->uids, row->uid);
  case CF_SEARCH_FLAG:
    return (row->flags & tree->number) != 0;
  case CF_SEARCH_KEYWORD:
    return cf_keywords_contains (row->keywords, tree->text);
  case CF_SEARCH_LARGER:
    return row->size > tree->number;
  case CF_SEARCH_SMALLER:
    return row->size < tree->number;
  case CF_SEARCH_BEFORE:
    return day < tree->day;
  case CF_SEARCH_ON:
    return day == tree->day;
  case CF_SEARCH_SINCE:
    return day >= tree->day;
  case CF_SEARCH_SENTBEFORE:
    return is_sent && sent_day < tree->day;
  case CF_SEARCH_SENTON:
    return is_sent && sent_day == tree->day;
  case CF_SEARCH_SENTSINCE:
    return is_sent && sent_day >= tree->day;
  case CF_SEARCH_MODSEQ:
    return row->modseq >= tree->number;
  default:
    return FALSE;
  }
}

static gboolean
search_is (Kit *kit, const KitMailbox *inbox, const KitIndex *index, const CfSearchNode *tree)
{
  g_autoptr (CfUidSet) candidates = cf_uid_set_from_string ("1:8,10:1000", NULL);
  g_autoptr (CfUidSet) found = NULL;
  g_autoptr (GError) error = NULL;
  gboolean exact = FALSE;

  if (!kit->slots->search (kit->conn, kit_call (kit), inbox->account, inbox->id, tree, candidates, &found,
                           &exact, &error))
    return kit_fail (kit, "search failed: %s", error != NULL ? error->message : "no error set");
  for (guint i = 0; i < index->rows->len; i++) {
    const CfIndexRow *row = &g_array_index (index->rows, CfIndexRow, i);
    gboolean due = cf_uid_set_contains (candidates, row->uid) && matches (tree, row);
    gboolean is = cf_uid_set_contains (found, row->uid);

    if (due && !is)
      return kit_fail (kit, "a key of kind %d misses UID %u, which matches", (int) tree->kind, row->uid);
    if (is && !due && (exact || !cf_uid_set_contains (candidates, row->uid)))
      return kit_fail (kit, "a key of kind %d finds UID %u, which does not match, and calls that exact",
                       (int) tree->kind, row->uid);
  }
  return TRUE;
}

static void
check_keys (Kit *kit)
{
  const gint32 day = 1000000000 / 86400;
  CfSearchNode *all_of = node (CF_SEARCH_AND, 0, 0, NULL), *any_of = node (CF_SEARCH_OR, 0, 0, NULL);
  CfSearchNode *none_of = node (CF_SEARCH_NOT, 0, 0, NULL);
  CfSearchNode *not_sent_before = node (CF_SEARCH_NOT, 0, 0, NULL);
  CfSearchNode *one_of_uids = node (CF_SEARCH_UID, 0, 0, NULL);
  CfSearchNode *keys[] = {
    node (CF_SEARCH_ALL, 0, 0, NULL),
    node (CF_SEARCH_FLAG, CF_FLAG_SEEN, 0, NULL),
    node (CF_SEARCH_FLAG, CF_FLAG_ANSWERED, 0, NULL),
    node (CF_SEARCH_KEYWORD, 0, 0, "even"),
    node (CF_SEARCH_KEYWORD, 0, 0, "none"),
    node (CF_SEARCH_KEYWORD, 0, 0, "eve"),
    node (CF_SEARCH_KEYWORD, 0, 0, "ev_n"),
    node (CF_SEARCH_LARGER, 1050, 0, NULL),
    node (CF_SEARCH_SMALLER, 1050, 0, NULL),
    node (CF_SEARCH_BEFORE, 0, day + 2, NULL),
    node (CF_SEARCH_ON, 0, day + 1, NULL),
    node (CF_SEARCH_SINCE, 0, day + 3, NULL),
    node (CF_SEARCH_SENTBEFORE, 0, FIRST_SENT_DAY + 4, NULL),
    node (CF_SEARCH_SENTON, 0, FIRST_SENT_DAY + 2, NULL),
    node (CF_SEARCH_SENTSINCE, 0, FIRST_SENT_DAY + 5, NULL),
    node (CF_SEARCH_MODSEQ, 3, 0, NULL),
    all_of,
    any_of,
    none_of,
    not_sent_before,
    one_of_uids,
  };
  g_autoptr (KitIndex) index = NULL;
  gboolean ok;
  KitMailbox inbox;

  cf_search_node_add (all_of, node (CF_SEARCH_KEYWORD, 0, 0, "odd"));
  cf_search_node_add (all_of, node (CF_SEARCH_FLAG, CF_FLAG_FLAGGED, 0, NULL));
  cf_search_node_add (any_of, node (CF_SEARCH_LARGER, 1100, 0, NULL));
  cf_search_node_add (any_of, node (CF_SEARCH_SENTON, 0, FIRST_SENT_DAY, NULL));
  cf_search_node_add (none_of, node (CF_SEARCH_FLAG, CF_FLAG_ANSWERED, 0, NULL));
  cf_search_node_add (not_sent_before, node (CF_SEARCH_SENTBEFORE, 0, FIRST_SENT_DAY + 4, NULL));
  one_of_uids->uids = cf_uid_set_from_string ("2:3,9,40", NULL);
  ok = fill (kit, &inbox) && kit_store (kit, &inbox, "4", CF_STORE_ADD, CF_FLAG_DRAFT, "new");
  index = ok ? kit_load (kit, &inbox, 0) : NULL;
  for (guint i = 0; i < G_N_ELEMENTS (keys); i++) {
    if (index != NULL)
      ok = ok && search_is (kit, &inbox, index, keys[i]);
    cf_search_node_free (keys[i]);
  }
}

/* Whatever a store makes of texts: never fewer than match. NOT over something unknown is where
 * it goes wrong. */
static void
check_superset (Kit *kit)
{
  g_autoptr (CfSearchNode) not_text = cf_search_node_new (CF_SEARCH_NOT);
  g_autoptr (CfSearchNode) header = node (CF_SEARCH_HEADER, 0, 0, "number 5");
  g_autoptr (CfUidSet) candidates = cf_uid_set_from_string ("1:100", NULL);
  g_autoptr (CfUidSet) with = NULL;
  g_autoptr (CfUidSet) without = NULL;
  g_autoptr (GError) error = NULL;
  gboolean exact = FALSE;
  KitMailbox inbox;

  KIT_TRY (fill (kit, &inbox));
  header->name = g_strdup ("Subject");
  cf_search_node_add (not_text, node (CF_SEARCH_BODY, 0, 0, "body 5"));
  KIT_EXPECT (kit,
              kit->slots->search (kit->conn, kit_call (kit), inbox.account, inbox.id, header, candidates,
                                  &with, &exact, &error),
              "search failed: %s", error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit, cf_uid_set_contains (with, 6), "HEADER Subject \"number 5\" misses UID 6, which has it");
  KIT_EXPECT (kit, !exact || cf_uid_set_get_count (with) == 1,
              "HEADER Subject \"number 5\" finds more, and calls it exact");
  KIT_EXPECT (kit,
              kit->slots->search (kit->conn, kit_call (kit), inbox.account, inbox.id, not_text, candidates,
                                  &without, &exact, &error),
              "search failed: %s", error != NULL ? error->message : "no error set");
  for (guint32 uid = 1; uid <= N_MESSAGES; uid++)
    KIT_EXPECT (kit, uid == 6 || cf_uid_set_contains (without, uid), "NOT BODY \"body 5\" misses UID %u",
                uid);
  KIT_EXPECT (kit, !exact || !cf_uid_set_contains (without, 6),
              "NOT BODY \"body 5\" finds UID 6, and calls it exact");
}

static void
check_header_lookup (Kit *kit)
{
  g_autoptr (KitIndex) found = kit_index_new ();
  g_autoptr (KitIndex) none = kit_index_new ();
  g_autoptr (KitIndex) foreign = kit_index_new ();
  g_autoptr (GError) error = NULL;
  KitMailbox inbox, other, stranger;

  KIT_TRY (fill (kit, &inbox) && kit_mailbox_new (kit, inbox.account, "other", &other)
           && kit_copy (kit, &inbox, "2", &other) && kit_expunge (kit, &inbox, "5")
           && kit_inbox_new (kit, &stranger));
  KIT_EXPECT (kit,
              kit->slots->header_lookup (kit->conn, kit_call (kit), inbox.account, "CONVERSATION-id", "c1",
                                         &found->sink, &error)
                  && kit->slots->header_lookup (kit->conn, kit_call (kit), inbox.account, "Conversation-ID",
                                                "c", &none->sink, &error)
                  && kit->slots->header_lookup (kit->conn, kit_call (kit), stranger.account,
                                                "Conversation-ID", "c1", &foreign->sink, &error),
              "header_lookup failed: %s", error != NULL ? error->message : "no error set");
  KIT_EXPECT (kit, found->n_mailboxes == 2 && found->rows->len == 4,
              "c1 is in UIDs 2, 8 and 11 and in a copy; %u rows in %u mailboxes came", found->rows->len,
              found->n_mailboxes);
  KIT_EXPECT (kit, none->rows->len == 0, "\"c\" is no field's whole value, and found %u rows",
              none->rows->len);
  KIT_EXPECT (kit, foreign->rows->len == 0, "another account's messages were found");
}

const KitCheck kit_search_checks[] = {
  { "search/keys",
    "Which of @candidates match @tree? With *out_exact FALSE the answer may hold more than match, never "
    "fewer.",
    KIT_NEEDS (search), check_keys },
  { "search/never-fewer", "the answer may hold more than match, never fewer.", KIT_NEEDS (search),
    check_superset },
  { "search/header-lookup",
    "Messages of the account whose header field @name has exactly the decoded @value. Reports "
    "rows mailbox by mailbox.",
    KIT_NEEDS (header_lookup), check_header_lookup },
  { NULL }
};
