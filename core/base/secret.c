/* core/base/secret.c - freeing what may hold a password (base/secret.h). */
#include "base/secret.h"

#include <string.h>

typedef struct {
  gsize length;
  gpointer octets;
} Octets;

void
cf_secret_free (CfSecret *text)
{
  if (text != NULL)
    explicit_bzero (text, strlen (text));
  g_free (text);
}

void
cf_secret_free_string (GString *string)
{
  explicit_bzero (string->str, string->allocated_len);
  g_string_free (string, TRUE);
}

static void
octets_free (gpointer data)
{
  Octets *self = data;

  if (self->length > 0)
    explicit_bzero (self->octets, self->length);
  g_free (self->octets);
  g_free (self);
}

GBytes *
cf_secret_new_bytes (gpointer octets, gsize length)
{
  Octets *self = g_new (Octets, 1);

  self->octets = octets;
  self->length = length;
  return g_bytes_new_with_free_func (octets, length, octets_free, self);
}
