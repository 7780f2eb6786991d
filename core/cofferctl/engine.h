/* core/cofferctl/engine.h - who carries out what cofferctl is asked: the daemon, or, when none runs, a server
 * of its own that listens nowhere. Either is spoken to over the same protocol, so there is one implementation
 * of everything.
 */
#ifndef CF_CTL_ENGINE_H
#define CF_CTL_ENGINE_H

#include "cofferctl/connection.h"

G_BEGIN_DECLS

typedef struct {
  CtlConnection *connection;
  int lifeline; /* closing it ends a server of our own; -1: the daemon's */
  int child;    /* its process */
} CtlEngine;

typedef enum {
  CTL_ENGINE_ANY,    /* the daemon, or a server of our own */
  CTL_ENGINE_DAEMON, /* the daemon alone */
  CTL_ENGINE_NONE,   /* the daemon if it runs; else nobody is asked, and there is no connection */
} CtlEngineNeed;

/* Reads the configuration at @config and connects. On failure *@out_code is the exit code: EX_CONFIG, or 1.
 * Before threads exist. */
gboolean ctl_engine_open (CtlEngine *engine, const char *config, CtlEngineNeed need, int *out_code,
                          GError **error);
/* Disconnects, and waits until a server of our own has closed the store. */
void ctl_engine_close (CtlEngine *engine);

G_END_DECLS

#endif
