/* tests/storage/counting/trips.c - counts and faults of a store's slots (trips.h). */
#include "trips.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

typedef enum {
  ACTION_NONE,
  ACTION_FAIL,
  ACTION_DELAY,
  ACTION_HOLD,
  ACTION_KILL,
} Action;

typedef struct {
  Action action;
  gboolean after; /* the wrapped slot is called first */
  gint code;      /* FAIL: CfError */
  guint delay_ms;
  guint64 first, last; /* the slot's calls that it meets, counted from 1 since the start */
} Fault;

static struct {
  GMutex lock;
  GCond cleared;
  guint64 counts[TRIPS_LAST];
  guint64 octets;
  guint held;
  guint generation; /* of the faults; changes when they are cleared */
  Fault faults[TRIPS_LAST];
} trips;

/* What the call under way on this thread is to meet after the wrapped slot. Slots do not nest. */
static __thread Fault pending;

#define TRIPS_NAME(slot) #slot,
static const char *const names[] = { TRIPS_SLOTS (TRIPS_NAME) };

static Fault
take_fault (TripsSlot slot)
{
  Fault fault = { 0 };

  g_mutex_lock (&trips.lock);
  guint64 number = ++trips.counts[slot];
  if (number >= trips.faults[slot].first && number <= trips.faults[slot].last)
    fault = trips.faults[slot];
  g_mutex_unlock (&trips.lock);
  return fault;
}

static void
hold (void)
{
  g_mutex_lock (&trips.lock);
  guint generation = trips.generation;
  trips.held++;
  while (trips.generation == generation)
    g_cond_wait (&trips.cleared, &trips.lock);
  trips.held--;
  g_mutex_unlock (&trips.lock);
}

static gboolean
meet (const Fault *fault, GError **error)
{
  switch (fault->action) {
  case ACTION_NONE:
    break;
  case ACTION_FAIL:
    g_set_error_literal (error, CF_ERROR, fault->code, "A fault that the test asked for");
    return FALSE;
  case ACTION_DELAY:
    g_usleep (fault->delay_ms * 1000);
    break;
  case ACTION_HOLD:
    hold ();
    break;
  case ACTION_KILL:
    raise (SIGKILL);
  }
  return TRUE;
}

gboolean
trips_enter (TripsSlot slot, GError **error)
{
  pending = take_fault (slot);
  return pending.after || meet (&pending, error);
}

gboolean
trips_leave (TripsSlot slot, gboolean ok, GError **error)
{
  return pending.after && ok ? meet (&pending, error) : ok;
}

void
trips_count_octets (gsize octets)
{
  g_mutex_lock (&trips.lock);
  trips.octets += octets;
  g_mutex_unlock (&trips.lock);
}

char *
trips_describe (void)
{
  GString *text = g_string_new (NULL);

  g_mutex_lock (&trips.lock);
  for (guint slot = 0; slot < TRIPS_LAST; slot++)
    g_string_append_printf (text, "%s %" G_GUINT64_FORMAT " ", names[slot], trips.counts[slot]);
  g_string_append_printf (text, "octets %" G_GUINT64_FORMAT " held %u", trips.octets, trips.held);
  g_mutex_unlock (&trips.lock);
  return g_string_free (text, FALSE);
}

/* ---- Faults ------------------------------------------------------------------------------------------ */

static gboolean
parse_action (const char *text, Fault *fault)
{
  static const struct {
    const char *name;
    Fault fault;
  } actions[] = {
    { "unavailable", { ACTION_FAIL, .code = CF_ERROR_UNAVAILABLE } },
    { "unknown", { ACTION_FAIL, .code = CF_ERROR_UNKNOWN } },
    { "done-unavailable", { ACTION_FAIL, .after = TRUE, .code = CF_ERROR_UNAVAILABLE } },
    { "done-unknown", { ACTION_FAIL, .after = TRUE, .code = CF_ERROR_UNKNOWN } },
    { "hold", { ACTION_HOLD } },
    { "done-hold", { ACTION_HOLD, .after = TRUE } },
    { "kill", { ACTION_KILL } },
    { "done-kill", { ACTION_KILL, .after = TRUE } },
  };

  if (g_str_has_prefix (text, "delay=")) {
    *fault = (Fault){ ACTION_DELAY, .delay_ms = (guint) atoi (text + strlen ("delay=")) };
    return TRUE;
  }
  for (guint i = 0; i < G_N_ELEMENTS (actions); i++) {
    if (!g_str_equal (actions[i].name, text))
      continue;
    *fault = actions[i].fault;
    return TRUE;
  }
  return FALSE;
}

/* Enters @fault, whose first is counted from now and whose last is a number of calls. */
static gboolean
enter_fault (const char *slot, const Fault *fault)
{
  gboolean all = g_str_equal (slot, "all");
  gboolean found = FALSE;

  g_mutex_lock (&trips.lock);
  for (guint i = 0; i < TRIPS_LAST; i++) {
    if (!g_str_equal (names[i], slot) && (!all || i == TRIPS_note_logins))
      continue;
    found = TRUE;
    trips.faults[i] = *fault;
    trips.faults[i].first += trips.counts[i];
    trips.faults[i].last = fault->last == 0 ? G_MAXUINT64 : trips.faults[i].first + fault->last - 1;
  }
  g_mutex_unlock (&trips.lock);
  return found;
}

static void
clear_faults (void)
{
  g_mutex_lock (&trips.lock);
  memset (trips.faults, 0, sizeof trips.faults);
  trips.generation++;
  g_cond_broadcast (&trips.cleared);
  g_mutex_unlock (&trips.lock);
}

gboolean
trips_set_fault (const char *text, GError **error)
{
  g_auto (GStrv) words = g_strsplit (text, " ", -1);
  guint n = g_strv_length (words);
  Fault fault;

  if (g_str_equal (text, "none")) {
    clear_faults ();
    return TRUE;
  }
  if (n >= 2 && n <= 4 && parse_action (words[1], &fault)) {
    fault.first = n >= 3 ? g_ascii_strtoull (words[2], NULL, 10) : 1;
    fault.last = n == 4 ? g_ascii_strtoull (words[3], NULL, 10) : 0;
    if (enter_fault (words[0], &fault))
      return TRUE;
  }
  g_set_error (error, CF_ERROR, CF_ERROR_BAD, "'%s' is not SLOT ACTION [N [TIMES]]", text);
  return FALSE;
}
