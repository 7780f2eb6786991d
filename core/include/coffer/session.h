/* coffer/session.h - what a command sees: its session, its arguments, its output, the selected mailbox.
 *
 * Everything here is called from a command's run, an item's parse or emit, or a hook, on the worker
 * that owns the session at that moment; nothing locks and nothing blocks, except the cf_store_
 * functions of coffer/store.h.
 */
#ifndef COFFER_SESSION_H
#define COFFER_SESSION_H

#include <coffer/auth.h>
#include <coffer/run.h>
#include <coffer/storage.h>

G_BEGIN_DECLS

typedef struct _CfSession CfSession;         /* one connection's IMAP state */
typedef struct _CfCommandCall CfCommandCall; /* one command being carried out */
typedef struct _CfInput CfInput;             /* the command's text and literals, read from left to right */
typedef struct _CfOutput CfOutput;           /* what is to be sent */
typedef struct _CfMessage CfMessage; /* a message of the selected mailbox, while its response is made */

/* ---- The call ---------------------------------------------------------------------------------------- */

CF_API CfSession *cf_call_get_session (CfCommandCall *call);
CF_API CfInput *cf_call_get_input (CfCommandCall *call);
CF_API CfOutput *cf_call_get_output (CfCommandCall *call);
/* Begun with "UID "? */
CF_API gboolean cf_call_is_uid (CfCommandCall *call);
/* Borrowed. It needs no escaping in a quoted string. */
CF_API const char *cf_call_get_tag (CfCommandCall *call);
/* The command's own state between calls of run; NULL at the first. Freed with the call. */
CF_API gpointer cf_call_get_state (CfCommandCall *call);
CF_API void cf_call_set_state (CfCommandCall *call, gpointer state, GDestroyNotify free_state);
/* The text of the tagged OK, without tag and OK: "[APPENDUID 1 2] Done". Default: "NAME completed". */
CF_API void cf_call_set_ok (CfCommandCall *call, const char *format, ...) G_GNUC_PRINTF (2, 3);
/* What a parameter's parser (CfParameter) leaves for the command, by name; @free_value may be NULL. */
CF_API void cf_call_set_parameter (CfCommandCall *call, const char *name, gpointer value,
                                   GDestroyNotify free_value);
CF_API gboolean cf_call_lookup_parameter (CfCommandCall *call, const char *name, gpointer *out_value);
/* Reads "(NAME args NAME ...)" of @kind for this command through the registered parameters. Return and
 * selection options may be none at all: "()", and one that comes again is read again (RFC 5258, 3). */
CF_API gboolean cf_call_parse_parameters (CfCommandCall *call, guint kind, GError **error);

/* The permit to call the store in this step. Call it before the first cf_store_ function of a step. FALSE:
 * return CF_RUN_WAIT, and do the same when called again; core wakes the session when it is its turn. The
 * permit ends when run returns. */
CF_API gboolean cf_call_enter_store (CfCommandCall *call);

/* So much output waits for the client that the command should return CF_RUN_MORE. */
CF_API gboolean cf_call_is_output_full (CfCommandCall *call);

/* ---- The session ------------------------------------------------------------------------------------- */

/* Number for the log; unique in this process. */
CF_API guint64 cf_session_get_number (CfSession *session);
/* The client, "192.0.2.1:50000"; borrowed. */
CF_API const char *cf_session_get_peer (CfSession *session);
CF_API gboolean cf_session_is_tls (CfSession *session);
/* Passwords may be sent in this session: TLS is on, or plaintext_login allows it for this peer. */
CF_API gboolean cf_session_is_private (CfSession *session);
/* TLS channel binding of @type ("tls-exporter", "tls-unique", "tls-server-end-point"); NULL: none.
 * The caller unrefs. */
CF_API GBytes *cf_session_dup_channel_binding (CfSession *session, const char *type);
/* Who logged in; NULL before. Borrowed. */
CF_API const CfIdentity *cf_session_get_identity (CfSession *session);
CF_API CfAccountId cf_session_get_account (CfSession *session);
CF_API gboolean cf_session_is_selected (CfSession *session);
CF_API gboolean cf_session_is_read_only (CfSession *session);
CF_API gpointer cf_session_get_data (CfSession *session, guint slot);
CF_API void cf_session_set_data (CfSession *session, guint slot, gpointer data);
/* Whether the client has enabled @capability, written as its row has it: "QRESYNC"; "IMAP4rev2", for what RFC
 * 9051 has otherwise than RFC 3501. */
CF_API gboolean cf_session_is_enabled (CfSession *session, const char *capability);

