/* storage-postgresql/watch.c - what nodes tell each other of their commits.
 *
 * One thread with a connection of its own, on which it says NOTIFY and hears. A commit leaves a note and
 * wakes it; what has gathered while a NOTIFY was under way goes with the next one, the newest MODSEQ for each
 * mailbox. So a commit never waits for a notification, and none is part of a writing transaction, where it
 * would put all commits of the cluster in a row. Whoever hears of its own notes passes over them.
 *
 * A notification may be lost: the connection breaks, a node dies between commit and NOTIFY. Therefore a new
 * connection counts as news of everything, and every repair_interval the mailboxes and accounts that this
 * process has dealt with are compared with the database. News then come late, and none is missed.
 *
 * The same comparison finds mailboxes that are behind what this process has told its clients: commits were
 * lost, in a failover to a standby that did not have them, or in a restore. Those get a new UIDVALIDITY. When
 * the database is elsewhere than before (pg.h, PgGuard), workers get at it only after that.
 *
 * A payload is "NODE NOTE NOTE...", a note "ACCOUNT.MAILBOX.MODSEQ" in hexadecimal, which means what it does
 * to a CfWatchFunc.
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

typedef struct {
  CfAccountId account;
  CfMailboxId mailbox;
  guint64 modseq;
} Note;

struct _Watch {
  CfStore *store;
  CfWatchFunc func;
  gpointer user_data;
  GThread *thread;
  char node[17]; /* who we are to others */
  int wake;      /* eventfd */
  Known *known;
  Known *accounts; /* the same of accounts, as mailbox 0: sessions may be in them */

  GMutex lock; /* over the following */
  gboolean stop;
  gboolean elsewhere; /* others were led to another database than this connection was */
  GHashTable *notes;  /* Note: itself; to be told to others */

  /* The thread's own. */
  Pg *pg;
  gint64 next_repair;
};

static guint
note_hash (gconstpointer data)
{
  const Note *key = data;

  return (guint) (key->mailbox * 2654435761u ^ key->account);
}

static gboolean
note_equal (gconstpointer a, gconstpointer b)
{
  const Note *x = a, *y = b;

  return x->mailbox == y->mailbox && x->account == y->account;
}

static GHashTable *
watch_new_notes (void)
{
  return g_hash_table_new_full (note_hash, note_equal, g_free, NULL);
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
  Note key = { .account = account, .mailbox = mailbox, .modseq = modseq }, *known;

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
watch_note (CfStore *store, const KnownMailbox *state, gboolean own)
{
  Watch *watch = store->watch;

  /* Whoever deals with it by its old name is to hear of that. */
  if (watch != NULL && known_note (watch->known, state, own))
    watch->func (state->account, 0, 0, watch->user_data);
}

void
watch_note_renamed (CfStore *store, CfAccountId account, CfMailboxId mailbox, guint name_hash)
{
  if (store->watch != NULL)
    known_rename (store->watch->known, account, mailbox, name_hash);
}

void
watch_note_account (CfStore *store, CfAccountId account)
{
  if (store->watch != NULL)
    known_note (store->watch->accounts, &(KnownMailbox){ .account = account }, FALSE);
}

/* The guard's: a worker was led elsewhere. */
static void
watch_take_elsewhere (gpointer data)
{
  Watch *watch = data;

  g_mutex_lock (&watch->lock);
  watch->elsewhere = TRUE;
  g_mutex_unlock (&watch->lock);
  watch_wake (watch);
}

/* ---- Saying ------------------------------------------------------------------------------------------ */

void
watch_call (CfCall *call)
{
  *call = (CfCall){ .struct_size = sizeof *call,
                    .deadline = g_get_monotonic_time () + TIMEOUT_US,
                    .trace = "watch" };
}

gboolean
watch_is_asked_to_stop (Watch *watch)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&watch->lock);

  return watch->stop;
}

