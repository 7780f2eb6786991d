/* tests/unit/test-attributes.c - the limits of an attribute's key and value. */
#include "store/attributes.h"

#include <coffer/error.h>

typedef struct {
  const char *name;
  gsize key, value; /* octets */
  gboolean removes, passes;
} Case;

static const Case cases[] = {
  { "short", 1, 0, FALSE, TRUE },
  { "largest", CF_ATTRIBUTE_KEY_MAX, CF_ATTRIBUTE_VALUE_MAX, FALSE, TRUE },
  { "removal", CF_ATTRIBUTE_KEY_MAX, 0, TRUE, TRUE },
  { "empty-key", 0, 1, FALSE, FALSE },
  { "long-key", CF_ATTRIBUTE_KEY_MAX + 1, 1, FALSE, FALSE },
  { "long-key-removed", CF_ATTRIBUTE_KEY_MAX + 1, 0, TRUE, FALSE },
  { "large-value", 1, CF_ATTRIBUTE_VALUE_MAX + 1, FALSE, FALSE },
};

/* The one in question comes second. */
static void
test_limits (gconstpointer data)
{
  const Case *item = data;
  g_autofree char *key = g_strnfill (item->key, 'k');
  g_autoptr (GBytes) value = g_bytes_new_take (g_malloc0 (item->value + 1), item->value);
  CfAttribute first = { sizeof first, "first", value };
  CfAttribute second = { sizeof second, key, item->removes ? NULL : value };
  const CfAttribute *attributes[] = { &first, &second };
  g_autoptr (GBytes) small = g_bytes_new_static ("v", 1);
  g_autoptr (GError) error = NULL;

  first.value = small;
  g_assert_cmpint (cf_attributes_check (G_N_ELEMENTS (attributes), attributes, &error), ==, item->passes);
  if (item->passes)
    g_assert_no_error (error);
  else
    g_assert_error (error, CF_ERROR, CF_ERROR_LIMIT);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/core/attributes/limits/", cases[i].name, NULL);

    g_test_add_data_func (path, &cases[i], test_limits);
  }
  return g_test_run ();
}
