/* tests/unit/mime-fixture.h - messages for the tests of core/mime. */
#ifndef MIME_FIXTURE_H
#define MIME_FIXTURE_H

#include "mime/mime.h"

#include <string.h>

/* @text with CRLF for LF. */
static inline GString *
fixture_crlf (const char *text, gsize length)
{
  GString *out = g_string_new (NULL);

  for (gsize i = 0; i < length; i++) {
    if (text[i] == '\n')
      g_string_append_c (out, '\r');
    g_string_append_c (out, text[i]);
  }
  return out;
}

static inline CfFacts *
fixture_scan (const char *octets, gsize length)
{
  g_autoptr (GBytes) bytes = g_bytes_new (octets, length);
  g_autoptr (CfSource) source = cf_source_new_bytes (bytes);
  g_autoptr (GError) error = NULL;
  CfFacts *facts = cf_facts_scan (source, &error);

  g_assert_no_error (error);
  return facts;
}

/* @length octets from @offset of @message are @expected. */
static inline void
fixture_assert_octets (const GString *message, guint64 offset, guint64 length, const char *expected, gsize n)
{
  g_assert_cmpuint (offset, <=, message->len);
  g_assert_cmpuint (length, <=, message->len - offset);
  g_assert_cmpmem (message->str + offset, length, expected, n);
}

#endif
