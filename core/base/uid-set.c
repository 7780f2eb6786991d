/* core/base/uid-set.c - sets of UIDs or message sequence numbers (coffer/types.h).
 *
 * A sorted array of disjoint, non-adjacent ranges. Look-ups are binary searches; appending in ascending order
 * touches the last range alone; an operation on two sets is one merge of both arrays.
 */
#include <coffer/types.h>

#include <stdlib.h>

struct _CfUidSet {
  GArray *ranges; /* CfUidRange */
};

#define RANGE(set, i) g_array_index ((set)->ranges, CfUidRange, i)

CfUidSet *
cf_uid_set_new (void)
{
  CfUidSet *set = g_new (CfUidSet, 1);

  set->ranges = g_array_new (FALSE, FALSE, sizeof (CfUidRange));
  return set;
}

CfUidSet *
cf_uid_set_copy (const CfUidSet *set)
{
  CfUidSet *copy = g_new (CfUidSet, 1);

  copy->ranges = g_array_copy (set->ranges);
  return copy;
}

void
cf_uid_set_free (CfUidSet *set)
{
  if (set == NULL)
    return;
  g_array_unref (set->ranges);
  g_free (set);
}

/* The first range whose last member is at least @uid; the number of ranges when there is none. */
static guint
uid_set_find (const CfUidSet *set, guint64 uid)
{
  guint low = 0, high = set->ranges->len;

  if (high > 0 && RANGE (set, high - 1).last < uid)
    return high;
  while (low < high) {
    guint middle = low + (high - low) / 2;

    if (RANGE (set, middle).last < uid)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

void
cf_uid_set_add (CfUidSet *set, guint32 uid)
{
  cf_uid_set_add_range (set, uid, uid);
}

void
cf_uid_set_add_range (CfUidSet *set, guint32 first, guint32 last)
{
  CfUidRange range = { MAX (first, 1), last };
  guint begin, end;

  if (range.first > range.last)
    return;

  /* Every range that overlaps or touches the new one is absorbed: from the first that ends at or after
   * first - 1 to the last that begins at or before last + 1. */
  begin = uid_set_find (set, (guint64) range.first - 1);
  for (end = begin; end < set->ranges->len; end++)
    if (RANGE (set, end).first > (guint64) range.last + 1)
      break;
  if (begin == end) {
    g_array_insert_val (set->ranges, begin, range);
    return;
  }

  RANGE (set, begin).first = MIN (range.first, RANGE (set, begin).first);
  RANGE (set, begin).last = MAX (range.last, RANGE (set, end - 1).last);
  if (end - begin > 1)
    g_array_remove_range (set->ranges, begin + 1, end - begin - 1);
}

void
cf_uid_set_add_set (CfUidSet *set, const CfUidSet *other)
{
  g_autoptr (GArray) old = NULL;
  guint i = 0, j = 0;

  if (set == other || other->ranges->len == 0)
    return;
  if (set->ranges->len == 0 || RANGE (set, set->ranges->len - 1).last < RANGE (other, 0).first) {
    for (; j < other->ranges->len; j++)
      cf_uid_set_add_range (set, RANGE (other, j).first, RANGE (other, j).last);
    return;
  }

  old = g_steal_pointer (&set->ranges);
  set->ranges = g_array_sized_new (FALSE, FALSE, sizeof (CfUidRange), old->len + other->ranges->len);
  while (i < old->len || j < other->ranges->len) {
    CfUidRange range;

    if (j == other->ranges->len
        || (i < old->len && g_array_index (old, CfUidRange, i).first <= RANGE (other, j).first))
      range = g_array_index (old, CfUidRange, i++);
    else
      range = RANGE (other, j++);
    cf_uid_set_add_range (set, range.first, range.last);
  }
}

void
cf_uid_set_remove_range (CfUidSet *set, guint32 first, guint32 last)
{
  guint begin, end;

  if (first > last)
    return;

  begin = uid_set_find (set, first);
  if (begin == set->ranges->len || RANGE (set, begin).first > last)
    return;

  if (RANGE (set, begin).first < first) {
    CfUidRange tail = { last + 1, RANGE (set, begin).last };

    RANGE (set, begin).last = first - 1;
    if (tail.last > last) { /* removed from the middle: the range becomes two */
      g_array_insert_val (set->ranges, begin + 1, tail);
      return;
    }
    begin++;
  }
  for (end = begin; end < set->ranges->len; end++)
    if (RANGE (set, end).last > last)
      break;
  if (end < set->ranges->len && RANGE (set, end).first <= last)
    RANGE (set, end).first = last + 1;
  if (end > begin)
    g_array_remove_range (set->ranges, begin, end - begin);
}

gboolean
cf_uid_set_contains (const CfUidSet *set, guint32 uid)
{
  guint i = uid_set_find (set, uid);

  return i < set->ranges->len && RANGE (set, i).first <= uid;
}

gboolean
cf_uid_set_is_empty (const CfUidSet *set)
{
  return set->ranges->len == 0;
}

guint64
cf_uid_set_get_count (const CfUidSet *set)
{
  guint64 count = 0;

  for (guint i = 0; i < set->ranges->len; i++)
    count += (guint64) RANGE (set, i).last - RANGE (set, i).first + 1;
  return count;
}

gsize
cf_uid_set_get_n_ranges (const CfUidSet *set)
{
  return set->ranges->len;
}

CfUidRange
cf_uid_set_get_range (const CfUidSet *set, gsize i)
{
  g_return_val_if_fail (i < set->ranges->len, ((CfUidRange){ 0, 0 }));
  return RANGE (set, i);
}

CfUidSet *
cf_uid_set_intersect (const CfUidSet *a, const CfUidSet *b)
{
  CfUidSet *both = cf_uid_set_new ();
  guint i = 0, j = 0;

  while (i < a->ranges->len && j < b->ranges->len) {
    CfUidRange x = RANGE (a, i), y = RANGE (b, j);

    cf_uid_set_add_range (both, MAX (x.first, y.first), MIN (x.last, y.last));
    if (x.last < y.last)
      i++;
    else
      j++;
  }
  return both;
}

char *
cf_uid_set_to_string (const CfUidSet *set)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < set->ranges->len; i++) {
    CfUidRange range = RANGE (set, i);

    if (i > 0)
      g_string_append_c (text, ',');
    g_string_append_printf (text, "%u", range.first);
    if (range.last > range.first)
      g_string_append_printf (text, ":%u", range.last);
  }
  return g_string_free (text, FALSE);
}

