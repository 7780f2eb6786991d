/* coffer/storage.h - the storage contract: what a storage plugin implements.
 *
 * A plugin fills one CfStorageClass and registers it with cf_registrar_add_classes(). plugins/storage-memory
 * is a complete one in a single file: the one to copy. `coffer-conformance PLUGIN.so` says what is wrong with
 * yours; doc/storage-contract.md explains the ideas at length.
 *
 * What holds for every slot:
 *
 * - Slots block. Straight-line code is meant; core runs them on worker threads, never with a lock of its own
 *   held, and never lets a slow store delay a session that does not need it.
 * - A CfStoreConn is used by one thread at a time. Different connections are used at the same time.
 * - Inputs are borrowed: valid until the slot returns, not to be kept. Outputs go through sinks, which copy
 *   what they keep, or belong to the caller; an out parameter is untouched when the slot fails, and what a
 *   sink was told is void then. A sink is called on the calling thread, only while the slot runs, and never
 *   calls back into the store.
 * - A slot that fails returns FALSE and sets @error in the domain CF_ERROR. CF_ERROR_NONEXISTENT means "not
 *   there": the store looked, and knows. CF_ERROR_UNAVAILABLE means "could not ask": core then fails further
 *   calls at once until a probe succeeds. Never answer one for the other. A slot that writes and finds the
 * disk full answers CF_ERROR_LIMIT, as reading goes on. Other codes only where named below.
 * - @call carries the deadline. A store that can, gives up then with CF_ERROR_UNAVAILABLE.
 * - Structs that core passes in begin with their size, and grow only at the end. Structs that a plugin passes
 *   to a sink begin with a struct_size that the plugin sets to its own sizeof.
 * - An account's data is reachable only through that account's id: a content id of another account is
 *   "not there".
 *
 * A required slot is marked so. Every other slot may be NULL, and its comment says what core then does. Core
 * fills the gaps when the plugin is loaded: nobody tests a slot for NULL.
 */
#ifndef COFFER_STORAGE_H
#define COFFER_STORAGE_H

#include <coffer/facts.h>
#include <coffer/search.h>
#include <coffer/types.h>

G_BEGIN_DECLS

typedef struct _CfStore CfStore;         /* the plugin's: one of a class for the process */
typedef struct _CfStoreConn CfStoreConn; /* the plugin's: one for each worker */

/* Who asks, and until when. Grows at its end. */
typedef struct {
  gsize struct_size;
  gint64 deadline;   /* microseconds, g_get_monotonic_time(); G_MAXINT64: none. While index_load hands rows to
                        its sink, core moves it on: a store that reads it anew gives up only when nothing comes
                        any more */
  guint64 session;   /* the session's number in the log; 0: the server itself */
  const char *trace; /* an id to put beside slow statements; never NULL */
} CfCall;

/* ---- Accounts ---------------------------------------------------------------------------------------- */

typedef struct {
  gsize struct_size;
  CfAccountId id;
  const char *name;          /* the name it was created with; unique */
  gboolean disabled;         /* exists, may not log in */
  guint64 octets;            /* used: what its placements present, a message in two mailboxes twice */
  guint64 messages;          /* placements */
  guint32 last_uid_validity; /* the UIDVALIDITY given out last, deleted mailboxes included */
} CfAccountInfo;

/* Receives an account. address and credential follow their account, one call each, in any order. */
typedef struct _CfAccountSink CfAccountSink;
struct _CfAccountSink {
  gsize struct_size;
  void (*account) (CfAccountSink *sink, const CfAccountInfo *info);
  void (*address) (CfAccountSink *sink, const char *address);
  void (*credential) (CfAccountSink *sink, const char *kind, GBytes *value);
};

/* What account_update is to change; NULL or 0 fields change nothing. */
typedef struct {
  gsize struct_size;
  gint disabled;               /* 1: disable, 0: enable, -1: leave */
  const char *add_address;     /* CF_ERROR_ALREADYEXISTS when it names any account */
  const char *remove_address;  /* CF_ERROR_NONEXISTENT when it is not this account's */
  const char *credential_kind; /* such as "scram-sha-256": sets or replaces it */
  GBytes *credential;          /* NULL: remove it */
  guint32 last_uid_validity;   /* raises the one given out last to this, unless it is higher */
} CfAccountChange;

