/* core/imap/message.h - a message of the selected mailbox while its response is made (coffer/session.h). */
#ifndef CF_MESSAGE_H
#define CF_MESSAGE_H

#include "imap/session.h"

G_BEGIN_DECLS

struct _CfMessage {
  CfSession *session;
  guint32 seq;
  CfIndexRow row;     /* a copy; keywords referenced */
  CfFacts *facts;     /* NULL: not loaded */
  gboolean missing;   /* the store has no such content any more */
  GByteArray *raw;    /* octets read ahead; NULL: none */
  guint64 raw_offset; /* where they begin in the octets as appended */
};

G_END_DECLS

#endif
