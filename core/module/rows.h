/* core/module/rows.h - reading a table whose rows have the size that its author's headers gave them.
 *
 * A row built against older headers is smaller than core's: what it lacks reads as zero. One built against
 * newer headers is larger: what core does not know is left out.
 */
#ifndef CF_MODULE_ROWS_H
#define CF_MODULE_ROWS_H

#include <glib.h>
#include <string.h>

G_BEGIN_DECLS

static inline void
cf_row_read (gconstpointer rows, gsize row_size, guint i, gpointer out_row, gsize known_size)
{
  memset (out_row, 0, known_size);
  memcpy (out_row, (const guint8 *) rows + i * row_size, MIN (row_size, known_size));
}

/* A copy on the heap, at the size core knows. The caller frees. */
static inline gpointer
cf_row_dup (gconstpointer rows, gsize row_size, guint i, gsize known_size)
{
  gpointer row = g_malloc (known_size);

  cf_row_read (rows, row_size, i, row, known_size);
  return row;
}

G_END_DECLS

#endif