/* ---- Mailboxes --------------------------------------------------------------------------------------- */

typedef struct {
  gsize struct_size;
  CfMailboxId id;
  const char *name;       /* UTF-8, '/' between levels */
  guint32 uid_validity;   /* see cf_uid_validity_next() */
  guint32 uid_next;       /* never falls, not even when the last message goes */
  guint64 highest_modseq; /* of the mailbox; at least 1, rises with every change, expunges included */
  guint32 recent_uid;     /* messages from this UID on have been shown to no session as \Recent; at least 1 */
  guint32 special_use;    /* CfSpecialUse bits */
} CfMailboxInfo;

typedef struct _CfMailboxSink CfMailboxSink;
struct _CfMailboxSink {
  gsize struct_size;
  void (*mailbox) (CfMailboxSink *sink, const CfMailboxInfo *info);
};

/* For STATUS: what CfMailboxInfo says of the mailbox (not that struct itself, so that both can grow), and
 * counts. */
typedef struct {
  gsize struct_size;
  CfMailboxId id;
  guint32 uid_validity, uid_next;
  guint64 highest_modseq;
  guint32 recent_uid;
  guint32 messages;
  guint32 unseen;  /* without \Seen */
  guint32 deleted; /* with \Deleted */
  guint32 recent;  /* with UID >= recent_uid */
  guint64 octets;  /* sum of the rows' sizes */
} CfMailboxStatus;

/* Receives mailboxes with their counts, in octet order of names. */
typedef struct _CfStatusSink CfStatusSink;
struct _CfStatusSink {
  gsize struct_size;
  void (*mailbox) (CfStatusSink *sink, const CfMailboxInfo *info, const CfMailboxStatus *status);
};

/* The UIDVALIDITY of a new mailbox whose account last gave out @last (0: none): greater than every
 * one before it in the account, deleted mailboxes included, and no less than the time. A store keeps
 * @last per account. */
CF_API guint32 cf_uid_validity_next (guint32 last);

/* ---- The index --------------------------------------------------------------------------------------- */

/* A message as a mailbox holds it. */
typedef struct {
  gsize struct_size;
  guint32 uid;
  guint16 flags; /* CfFlags */
  gint16 zone;   /* of INTERNALDATE, minutes east of UTC */
  gint64 internal_date;
  gint64 save_date; /* when it came into this mailbox (RFC 8514) */
  guint64 modseq;
  guint64 size; /* RFC822.SIZE as the append gave it (CfAppend.size) */
  CfContentId content;
  const CfKeywords *keywords;
} CfIndexRow;

/* Receives a mailbox's state or a difference. Order: mailbox; then, if the store cannot tell the difference
 * from the MODSEQ it was asked for (tombstones trimmed), reset, after which every row follows; then expunged
 * and row calls, rows in ascending UID order. Sets and strings are borrowed from the store for the call. */
typedef struct _CfIndexSink CfIndexSink;
struct _CfIndexSink {
  gsize struct_size;
  void (*mailbox) (CfIndexSink *sink, const CfMailboxInfo *info);
  void (*reset) (CfIndexSink *sink);
  void (*expunged) (CfIndexSink *sink, const CfUidSet *uids);
  void (*row) (CfIndexSink *sink, const CfIndexRow *row);
};

/* What index_load is asked for. */
typedef struct {
  gsize struct_size;
  CfAccountId account;
  CfMailboxId mailbox;  /* 0: by name */
  const char *name;     /* NULL: by id */
  guint64 since;        /* 0: every row. Else rows with MODSEQ > since, and what was expunged after it.
                           G_MAXUINT64: the mailbox's info alone, one call of mailbox */
  CfMailboxId since_of; /* since counts only if the mailbox found is this one; else as if it were 0. 0: any */
  gboolean claim_recent; /* the caller shows \Recent: recent_uid becomes uid_next, the old one is reported */
  guint32 known_recent;  /* recent_uid is at least this already (claims kept in memory); 0: unknown */
} CfIndexQuery;

/* ---- Content ----------------------------------------------------------------------------------------- */