/* ---- The selected mailbox's view --------------------------------------------------------------------- */

/* All borrowed until the step ends. Sequence numbers run from 1. */
CF_API CfMailboxId cf_session_get_mailbox (CfSession *session);
CF_API const char *cf_session_get_mailbox_name (CfSession *session);
CF_API guint32 cf_session_get_exists (CfSession *session);
/* The row of the message with this sequence number, or NULL. */
CF_API const CfIndexRow *cf_session_get_row (CfSession *session, guint32 seq);
/* The sequence number of @uid; 0: not in the view. */
CF_API guint32 cf_session_lookup_seq (CfSession *session, guint32 uid);
CF_API gboolean cf_session_is_recent (CfSession *session, guint32 uid);
/* Expunged, but not yet told to the client. */
CF_API gboolean cf_session_is_ghost (CfSession *session, guint32 uid);
/* Makes @uids, which it takes over, what "$" stands for until the mailbox is left (RFC 5182). FALSE with
 * CF_ERROR_NOTSAVED: they are too many; "$" is empty then. Core empties it where a command with the return
 * option SAVE fails. */
CF_API gboolean cf_session_save_search (CfSession *session, CfUidSet *uids, GError **error);

/* ---- Reading arguments ------------------------------------------------------------------------------- *
 *
 * Each reads one thing at the cursor and moves behind it; FALSE with CF_ERROR_BAD, the cursor unmoved, when
 * it is not there. Outputs belong to the caller. Names are RFC 3501's formal syntax. */

CF_API gboolean cf_input_is_end (const CfInput *input);
/* Nothing may follow. */
CF_API gboolean cf_input_end (CfInput *input, GError **error);
CF_API gboolean cf_input_space (CfInput *input, GError **error);
/* The next character, 0 at the end or before a literal. */
CF_API char cf_input_peek (const CfInput *input);
/* Moves behind @c if it is next. */
CF_API gboolean cf_input_skip (CfInput *input, char c);
CF_API gboolean cf_input_expect (CfInput *input, char c, GError **error);
/* Moves behind @word if it is next, in any case, and no atom character follows. */
CF_API gboolean cf_input_skip_word (CfInput *input, const char *word);
CF_API gboolean cf_input_atom (CfInput *input, char **out_atom, GError **error);
/* An atom of letters, digits, '.', '-', '_' that ends at any other character, in upper case: names of items
 * and keys ("BODY", "RFC822.SIZE"). */
CF_API gboolean cf_input_name (CfInput *input, char **out_name, GError **error);
/* Strings without NUL. @out_text is as sent; not necessarily UTF-8. */
CF_API gboolean cf_input_astring (CfInput *input, char **out_text, GError **error);
CF_API gboolean cf_input_string (CfInput *input, char **out_text, GError **error);
/* NIL gives NULL. */
CF_API gboolean cf_input_nstring (CfInput *input, char **out_text, GError **error);
CF_API gboolean cf_input_number (CfInput *input, guint32 *out_number, GError **error);
CF_API gboolean cf_input_number64 (CfInput *input, guint64 *out_number, GError **error);
/* A mailbox name in UTF-8, decoded from what the session's names are written in (modified UTF-7 until the
 * client has enabled UTF-8), INBOX in upper case. CF_ERROR_CANNOT: a name that cannot be (RFC 5530): invalid
 * UTF-7 or UTF-8, control characters, empty levels, too long. */
CF_API gboolean cf_input_mailbox (CfInput *input, char **out_name, GError **error);
/* A LIST pattern, decoded likewise, wildcards kept. */
CF_API gboolean cf_input_list_mailbox (CfInput *input, char **out_pattern, GError **error);
/* flag-list in parentheses, or, with @bare, also flags separated by spaces (STORE). \Recent is passed
 * over. CF_ERROR_CANNOT: a flag-extension that the server does not have. CF_ERROR_LIMIT: a keyword of more
 * than 250 octets. */
CF_API gboolean cf_input_flags (CfInput *input, gboolean bare, guint *out_flags, CfKeywords **out_keywords,
                                GError **error);
/* date: days since 1970-01-01. */
CF_API gboolean cf_input_date (CfInput *input, gint32 *out_day, GError **error);
/* date-time in quotes. */
CF_API gboolean cf_input_date_time (CfInput *input, gint64 *out_time, gint *out_zone_minutes, GError **error);
/* A literal or literal8 as a source (it may be on disk). @out_literal8 may be NULL: literal8 is
 * then an error. */
CF_API gboolean cf_input_literal (CfInput *input, CfSource **out_source, gboolean *out_literal8,
                                  GError **error);
