/* storage-postgresql/values.c - columns in binary form (values.h). */
#include "values.h"

#include <string.h>

static guint32
read_int4 (const guint8 *at)
{
  guint32 wire;

  memcpy (&wire, at, sizeof wire);
  return GUINT32_FROM_BE (wire);
}

static gint64
read_int8 (const guint8 *at)
{
  guint64 wire;

  memcpy (&wire, at, sizeof wire);
  return (gint64) GUINT64_FROM_BE (wire);
}

gboolean
row_is_null (const Row *row, int column)
{
  return PQgetisnull (row->result, row->row, column) != 0;
}

gconstpointer
row_octets (const Row *row, int column, gsize *out_length)
{
  *out_length = (gsize) PQgetlength (row->result, row->row, column);
  return PQgetvalue (row->result, row->row, column);
}

gboolean
row_bool (const Row *row, int column)
{
  gsize length;
  const guint8 *data = row_octets (row, column, &length);

  return length == 1 && *data != 0;
}

gint64
row_int (const Row *row, int column)
{
  gsize length;
  const guint8 *data = row_octets (row, column, &length);

  switch (length) {
  case 2:
    return (gint16) (data[0] << 8 | data[1]);
  case 4:
    return (gint32) read_int4 (data);
  case 8:
    return read_int8 (data);
  default:
    return 0;
  }
}

const char *
row_text (const Row *row, int column)
{
  return row_is_null (row, column) ? NULL : PQgetvalue (row->result, row->row, column);
}

/* ---- Ranges ------------------------------------------------------------------------------------------ */

/* A range of UIDs is [lower, upper): flags, and two numbers with their length in front. */
#define RANGE_FLAGS 0x02
#define RANGE_SIZE  25

gboolean
row_multirange (const Row *row, int column, CfUidSet *uids)
{
  gsize length;
  const guint8 *data = row_octets (row, column, &length);
  guint32 n;

  if (row_is_null (row, column))
    return TRUE;
  n = length >= 4 ? read_int4 (data) : 0;
  if (length != 4 + (gsize) n * (4 + RANGE_SIZE))
    return FALSE;
  data += 4;
  for (guint32 i = 0; i < n; i++, data += 4 + RANGE_SIZE) {
    gint64 lower = read_int8 (data + 9), upper = read_int8 (data + 21);

    if (read_int4 (data) != RANGE_SIZE || data[4] != RANGE_FLAGS || lower < 1 || upper <= lower
        || upper > (gint64) G_MAXUINT32 + 1)
      return FALSE;
    cf_uid_set_add_range (uids, (guint32) lower, (guint32) (upper - 1));
  }
  return TRUE;
}

/* ---- Arrays ------------------------------------------------------------------------------------------ */

Elements
row_elements (const Row *row, int column)
{
  gsize length;
  const guint8 *data = row_octets (row, column, &length);

  /* Dimensions, whether there are NULLs, type; then size and lower bound, unless the array is empty. */
  if (length < 20 || read_int4 (data) != 1)
    return (Elements){ 0 };
  return (Elements){ .at = data + 20, .end = data + length, .left = read_int4 (data + 12) };
}

gboolean
elements_next (Elements *elements, const guint8 **out_data, gsize *out_length)
{
  guint32 length;

  if (elements->left == 0 || elements->end - elements->at < 4)
    return FALSE;
  elements->left--;
  length = read_int4 (elements->at);
  elements->at += 4;
  *out_data = NULL;
  *out_length = 0;
  if (length == G_MAXUINT32)
    return TRUE;
  if ((gsize) (elements->end - elements->at) < length)
    return FALSE;
  *out_data = elements->at;
  *out_length = length;
  elements->at += length;
  return TRUE;
}

gboolean
elements_next_int8 (Elements *elements, gint64 *out_value)
{
  const guint8 *data;
  gsize length;

  if (!elements_next (elements, &data, &length) || length != 8)
    return FALSE;
  *out_value = read_int8 (data);
  return TRUE;
}
