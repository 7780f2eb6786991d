/* core/cofferctl/cofferctl.h - what the commands of the admin tool share.
 *
 * A command is a row in commands.c: the words that name it, its arguments, its options, and a function that
 * is called with a connection to the server. It prints results on stdout, and what goes wrong on stderr.
 */
#ifndef CF_COFFERCTL_H
#define CF_COFFERCTL_H

#include "cofferctl/connection.h"

G_BEGIN_DECLS

/* Options of all commands; each uses those that its row lists. */
typedef struct {
  gboolean password_stdin;
  gboolean no_password;
  char *mailbox;
  gboolean yes, address, changed, json, dry_run, delete_accounts;
  char *account;
  char *time;   /* --for; NULL: not said */
  char *by;     /* "user" or "address"; NULL: not said */
  char *format; /* "maildir" or "mbox"; NULL: not said */
} CtlOptions;

typedef struct {
  CtlConnection *connection; /* NULL: no server runs, for rows that can do without */
  const char *config;        /* the configuration file */
  CtlOptions options;
  char **args;    /* NULL-terminated; as many as the row says */
  char *password; /* where the row asks for one; NULL: none */
  int code;       /* the exit code when the command fails; 1 if it sets none */
} CtlCall;

/* "2026-03-01 12:00:00", local time, of @text: microseconds since the epoch. The caller frees. */
char *ctl_dup_time (const char *text);

/* FALSE: @error is shown, and the exit code is 1. */
typedef gboolean (*CtlRun) (CtlCall *call, GError **error);

gboolean ctl_user_add (CtlCall *call, GError **error);
gboolean ctl_user_list (CtlCall *call, GError **error);
gboolean ctl_user_disable (CtlCall *call, GError **error);
gboolean ctl_user_enable (CtlCall *call, GError **error);
gboolean ctl_user_delete (CtlCall *call, GError **error);
gboolean ctl_passwd (CtlCall *call, GError **error);
gboolean ctl_address_add (CtlCall *call, GError **error);
gboolean ctl_address_remove (CtlCall *call, GError **error);
gboolean ctl_address_list (CtlCall *call, GError **error);
gboolean ctl_mailbox_list (CtlCall *call, GError **error);
gboolean ctl_import (CtlCall *call, GError **error);
gboolean ctl_export (CtlCall *call, GError **error);
gboolean ctl_modules (CtlCall *call, GError **error);
gboolean ctl_who (CtlCall *call, GError **error);
gboolean ctl_kick (CtlCall *call, GError **error);
gboolean ctl_stats (CtlCall *call, GError **error);
gboolean ctl_config (CtlCall *call, GError **error);
gboolean ctl_config_reload (CtlCall *call, GError **error);
gboolean ctl_trace_on (CtlCall *call, GError **error);
gboolean ctl_trace_off (CtlCall *call, GError **error);
gboolean ctl_trace_list (CtlCall *call, GError **error);
gboolean ctl_check (CtlCall *call, GError **error);
gboolean ctl_backup (CtlCall *call, GError **error);
gboolean ctl_restored (CtlCall *call, GError **error);
gboolean ctl_collect (CtlCall *call, GError **error);
gboolean ctl_schema_upgrade (CtlCall *call, GError **error);
gboolean ctl_migrate (CtlCall *call, GError **error);

G_END_DECLS

#endif
