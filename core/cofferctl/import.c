/* core/cofferctl/import.c - import: Maildirs and mbox files into an account.
 *
 * Folder by folder, in batches of one APPEND each, which the server commits as a whole. What is there already
 * is found by its octets (present.h), so a run that was ended at any point is simply started again.
 */
#include "cofferctl/cofferctl.h"

#include <gio/gio.h>
#include <stdio.h>

#include "cofferctl/folders.h"
#include "cofferctl/imap-client.h"
#include "cofferctl/present.h"
#include "cofferctl/progress.h"

/* One batch; the server holds it in memory or in spool files until it is complete. */
#define BATCH_MESSAGES 200
#define BATCH_OCTETS   (8 * 1024 * 1024)

typedef struct {
  CtlImap *imap;
  CtlProgress progress;
  GHashTable *presents; /* mailbox -> CtlPresent: what was there before this run */
  const char *mailbox;  /* the one at hand */
  CtlPresent *present;  /* its */
  GPtrArray *batch;     /* of CtlMessage */
  gsize batch_octets;
  guint64 imported, skipped, failed; /* of the mailbox at hand */
  guint64 all_imported, all_skipped, all_failed;
} Import;

static void
import_warn (Import *import, const char *origin, const char *reason)
{
  ctl_progress_clear (&import->progress);
  if (origin != NULL)
    g_printerr ("cofferctl: %s: %s\n", origin, reason);
  else
    g_printerr ("cofferctl: %s\n", reason);
  import->failed++;
}

/* Whether the server refused this message, rather than could not store anything. */
static gboolean
is_refusal (const GError *error)
{
  return g_error_matches (error, CF_ERROR, CF_ERROR_BAD) || g_error_matches (error, CF_ERROR, CF_ERROR_NO)
         || g_error_matches (error, CF_ERROR, CF_ERROR_TOOBIG)
         || g_error_matches (error, CF_ERROR, CF_ERROR_LIMIT);
}

static void
import_count (Import *import, const CtlMessage *message)
{
  import->imported++;
  ctl_progress_step (&import->progress, message->cost);
}

/* All of the batch was refused for the sake of one: each on its own then. */
static gboolean
import_one_by_one (Import *import, GError **error)
{
  for (guint i = 0; i < import->batch->len; i++) {
    CtlMessage *message = g_ptr_array_index (import->batch, i);
    g_autoptr (GPtrArray) alone = g_ptr_array_new ();
    g_autoptr (GError) local = NULL;

    g_ptr_array_add (alone, message);
    if (ctl_imap_append (import->imap, import->mailbox, alone, &local)) {
      import_count (import, message);
    } else if (is_refusal (local)) {
      import_warn (import, message->origin, local->message);
    } else {
      g_propagate_error (error, g_steal_pointer (&local));
      return FALSE;
    }
  }
  return TRUE;
}

static gboolean
import_flush (Import *import, GError **error)
{
  g_autoptr (GError) local = NULL;
  gboolean good = TRUE;

  if (import->batch->len == 0)
    return TRUE;
  if (ctl_imap_append (import->imap, import->mailbox, import->batch, &local)) {
    for (guint i = 0; i < import->batch->len; i++)
      import_count (import, g_ptr_array_index (import->batch, i));
  } else if (is_refusal (local)) {
    good = import_one_by_one (import, error);
  } else {
    g_propagate_error (error, g_steal_pointer (&local));
    good = FALSE;
  }
  g_ptr_array_set_size (import->batch, 0);
  import->batch_octets = 0;
  return good;
}

/* Takes over @message. */
static gboolean
import_message (Import *import, CtlMessage *read, GError **error)
{
  g_autoptr (CtlMessage) message = read;
  gsize length = g_bytes_get_size (message->octets);
  gboolean found;

  if (length > ctl_imap_get_append_limit (import->imap)) {
    import_warn (import, message->origin, "larger than [imap] append_limit");
    return TRUE;
  }
  if (!ctl_present_take (import->present, message->octets, &found, error))
    return FALSE;
  if (found) {
    import->skipped++;
    ctl_progress_step (&import->progress, message->cost);
    return TRUE;
  }
  if ((import->batch->len == BATCH_MESSAGES || import->batch_octets + length > BATCH_OCTETS)
      && !import_flush (import, error))
    return FALSE;
  import->batch_octets += length;
  g_ptr_array_add (import->batch, g_steal_pointer (&message));
  return TRUE;
}

