/* core/control/private.h - one control connection, and what its commands share. Its owner is whoever owns the
 * connection.
 */
#ifndef CF_CONTROL_PRIVATE_H
#define CF_CONTROL_PRIVATE_H

#include "control/control.h"
#include "control/job.h"
#include "imap/trace.h"
#include "store/service.h"

G_BEGIN_DECLS

typedef struct {
  CfConn *conn;
  char **words;         /* the request being carried out; NULL: waiting for one */
  gboolean asked_store; /* may hold a storage permit, or wait for one */
  gint64 store_until;   /* ... until then; monotonic microseconds */
  CfControlJob *job;    /* not NULL: the request is carried out by it */
  gboolean closing;     /* when it has ended, the connection does */
  gpointer imap;        /* not NULL: an IMAP session has taken over */
} CfControl;

/* Carries out a request; @args are as many as its row says. May block in the store, for one call's time; what
 * takes longer starts a job. FALSE: @error is the answer. */
typedef gboolean (*CfControlRun) (CfControl *control, char **args, GError **error);

/* Appends a data line; the words end with NULL. */
void cf_control_reply (CfControl *control, ...) G_GNUC_NULL_TERMINATED;

/* ---- accounts.c ---- */

/* @address as accounts have it; the caller frees. NULL with CF_ERROR_CANNOT: it cannot be one. */
char *cf_control_normalise (const char *address, GError **error);

/* The name of the account that has the address @name; the caller frees. */
char *cf_control_dup_user (CfControl *control, const char *name, GError **error);
/* Which one that is; 0: @error. */
CfAccountId cf_control_find_account (CfControl *control, const char *name, GError **error);

gboolean cf_control_user_add (CfControl *control, char **args, GError **error);
gboolean cf_control_user_list (CfControl *control, char **args, GError **error);
gboolean cf_control_user_disable (CfControl *control, char **args, GError **error);
gboolean cf_control_user_enable (CfControl *control, char **args, GError **error);
gboolean cf_control_user_delete (CfControl *control, char **args, GError **error);
gboolean cf_control_passwd (CfControl *control, char **args, GError **error);
gboolean cf_control_address_add (CfControl *control, char **args, GError **error);
gboolean cf_control_address_remove (CfControl *control, char **args, GError **error);
gboolean cf_control_address_list (CfControl *control, char **args, GError **error);
gboolean cf_control_imap (CfControl *control, char **args, GError **error);

/* ---- sessions.c ---- */

gboolean cf_control_who (CfControl *control, char **args, GError **error);
gboolean cf_control_kick (CfControl *control, char **args, GError **error);
gboolean cf_control_stats (CfControl *control, char **args, GError **error);

/* Whether @user, a normalised name, is logged in there. */
gboolean cf_control_is_user (const CfConnInfo *info, const char *user);
/* Tells every session to end. How many. Any thread. */
guint cf_control_kick_all (CfNet *net);

/* ---- maintenance.c ---- */

gboolean cf_control_check (CfControl *control, char **args, GError **error);
gboolean cf_control_check_account (CfControl *control, char **args, GError **error);
gboolean cf_control_backup (CfControl *control, char **args, GError **error);
gboolean cf_control_restored (CfControl *control, char **args, GError **error);
gboolean cf_control_collect (CfControl *control, char **args, GError **error);

/* ---- config.c ---- */

gboolean cf_control_config (CfControl *control, char **args, GError **error);
gboolean cf_control_config_reload (CfControl *control, char **args, GError **error);

/* ---- trace.c ---- */

gboolean cf_control_trace_on (CfControl *control, char **args, GError **error);
gboolean cf_control_trace_off (CfControl *control, char **args, GError **error);
gboolean cf_control_trace_address_on (CfControl *control, char **args, GError **error);
gboolean cf_control_trace_address_off (CfControl *control, char **args, GError **error);
gboolean cf_control_trace_list (CfControl *control, char **args, GError **error);

/* ---- new-mailboxes.c ---- */

/* The mailboxes that [storage] create_mailboxes gives a new account, and its subscriptions. */
gboolean cf_control_make_mailboxes (CfControl *control, CfAccountId account, GError **error);

G_END_DECLS

#endif
