/* storage-postgresql/watch.c - what nodes tell each other of their commits.
 *
 * One thread with a connection of its own, on which it says NOTIFY and hears. A commit leaves a note and
 * wakes it; what has gathered while a NOTIFY was under way goes with the next one, the newest MODSEQ for each
 * mailbox. So a commit never waits for a notification, and none is part of a writing transaction, where it
 * would put all commits of the cluster in a row. Whoever hears of its own notes passes over them.
 *
 * A notification may be lost: the connection breaks, a node dies between commit and NOTIFY. Therefore a new
 * connection counts as news of everything, and every repair_interval the mailboxes that this process has
 * dealt with are compared with the database. News then come late, and none is missed.
 *
 * A payload is "NODE NOTE NOTE...", a note "ACCOUNT.MAILBOX.MODSEQ" in hexadecimal; mailbox 0: the account's
 * tree.
 */
#include "store.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* PostgreSQL's limit is 8000. */
#define PAYLOAD_MAX 7900
#define RETRY_US    (G_USEC_PER_SEC)
#define TIMEOUT_US  (10 * G_USEC_PER_SEC)
/* Mailboxes in one query of the repair check. */
#define REPAIR_PIECE 1000
/* Mailboxes remembered for the repair check: at least so many, at most twice as many, 24 octets each and what
 * a hash table needs. */
#define KNOWN_MAX 500000

typedef struct {
  CfAccountId account;
  CfMailboxId mailbox;
  guint64 modseq;  /* of a note */
  guint name_hash; /* of a known mailbox */
} WatchKey;

struct _Watch {
  CfWatchFunc func;
  gpointer user_data;
  GThread *thread;
  char node[17]; /* who we are to others */
  int wake;      /* eventfd */

  GMutex lock; /* over the following */
  gboolean stop;
  GHashTable *notes;         /* WatchKey: itself; to be told to others */
  GHashTable *known, *older; /* WatchKey: itself; this process deals with them. Two generations, so that what
                                nobody has asked for in a long time is forgotten */

  /* The thread's own. */
  Pg *pg;
  gint64 next_repair;
  GArray *heard; /* WatchKey: what the repair check found */
};

static guint
watch_hash (gconstpointer data)
{
  const WatchKey *key = data;

  return (guint) (key->mailbox * 2654435761u ^ key->account);
}

static gboolean
watch_equal (gconstpointer a, gconstpointer b)
{
  const WatchKey *x = a, *y = b;

  return x->mailbox == y->mailbox && x->account == y->account;
}

static GHashTable *
watch_new_set (void)
{
  return g_hash_table_new_full (watch_hash, watch_equal, g_free, NULL);
}

static void
watch_wake (Watch *watch)
{
  guint64 one = 1;

  while (write (watch->wake, &one, sizeof one) < 0 && errno == EINTR) {
  }
}

/* ---- From other threads ------------------------------------------------------------------------------ */

void
watch_publish (CfStore *store, CfAccountId account, CfMailboxId mailbox, guint64 modseq)
{
  Watch *watch = store->watch;
  WatchKey key = { .account = account, .mailbox = mailbox, .modseq = modseq }, *known;

  if (watch == NULL)
    return;
  g_mutex_lock (&watch->lock);
  known = g_hash_table_lookup (watch->notes, &key);
  if (known == NULL)
    g_hash_table_add (watch->notes, g_memdup2 (&key, sizeof key));
  else if (known->modseq != 0) /* 0 says that it is to be looked at, whatever is known of it */
    known->modseq = modseq != 0 ? MAX (known->modseq, modseq) : 0;
  g_mutex_unlock (&watch->lock);
  watch_wake (watch);
}

void
watch_note (CfStore *store, CfAccountId account, CfMailboxId mailbox, const char *name)
{
  Watch *watch = store->watch;
  WatchKey key = { .account = account, .mailbox = mailbox, .name_hash = g_str_hash (name) }, *known;
  gboolean renamed = FALSE;

  if (watch == NULL)
    return;
  g_mutex_lock (&watch->lock);
  known = g_hash_table_lookup (watch->known, &key);
  if (known != NULL) {
    renamed = known->name_hash != key.name_hash;
    known->name_hash = key.name_hash;
  } else {
    if (g_hash_table_size (watch->known) >= KNOWN_MAX) {
      g_hash_table_unref (watch->older);
      watch->older = watch->known;
      watch->known = watch_new_set ();
    }
    g_hash_table_add (watch->known, g_memdup2 (&key, sizeof key));
  }
  g_mutex_unlock (&watch->lock);
  /* Whoever deals with it by its old name is to hear of that. */
  if (renamed)
    watch->func (account, 0, 0, watch->user_data);
}