/* One range to read. */
typedef struct {
  gsize struct_size;
  CfContentId content;
  gboolean want_facts; /* give the encoded facts as well */
  const char *path;    /* NULL: offset counts from the message's first octet. Else within that part's area */
  CfSectionKind section;  /* which area of the part (cf_facts_locate_raw) */
  guint64 offset, length; /* clipped at the area's end; length 0: no octets wanted */
} CfReadRequest;

/* Receives what was read; @i is the request's index. For each request, in any order between requests:
 * missing, or [facts] [area] octets*, octets in ascending order. */
typedef struct _CfReadSink CfReadSink;
struct _CfReadSink {
  gsize struct_size;
  /* There is no such content in this account (expunged, and its grace period over). */
  void (*missing) (CfReadSink *sink, guint i);
  void (*facts) (CfReadSink *sink, guint i, GBytes *encoded);
  /* Given when the request has a path: where that area is. length 0 and offset 0: no such section. A store
   * whose facts of the message cannot be read (cf_facts_new_from_encoded) gives neither area nor octets, but
   * the facts as they are, if they are wanted: core then computes them anew. */
  void (*area) (CfReadSink *sink, guint i, guint64 offset, guint64 length);
  void (*octets) (CfReadSink *sink, guint i, const guint8 *data, gsize length);
};

/* A part to be kept apart. */
typedef struct {
  gsize struct_size;
  guint8 sha256[32];
  /* Read only if the store does not have them yet. One that would have to wait to find that out may read
   * them, and succeeds all the same when it cannot but has them. */
  CfSource *octets;
  const char *media_type; /* what libmagic says of the decoded octets, or NULL */
} CfObject;

typedef enum {
  CF_SEGMENT_INLINE, /* octets of the append's source, kept with the message */
  CF_SEGMENT_OBJECT, /* a range of an object that object_put or an older message made */
} CfSegmentKind;

typedef struct {
  gsize struct_size;
  CfSegmentKind kind;
  guint64 offset, length; /* in the message; segments are in order and leave no gap */
  CfObjectId object;
  guint64 object_offset;
} CfSegment;

/* ---- Writes ------------------------------------------------------------------------------------------ */

typedef enum {
  CF_WRITE_APPEND,
  CF_WRITE_STORE,
  CF_WRITE_EXPUNGE,
  CF_WRITE_COPY,
  CF_WRITE_MOVE,
  CF_WRITE_ANNOTATE,
} CfWriteKind;

typedef enum {
  CF_STORE_REPLACE, /* FLAGS */
  CF_STORE_ADD,     /* +FLAGS */
  CF_STORE_REMOVE,  /* -FLAGS */
} CfStoreMode;

/* A new message. */
typedef struct {
  gsize struct_size;
  guint16 flags;
  gint16 zone;
  gint64 internal_date;
  CfKeywords *keywords;
  guint64 size;     /* RFC822.SIZE, for the index row; not always the octets' length */
  CfSource *octets; /* the whole message */
  CfFacts *facts;
  guint n_segments; /* 0: all inline */
  const CfSegment *const *segments;
} CfAppend;

/* One operation, as core describes it. Fields that do not belong to its kind are 0. */
typedef struct {
  gsize struct_size;
  CfWriteKind kind;
  guint group;            /* operations side by side with the same group, not 0, succeed or fail together */
  const CfAppend *append; /* APPEND */
  const CfUidSet *uids;   /* the others: the messages; those that do not exist are passed over ... */
  gboolean require_all;   /* ... unless this is set: then CF_ERROR_EXPUNGEISSUED, and nothing is done */
  CfStoreMode mode;       /* STORE */
  guint16 flags;
  CfKeywords *keywords;
  guint64 unchanged_since; /* STORE: only messages with MODSEQ <= this (RFC 7162, 3.1.3); G_MAXUINT64: all */
  gboolean only_deleted;   /* EXPUNGE: only messages that have \Deleted when it is carried out */
  guint n_attributes;      /* ANNOTATE */
  const CfAttribute *const *attributes;
  /* APPEND: into the batch's destination (RFC 8508's REPLACE into another mailbox). */
  gboolean in_destination;
} CfWriteOp;

/* Ordered operations on one mailbox, and for COPY and MOVE one other. Core makes it, the store reads it and
 * reports into it; borrowed. */
