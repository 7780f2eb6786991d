/* coffer/types.h - the values that core, modules and stores exchange.
 *
 * Units, everywhere: sizes and offsets are octets; a time is seconds since the epoch, UTC, unless its name
 * says otherwise; a deadline is microseconds of g_get_monotonic_time(). Text is UTF-8 unless it says "raw".
 */
#ifndef COFFER_TYPES_H
#define COFFER_TYPES_H

#include <coffer/error.h>

G_BEGIN_DECLS

/* ---- Flags (RFC 3501, 2.3.2) ---------------------------------------------------------------------------
 *
 * The five system flags are bits. \Recent is a property of a session's view and is never stored. Every other
 * flag, CPM's \read-report-sent included, is a keyword. */
typedef enum {
  CF_FLAG_ANSWERED = 1 << 0,
  CF_FLAG_FLAGGED = 1 << 1,
  CF_FLAG_DELETED = 1 << 2,
  CF_FLAG_SEEN = 1 << 3,
  CF_FLAG_DRAFT = 1 << 4,
} CfFlags;

#define CF_FLAG_ALL 0x1f

/* A set of keywords: immutable, reference counted, interned, so that two equal sets are one pointer and a
 * million messages with the same keywords share it. Keywords compare without regard to ASCII case and keep
 * the case they were first given in. NULL is the empty set in every parameter and field. Any thread. */
typedef struct _CfKeywords CfKeywords;

/* The set of @n strings, in any order, duplicates allowed; NULL when there are none. The caller unrefs it. */
CF_API CfKeywords *cf_keywords_new (const char *const *names, gsize n);
CF_API CfKeywords *cf_keywords_ref (CfKeywords *keywords);
CF_API void cf_keywords_unref (CfKeywords *keywords);
CF_API gsize cf_keywords_get_n (const CfKeywords *keywords);
/* The @i-th keyword in sorted order; borrowed. */
CF_API const char *cf_keywords_get (const CfKeywords *keywords, gsize i);
CF_API gboolean cf_keywords_contains (const CfKeywords *keywords, const char *name);
/* New sets; the caller unrefs. */
CF_API CfKeywords *cf_keywords_union (CfKeywords *a, CfKeywords *b);
CF_API CfKeywords *cf_keywords_minus (CfKeywords *a, CfKeywords *b);
/* One string with a space between keywords (none contains one), "" for the empty set; for stores that keep a
 * text column. The caller frees / unrefs. */
CF_API char *cf_keywords_to_string (const CfKeywords *keywords);
CF_API CfKeywords *cf_keywords_from_string (const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfKeywords, cf_keywords_unref)

/* ---- UID sets ------------------------------------------------------------------------------------------
 *
 * A set of UIDs (or message sequence numbers) as sorted, disjoint, non-adjacent ranges. Zero is never a
 * member. Not thread safe: one owner at a time. */
typedef struct _CfUidSet CfUidSet;
typedef struct {
  guint32 first, last; /* inclusive; first <= last */
} CfUidRange;

CF_API CfUidSet *cf_uid_set_new (void);
CF_API CfUidSet *cf_uid_set_copy (const CfUidSet *set);
CF_API void cf_uid_set_free (CfUidSet *set);
/* O(1) amortised when added in ascending order. */
CF_API void cf_uid_set_add (CfUidSet *set, guint32 uid);
CF_API void cf_uid_set_add_range (CfUidSet *set, guint32 first, guint32 last);
CF_API void cf_uid_set_add_set (CfUidSet *set, const CfUidSet *other);
CF_API void cf_uid_set_remove_range (CfUidSet *set, guint32 first, guint32 last);
CF_API gboolean cf_uid_set_contains (const CfUidSet *set, guint32 uid);
CF_API gboolean cf_uid_set_is_empty (const CfUidSet *set);
/* How many members, counted over the ranges. */
CF_API guint64 cf_uid_set_get_count (const CfUidSet *set);
CF_API gsize cf_uid_set_get_n_ranges (const CfUidSet *set);
CF_API CfUidRange cf_uid_set_get_range (const CfUidSet *set, gsize i);
CF_API CfUidSet *cf_uid_set_intersect (const CfUidSet *a, const CfUidSet *b);
/* "1:3,7,9:12" (RFC 3501, sequence-set without "*"); "" when empty. The caller frees. */
CF_API char *cf_uid_set_to_string (const CfUidSet *set);
/* Accepts what cf_uid_set_to_string() writes, ranges in any order. NULL with CF_ERROR_BAD otherwise. */
CF_API CfUidSet *cf_uid_set_from_string (const char *text, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfUidSet, cf_uid_set_free)

