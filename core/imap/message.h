/* core/imap/message.h - a message of the selected mailbox while its response is made (coffer/session.h). */
#ifndef CF_MESSAGE_H
#define CF_MESSAGE_H

#include "imap/session.h"

G_BEGIN_DECLS

/* Octets of a message, read already. */
typedef struct {
  guint64 offset; /* where they begin in the octets as appended */
  GByteArray *octets;
} CfMessageRun;

struct _CfMessage {
  CfSession *session;
  guint32 seq;
  CfIndexRow row;    /* a copy; keywords referenced */
  CfFacts *facts;    /* NULL: not loaded */
  gboolean missing;  /* the store has no such content any more */
  GPtrArray *ahead;  /* of CfMessageRun, read ahead; NULL: none */
  CfMessageRun *run; /* what was read last beyond these; NULL: nothing */
};

void cf_message_run_free (CfMessageRun *run);

G_END_DECLS

#endif