static gboolean
import_messages (Import *import, CtlReader *reader, GError **error)
{
  for (;;) {
    g_autoptr (GError) unreadable = NULL;
    CtlMessage *message;

    if (!reader->next (reader->self, &message, &unreadable))
      import_warn (import, NULL, unreadable->message);
    else if (message == NULL)
      return import_flush (import, error);
    else if (!import_message (import, message, error))
      return FALSE;
  }
}

static void
import_report (Import *import)
{
  ctl_progress_clear (&import->progress);
  printf ("%s: %" G_GUINT64_FORMAT " imported, %" G_GUINT64_FORMAT " there already", import->mailbox,
          import->imported, import->skipped);
  if (import->failed > 0)
    printf (", %" G_GUINT64_FORMAT " not imported", import->failed);
  printf ("\n");
  fflush (stdout);
  import->all_imported += import->imported;
  import->all_skipped += import->skipped;
  import->all_failed += import->failed;
  import->imported = import->skipped = import->failed = 0;
}

/* Several folders may belong to one mailbox; what it held stands for messages of them all, each once. */
static gboolean
import_select (Import *import, const char *mailbox, GError **error)
{
  import->mailbox = mailbox;
  import->present = g_hash_table_lookup (import->presents, mailbox);
  if (import->present != NULL)
    return ctl_imap_examine (import->imap, mailbox, NULL, error);
  if (!ctl_imap_create (import->imap, mailbox, error))
    return FALSE;
  import->present = ctl_present_new (import->imap, mailbox, error);
  if (import->present != NULL)
    g_hash_table_insert (import->presents, g_strdup (mailbox), import->present);
  return import->present != NULL;
}

static gboolean
import_folder (Import *import, const CtlFolder *folder, GError **error)
{
  CtlReader reader;
  gboolean good;

  if (!folder->open (&reader, folder->path, error))
    return FALSE;
  good = import_select (import, folder->mailbox, error) && import_messages (import, &reader, error);
  reader.free (reader.self);
  import_report (import);
  return good;
}

static guint64
count_octets (GPtrArray *folders)
{
  guint64 octets = 0;

  for (guint i = 0; i < folders->len; i++) {
    const CtlFolder *folder = g_ptr_array_index (folders, i);
    CtlReader reader;

    /* What is wrong with it is told when its turn comes. */
    if (!folder->open (&reader, folder->path, NULL))
      continue;
    octets += reader.octets;
    reader.free (reader.self);
  }
  return octets;
}

/* What could not be taken makes the run a failed one, so that nobody has to read every line. */
static gboolean
import_sum_up (const Import *import, guint left_out, GError **error)
{
  printf ("%" G_GUINT64_FORMAT " imported, %" G_GUINT64_FORMAT " there already\n", import->all_imported,
          import->all_skipped);
  if (import->all_failed == 0 && left_out == 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
               "%" G_GUINT64_FORMAT " messages could not be imported, %u folders or files were left out",
               import->all_failed, left_out);
  return FALSE;
}

gboolean
ctl_import (CtlCall *call, GError **error)
{
  guint left_out = 0;
  g_autoptr (GPtrArray) folders
      = ctl_folders_find (call->args[1], call->options.mailbox, call->options.format, &left_out, error);
  g_autoptr (GPtrArray) batch = g_ptr_array_new_with_free_func ((GDestroyNotify) ctl_message_free);
  g_autoptr (GHashTable) presents
      = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, (GDestroyNotify) ctl_present_free);
  g_autoptr (CtlImap) imap = NULL;
  Import import = { .batch = batch, .presents = presents };

  if (folders == NULL)
    return FALSE;
  import.imap = imap = ctl_imap_open (call->connection, call->args[0], error);
  if (imap == NULL)
    return FALSE;
  ctl_progress_start (&import.progress, count_octets (folders));
  for (guint i = 0; i < folders->len; i++) {
    if (import_folder (&import, g_ptr_array_index (folders, i), error))
      continue;
    ctl_progress_clear (&import.progress);
    g_prefix_error (error, "The import is not complete (started again, it goes on): ");
    return FALSE;
  }
  return import_sum_up (&import, left_out, error);
}