/* A sequence-set, resolved against the session's view to the UIDs of messages in it: by UID where the command
 * began with "UID " or @by_uid, else by sequence number (a number beyond the last message is CF_ERROR_BAD).
 * "*" is the last message, "$" what cf_session_save_search() kept. */
CF_API gboolean cf_input_messages (CfInput *input, CfCommandCall *call, gboolean by_uid, CfUidSet **out_uids,
                                   GError **error);

/* partial-range (RFC 9394, 4): from the @first to the @last of something in order, or from the @last to the
 * @first. They count from 1, at its beginning or, with @from_end, at its end ("-1:-100"). */
typedef struct {
  gboolean from_end;
  guint32 first, last;
} CfPartial;
CF_API gboolean cf_input_partial (CfInput *input, CfPartial *out_partial, GError **error);
/* The members of @set in that range; a range beyond them names none. The caller frees. */
CF_API CfUidSet *cf_partial_apply (const CfPartial *partial, const CfUidSet *set);

/* ---- Reading search keys (RFC 3501, 6.4.4) ------------------------------------------------------------ *
 *
 * Through the rows that modules registered (CfSearchKey), so that every command with a search program
 * (SEARCH, SORT, THREAD) takes every key. The caller owns the nodes. NULL: CF_ERROR_BAD, or CF_ERROR_LIMIT
 * where keys are nested too deep. */

/* One search-key: a name and its arguments, a sequence-set (which names messages of the view; numbers beyond
 * the last name none), or keys in parentheses. */
CF_API CfSearchNode *cf_call_parse_search_key (CfCommandCall *call, CfInput *input, GError **error);
/* One or more, separated by spaces, all of which must match. */
CF_API CfSearchNode *cf_call_parse_search_keys (CfCommandCall *call, CfInput *input, GError **error);
/* The charset of the strings of the keys that are read from now on. CF_ERROR_BADCHARSET: nobody knows it. */
CF_API gboolean cf_call_set_search_charset (CfCommandCall *call, const char *charset, GError **error);
/* For a key's parser: an astring of that charset as UTF-8. The caller frees. Without a charset, or with
 * US-ASCII, octets beyond ASCII are taken to be UTF-8. CF_ERROR_BAD: they are not of the charset. */
CF_API gboolean cf_call_parse_search_text (CfCommandCall *call, CfInput *input, char **out_text,
                                           GError **error);

/* ---- Writing responses ------------------------------------------------------------------------------- */

CF_API void cf_output_text (CfOutput *output, const char *text);
CF_API void cf_output_printf (CfOutput *output, const char *format, ...) G_GNUC_PRINTF (2, 3);
CF_API void cf_output_octets (CfOutput *output, const void *octets, gsize length);
/* Quoted where possible, else a literal. */
CF_API void cf_output_string (CfOutput *output, const char *text);
CF_API void cf_output_nstring (CfOutput *output, const char *text);
/* An atom where possible, else as string. */
CF_API void cf_output_astring (CfOutput *output, const char *text);
/* @octets as a literal; literal8 when they hold NUL and @literal8 allows it. */
CF_API void cf_output_literal (CfOutput *output, GBytes *octets, gboolean literal8);
/* A mailbox name as the session's names are written: as astring, or always quoted (LIST; deployed clients
 * want it). */
CF_API void cf_output_mailbox (CfOutput *output, const char *name, gboolean quoted);
/* "(\Seen $Work)", keywords as far as the session may see them. */
CF_API void cf_output_flags (CfOutput *output, guint flags, const CfKeywords *keywords, gboolean recent);
/* "17-Jul-1996 02:44:25 -0700" in quotes. */
CF_API void cf_output_date_time (CfOutput *output, gint64 time, gint zone_minutes);

/* ---- A message while its response is made ------------------------------------------------------------ */

CF_API guint32 cf_message_get_seq (CfMessage *message);
CF_API const CfIndexRow *cf_message_get_row (CfMessage *message);
CF_API CfSession *cf_message_get_session (CfMessage *message);
/* Only where CF_NEED_FACTS was declared. Borrowed. */
CF_API CfFacts *cf_message_get_facts (CfMessage *message);

/* For a module that evaluates others' rows (CfSearchKey.match). @row is copied; the caller frees. */
CF_API CfMessage *cf_message_new (CfSession *session, guint32 seq, const CfIndexRow *row);
CF_API void cf_message_free (CfMessage *message);
/* Keeps a reference. */
CF_API void cf_message_set_facts (CfMessage *message, CfFacts *facts);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfMessage, cf_message_free)

G_END_DECLS

#endif
