/* storage-postgresql/params.c - parameters in binary form (params.h): every number in network order. */
#include "params.h"

#include <string.h>

/* Flags of a range: the lower bound belongs to it, the upper does not. */
#define RANGE_LOWER_INCLUSIVE 0x02
#define RANGE_SIZE            (1 + 2 * (4 + 8))

Params *
params_new (void)
{
  Params *params = g_new0 (Params, 1);

  params->octets = g_byte_array_sized_new (256); /* so that its data are not NULL while it is empty */
  return params;
}

void
params_free (Params *params)
{
  if (params == NULL)
    return;
  g_byte_array_unref (params->octets);
  g_free (params);
}

Params *
params_reset (Params *params)
{
  params->n = 0;
  g_byte_array_set_size (params->octets, 0);
  return params;
}

/* ---- Octets ------------------------------------------------------------------------------------------ */

static void
put (Params *params, gconstpointer data, gsize length)
{
  g_byte_array_append (params->octets, data, (guint) length);
}

static void
put_int2 (Params *params, gint16 value)
{
  guint16 wire = GUINT16_TO_BE ((guint16) value);

  put (params, &wire, sizeof wire);
}

static void
put_int4 (Params *params, gint32 value)
{
  guint32 wire = GUINT32_TO_BE ((guint32) value);

  put (params, &wire, sizeof wire);
}

static void
put_int8 (Params *params, gint64 value)
{
  guint64 wire = GUINT64_TO_BE ((guint64) value);

  put (params, &wire, sizeof wire);
}

static gsize
multirange_size (const CfUidSet *uids)
{
  return 4 + (uids != NULL ? cf_uid_set_get_n_ranges (uids) : 0) * (4 + RANGE_SIZE);
}

static void
put_multirange (Params *params, const CfUidSet *uids)
{
  gsize n = uids != NULL ? cf_uid_set_get_n_ranges (uids) : 0;

  put_int4 (params, (gint32) n);
  for (gsize i = 0; i < n; i++) {
    CfUidRange range = cf_uid_set_get_range (uids, i);
    guint8 flags = RANGE_LOWER_INCLUSIVE;

    put_int4 (params, RANGE_SIZE);
    put (params, &flags, 1);
    put_int4 (params, 8);
    put_int8 (params, range.first);
    put_int4 (params, 8);
    put_int8 (params, (gint64) range.last + 1);
  }
}

/* ---- Values ------------------------------------------------------------------------------------------ */

static void
add (Params *params, gconstpointer borrowed, gsize length)
{
  guint i = params->n;

  g_return_if_fail (i < PARAMS_MAX);
  params->n++;
  params->borrowed[i] = borrowed;
  params->offsets[i] = params->octets->len;
  params->lengths[i] = (int) length;
}

void
params_null (Params *params)
{
  add (params, NULL, 0);
  params->lengths[params->n - 1] = -1;
}

void
params_bool (Params *params, gboolean value)
{
  guint8 octet = value != FALSE;

  add (params, NULL, 1);
  put (params, &octet, 1);
}

void
params_int2 (Params *params, gint16 value)
{
  add (params, NULL, 2);
  put_int2 (params, value);
}

void
params_int4 (Params *params, gint32 value)
{
  add (params, NULL, 4);
  put_int4 (params, value);
}

void
params_int8 (Params *params, gint64 value)
{
  add (params, NULL, 8);
  put_int8 (params, value);
}

void
params_uint8 (Params *params, guint64 value)
{
  params_int8 (params, (gint64) MIN (value, G_MAXINT64));
}

void
params_text (Params *params, const char *text)
{
  if (text == NULL)
    params_null (params);
  else
    params_bytea (params, text, strlen (text));
}

void
params_copied_text (Params *params, const char *text)
{
  if (text == NULL) {
    params_null (params);
    return;
  }
  add (params, NULL, strlen (text));
  put (params, text, strlen (text));
}

void
params_bytea (Params *params, gconstpointer data, gsize length)
{
  /* A NULL pointer would be NULL, and no octets are not that. */
  add (params, data != NULL ? data : "", length);
}

void
params_bytes (Params *params, GBytes *octets)
{
  if (octets == NULL)
    params_null (params);
  else
    params_bytea (params, g_bytes_get_data (octets, NULL), g_bytes_get_size (octets));
}

void
params_multirange (Params *params, const CfUidSet *uids)
{
  add (params, NULL, multirange_size (uids));
  put_multirange (params, uids);
}

/* ---- Arrays ------------------------------------------------------------------------------------------ */

/* Number of dimensions, whether there are NULLs, type; size and lower bound; elements. Here is where two of
 * them are. */
#define ARRAY_NULLS 4
#define ARRAY_SIZE  12

void
params_array_begin (Params *params, TypeId type)
{
  add (params, NULL, 0);
  params->array = params->octets->len;
  params->array_n = 0;
  put_int4 (params, 1);
  put_int4 (params, 0);
  put_int4 (params, (gint32) type);
  put_int4 (params, 0);
  put_int4 (params, 1);
}

static void
element (Params *params, gsize length)
{
  params->array_n++;
  put_int4 (params, (gint32) length);
}

void
params_element_null (Params *params)
{
  params->octets->data[params->array + ARRAY_NULLS + 3] = 1;
  element (params, (gsize) -1);
}

void
params_element_bool (Params *params, gboolean value)
{
  guint8 octet = value != FALSE;

  element (params, 1);
  put (params, &octet, 1);
}

void
params_element_int2 (Params *params, gint16 value)
{
  element (params, 2);
  put_int2 (params, value);
}

void
params_element_int4 (Params *params, gint32 value)
{
  element (params, 4);
  put_int4 (params, value);
}

void
params_element_int8 (Params *params, gint64 value)
{
  element (params, 8);
  put_int8 (params, value);
}

void
params_element_text (Params *params, const char *text)
{
  if (text == NULL) {
    params_element_null (params);
    return;
  }
  element (params, strlen (text));
  put (params, text, strlen (text));
}

void
params_element_bytea (Params *params, GBytes *octets)
{
  gsize length;
  gconstpointer data;

  if (octets == NULL) {
    params_element_null (params);
    return;
  }
  data = g_bytes_get_data (octets, &length);
  element (params, length);
  put (params, data, length);
}

void
params_element_multirange (Params *params, const CfUidSet *uids)
{
  element (params, multirange_size (uids));
  put_multirange (params, uids);
}

void
params_array_end (Params *params)
{
  guint32 wire = GUINT32_TO_BE (params->array_n);

  memcpy (params->octets->data + params->array + ARRAY_SIZE, &wire, sizeof wire);
  params->lengths[params->n - 1] = (int) (params->octets->len - params->array);
}
