/* storage-postgresql/ids.h - ids of contents and objects that a connection has at hand.
 *
 * They come in blocks of the sequence coffer.id_block, so that mostly nothing has to be asked for first. What
 * is left of a block is thrown away with the connection: no id is given out twice, and some never.
 */
#ifndef STORAGE_POSTGRESQL_IDS_H
#define STORAGE_POSTGRESQL_IDS_H

#include <glib.h>

/* Ids in a block: the sequence's increment (schema/postgresql/002-tables.sql). */
#define IDS_BLOCK 1024

typedef struct _Ids Ids;

Ids *ids_new (void);
void ids_free (Ids *ids);
/* The block whose first id is @first. */
void ids_add_block (Ids *ids, guint64 first);
guint64 ids_count (const Ids *ids);
/* Never 0, unless there is none. */
guint64 ids_take (Ids *ids);
void ids_forget (Ids *ids);

#endif
