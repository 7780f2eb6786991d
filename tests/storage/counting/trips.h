/* tests/storage/counting/trips.h - the calls of a store: how often each slot was called, and which call is to
 * go wrong.
 *
 * Counts are since the start; who wants those of one command takes the difference. Any thread.
 */
#ifndef COUNTING_TRIPS_H
#define COUNTING_TRIPS_H

#include <coffer/storage.h>

G_BEGIN_DECLS

#define TRIPS_SLOTS(SLOT)                                                                                    \
  SLOT (open)                                                                                                \
  SLOT (connect)                                                                                             \
  SLOT (probe)                                                                                               \
  SLOT (account_create)                                                                                      \
  SLOT (account_lookup)                                                                                      \
  SLOT (account_list)                                                                                        \
  SLOT (account_update)                                                                                      \
  SLOT (account_delete)                                                                                      \
  SLOT (mailbox_list)                                                                                        \
  SLOT (mailbox_create)                                                                                      \
  SLOT (mailbox_rename)                                                                                      \
  SLOT (mailbox_delete)                                                                                      \
  SLOT (mailbox_status)                                                                                      \
  SLOT (index_load)                                                                                          \
  SLOT (read)                                                                                                \
  SLOT (facts_update)                                                                                        \
  SLOT (object_put)                                                                                          \
  SLOT (commit)                                                                                              \
  SLOT (attribute_get)                                                                                       \
  SLOT (attribute_set)                                                                                       \
  SLOT (search)                                                                                              \
  SLOT (header_lookup)                                                                                       \
  SLOT (collect)                                                                                             \
  SLOT (backup)                                                                                              \
  SLOT (check)                                                                                               \
  SLOT (restored)                                                                                            \
  SLOT (check_account)                                                                                       \
  SLOT (mailbox_restore)                                                                                     \
  SLOT (note_logins)                                                                                         \
  SLOT (mailbox_list_status)

#define TRIPS_ENUM(slot) TRIPS_##slot,
typedef enum { TRIPS_SLOTS (TRIPS_ENUM) TRIPS_LAST } TripsSlot;
#undef TRIPS_ENUM

/* Before the wrapped slot is called. FALSE: a fault says that it is not to be, with @error. */
gboolean trips_enter (TripsSlot slot, GError **error);
/* After it; @ok is what it returned. Returns that, unless a fault says otherwise. */
gboolean trips_leave (TripsSlot slot, gboolean ok, GError **error);
/* Octets that the read slot gave its sink. */
void trips_count_octets (gsize octets);

/* "commit 3 read 1 octets 4096 held 0": what has been counted, and how many calls are held now.
 * The caller frees. */
char *trips_describe (void);

/* "SLOT ACTION [N [TIMES]]": from the N-th call of the slot from now on (default: the next), TIMES calls
 * (default: every one) go wrong. SLOT is a slot's name or "all" (that clients
 * wait for: not note_logins). "none" clears all faults. FALSE with
 * CF_ERROR_BAD. ACTION is one of
 *
 * - unavailable, unknown: fails with that error, without having called the wrapped slot;
 * - done-unavailable, done-unknown: the same, having called it;
 * - delay=MS: calls it so many milliseconds late;
 * - hold: calls it when the faults are cleared; done-hold: calls it, and returns when they are;
 * - kill, done-kill: the process dies at once, before or after the call. */
gboolean trips_set_fault (const char *text, GError **error);

G_END_DECLS

#endif
