/* core/imap/login-delay.h - what failed logins cost: time.
 *
 * Failures are counted for each pair of account name and peer address, so that who guesses a password waits,
 * and neither the account's owner elsewhere nor a neighbour behind the same address does (carriers put
 * thousands of subscribers behind one). Only when one address fails far more often than its users' typing
 * errors explain do all its failures wait; its successes never do.
 *
 * How a session logs in:
 *
 *   cf_login_delay_admit ()   before the credentials are looked at: wait as long as it says, or refuse
 *   check the credentials
 *   cf_login_delay_clear ()   they are right: answer at once
 *   cf_login_delay_charge ()  CF_ERROR_AUTHENTICATIONFAILED: answer after as long as it says
 *   (neither)                 any other error says nothing about a guess
 *
 * Waiting is a timer of the parked session; nothing here blocks. Kept in memory, in bounded space: the entry
 * longest unused goes first. Any thread.
 */
#ifndef CF_LOGIN_DELAY_H
#define CF_LOGIN_DELAY_H

#include <coffer/error.h>

G_BEGIN_DECLS

typedef struct _CfLoginDelay CfLoginDelay;

typedef struct {
  guint maximum;          /* longest delay of one attempt, in milliseconds; 0: no delays at all */
  guint forgive;          /* one failure is forgotten in so many seconds; at least 1 */
  guint peer_failures;    /* failures of one peer address in a minute above which all wait; 0: no ceiling */
  guint max_entries;      /* pairs and addresses remembered, each; at least 1 */
  gint64 (*clock) (void); /* microseconds, for tests; NULL: g_get_monotonic_time() */
} CfLoginDelayConfig;

#define CF_LOGIN_DELAY_CONFIG_DEFAULT                                                                        \
  {                                                                                                          \
    15000, 60, 1000, 100000, NULL                                                                            \
  }

/* @config is copied. */
CfLoginDelay *cf_login_delay_new (const CfLoginDelayConfig *config);
/* NULL is allowed. */
void cf_login_delay_free (CfLoginDelay *delay);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfLoginDelay, cf_login_delay_free)

/* @name, in all of them: the address attempted, as cf_address_normalise() has it; NULL: none is known, which
 * counts for the peer alone. @peer: an IP address without port; IPv6 counts by its first 64 bits, as a host
 * takes others at will. */

/* An attempt is about to be made. *@out_wait: milliseconds until then; 0 while the pair has no failures.
 * After failures, attempts that come side by side over several connections are admitted one after another,
 * the pair's delay apart. FALSE with CF_ERROR_LIMIT: too many are waiting already. */
gboolean cf_login_delay_admit (CfLoginDelay *delay, const char *name, const char *peer, guint *out_wait,
                               GError **error);

/* An attempt failed. Milliseconds until it should be answered: 0 for the first failure, then 1, 2, 4 ...
 * seconds up to the maximum. */
guint cf_login_delay_charge (CfLoginDelay *delay, const char *name, const char *peer);

/* An attempt succeeded: the pair's failures are forgotten. */
void cf_login_delay_clear (CfLoginDelay *delay, const char *name, const char *peer);

G_END_DECLS

#endif