typedef struct _CfWriteBatch CfWriteBatch;

CF_API CfAccountId cf_write_batch_get_account (const CfWriteBatch *batch);
CF_API CfMailboxId cf_write_batch_get_mailbox (const CfWriteBatch *batch);
/* Where COPY, MOVE and an APPEND with in_destination put messages; 0 when there is none of these. May be the
 * same mailbox. */
CF_API CfMailboxId cf_write_batch_get_destination (const CfWriteBatch *batch);
CF_API guint cf_write_batch_get_n_ops (const CfWriteBatch *batch);
CF_API const CfWriteOp *cf_write_batch_get_op (const CfWriteBatch *batch, guint i);
/* An APPEND, COPY or group that would bring the account above these fails with CF_ERROR_OVERQUOTA; 0: none.
 * They hold across mailboxes: batches of one account with a limit take turns, those without one need not. */
CF_API guint64 cf_write_batch_get_max_octets (const CfWriteBatch *batch);
CF_API guint64 cf_write_batch_get_max_messages (const CfWriteBatch *batch);

/* Reports. Operation @i failed, and with it its whole group: takes over @error. They changed nothing, and
 * what was reported of them before is forgotten. */
CF_API void cf_write_batch_fail (CfWriteBatch *batch, guint i, GError *error);
/* An APPEND's new UID. */
CF_API void cf_write_batch_appended (CfWriteBatch *batch, guint i, guint32 uid);
/* COPY and MOVE: message @uid became @new_uid. In ascending order of both. */
CF_API void cf_write_batch_copied (CfWriteBatch *batch, guint i, guint32 uid, guint32 new_uid);
/* STORE: @uid was left alone because of unchanged_since. */
CF_API void cf_write_batch_not_modified (CfWriteBatch *batch, guint i, guint32 uid);
/* EXPUNGE: @uid is gone. (MOVE says so by copied.) */
CF_API void cf_write_batch_expunged (CfWriteBatch *batch, guint i, guint32 uid);
/* An APPEND names an object that is not there any more: it fails with CF_ERROR_CONTENT_GONE. One
 * call for each. */
CF_API void cf_write_batch_object_gone (CfWriteBatch *batch, guint i, CfObjectId object);

/* The difference core wants of the mailbox (which 0) and of the destination (which 1): for each whose
 * get_since is not G_MAXUINT64, the store reports after the operations, inside the same commit, everything
 * that index_load would report with that since: this batch's changes and those of other processes alike. (For
 * a destination that is the same mailbox only which 0 is asked.) So one round trip brings core's index up to
 * date. since 0 stands for "every row". */
CF_API guint64 cf_write_batch_get_since (const CfWriteBatch *batch, guint which);
CF_API CfIndexSink *cf_write_batch_get_sink (CfWriteBatch *batch, guint which);
/* The destination's UIDVALIDITY comes with its mailbox report; where its since is G_MAXUINT64, the store
 * still calls the sink's mailbox function for each mailbox of the batch, and nothing else. */

/* ---- Attributes --------------------------------------------------------------------------------------
 *
 * A store keeps every key up to CF_ATTRIBUTE_KEY_MAX octets and every value up to CF_ATTRIBUTE_VALUE_MAX, NUL
 * octets included. It need not look for larger ones: core refuses those with CF_ERROR_LIMIT before it calls.
 */

typedef struct {
  gsize struct_size;
  CfAccountId account;
  CfMailboxId mailbox; /* 0: the account's attributes */
  guint32 uid;         /* 0: the mailbox's; else that message's */
} CfAttributeTarget;

typedef struct _CfAttributeSink CfAttributeSink;
struct _CfAttributeSink {
  gsize struct_size;
  /* In key order within a target. */
  void (*attribute) (CfAttributeSink *sink, const CfAttributeTarget *target, const CfAttribute *attribute);
};

/* ---- Moving in --------------------------------------------------------------------------------------- */

/* A message to be had exactly so. */
typedef struct {
  gsize struct_size;
  const CfIndexRow *row; /* content: one that messages of the account have; or 0: what append brings */
  /* NULL where row->content is given. Only its octets, facts and segments count. Messages of one call with
   * the same append have one content. */
  const CfAppend *append;
  guint n_attributes; /* all that it has then */
  const CfAttribute *const *attributes;
} CfRestoreMessage;

