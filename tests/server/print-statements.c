/* tests/server/print-statements.c - prints the table of the PostgreSQL store's statements, for test-plans.py:
 * of each its name and its SQL, each ended by NUL. */
#include "statements.h"

#include <stdio.h>

int
main (void)
{
  for (int i = 0; i < STATEMENT_LAST; i++)
    printf ("%s%c%s%c", statements[i].name, 0, statements[i].sql, 0);
  return fflush (stdout) == 0 ? 0 : 1;
}