/* ---- Saying ------------------------------------------------------------------------------------------ */

static void
watch_call (CfCall *call)
{
  *call = (CfCall){ .struct_size = sizeof *call,
                    .deadline = g_get_monotonic_time () + TIMEOUT_US,
                    .trace = "watch" };
}

static gboolean
watch_is_asked_to_stop (Watch *watch)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&watch->lock);

  return watch->stop;
}

static void
watch_send_payload (Watch *watch, GString *payload)
{
  params_copied_text (pg_params (watch->pg), payload->str);
  pg_send (watch->pg, STATEMENT_NOTIFY, NULL, NULL);
  g_string_assign (payload, watch->node);
}

/* Tells the others what @notes say. */
static gboolean
watch_say (Watch *watch, GHashTable *notes)
{
  g_autoptr (GString) payload = g_string_new (watch->node);
  g_autoptr (GError) error = NULL;
  GHashTableIter iter;
  gpointer data;
  CfCall call;

  watch_call (&call);
  if (!pg_begin (watch->pg, &call, PG_WRITE_LAX, &error))
    return FALSE;
  g_hash_table_iter_init (&iter, notes);
  while (g_hash_table_iter_next (&iter, &data, NULL)) {
    const WatchKey *note = data;

    g_string_append_printf (payload,
                            " %" G_GINT64_MODIFIER "x.%" G_GINT64_MODIFIER "x.%" G_GINT64_MODIFIER "x",
                            note->account, note->mailbox, note->modseq);
    if (payload->len > PAYLOAD_MAX - 54)
      watch_send_payload (watch, payload);
  }
  if (payload->len > strlen (watch->node))
    watch_send_payload (watch, payload);
  return pg_run (watch->pg, &error);
}

static gboolean
watch_say_notes (Watch *watch)
{
  g_autoptr (GHashTable) notes = watch_new_set ();
  GHashTableIter iter;
  gpointer data;

  g_mutex_lock (&watch->lock);
  {
    GHashTable *taken = watch->notes;

    watch->notes = notes;
    notes = taken;
  }
  g_mutex_unlock (&watch->lock);
  if (g_hash_table_size (notes) == 0 || watch_say (watch, notes))
    return TRUE;
  /* Whoever reconnects looks at everything; but it may be our connection alone that broke. */
  g_mutex_lock (&watch->lock);
  g_hash_table_iter_init (&iter, notes);
  while (g_hash_table_iter_next (&iter, &data, NULL)) {
    if (!g_hash_table_contains (watch->notes, data))
      g_hash_table_add (watch->notes, g_memdup2 (data, sizeof (WatchKey)));
  }
  g_mutex_unlock (&watch->lock);
  return FALSE;
}

/* ---- Hearing ----------------------------------------------------------------------------------------- */

static void
watch_take_payload (Watch *watch, const char *payload)
{
  g_auto (GStrv) words = g_strsplit (payload, " ", -1);

  if (words[0] == NULL || g_str_equal (words[0], watch->node))
    return;
  for (guint i = 1; words[i] != NULL; i++) {
    guint64 account, mailbox, modseq;

    if (sscanf (words[i], "%" G_GINT64_MODIFIER "x.%" G_GINT64_MODIFIER "x.%" G_GINT64_MODIFIER "x", &account,
                &mailbox, &modseq)
        == 3)
      watch->func (account, mailbox, modseq, watch->user_data);
  }
}

/* FALSE: the connection is lost. */
static gboolean
watch_hear (Watch *watch)
{
  gboolean ok = pg_consume (watch->pg);
  PGnotify *notification;

  while ((notification = pg_next_notification (watch->pg)) != NULL) {
    watch_take_payload (watch, notification->extra);
    PQfreemem (notification);
  }
  return ok;
}

/* ---- Repairing --------------------------------------------------------------------------------------- */

