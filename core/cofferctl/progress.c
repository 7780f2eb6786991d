/* core/cofferctl/progress.c - how far a long command is (progress.h). */
#include "cofferctl/progress.h"

#include <stdio.h>
#include <unistd.h>

#define WIDTH   30
#define DRAW_US (G_USEC_PER_SEC / 5)

void
ctl_progress_start (CtlProgress *progress, guint64 total)
{
  *progress = (CtlProgress){ .terminal = isatty (STDERR_FILENO) == 1, .total = total };
  progress->started = g_get_monotonic_time ();
}

/* @detail stands between the share and the time left. */
static void
draw (CtlProgress *progress, gint64 now, const char *detail)
{
  double part = progress->total > 0 ? MIN ((double) progress->done / (double) progress->total, 1) : 0;
  double seconds = (double) (now - progress->started) / G_USEC_PER_SEC;
  guint left = part > 0 ? (guint) (seconds / part - seconds) : 0;
  int filled = (int) (part * WIDTH);
  g_autofree char *hours = left >= 3600 ? g_strdup_printf ("%u:%02u", left / 3600, left / 60 % 60)
                                        : g_strdup_printf ("%u", left / 60);

  progress->drawn = now;
  fprintf (stderr, "\r\033[K[%.*s%*s] %3d %%  %s%s:%02u left", filled, "##############################",
           WIDTH - filled, "", (int) (part * 100), detail, hours, left % 60);
  fflush (stderr);
}

static gboolean
is_due (const CtlProgress *progress, gint64 now)
{
  return progress->terminal && now >= progress->drawn + DRAW_US;
}

void
ctl_progress_step (CtlProgress *progress, guint64 octets)
{
  gint64 now = g_get_monotonic_time ();
  double seconds = (double) (now - progress->started) / G_USEC_PER_SEC;
  g_autofree char *detail = NULL;

  progress->done += octets;
  progress->messages++;
  if (!is_due (progress, now))
    return;
  detail = g_strdup_printf ("%" G_GUINT64_FORMAT " messages, %.1f of %.1f MB, %.0f/s, ", progress->messages,
                            (double) progress->done / 1e6, (double) progress->total / 1e6,
                            seconds > 0 ? (double) progress->messages / seconds : 0);
  draw (progress, now, detail);
}

/* Whether it is to be drawn. What went before the whole was known is no measure of how long the rest takes.
 */
static gboolean
set (CtlProgress *progress, gint64 now, guint64 done, guint64 total)
{
  if (progress->total == 0 && total > 0)
    progress->started = now;
  progress->done = done;
  progress->total = total;
  return total > 0 && is_due (progress, now);
}

void
ctl_progress_set (CtlProgress *progress, guint64 done, guint64 total)
{
  gint64 now = g_get_monotonic_time ();

  if (set (progress, now, done, total))
    draw (progress, now, "");
}

void
ctl_progress_set_octets (CtlProgress *progress, guint64 done, guint64 total)
{
  gint64 now = g_get_monotonic_time ();
  double unit = total >= 1000000000 ? 1e9 : 1e6;
  g_autofree char *detail = NULL;

  if (!set (progress, now, done, total))
    return;
  detail = g_strdup_printf ("%.1f of %.1f %s, ", (double) done / unit, (double) total / unit,
                            total >= 1000000000 ? "GB" : "MB");
  draw (progress, now, detail);
}

void
ctl_progress_clear (CtlProgress *progress)
{
  if (!progress->terminal || progress->drawn == 0)
    return;
  fputs ("\r\033[K", stderr);
  fflush (stderr);
  progress->drawn = 0;
}
