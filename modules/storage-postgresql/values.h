/* storage-postgresql/values.h - columns of a row in PostgreSQL's binary form.
 *
 * What is asked for must be what the statement selects; a column that is NULL reads as 0, "" or nothing.
 * Texts and octets are borrowed from the row.
 */
#ifndef STORAGE_POSTGRESQL_VALUES_H
#define STORAGE_POSTGRESQL_VALUES_H

#include <coffer/coffer.h>
#include <libpq-fe.h>

/* One row of a result. */
typedef struct {
  const PGresult *result;
  int row;
} Row;

gboolean row_is_null (const Row *row, int column);
gboolean row_bool (const Row *row, int column);
/* Of a column of 2, 4 or 8 octets. */
gint64 row_int (const Row *row, int column);
/* NULL when the column is. */
const char *row_text (const Row *row, int column);
gconstpointer row_octets (const Row *row, int column, gsize *out_length);
/* Adds the ranges of a column of type int8multirange to @uids. FALSE: they are no UIDs. */
gboolean row_multirange (const Row *row, int column, CfUidSet *uids);

/* Elements of an array. */
typedef struct {
  const guint8 *at, *end;
  guint left;
} Elements;
Elements row_elements (const Row *row, int column);
/* FALSE: there are no more. *out_data NULL: this one is NULL. */
gboolean elements_next (Elements *elements, const guint8 **out_data, gsize *out_length);
gboolean elements_next_int8 (Elements *elements, gint64 *out_value);

#endif