/* Whether to look for the database once more; asks once. */
static gboolean
watch_is_elsewhere (Watch *watch)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&watch->lock);
  gboolean elsewhere = watch->elsewhere;

  watch->elsewhere = FALSE;
  return elsewhere;
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
    const Note *note = data;

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
  g_autoptr (GHashTable) notes = watch_new_notes ();
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
      g_hash_table_add (watch->notes, g_memdup2 (data, sizeof (Note)));
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
        != 3)
      continue;
    known_tell (watch->known, account, mailbox, modseq);
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

/* Here, as this is one connection to each server that is found. */
static gboolean
watch_listen (Watch *watch, GError **error)
{
  CfCall call;

  watch_call (&call);
  watch->pg = pg_open (store_config.dsn, "watch", NULL, error);
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

/* FALSE: the connection is lost. */
static gboolean
watch_compare (Watch *watch)
{
  watch->next_repair = g_get_monotonic_time () + store_config.repair_interval * G_USEC_PER_SEC;
  return compare_run (watch, watch->pg, watch->known, watch->func, watch->user_data)
         && compare_run_accounts (watch, watch->pg, watch->accounts, watch->func, watch->user_data);
}

/* From now on workers are let in where this connection leads. */
static void
watch_open_guard (Watch *watch)
{
  PgGuard *guard = &watch->store->guard;

  g_mutex_lock (&guard->lock);
  g_free (guard->place);
  guard->place = g_strdup (pg_get_place (watch->pg));
  guard->elsewhere = watch_take_elsewhere;
  guard->data = watch;
  g_mutex_unlock (&guard->lock);
}

static void
watch_remove_guard (Watch *watch)
{
  PgGuard *guard = &watch->store->guard;

  g_mutex_lock (&guard->lock);
  g_clear_pointer (&guard->place, g_free);
  g_mutex_unlock (&guard->lock);
}

/* A connection after another. Anything may have happened while nobody listened. FALSE: it is lost as well. */
static gboolean
watch_resume (Watch *watch)
{
  if (!watch_compare (watch))
    return FALSE;
  watch_open_guard (watch);
  watch->func (0, 0, 0, watch->user_data);
  return TRUE;
}

/* One connection's life. At the end of all the last commits are told: the process may be one that lives for a
 * single command. */
static void
watch_serve (Watch *watch)
{
  while (!watch_is_asked_to_stop (watch) && !watch_is_elsewhere (watch) && watch_hear (watch)
         && watch_say_notes (watch)
         && (g_get_monotonic_time () < watch->next_repair || watch_compare (watch)))
    watch_sleep (watch, pg_get_socket (watch->pg), watch->next_repair - g_get_monotonic_time ());
  if (watch_is_asked_to_stop (watch))
    watch_say_notes (watch);
}

static gpointer
watch_run (gpointer data)
{
  Watch *watch = data;
  gboolean is_first = TRUE;

  while (!watch_is_asked_to_stop (watch)) {
    g_autoptr (GError) error = NULL;

    if ((watch->pg == NULL && !watch_listen (watch, &error)) || (!is_first && !watch_resume (watch))) {
      g_clear_pointer (&watch->pg, pg_close);
      watch_sleep (watch, -1, RETRY_US);
      continue;
    }
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
  known_free (watch->known);
  known_free (watch->accounts);
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
  watch->store = store;
  watch->func = func;
  watch->user_data = user_data;
  g_snprintf (watch->node, sizeof watch->node, "%08x%08x", g_random_int (), g_random_int ());
  g_mutex_init (&watch->lock);
  watch->notes = watch_new_notes ();
  watch->known = known_new ();
  watch->accounts = known_new ();
  watch->next_repair = g_get_monotonic_time () + store_config.repair_interval * G_USEC_PER_SEC;
  /* Before it hears, so that nothing is missed between. */
  if (!watch_listen (watch, error)) {
    watch_free (watch);
    return FALSE;
  }
  watch_open_guard (watch);
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
  watch_remove_guard (watch);
  store->watch = NULL;
  watch_free (watch);
}
