/* core/cofferctl/commands.h - the admin tool's commands as a table: for the tool, its manual page and
 * completion. */
#ifndef CF_COFFERCTL_COMMANDS_H
#define CF_COFFERCTL_COMMANDS_H

#include "cofferctl/cofferctl.h"

G_BEGIN_DECLS

enum {
  CTL_OPT_PASSWORD = 1 << 0,    /* asks for one */
  CTL_OPT_NO_PASSWORD = 1 << 1, /* may do without */
  CTL_OPT_MAIL = 1 << 2,        /* --mailbox and --format */
  CTL_OPT_YES = 1 << 3,         /* must be said */
  CTL_OPT_BY = 1 << 4,          /* --by */
  CTL_OPT_FOR = 1 << 5,         /* --for */
  CTL_OPT_ADDRESS = 1 << 6,     /* --address */
  CTL_OPT_CHANGED = 1 << 7,     /* --changed */
  CTL_OPT_JSON = 1 << 8,        /* --json */
  CTL_OPT_ACCOUNT = 1 << 9,     /* --account */
  CTL_OPT_DRY_RUN = 1 << 10,    /* --dry-run */
  CTL_OPT_FILE = 1 << 11,       /* not an option: reads the configuration file when no server runs */
  CTL_OPT_SERVER = 1 << 12,     /* not an option: asks a running server, and is of no use without one */
  CTL_OPT_DELETE = 1 << 13,     /* --delete */
};

typedef struct {
  guint bit;
  const char *name;
  char letter;          /* 0: none */
  const char *argument; /* as shown in the usage; NULL: takes none */
  const char *help;
  gsize offset; /* in CtlOptions: of a gboolean, or of a char * where there is an argument */
} CtlOption;

extern const CtlOption ctl_options[];
extern const gsize ctl_n_options;

/* Texts are in paragraphs, separated by an empty line; lines that begin with two blanks are shown as they
 * are, others filled. */
typedef struct {
  const char *name; /* "user add" */
  const char *args; /* as shown in the usage */
  guint n_args;
  guint options; /* CTL_OPT bits */
  CtlRun run;
  const char *summary;
  const char *description; /* NULL: the summary says all */
} CtlCommand;

extern const CtlCommand ctl_commands[];
extern const gsize ctl_n_commands;

G_END_DECLS

#endif
