/* tests/load/memory.c - does the daemon grow (memory.h)? */
#include "memory.h"

#include <stdio.h>
#include <string.h>

#define WARM_UP 600  /* seconds */
#define ALLOWED 4096 /* KB, and a tenth */

typedef struct {
  int seconds;
  guint64 dirty; /* KB: private and written to. What files are mapped counts for less or more by who else maps
                    them */
} Sample;

static GArray *samples;

static gboolean
find_number (const char *text, const char *name, guint64 *out_number)
{
  const char *line = strstr (text, name);

  return line != NULL && sscanf (line + strlen (name), " %" G_GUINT64_FORMAT " kB", out_number) == 1;
}

gboolean
memory_take (int pid, int seconds)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/smaps_rollup", pid);
  g_autofree char *text = NULL;
  Sample sample = { seconds };
  guint64 pss;

  if (!g_file_get_contents (path, &text, NULL, NULL) || !find_number (text, "\nPss:", &pss)
      || !find_number (text, "\nPrivate_Dirty:", &sample.dirty))
    return FALSE;
  if (samples == NULL)
    samples = g_array_new (FALSE, FALSE, sizeof (Sample));
  g_array_append_val (samples, sample);
  g_print ("%6d s  daemon: Pss %" G_GUINT64_FORMAT " KB, private %" G_GUINT64_FORMAT " KB\n", seconds, pss,
           sample.dirty);
  return TRUE;
}

static int
compare_numbers (gconstpointer a, gconstpointer b)
{
  guint64 x = *(const guint64 *) a, y = *(const guint64 *) b;

  return x < y ? -1 : x > y;
}

/* Of the samples from @from to @to seconds; 0: there are none. */
static guint64
median (int from, int to)
{
  g_autoptr (GArray) numbers = g_array_new (FALSE, FALSE, sizeof (guint64));

  for (guint i = 0; i < samples->len; i++) {
    const Sample *sample = &g_array_index (samples, Sample, i);

    if (sample->seconds >= from && sample->seconds <= to)
      g_array_append_val (numbers, sample->dirty);
  }
  g_array_sort (numbers, compare_numbers);
  return numbers->len > 0 ? g_array_index (numbers, guint64, numbers->len / 2) : 0;
}

gboolean
memory_judge (void)
{
  int end;
  guint64 base, last;

  if (samples == NULL)
    return TRUE;
  end = g_array_index (samples, Sample, samples->len - 1).seconds;
  if (end < 2 * WARM_UP)
    return TRUE;
  base = median (WARM_UP, WARM_UP + 120);
  last = median (end - WARM_UP, end);
  g_print ("memory: %" G_GUINT64_FORMAT " KB after ten minutes, %" G_GUINT64_FORMAT " KB in the last ten\n",
           base, last);
  return last <= base + base / 10 + ALLOWED;
}
