/* core/imap/login-limit.c - sessions per account (login-limit.h). */
#include "imap/login-limit.h"

#include "base/log.h"
#include "module/settings.h"

static CfTally *tally;

void
cf_login_limit_init (void)
{
  tally = cf_tally_new (NULL);
}

void
cf_login_limit_shutdown (void)
{
  g_clear_pointer (&tally, cf_tally_free);
}

CfTallyEntry *
cf_login_limit_enter (CfAccountId account, const char *user, GError **error)
{
  guint max = (guint) cf_settings_get ()->connections_per_account, n_log;
  CfTallyEntry *entry = cf_tally_enter (tally, &account, sizeof account, max, &n_log);

  if (entry != NULL)
    return entry;
  if (n_log > 0)
    cf_log (G_LOG_LEVEL_WARNING, &(CfLogContext){ .user = user },
            "%u login%s refused: the account has %u sessions already, as many as connections_per_account "
            "allows; more of it are not logged for a minute",
            n_log, n_log == 1 ? "" : "s", max);
  g_set_error (error, CF_ERROR, CF_ERROR_LIMIT, "This account has %u connections already", max);
  return NULL;
}

void
cf_login_limit_leave (CfTallyEntry *entry)
{
  if (entry != NULL)
    cf_tally_leave (tally, entry);
}

void
cf_login_limit_get_counters (CfTallyCounters *out)
{
  cf_tally_get_counters (tally, out);
}