/* What this process deals with. */
static GArray *
watch_list_known (Watch *watch)
{
  GArray *list = g_array_new (FALSE, FALSE, sizeof (WatchKey));
  GHashTable *sets[2];

  g_mutex_lock (&watch->lock);
  sets[0] = watch->known;
  sets[1] = watch->older;
  for (guint i = 0; i < G_N_ELEMENTS (sets); i++) {
    GHashTableIter iter;
    gpointer data;

    g_hash_table_iter_init (&iter, sets[i]);
    while (g_hash_table_iter_next (&iter, &data, NULL)) {
      if (i == 0 || !g_hash_table_contains (watch->known, data))
        g_array_append_vals (list, data, 1);
    }
  }
  g_mutex_unlock (&watch->lock);
  return list;
}

/* Nobody deals with a mailbox that is gone. */
static void
watch_forget (Watch *watch, const WatchKey *key)
{
  g_mutex_lock (&watch->lock);
  g_hash_table_remove (watch->known, key);
  g_hash_table_remove (watch->older, key);
  g_mutex_unlock (&watch->lock);
}

static gboolean
watch_take_state (const Row *row, gpointer data, GError **error)
{
  Watch *watch = data;
  WatchKey key = { .account = (CfAccountId) row_int (row, 0),
                   .mailbox = (CfMailboxId) row_int (row, 1),
                   .modseq = (guint64) row_int (row, 2),
                   .name_hash = row_is_null (row, 3) ? 0 : g_str_hash (row_text (row, 3)) };

  g_array_append_val (watch->heard, key);
  return TRUE;
}

static gboolean
watch_ask_states (Watch *watch, const WatchKey *keys, guint n)
{
  g_autoptr (GError) error = NULL;
  Params *params;
  CfCall call;

  watch_call (&call);
  g_array_set_size (watch->heard, 0);
  if (!pg_begin (watch->pg, &call, PG_READ, &error))
    return FALSE;
  params = pg_params (watch->pg);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, (gint64) keys[i].account);
  params_array_end (params);
  params_array_begin (params, TYPE_INT8);
  for (guint i = 0; i < n; i++)
    params_element_int8 (params, (gint64) keys[i].mailbox);
  params_array_end (params);
  pg_send (watch->pg, STATEMENT_MAILBOX_STATES, watch_take_state, watch);
  return pg_run (watch->pg, &error) && watch->heard->len == n;
}

/* Core knows best whether a state is news to it. */
static gboolean
watch_repair_piece (Watch *watch, const WatchKey *keys, guint n)
{
  if (!watch_ask_states (watch, keys, n))
    return FALSE;
  for (guint i = 0; i < n; i++) {
    const WatchKey *state = &g_array_index (watch->heard, WatchKey, i);

    watch->func (state->account, state->mailbox, state->modseq, watch->user_data);
    if (state->modseq == 0)
      watch_forget (watch, state);
    else if (state->name_hash != keys[i].name_hash)
      watch->func (state->account, 0, 0, watch->user_data);
  }
  return TRUE;
}

static gboolean
watch_repair (Watch *watch)
{
  g_autoptr (GArray) list = NULL;

  if (g_get_monotonic_time () < watch->next_repair)
    return TRUE;
  watch->next_repair = g_get_monotonic_time () + store_config.repair_interval * G_USEC_PER_SEC;
  list = watch_list_known (watch);
  for (guint i = 0; i < list->len; i += REPAIR_PIECE) {
    if (watch_is_asked_to_stop (watch))
      return TRUE;
    if (!watch_repair_piece (watch, &g_array_index (list, WatchKey, i), MIN (REPAIR_PIECE, list->len - i)))
      return FALSE;
  }
  return TRUE;
}

/* ---- The thread -------------------------------------------------------------------------------------- */

/* Sleeps until there is something to say or to hear, or for @us. */
static void
watch_sleep (Watch *watch, int socket, gint64 us)
{
  struct pollfd fds[] = { { .fd = watch->wake, .events = POLLIN }, { .fd = socket, .events = POLLIN } };
  guint64 ignored;

  if (poll (fds, G_N_ELEMENTS (fds), (int) (MAX (us, 0) / 1000) + 1) > 0 && (fds[0].revents & POLLIN) != 0)
    while (read (watch->wake, &ignored, sizeof ignored) < 0 && errno == EINTR) {
    }
}

