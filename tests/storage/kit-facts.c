/* tests/storage/kit-facts.c - see kit-facts.h. Apart from kit.h, as it looks inside of facts. */
#include "kit-facts.h"

#include "mime/facts-private.h"

#include <string.h>

/* The version comes first. */
void
kit_facts_make_unreadable (CfFacts *facts)
{
  gsize length;
  const guint8 *encoded = g_bytes_get_data (facts->encoded, &length);
  guint8 *other = g_memdup2 (encoded, length);

  memset (other, 0xff, sizeof (guint32));
  g_bytes_unref (facts->encoded);
  facts->encoded = g_bytes_new_take (other, length);
}
