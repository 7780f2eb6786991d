/* core/imap/partial.c - a range of something in order, counted from its beginning or its end (RFC 9394, 4;
 * coffer/session.h). */
#include "imap/input.h"

static gboolean
partial_read_end (CfInput *input, gboolean from_end, guint32 *out_number, GError **error)
{
  if (from_end && !cf_input_expect (input, '-', error))
    return FALSE;
  if (!cf_input_number (input, out_number, error))
    return FALSE;
  if (*out_number != 0)
    return TRUE;
  g_set_error_literal (error, CF_ERROR, CF_ERROR_BAD, "A range counts from 1");
  return FALSE;
}

gboolean
cf_input_partial (CfInput *input, CfPartial *out_partial, GError **error)
{
  CfInputMark mark = cf_input_mark (input);
  CfPartial partial = { .from_end = cf_input_peek (input) == '-' };

  if (!partial_read_end (input, partial.from_end, &partial.first, error)
      || !cf_input_expect (input, ':', error)
      || !partial_read_end (input, partial.from_end, &partial.last, error)) {
    cf_input_reset (input, mark);
    return FALSE;
  }
  *out_partial = partial;
  return TRUE;
}

CfUidSet *
cf_partial_apply (const CfPartial *partial, const CfUidSet *set)
{
  guint64 n = cf_uid_set_get_count (set);
  guint64 low = MIN (partial->first, partial->last), high = MAX (partial->first, partial->last);
  CfUidSet *part = cf_uid_set_new ();
  guint64 passed = 0; /* members before the range at hand */

  if (low > n)
    return part;
  high = MIN (high, n);
  if (partial->from_end) {
    guint64 last = n + 1 - low;

    low = n + 1 - high;
    high = last;
  }
  for (gsize i = 0; passed < high; i++) {
    CfUidRange range = cf_uid_set_get_range (set, i);
    guint64 length = (guint64) range.last - range.first + 1;

    if (passed + length >= low)
      cf_uid_set_add_range (part, range.first + (guint32) (low > passed ? low - passed - 1 : 0),
                            range.first + (guint32) (MIN (length, high - passed) - 1));
    passed += length;
  }
  return part;
}
