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

static void
draw (const CtlProgress *progress, gint64 now)
{
  double part = progress->total > 0 ? MIN ((double) progress->done / (double) progress->total, 1) : 0;
  double seconds = (double) (now - progress->started) / G_USEC_PER_SEC;
  guint left = part > 0 ? (guint) (seconds / part - seconds) : 0;
  int filled = (int) (part * WIDTH);

  fprintf (stderr,
           "\r\033[K[%.*s%*s] %3d %%  %" G_GUINT64_FORMAT " messages, %.1f of %.1f MB, %.0f/s, %u:%02u left",
           filled, "##############################", WIDTH - filled, "", (int) (part * 100),
           progress->messages, (double) progress->done / 1e6, (double) progress->total / 1e6,
           seconds > 0 ? (double) progress->messages / seconds : 0, left / 60, left % 60);
  fflush (stderr);
}

void
ctl_progress_step (CtlProgress *progress, guint64 octets)
{
  gint64 now = g_get_monotonic_time ();

  progress->done += octets;
  progress->messages++;
  if (!progress->terminal || now < progress->drawn + DRAW_US)
    return;
  progress->drawn = now;
  draw (progress, now);
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