/* What a mailbox is to be. */
typedef struct {
  gsize struct_size;
  CfAccountId account;
  const CfMailboxInfo *mailbox; /* all of it is kept; id 0: a new one */
  const CfUidSet *expunged;     /* what is to go, of what is there; NULL: nothing */
  guint n_messages;             /* in ascending order of UID */
  const CfRestoreMessage *const *messages;
} CfRestore;

/* The first message that has the append of message @i: what it brings is the content of all of them. @i
 * itself: it brings a new content, or its append is NULL. */
CF_API guint cf_restore_find_first (const CfRestore *restore, guint i);

/* ---- Logins ------------------------------------------------------------------------------------------ */

typedef enum {
  CF_LOGIN_OK,
  CF_LOGIN_FAILED,  /* wrong credentials */
  CF_LOGIN_REFUSED, /* not now, or not here, whatever they are worth */
} CfLoginOutcome;

/* A login, or an attempt at one. What a client said is in it as UTF-8 without NUL, of bounded length; no
 * password is. */
typedef struct {
  gsize struct_size;
  gint64 at; /* seconds since the epoch */
  CfLoginOutcome outcome;
  CfAccountId account;   /* 0: not known; then whose @name is an address, if it is anybody's */
  const char *name;      /* the address given, normalised where it can be; "": none was told */
  const char *remote;    /* the client's IP address, or "unix" */
  const char *mechanism; /* the SASL mechanism; "LOGIN" for the command as well */
  const char *actor;     /* who acts for the account where that is another, or NULL */
  const char *reason;    /* REFUSED: why; else NULL */
} CfLoginRecord;

/* ---- Upkeep ------------------------------------------------------------------------------------------ */

/* Told of the work's progress; total 0: not known. FALSE: stop, the slot returns CF_ERROR_NO. */
typedef gboolean (*CfProgressFunc) (guint64 done, guint64 total, gpointer user_data);
/* A finding of check: one line. */
typedef void (*CfFindingFunc) (const char *text, gpointer user_data);
/* A piece of text for the operator, of any number of lines. */
typedef void (*CfTextFunc) (const char *text, gpointer user_data);
/* As @mailbox of a CfWatchFunc: the account was disabled or deleted, and no session is to go on in it. */
#define CF_WATCH_CLOSED G_MAXUINT64
/* Another process changed this mailbox up to @modseq (0: unknown; mailbox 0: the account's tree or its
 * attributes, which may be any of its mailboxes; account 0 with it: anything; CF_WATCH_CLOSED). May be said
 * of what is known already. Any thread. */
typedef void (*CfWatchFunc) (CfAccountId account, CfMailboxId mailbox, guint64 modseq, gpointer user_data);

typedef enum {
  CF_STORE_OPEN_CREATE = 1 << 0, /* make an empty store where there is none */
  CF_STORE_OPEN_READONLY = 1 << 1,
  CF_STORE_OPEN_UPGRADE = 1 << 2, /* accept an older schema: then only schema_* and close are called */
} CfStoreOpenFlags;

