/* tests/fuzz/fuzz-uid-set.c - UID sets against a plain array of flags, and their text form.
 *
 * The first octet is 't' for a text that may be a set; else the octets are operations on two sets, four at a
 * time: which, and two UIDs, near 0 or near 2^32.
 */
#include "fuzz.h"

#include <coffer/types.h>
#include <string.h>

#define HALF 40
#define N    (2 * HALF) /* UIDs modelled: 1 to HALF, and as many at the end */

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_log_init ();
  return 0;
}

/* ---- The model: UIDs as an index; there is nothing between the halves ---- */

static guint32
uid_of (guint index)
{
  return index < HALF ? index + 1 : G_MAXUINT32 - (N - 1 - index);
}

static void
check_set (const CfUidSet *set, const gboolean *model)
{
  g_autofree char *text = cf_uid_set_to_string (set), *text_again = NULL;
  g_autoptr (CfUidSet) again = NULL;
  g_autoptr (GError) error = NULL;
  CfUidIter iter = { 0 };
  guint64 count = 0;
  guint32 uid;

  for (guint i = 0; i < N; i++) {
    FUZZ_CHECK (cf_uid_set_contains (set, uid_of (i)) == model[i], "%u in %s", uid_of (i), text);
    if (!model[i])
      continue;
    count++;
    FUZZ_CHECK (cf_uid_set_next (set, &iter, &uid) && uid == uid_of (i), "%u is not next in %s", uid_of (i),
                text);
  }
  FUZZ_CHECK (!cf_uid_set_next (set, &iter, &uid), "%u in %s", uid, text);
  FUZZ_CHECK (cf_uid_set_get_count (set) == count && cf_uid_set_is_empty (set) == (count == 0), "%s", text);
  for (gsize i = 1; i < cf_uid_set_get_n_ranges (set); i++)
    FUZZ_CHECK (cf_uid_set_get_range (set, i).first > cf_uid_set_get_range (set, i - 1).last + 1, "%s", text);
  if (count == 0)
    return;
  again = cf_uid_set_from_string (text, &error);
  FUZZ_CHECK (again != NULL, "%s: %s", text, error->message);
  text_again = cf_uid_set_to_string (again);
  FUZZ_CHECK (g_str_equal (text, text_again), "%s becomes %s", text, text_again);
}

typedef struct {
  CfUidSet *set;
  gboolean model[N];
} Modelled;

static void
modelled_set_range (Modelled *modelled, guint first, guint last, gboolean value)
{
  for (guint i = first; i <= last; i++)
    modelled->model[i] = value;
}

static void
carry_out (Modelled *a, Modelled *b, guint8 operation, guint first, guint last)
{
  switch (operation % 6) {
  case 0:
    cf_uid_set_add (a->set, uid_of (first));
    a->model[first] = TRUE;
    break;
  case 1:
    cf_uid_set_add_range (a->set, uid_of (first), uid_of (last));
    modelled_set_range (a, first, last, TRUE);
    break;
  case 2:
    cf_uid_set_remove_range (a->set, uid_of (first), uid_of (last));
    modelled_set_range (a, first, last, FALSE);
    break;
  case 3:
    cf_uid_set_add_set (a->set, b->set);
    for (guint i = 0; i < N; i++)
      a->model[i] |= b->model[i];
    break;
  case 4: {
    CfUidSet *both = cf_uid_set_intersect (a->set, b->set);

    cf_uid_set_free (a->set);
    a->set = both;
    for (guint i = 0; i < N; i++)
      a->model[i] &= b->model[i];
    break;
  }
  default: {
    CfUidSet *copy = cf_uid_set_copy (b->set);

    cf_uid_set_free (a->set);
    a->set = copy;
    memcpy (a->model, b->model, sizeof a->model);
  }
  }
}

static void
try_operations (FuzzInput *input)
{
  Modelled sets[2] = { { .set = cf_uid_set_new () }, { .set = cf_uid_set_new () } };

  while (input->size >= 4) {
    guint which = fuzz_take_octet (input) % 2, operation = fuzz_take_octet (input);
    guint a = fuzz_take_octet (input) % N, b = fuzz_take_octet (input) % N;
    guint first = MIN (a, b), last = MAX (a, b);

    /* A range over both halves would have members that the model has not. */
    if (first < HALF && last >= HALF)
      last = HALF - 1;
    carry_out (&sets[which], &sets[!which], (guint8) operation, first, last);
    check_set (sets[which].set, sets[which].model);
  }
  cf_uid_set_free (sets[0].set);
  cf_uid_set_free (sets[1].set);
}

/* ---- Texts ---- */

/* A number without sign or blank; FALSE: there is none. */
static gboolean
read_number (const char **at, guint32 *out)
{
  guint64 number = 0;
  const char *start = *at;

  for (; g_ascii_isdigit (**at) && number <= G_MAXUINT32; (*at)++)
    number = number * 10 + (guint64) (**at - '0');
  *out = (guint32) number;
  return *at > start && *start != '0' && number <= G_MAXUINT32;
}

/* Whether @text is a set, and, of the first UIDs, which are in it. */
static gboolean
read_naively (const char *text, gboolean model[HALF + 1])
{
  do {
    guint32 first, last;

    if (!read_number (&text, &first))
      return FALSE;
    last = first;
    if (*text == ':') {
      text++;
      if (!read_number (&text, &last))
        return FALSE;
    }
    for (guint32 i = MIN (first, last); i <= MIN (MAX (first, last), HALF); i++)
      model[i] = TRUE;
  } while (*text++ == ',');
  return text[-1] == '\0';
}

static void
try_text (FuzzInput *input)
{
  gboolean model[HALF + 1] = { FALSE };
  gsize length;
  g_autofree char *text = fuzz_take_rest (input, &length);
  g_autoptr (GError) error = NULL;
  g_autoptr (CfUidSet) set = cf_uid_set_from_string (text, &error);
  gboolean good = read_naively (text, model);

  FUZZ_CHECK ((set == NULL) == (error != NULL), "result and error disagree");
  FUZZ_CHECK (good == (set != NULL) || *text == '\0', "'%s': %s", text,
              error != NULL ? error->message : "accepted");
  for (guint32 i = 1; set != NULL && i <= HALF; i++)
    FUZZ_CHECK (cf_uid_set_contains (set, i) == model[i], "%u in '%s'", i, text);
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  FuzzInput input = { data, size };

  if (size > 0 && data[0] == 't') {
    fuzz_take_octet (&input);
    try_text (&input);
  } else {
    try_operations (&input);
  }
  return 0;
}
