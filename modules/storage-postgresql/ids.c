/* storage-postgresql/ids.c - ids at hand (ids.h). */
#include "ids.h"

typedef struct {
  guint64 next, end;
} Block;

struct _Ids {
  GArray *blocks; /* Block, none of them empty */
};

Ids *
ids_new (void)
{
  Ids *ids = g_new0 (Ids, 1);

  ids->blocks = g_array_new (FALSE, FALSE, sizeof (Block));
  return ids;
}

void
ids_free (Ids *ids)
{
  g_array_unref (ids->blocks);
  g_free (ids);
}

void
ids_add_block (Ids *ids, guint64 first)
{
  Block block = { first, first + IDS_BLOCK };

  g_array_append_val (ids->blocks, block);
}

guint64
ids_count (const Ids *ids)
{
  guint64 n = 0;

  for (guint i = 0; i < ids->blocks->len; i++) {
    const Block *block = &g_array_index (ids->blocks, Block, i);

    n += block->end - block->next;
  }
  return n;
}

guint64
ids_take (Ids *ids)
{
  Block *block;
  guint64 id;

  g_return_val_if_fail (ids->blocks->len > 0, 0);
  block = &g_array_index (ids->blocks, Block, 0);
  id = block->next++;
  if (block->next == block->end)
    g_array_remove_index (ids->blocks, 0);
  return id;
}

void
ids_forget (Ids *ids)
{
  g_array_set_size (ids->blocks, 0);
}