typedef struct {
  gsize struct_size; /* sizeof (CfStorageClass) */

  /* -- lifecycle and schema -- */

  /* Required. Opens the store; the plugin's configuration has been filled in by then. One CfStore of a class
   * is open at a time in a process. Main thread, before any other slot. A store that only one process may use
   * says so here (CF_ERROR_INUSE). Without CF_STORE_OPEN_CREATE a store that is not there is
   * CF_ERROR_NONEXISTENT. CF_ERROR_CANNOT: its schema is newer than the plugin, or older and schema_upgrade
   * is needed. */
  gboolean (*open) (CfStoreOpenFlags flags, CfStore **out_store, GError **error);

  /* Required. Every connection is closed before. Main thread. */
  void (*close) (CfStore *store);

  /* Required. A connection for one worker. Called again for a worker whose last call was UNAVAILABLE. */
  gboolean (*connect) (CfStore *store, CfStoreConn **out_conn, GError **error);

  /* Required. */
  void (*disconnect) (CfStoreConn *conn);

  /* Is the store there again? Cheap. Without it core asks account_lookup for an address that cannot exist. */
  gboolean (*probe) (CfStoreConn *conn, const CfCall *call, GError **error);

  /* The schema's number, and the number this plugin wants. Without it: 0 and 0, there is
   * nothing to upgrade. */
  gboolean (*schema_version) (CfStore *store, guint *out_current, guint *out_wanted, GError **error);

  /* Brings the schema forward, step by step, each durable. Without it: not supported. */
  gboolean (*schema_upgrade) (CfStore *store, CfProgressFunc progress, gpointer user_data, GError **error);

  /* -- accounts and credentials -- */

  /* Required. Creates an account with @name as its first address, and its INBOX. Durable when it returns.
   * CF_ERROR_ALREADYEXISTS when @name is an address of any account. */
  gboolean (*account_create) (CfStoreConn *conn, const CfCall *call, const char *name, CfAccountId *out_id,
                              GError **error);

  /* Required. The account that @address belongs to, with addresses and credentials, in one round trip.
   * Addresses compare octet by octet; core has normalised them. CF_ERROR_NONEXISTENT. */
  gboolean (*account_lookup) (CfStoreConn *conn, const CfCall *call, const char *address, CfAccountSink *sink,
                              GError **error);

  /* Every account in order of id with its addresses, without credentials. Without it: not supported. */
  gboolean (*account_list) (CfStoreConn *conn, const CfCall *call, CfAccountSink *sink, GError **error);

  /* Changes an account; all of @change or nothing; durable. CF_ERROR_NONEXISTENT when there is no such
   * account. Without it: not supported, and accounts come from elsewhere. */
  gboolean (*account_update) (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                              const CfAccountChange *change, GError **error);

  /* Removes the account and all that is its own: addresses, credentials, attributes, mailboxes,
   * messages; shared content when nobody else uses it. Nothing is left behind when it returns. Without
   * it: not supported. */
  gboolean (*account_delete) (CfStoreConn *conn, const CfCall *call, CfAccountId account, GError **error);

  /* -- mailbox tree -- */

  /* Required. Every mailbox of the account, in octet order of names. */
  gboolean (*mailbox_list) (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxSink *sink,
                            GError **error);

  /* Required. Creates a mailbox and each missing parent; durable. The sink gets the new ones, parents first.
   * CF_ERROR_ALREADYEXISTS when @name is there. @name has passed core's checks. */
  gboolean (*mailbox_create) (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                              guint32 special_use, CfMailboxSink *sink, GError **error);

  /* Required. Gives @from and all below it a new name, and creates missing parents of @to; ids, UIDs,
   * UIDVALIDITY and attributes stay; durable. INBOX is special (RFC 3501, 6.3.5): its row moves to @to
   * without those below it, and a new empty INBOX takes its place. @from may have no row of its own when only
   * mailboxes below it exist. CF_ERROR_NONEXISTENT: neither. CF_ERROR_ALREADYEXISTS: @to, or a name below it
   * that would collide, is there. */
  gboolean (*mailbox_rename) (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *from,
                              const char *to, GError **error);

  /* Required. Deletes the mailbox with its messages and attributes, not those below it;
   * durable. CF_ERROR_NONEXISTENT. Its UIDVALIDITY is never given out again in the account.
   * Content goes by collect. */
  gboolean (*mailbox_delete) (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
                              GError **error);

  /* Counts for STATUS. Without it core loads the index and counts. CF_ERROR_NONEXISTENT. */
  gboolean (*mailbox_status) (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                              CfMailboxStatus *out_status, GError **error);

  /* -- index -- */

  /* Required. A mailbox's state, or the difference from an earlier one; one consistent moment, one
   * round trip. The report is complete up to the highest_modseq it gives. Claiming \Recent need not
   * be durable. CF_ERROR_NONEXISTENT. */
  gboolean (*index_load) (CfStoreConn *conn, const CfCall *call, const CfIndexQuery *query, CfIndexSink *sink,
                          GError **error);

  /* -- content -- */

  /* Required. Reads ranges of messages of one account; one round trip. Content stays readable by id after its
   * last placement went, until collect takes it. A range costs the store what it spans, not what the message
   * weighs. Damaged content is CF_ERROR_CORRUPTION. */
  gboolean (*read) (CfStoreConn *conn, const CfCall *call, CfAccountId account, guint n_requests,
                    const CfReadRequest *const *requests, CfReadSink *sink, GError **error);

  /* Replaces the facts of @content by @facts, which a newer scanner computed from the same octets, and with
   * them what header_lookup finds. Not urgent, need not be durable. CF_ERROR_NONEXISTENT. Without it core
   * computes them anew each time. */
  gboolean (*facts_update) (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfContentId content,
                            CfFacts *facts, GError **error);

  /* Stores parts apart, each once per @scope ("account/7", "domain/example.org", "server") and hash, in a
   * commit of its own, durable; writes their ids to @out_ids, which has room for @n. An object that is there
   * already is touched, so that collect leaves it for the grace period. Without it core keeps every message
   * in one piece. */
  gboolean (*object_put) (CfStoreConn *conn, const CfCall *call, const char *scope, guint n,
                          const CfObject *const *objects, CfObjectId *out_ids, GError **error);

  /* -- writes -- */

  /* Required. Carries out @batch's operations in order, in one durable commit.
   *
   * Each operation's outcome is reported into @batch. One that fails changes nothing and does not undo its
   * neighbours, except those of its group. Atomic: other readers see all of the commit or nothing. What an
   * operation reads (which messages exist, have \Deleted, have which MODSEQ) it reads after the mailboxes are
   * locked; two mailboxes are locked in order of id.
   *
   * MODSEQ: a message that changes gets one above the mailbox's highest before this commit; so does the
   * mailbox for an expunge. One that a STORE leaves as it was keeps its own. COPY gives new UIDs, in the
   * order of the old, with flags, keywords, INTERNALDATE, attributes; flags are shared with the original at
   * no time.
   *
   * CF_ERROR_NONEXISTENT: the mailbox; as an operation's outcome (CF_ERROR_TRYCREATE), the destination.
   * FALSE: nothing was stored (CF_ERROR_UNAVAILABLE, CF_ERROR_LIMIT), or the outcome is unknown
   * (CF_ERROR_UNKNOWN); what was reported into @batch is void then. */
  gboolean (*commit) (CfStoreConn *conn, const CfCall *call, CfWriteBatch *batch, GError **error);

  /* -- attributes -- */

  /* Required. The attributes of @target whose keys begin with @prefix ("": all). With mailbox set and uid
   * G_MAXUINT32: of every message of the mailbox. Nothing found is success. */
  gboolean (*attribute_get) (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target,
                             const char *prefix, CfAttributeSink *sink, GError **error);

  /* Required. Sets or removes attributes of an account or a mailbox, all or nothing; durable. Those of a
   * message are written by CF_WRITE_ANNOTATE, as they raise its MODSEQ. */
  gboolean (*attribute_set) (CfStoreConn *conn, const CfCall *call, const CfAttributeTarget *target, guint n,
                             const CfAttribute *const *attributes, GError **error);

  /* -- search -- */

  /* Which of @candidates match @tree? With *out_exact FALSE the answer may hold more than match, never fewer,
   * and core looks at each. Without it core evaluates all. */
  gboolean (*search) (CfStoreConn *conn, const CfCall *call, CfAccountId account, CfMailboxId mailbox,
                      const CfSearchNode *tree, const CfUidSet *candidates, CfUidSet **out_uids,
                      gboolean *out_exact, GError **error);

  /* Messages of the account whose header field @name has exactly the decoded @value, through an index: CPM's
   * look-up by Conversation-ID, Contribution-ID and IMDN-Message-ID. Reports rows mailbox by mailbox. Without
   * it: not supported. */
  gboolean (*header_lookup) (CfStoreConn *conn, const CfCall *call, CfAccountId account, const char *name,
                             const char *value, CfIndexSink *sink, GError **error);

  /* -- watch -- */

  /* Tell @func of what other processes change, until unwatch: soon after it is durable, and of everything,
   * late at worst. A store that can fall back, losing commits that it had acknowledged (a failover may),
   * gives a new UIDVALIDITY to the mailboxes that lack what this process was told of, before it reports them
   * again, and then tells @func of account 0. Main thread. Without it the store has one process. */
  gboolean (*watch) (CfStore *store, CfWatchFunc func, gpointer user_data, GError **error);
  void (*unwatch) (CfStore *store);

  /* -- upkeep -- */

  /* Frees content and objects that nothing refers to and nothing has touched for @grace seconds, *out_freed
   * of them; bounded work, so call again while *out_more. Runs beside everything else and never takes what an
   * append under way is about to use (it asks for it again: CF_ERROR_CONTENT_GONE). Without it core never
   * calls it. */
  gboolean (*collect) (CfStoreConn *conn, const CfCall *call, guint64 grace, guint64 *out_freed,
                       gboolean *out_more, GError **error);

  /* A consistent copy at @path, which must not exist, while the store serves. Without it: not supported. */
  gboolean (*backup) (CfStoreConn *conn, const CfCall *call, const char *path, CfProgressFunc progress,
                      gpointer user_data, GError **error);

  /* Verifies invariants and content hashes while the store serves; @finding for each fault. @progress counts
   * octets, once it is known how many there are. FALSE: could not look. Without it: not supported. */
  gboolean (*check) (CfStoreConn *conn, const CfCall *call, CfFindingFunc finding, CfProgressFunc progress,
                     gpointer user_data, GError **error);

  /* This store was restored from a backup: gives every mailbox a new UIDVALIDITY, skips the ids that may
   * have been given out since it was made, as clients know them (EMAILID), and tells other processes (watch,
   * account 0). Without it: not supported. */
  gboolean (*restored) (CfStoreConn *conn, const CfCall *call, GError **error);

  /* As check, of one account: its mailboxes, its messages, and the content and objects that these have; what
   * others have is not looked at. Without it: not supported. */
  gboolean (*check_account) (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                             CfFindingFunc finding, CfProgressFunc progress, gpointer user_data,
                             GError **error);

  /* -- more of the schema -- */

  /* Prints what schema_upgrade would do, such as its SQL. Main thread. Without it: only the numbers are
   * told. */
  gboolean (*schema_describe) (CfStore *store, CfTextFunc print, gpointer user_data, GError **error);

  /* -- moving in -- */

  /* Makes a mailbox and messages in it what they were in another store (cofferctl migrate): names, UIDs,
   * UIDVALIDITY, UIDNEXT, MODSEQs, dates and all else as given, in one durable commit. Missing parents are
   * not made. A message whose UID is there becomes the one given, messages that are not named stay, and what
   * is so already may be told again. The account's last UIDVALIDITY rises to the mailbox's, if it is lower.
   * What was expunged before need not be known afterwards: a difference from below the highest MODSEQ
   * may be told by reset. Nobody uses the mailbox meanwhile.
   *
   * @out_contents has room for each message: which content it has. CF_ERROR_NONEXISTENT: the account, or the
   * mailbox with that id. CF_ERROR_ALREADYEXISTS: the name is another mailbox's, or a UID another
   * message's. CF_ERROR_CONTENT_GONE: a content that no message of the account has (any more), or an object
   * that is not there. Without it: not supported, and nobody can move here. */
  gboolean (*mailbox_restore) (CfStoreConn *conn, const CfCall *call, const CfRestore *restore,
                               CfMailboxId *out_mailbox, CfContentId *out_contents, GError **error);

  /* -- more of accounts -- */

  /* Notes logins and failed ones for whoever asks later, @n of them, at least one, the oldest first; all or
   * none; durable. Called soon after they have happened, one call for many, on a thread that no client waits
   * for. After a failure it is called with the same records again, so they may be there twice after
   * CF_ERROR_UNKNOWN. Without it none are gathered. */
  gboolean (*note_logins) (CfStoreConn *conn, const CfCall *call, guint n,
                           const CfLoginRecord *const *records, GError **error);

  /* -- more of the mailbox tree -- */

  /* Every mailbox of the account whose name begins with @prefix ("": every one) with its counts, in octet
   * order of names, at one moment, in one round trip: LIST ... RETURN (STATUS (...)) of thousands. Without it
   * core calls mailbox_list, and mailbox_status for each. */
  gboolean (*mailbox_list_status) (CfStoreConn *conn, const CfCall *call, CfAccountId account,
                                   const char *prefix, CfStatusSink *sink, GError **error);
} CfStorageClass;

G_END_DECLS

#endif
