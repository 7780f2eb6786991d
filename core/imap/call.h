/* core/imap/call.h - the private side of one command being carried out (coffer/session.h, "The call"). */
#ifndef CF_CALL_H
#define CF_CALL_H

#include <coffer/module.h>

#include "imap/input.h"
#include "mailbox/snapshot.h"

G_BEGIN_DECLS

struct _CfCommandCall {
  CfSession *session;
  const CfCommand *command;
  char *tag;
  CfInput *input;
  CfInputMark arguments; /* where they begin */
  gpointer state;
  GDestroyNotify free_state;
  GHashTable *parameters; /* name -> Parameter; NULL: none */
  char *ok;               /* text of the tagged OK; NULL: the default */
  char *search_charset;   /* NULL: none given */
  guint search_depth;     /* search keys being read, one within the other */
  gboolean has_settled;   /* see commands/net-unicode.h */
  char *sent_name; /* a mailbox's name as the client sent it, where another was taken for it; or NULL */

  gboolean asked_store, asked_heavy; /* may hold or wait for a permit */
  gboolean has_store, has_heavy;     /* holds it */
  gboolean asked_load;               /* may load a mailbox, or wait for another session that does */
  gboolean waits_for_load;           /* waits */
  gboolean is_queued;                /* waits for one: this step could not go on without */

  /* A command that reads lines of its own: IDLE, AUTHENTICATE. */
  gsize wants_line;    /* the longest it takes; 0: it wants none */
  char *line;          /* the line that came; NULL: none yet */
  gint64 wake_at;      /* monotonic microseconds; 0: no timer */
  gint64 store_until;  /* while WAITing for the store: when to give up, monotonic microseconds; 0: does not */
  gboolean start_tls;  /* after the tagged OK */
  gboolean has_opened; /* the mailbox that is selected now */
  CfSnapshot *told; /* what the client had been told when the command began, if there was more; else NULL */

  /* RFC 7162; see modseq.h. */
  gboolean enables_condstore; /* if it is well formed */
  gboolean wants_highest;     /* it was the first of that kind */
  gboolean ends_with_modseq;  /* messages were expunged: HIGHESTMODSEQ goes into the tagged OK */

  gboolean is_push; /* it tells news (notify.h): no command, and no tag */
  gboolean
      tells_all; /* what is new in the selected mailbox, whether wanted from now on or not (NOTIFY SET) */
  gboolean has_numbers; /* of messages, though it is a UID command: no EXPUNGE may be told with it */
  char *no;             /* code and text of the tagged NO, in place of the error's; NULL: the error's */

  CfRun result;          /* of the last step */
  GError *error;         /* with CF_RUN_ERROR */
  gboolean is_finished;  /* run has had its last call; the response is still to be sent */
  gboolean is_preparing; /* WAITs for the store because the view needs it, before run is called */
  gboolean goes_without; /* ... and has waited long enough */
  gboolean is_late;      /* answered with NO from outside while a call of the store blocked; see session.c */
};

/* Copies @tag (NULL: a push), takes over @input. */
CfCommandCall *cf_call_new (CfSession *session, const CfCommand *command, const char *tag, CfInput *input);
/* Gives back permits; NULL is allowed. */
void cf_call_free (CfCommandCall *call);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfCommandCall, cf_call_free)

/* Gives back the permits that the step held; one that is still waited for stays. */
void cf_call_leave_store (CfCommandCall *call);

/* Before the store is entered to load the index of mailbox @name: FALSE, return CF_RUN_WAIT, as another
 * session is loading it. Else, when it is loaded or not needed, end. */
gboolean cf_call_begin_load (CfCommandCall *call, const char *name);
/* The same for a refresh that need not be waited for. */
gboolean cf_call_begin_refresh (CfCommandCall *call, const char *name);
void cf_call_end_load (CfCommandCall *call);

/* Before answering WAIT for what another session's call of the store may delay: notes until when. */
void cf_call_wait_for_store (CfCommandCall *call, guint64 octets);
/* Gives up what is waited for: the state, the permits, the places in queues. */
void cf_call_give_up (CfCommandCall *call);

/* "[MODIFIED 7] ...": what the tagged NO says, should the command end in an error that is one. Takes over
 * @text. */
void cf_call_set_no (CfCommandCall *call, char *text);

/* The line that was waited for; NULL: not there, return CF_RUN_WAIT. @max: octets. The caller frees
 * (cf_secret_free() if it may be secret). */
char *cf_call_read_line (CfCommandCall *call, gsize max);
/* Runs the command again after @ms milliseconds, if nothing else does before; return CF_RUN_WAIT. */
void cf_call_sleep (CfCommandCall *call, guint ms);
/* Whether the time of cf_call_sleep() is over. */
gboolean cf_call_has_slept (CfCommandCall *call);

G_END_DECLS

#endif
