/* core/commands/fetch.h - FETCH in four files: the command (cmd-fetch.c), what it is asked for
 * (fetch-arguments.c), loading what items need (fetch-load.c), and sending runs of octets in pieces
 * (fetch-span.c).
 */
#ifndef CF_FETCH_H
#define CF_FETCH_H

#include "commands/writing.h"
#include "imap/message.h"
#include "mime/mime.h"

G_BEGIN_DECLS

/* Octets read from the store by one call, and read ahead for one message. */
#define CF_FETCH_SLICE (128 * 1024)
/* Messages that one call of the store serves. */
#define CF_FETCH_BATCH 200
/* A header that is filtered by field names is held in memory. */
#define CF_FETCH_HEADER_MAX (4 * 1024 * 1024)

/* One data item of the command. */
typedef struct {
  const CfItem *row;
  CfItemRequest request;
} CfFetchItem;

/* ---- fetch-arguments.c ---- */

typedef struct {
  CfUidSet *uids;
  GArray *items;         /* of CfFetchItem; content items behind the others */
  guint needs;           /* of all of them */
  guint64 changed_since; /* 0: no matter when */
  CfUidSet *known;       /* VANISHED: where to look for what has gone since; NULL: nowhere */
} CfFetchArguments;

/* Reads all of them. Clear it in any case. */
gboolean cf_fetch_arguments_parse (CfFetchArguments *arguments, CfCommandCall *call, GError **error);
void cf_fetch_arguments_clear (CfFetchArguments *arguments);
/* Whether the item @name was asked for. */
gboolean cf_fetch_arguments_have (const CfFetchArguments *arguments, const char *name);

/* "(UID BODY.PEEK[HEADER])": an array of CfFetchItem, which the caller unrefs. NULL with CF_ERROR_BAD. */
GArray *cf_fetch_items_read (CfCommandCall *call, GError **error);

/* ---- cmd-fetch.c ---- */

typedef struct _CfFetch CfFetch;

/* FETCH of messages by UID, within another call. @items keeps a reference, @uids is copied. */
CfFetch *cf_fetch_new (GArray *items, const CfUidSet *uids);
/* A step: as a command's. It may end between responses, which then remain: what is up to get_told has been
 * written, or has nothing to be written of. Meanwhile no EXPUNGE may be told. */
CfRun cf_fetch_run (CfFetch *fetch, CfCommandCall *call, GError **error);
guint32 cf_fetch_get_told (const CfFetch *fetch);
void cf_fetch_free (CfFetch *fetch);

/* ---- fetch-load.c ---- */

/* Facts for the messages of @batch if the items need them, and for each message the first octets of what the
 * items send, as far as it is known where that is, by at most one call of the store. Messages whose content
 * is gone are marked. CF_RUN_WAIT: return that. */
CfRun cf_fetch_load (CfCommandCall *call, GPtrArray *batch, const GArray *items, GError **error);
/* How many octets cf_fetch_load() would read ahead of a message of @size octets; at most CF_FETCH_SLICE. */
guint64 cf_fetch_get_ahead (const GArray *items, guint64 size);
/* @length octets of the message as appended, from @offset: borrowed from what was read before, or else read
 * now, with what follows up to @end. CF_RUN_WAIT: return that. */
CfRun cf_fetch_read (CfCommandCall *call, CfMessage *message, guint64 offset, gsize length, guint64 end,
                     const guint8 **out_octets, GError **error);

/* Lets go of octets read that lie between @begin and @end; what needs them again reads them again. */
void cf_fetch_forget (CfMessage *message, guint64 begin, guint64 end);

/* ---- fetch-span.c ---- */

/* A literal on its way to the client. */
typedef struct {
  gboolean active;
  CfSpan span;
  guint64 sent;            /* octets of the literal */
  guint64 raw_at, raw_end; /* decode: what is left of the part */
  guint64 skip;            /* decode: decoded octets before the range */
  CfPartDecoder *decoder;
  GByteArray *decoded; /* not sent yet */
} CfFetchSpan;

/* Writes the literal's beginning, "{n}", or a whole small value. Small values end at once: fetch->active is
 * then FALSE. Takes over what @span owns. CF_RUN_WAIT, CF_RUN_ERROR as usual. */
CfRun cf_fetch_span_begin (CfFetchSpan *fetch, CfCommandCall *call, CfMessage *message, CfSpan *span,
                           GError **error);
/* Sends on; CF_RUN_DONE: all is written; CF_RUN_MORE: the output is full. An error here cannot be told to the
 * client, as it is waiting for octets: the session must close. */
CfRun cf_fetch_span_continue (CfFetchSpan *fetch, CfCommandCall *call, CfMessage *message, GError **error);
void cf_fetch_span_clear (CfFetchSpan *fetch);

G_END_DECLS

#endif
