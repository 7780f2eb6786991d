/* tests/load/memory.h - does the daemon grow? */
#ifndef MEMORY_H
#define MEMORY_H

#include <glib.h>

/* Prints and remembers what process @pid uses now, and has to itself, @seconds after the beginning. FALSE: it cannot be read. */
gboolean memory_take (int pid, int seconds);

/* In the end: FALSE if the median of the last ten minutes is above what it was after the first ten, by more
 * than 10 % and 4 MB. TRUE when it ran for too short a time to tell. */
gboolean memory_judge (void);

#endif