/* nz-number of RFC 3501, 9. */
static gboolean
uid_set_parse_number (const char **text, guint32 *out_number)
{
  const char *at = *text;
  guint64 number = 0;

  if (*at < '1' || *at > '9')
    return FALSE;
  for (; g_ascii_isdigit (*at); at++) {
    number = number * 10 + (guint64) (*at - '0');
    if (number > G_MAXUINT32)
      return FALSE;
  }
  *text = at;
  *out_number = (guint32) number;
  return TRUE;
}

static gboolean
uid_set_parse_range (const char **text, CfUidRange *out_range)
{
  guint32 a, b;

  if (!uid_set_parse_number (text, &a))
    return FALSE;
  b = a;
  if (**text == ':') {
    (*text)++;
    if (!uid_set_parse_number (text, &b))
      return FALSE;
  }
  *out_range = (CfUidRange){ MIN (a, b), MAX (a, b) };
  return TRUE;
}

static int
uid_set_compare (const void *a, const void *b)
{
  guint32 x = ((const CfUidRange *) a)->first, y = ((const CfUidRange *) b)->first;

  return x < y ? -1 : x > y;
}

CfUidSet *
cf_uid_set_from_string (const char *text, GError **error)
{
  g_autoptr (GArray) ranges = g_array_new (FALSE, FALSE, sizeof (CfUidRange));
  CfUidSet *set;

  for (gboolean more = *text != '\0'; more;) {
    CfUidRange range;

    if (!uid_set_parse_range (&text, &range) || (*text != ',' && *text != '\0')) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "Invalid UID set");
      return NULL;
    }
    g_array_append_val (ranges, range);
    more = *text == ',';
    if (more)
      text++;
  }

  /* Sorted first, so that ranges in hostile order cost no more than ranges in order. */
  if (ranges->len > 1)
    qsort (ranges->data, ranges->len, sizeof (CfUidRange), uid_set_compare);
  set = cf_uid_set_new ();
  for (guint i = 0; i < ranges->len; i++) {
    CfUidRange range = g_array_index (ranges, CfUidRange, i);

    cf_uid_set_add_range (set, range.first, range.last);
  }
  return set;
}

gboolean
cf_uid_set_next (const CfUidSet *set, CfUidIter *iter, guint32 *out_uid)
{
  CfUidRange range;

  if (iter->range >= set->ranges->len)
    return FALSE;

  range = RANGE (set, iter->range);
  *out_uid = iter->next == 0 ? range.first : iter->next;
  if (*out_uid == range.last) {
    iter->range++;
    iter->next = 0;
  } else {
    iter->next = *out_uid + 1;
  }
  return TRUE;
}
