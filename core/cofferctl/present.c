/* core/cofferctl/present.c - which messages a mailbox holds already (present.h).
 *
 * Sizes come from the index, for nothing. RFC822.SIZE is that of what BODY[] sends; a message with NUL octets
 * has another of its own (RFC 3516, 4.3), so for such ones BINARY.SIZE[] is asked as well, once.
 */
#include "cofferctl/present.h"

#include <string.h>

typedef struct {
  guint32 uid;
  char *hash; /* NULL: not read yet */
  gboolean taken;
} Candidate;

struct _CtlPresent {
  CtlImap *imap;
  GHashTable *sizes;      /* RFC822.SIZE -> GPtrArray of Candidate */
  GHashTable *raw_sizes;  /* octets as appended -> the same; NULL: not asked */
  GHashTable *candidates; /* UID -> Candidate, owned */
};

static void
candidate_free (gpointer data)
{
  Candidate *candidate = data;

  g_free (candidate->hash);
  g_free (candidate);
}

static GHashTable *
sizes_new (void)
{
  return g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, (GDestroyNotify) g_ptr_array_unref);
}

static void
sizes_add (GHashTable *sizes, gint64 size, Candidate *candidate)
{
  GPtrArray *same = g_hash_table_lookup (sizes, &size);

  if (same == NULL) {
    same = g_ptr_array_new ();
    g_hash_table_insert (sizes, g_memdup2 (&size, sizeof size), same);
  }
  g_ptr_array_add (same, candidate);
}

static gboolean
take_size (GPtrArray *values, gpointer user_data, GError **error)
{
  CtlPresent *present = user_data;
  GPtrArray *items;
  Candidate *candidate;
  CtlValue *size;
  guint32 uid;

  if (!ctl_imap_is_fetch (values, &uid, &items))
    return TRUE;
  size = ctl_value_lookup (items, "RFC822.SIZE");
  if (size == NULL || size->text == NULL
      || g_hash_table_contains (present->candidates, GUINT_TO_POINTER (uid)))
    return TRUE;
  candidate = g_new0 (Candidate, 1);
  candidate->uid = uid;
  g_hash_table_replace (present->candidates, GUINT_TO_POINTER (uid), candidate);
  sizes_add (present->sizes, g_ascii_strtoll (size->text, NULL, 10), candidate);
  return TRUE;
}

CtlPresent *
ctl_present_new (CtlImap *imap, const char *mailbox, GError **error)
{
  CtlPresent *present = g_new0 (CtlPresent, 1);

  present->imap = imap;
  present->sizes = sizes_new ();
  present->candidates = g_hash_table_new_full (NULL, NULL, NULL, candidate_free);
  if (ctl_imap_examine (imap, mailbox, NULL, error)
      && ctl_imap_command (imap, take_size, present, error, "UID FETCH 1:* (RFC822.SIZE)"))
    return present;
  ctl_present_free (present);
  return NULL;
}

void
ctl_present_free (CtlPresent *present)
{
  g_hash_table_unref (present->sizes);
  g_clear_pointer (&present->raw_sizes, g_hash_table_unref);
  g_hash_table_unref (present->candidates);
  g_free (present);
}

/* ---- Messages with NUL ---- */

static gboolean
take_raw_size (GPtrArray *values, gpointer user_data, GError **error)
{
  CtlPresent *present = user_data;
  Candidate *candidate;
  GPtrArray *items;
  CtlValue *size;
  guint32 uid;

  if (!ctl_imap_is_fetch (values, &uid, &items))
    return TRUE;
  size = ctl_value_lookup (items, "BINARY.SIZE[]");
  candidate = g_hash_table_lookup (present->candidates, GUINT_TO_POINTER (uid));
  if (candidate != NULL && size != NULL && size->text != NULL)
    sizes_add (present->raw_sizes, g_ascii_strtoll (size->text, NULL, 10), candidate);
  return TRUE;
}

static gboolean
ask_raw_sizes (CtlPresent *present, GError **error)
{
  if (present->raw_sizes != NULL)
    return TRUE;
  present->raw_sizes = sizes_new ();
  return ctl_imap_command (present->imap, take_raw_size, present, error, "UID FETCH 1:* (BINARY.SIZE[])");
}

/* ---- Comparing ---- */

static gboolean
take_octets (GPtrArray *values, gpointer user_data, GError **error)
{
  Candidate *candidate = user_data;
  GPtrArray *items;
  CtlValue *value;
  guint32 uid;

  if (!ctl_imap_is_fetch (values, &uid, &items) || uid != candidate->uid)
    return TRUE;
  value = ctl_value_lookup (items, "BINARY[]");
  if (value != NULL && value->octets != NULL) {
    g_free (candidate->hash);
    candidate->hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, value->octets);
  }
  return TRUE;
}

/* A message that was expunged meanwhile has no hash, and equals none. */
static gboolean
candidate_read (CtlPresent *present, Candidate *candidate, GError **error)
{
  if (candidate->hash != NULL)
    return TRUE;
  if (!ctl_imap_command (present->imap, take_octets, candidate, error, "UID FETCH %u (BINARY.PEEK[])",
                         candidate->uid))
    return FALSE;
  if (candidate->hash == NULL)
    candidate->hash = g_strdup ("");
  return TRUE;
}

gboolean
ctl_present_take (CtlPresent *present, GBytes *octets, gboolean *out_found, GError **error)
{
  gsize length;
  const char *data = g_bytes_get_data (octets, &length);
  gboolean nul = length > 0 && memchr (data, '\0', length) != NULL;
  g_autofree char *hash = NULL;
  gint64 size = (gint64) length;
  GPtrArray *same;

  *out_found = FALSE;
  if (g_hash_table_size (present->candidates) == 0)
    return TRUE;
  if (nul && !ask_raw_sizes (present, error))
    return FALSE;
  same = g_hash_table_lookup (nul ? present->raw_sizes : present->sizes, &size);
  for (guint i = 0; same != NULL && i < same->len && !*out_found; i++) {
    Candidate *candidate = g_ptr_array_index (same, i);

    if (candidate->taken)
      continue;
    if (!candidate_read (present, candidate, error))
      return FALSE;
    if (hash == NULL)
      hash = g_compute_checksum_for_bytes (G_CHECKSUM_SHA256, octets);
    *out_found = candidate->taken = g_str_equal (hash, candidate->hash);
  }
  return TRUE;
}