/* Walks @set in ascending order: CfUidIter it = { 0 }; while (cf_uid_set_next (set, &it, &uid)) ... */
typedef struct {
  gsize range;
  guint32 next;
} CfUidIter;
CF_API gboolean cf_uid_set_next (const CfUidSet *set, CfUidIter *iter, guint32 *out_uid);

/* ---- Octets that may be large --------------------------------------------------------------------------
 *
 * A source is something immutable to read octets from, at any offset: a buffer, or a spooled literal on disk.
 * So that a message of 100 MB is never in memory as a whole. Reference counted; reading is safe from several
 * threads at once. */
typedef struct _CfSource CfSource;

CF_API CfSource *cf_source_new_bytes (GBytes *bytes);
/* Takes over @fd, a regular file of @length octets from offset 0. */
CF_API CfSource *cf_source_new_fd (int fd, guint64 length);
/* @length octets of @parent from @offset. */
CF_API CfSource *cf_source_new_slice (CfSource *parent, guint64 offset, guint64 length);
CF_API CfSource *cf_source_ref (CfSource *source);
CF_API void cf_source_unref (CfSource *source);
CF_API guint64 cf_source_get_length (const CfSource *source);
/* Fills @buffer with exactly @length octets from @offset. FALSE: beyond the end (CF_ERROR_SERVERBUG), or the
 * file cannot be read (CF_ERROR_UNAVAILABLE). May block on the disk. */
CF_API gboolean cf_source_read (CfSource *source, guint64 offset, void *buffer, gsize length, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfSource, cf_source_unref)

/* ---- Attributes ----------------------------------------------------------------------------------------
 *
 * Small ordered key/value pairs of an account, a mailbox or a message. Keys are text, compared octet by
 * octet, at most CF_ATTRIBUTE_KEY_MAX octets; by convention "module/name", such as "acl/lookup". Values are
 * octets. */
#define CF_ATTRIBUTE_KEY_MAX   250
#define CF_ATTRIBUTE_VALUE_MAX (64 * 1024)

typedef struct {
  gsize struct_size; /* sizeof (CfAttribute) */
  const char *key;
  GBytes *value; /* NULL in a write: remove the key */
} CfAttribute;

/* ---- Mailboxes -----------------------------------------------------------------------------------------
 *
 * Names are UTF-8 with '/' between levels, compared octet by octet, except that the first level INBOX is
 * stored in upper case. Modified UTF-7 exists on the wire alone. */
#define CF_MAILBOX_SEPARATOR '/'
#define CF_MAILBOX_NAME_MAX  1000 /* octets */

typedef guint64 CfAccountId; /* never 0, never reused */
typedef guint64 CfMailboxId; /* never 0, never reused, unique in the store */
typedef guint64 CfContentId; /* never 0, never reused, unique in the store; names immutable octets */
typedef guint64 CfObjectId;  /* never 0, never reused; names a part kept apart */

/* Special-use attributes (RFC 6154, 2); bits, as a mailbox may have several. */
typedef enum {
  CF_SPECIAL_USE_ALL = 1 << 0,
  CF_SPECIAL_USE_ARCHIVE = 1 << 1,
  CF_SPECIAL_USE_DRAFTS = 1 << 2,
  CF_SPECIAL_USE_FLAGGED = 1 << 3,
  CF_SPECIAL_USE_JUNK = 1 << 4,
  CF_SPECIAL_USE_SENT = 1 << 5,
  CF_SPECIAL_USE_TRASH = 1 << 6,
  CF_SPECIAL_USE_IMPORTANT = 1 << 7, /* RFC 8457 */
} CfSpecialUse;

G_END_DECLS

#endif