static gboolean
watch_warn (const Row *row, gpointer data, GError **error)
{
  g_warning ("storage-postgresql: PostgreSQL has %s = off: a crash may take what was answered OK",
             row_text (row, 0));
  return TRUE;
}

/* Here, as this is one connection to each server that is found, and no operator's command has it. */
static gboolean
watch_listen (Watch *watch, GError **error)
{
  CfCall call;

  watch_call (&call);
  watch->pg = pg_open (store_config.dsn, "watch", error);
  if (watch->pg == NULL || !pg_begin (watch->pg, &call, PG_READ, error))
    return FALSE;
  pg_params (watch->pg);
  pg_send_text (watch->pg, "listen coffer", NULL, NULL);
  pg_params (watch->pg);
  pg_send_text (watch->pg,
                "select name from pg_settings where setting = 'off'"
                " and name in ('fsync', 'full_page_writes', 'synchronous_commit')",
                watch_warn, NULL);
  if (!pg_run (watch->pg, error))
    return FALSE;
  pg_keep (watch->pg);
  return TRUE;
}

/* One connection's life. */
static void
watch_serve (Watch *watch)
{
  while (!watch_is_asked_to_stop (watch) && watch_hear (watch) && watch_say_notes (watch)
         && watch_repair (watch))
    watch_sleep (watch, pg_get_socket (watch->pg), watch->next_repair - g_get_monotonic_time ());
}

static gpointer
watch_run (gpointer data)
{
  Watch *watch = data;
  gboolean is_first = TRUE;

  while (!watch_is_asked_to_stop (watch)) {
    g_autoptr (GError) error = NULL;

    if (watch->pg == NULL && !watch_listen (watch, &error)) {
      g_clear_pointer (&watch->pg, pg_close);
      watch_sleep (watch, -1, RETRY_US);
      continue;
    }
    /* Anything may have happened while nobody listened. */
    if (!is_first)
      watch->func (0, 0, 0, watch->user_data);
    is_first = FALSE;
    watch_serve (watch);
    g_clear_pointer (&watch->pg, pg_close);
    if (!watch_is_asked_to_stop (watch))
      g_message ("storage-postgresql: The connection for notifications is lost");
  }
  return NULL;
}

static void
watch_free (Watch *watch)
{
  pg_close (watch->pg);
  close (watch->wake);
  g_hash_table_unref (watch->notes);
  g_hash_table_unref (watch->known);
  g_hash_table_unref (watch->older);
  g_array_unref (watch->heard);
  g_mutex_clear (&watch->lock);
  g_free (watch);
}

gboolean
slot_watch (CfStore *store, CfWatchFunc func, gpointer user_data, GError **error)
{
  Watch *watch = g_new0 (Watch, 1);

  watch->wake = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (watch->wake < 0) {
    g_set_error (error, CF_ERROR, CF_ERROR_LIMIT, "No descriptor for notifications: %s", g_strerror (errno));
    g_free (watch);
    return FALSE;
  }
  watch->func = func;
  watch->user_data = user_data;
  g_snprintf (watch->node, sizeof watch->node, "%08x%08x", g_random_int (), g_random_int ());
  g_mutex_init (&watch->lock);
  watch->notes = watch_new_set ();
  watch->known = watch_new_set ();
  watch->older = watch_new_set ();
  watch->heard = g_array_new (FALSE, FALSE, sizeof (WatchKey));
  watch->next_repair = g_get_monotonic_time () + store_config.repair_interval * G_USEC_PER_SEC;
  /* Before it hears, so that nothing is missed between. */
  if (!watch_listen (watch, error)) {
    watch_free (watch);
    return FALSE;
  }
  watch->thread = g_thread_new ("watch", watch_run, watch);
  store->watch = watch;
  return TRUE;
}

void
slot_unwatch (CfStore *store)
{
  Watch *watch = store->watch;

  if (watch == NULL)
    return;
  g_mutex_lock (&watch->lock);
  watch->stop = TRUE;
  g_mutex_unlock (&watch->lock);
  watch_wake (watch);
  g_thread_join (watch->thread);
  store->watch = NULL;
  watch_free (watch);
}
