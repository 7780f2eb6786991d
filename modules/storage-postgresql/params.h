/* storage-postgresql/params.h - parameters of a statement in PostgreSQL's binary form.
 *
 * A list that grows by one value with each call, and is emptied by params_reset(). Octets and texts that are
 * a parameter of their own are borrowed until the statement has been queued; everything else is copied,
 * elements of arrays too. A text or GBytes that is NULL is SQL's NULL, a set that is NULL is an empty one. The
 * statement's parameter has to be of the type that is given, as nothing is converted.
 */
#ifndef STORAGE_POSTGRESQL_PARAMS_H
#define STORAGE_POSTGRESQL_PARAMS_H

#include <coffer/coffer.h>

/* More than any statement has (commit_batch: 31; SEARCH: search.c). */
#define PARAMS_MAX 40

/* OIDs of PostgreSQL's own types, which never change. */
typedef enum {
  TYPE_BOOL = 16,
  TYPE_BYTEA = 17,
  TYPE_INT8 = 20,
  TYPE_INT2 = 21,
  TYPE_INT4 = 23,
  TYPE_TEXT = 25,
  TYPE_INT8MULTIRANGE = 4536,
} TypeId;

typedef struct {
  guint n;
  gconstpointer borrowed[PARAMS_MAX]; /* NULL: at offsets[i] of octets */
  gsize offsets[PARAMS_MAX];
  int lengths[PARAMS_MAX]; /* -1: NULL */
  GByteArray *octets;
  gsize array; /* where the array under way begins in octets */
  guint array_n;
} Params;

Params *params_new (void);
void params_free (Params *params);
Params *params_reset (Params *params);

void params_null (Params *params);
void params_bool (Params *params, gboolean value);
void params_int2 (Params *params, gint16 value);
void params_int4 (Params *params, gint32 value);
void params_int8 (Params *params, gint64 value);
/* At most G_MAXINT64, which is above every UID, MODSEQ and size there can be. */
void params_uint8 (Params *params, guint64 value);
void params_text (Params *params, const char *text);
/* The same, not borrowed. */
void params_copied_text (Params *params, const char *text);
void params_bytea (Params *params, gconstpointer data, gsize length);
void params_bytes (Params *params, GBytes *octets);
void params_multirange (Params *params, const CfUidSet *uids);

/* An array: begin, its elements, end. */
void params_array_begin (Params *params, TypeId type);
void params_element_null (Params *params);
void params_element_bool (Params *params, gboolean value);
void params_element_int2 (Params *params, gint16 value);
void params_element_int4 (Params *params, gint32 value);
void params_element_int8 (Params *params, gint64 value);
void params_element_text (Params *params, const char *text);
void params_element_bytea (Params *params, GBytes *octets);
void params_element_multirange (Params *params, const CfUidSet *uids);
void params_array_end (Params *params);

#endif
