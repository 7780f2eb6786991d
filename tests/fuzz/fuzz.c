/* tests/fuzz/fuzz.c - what targets share (fuzz.h). */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
fuzz_fail (const char *condition, const char *file, int line, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  fprintf (stderr, "FINDING: %s:%d: %s: %s\n", file, line, condition, text);
  abort ();
}

static GLogWriterOutput
write_log (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  if ((level & (G_LOG_LEVEL_ERROR | G_LOG_LEVEL_CRITICAL)) == 0)
    return G_LOG_WRITER_HANDLED;
  g_log_writer_standard_streams (level, fields, n_fields, NULL);
  fuzz_fail ("no error is logged", __FILE__, __LINE__, "see above");
}

void
fuzz_log_init (void)
{
  g_log_set_writer_func (write_log, NULL, NULL);
}

guint8
fuzz_take_octet (FuzzInput *input)
{
  if (input->size == 0)
    return 0;
  input->size--;
  return *input->data++;
}

char *
fuzz_take_line (FuzzInput *input)
{
  const guint8 *lf = input->size > 0 ? memchr (input->data, '\n', input->size) : NULL;
  gsize length = lf != NULL ? (gsize) (lf - input->data) : input->size;
  char *line = g_strndup ((const char *) input->data, length);

  input->data += length + (lf != NULL);
  input->size -= length + (lf != NULL);
  return line;
}

char *
fuzz_take_rest (FuzzInput *input, gsize *out_length)
{
  char *rest = g_malloc (input->size + 1);

  if (input->size > 0)
    memcpy (rest, input->data, input->size);
  rest[input->size] = '\0';
  *out_length = input->size;
  input->size = 0;
  return rest;
}
