/* core/cofferctl/progress.h - how far a long command is: a bar on a terminal, which is redrawn; nothing
 * otherwise. */
#ifndef CF_CTL_PROGRESS_H
#define CF_CTL_PROGRESS_H

#include <glib.h>

G_BEGIN_DECLS

typedef struct {
  gboolean terminal;
  guint64 total, done; /* octets, about; or what ctl_progress_set() counts */
  guint64 messages;
  gint64 started, drawn; /* monotonic microseconds */
} CtlProgress;

void ctl_progress_start (CtlProgress *progress, guint64 total);
/* One more message, which stands for @octets. */
void ctl_progress_step (CtlProgress *progress, guint64 octets);
/* The whole of it anew, in units that are not shown; total 0: not known yet. */
void ctl_progress_set (CtlProgress *progress, guint64 done, guint64 total);
/* The same in octets, which are shown. */
void ctl_progress_set_octets (CtlProgress *progress, guint64 done, guint64 total);
/* Takes the bar away, so that a line can be printed; the next step draws it again. */
void ctl_progress_clear (CtlProgress *progress);

G_END_DECLS

#endif
