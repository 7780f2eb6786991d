/* core/imap/command-reader.h - from a connection's octets to one complete command (RFC 3501, 4.3; RFC 7888;
 * RFC 3516).
 *
 * The reader is fed with what has arrived, in any portions, and keeps what it was given until the command is
 * complete: nothing needs to stay in the connection's buffer. Between commands it holds no buffer. It knows
 * no sockets and sends nothing; its result says what the session must send. One owner at a time.
 *
 *   for (;;)
 *     switch (cf_command_reader_feed (reader, data, length, &consumed, &error)) { consume, then
 *     NEED_MORE: wait for input
 *     CONTINUE:  send "+ OK"; feed again
 *     COMPLETE:  cf_command_reader_steal_input(); run it; feed again
 *     ERROR:     send the tagged answer for @error ("* BAD" when the tag is NULL); feed again
 *     FATAL:     send "* BYE" with @error's message; close }
 */
#ifndef CF_COMMAND_READER_H
#define CF_COMMAND_READER_H

#include "imap/input.h"

G_BEGIN_DECLS

typedef struct _CfCommandReader CfCommandReader;

/* Sizes are octets; 0 stands for the default. */
typedef struct {
  /* A command without its literals' octets; 64 KB (RFC 2683, 3.2.1.5 asks for 8000). */
  gsize command_max;
  /* Literals before login: one, and all of one command together; 4 KB. */
  guint64 login_literal_max;
  /* Likewise after it, where they are not messages; 256 KB. */
  guint64 literal_max;
  /* One literal that is a message; 64 MB. All of one command; 8 times as much. */
  guint64 append_limit, append_total;
  /* Refused input of one command that is read and thrown away; 1 MB, before login at
   * most twice login_literal_max. */
  guint64 discard_max;
  /* Literals of one message command that are kept in memory; what is more goes to disk; 64 KB. */
  gsize spool_threshold;
  const char *spool_directory; /* NULL: g_get_tmp_dir() */
  guint input_options;         /* CfInputOptions */
} CfCommandReaderConfig;

typedef enum {
  CF_LITERALS_REFUSED,  /* none is taken; @error says why (unknown command, not in this state) */
  CF_LITERALS_ORDINARY, /* bounded by literal_max */
  CF_LITERALS_MESSAGE,  /* bounded by append_limit, spooled (CF_COMMAND_MESSAGE) */
} CfLiterals;

/* Asked once per command that has literals, as soon as its first line is there. @name: upper
 * case, "UID FETCH". */
typedef CfLiterals (*CfLiteralsFunc) (const char *name, gpointer user_data, GError **error);

typedef enum {
  CF_READ_NEED_MORE, /* everything is consumed; feed again when more has arrived */
  CF_READ_CONTINUE,  /* a synchronising literal is welcome: send the continuation request */
  CF_READ_COMPLETE,  /* a command (or line) is there; octets behind it are not consumed */
  CF_READ_ERROR, /* refused; answer with the tag. The reader throws away by itself what is still to come of
                    that command, and then goes on with the next */
  CF_READ_FATAL, /* the next command cannot be found: send BYE and close */
} CfRead;

/* @config and what it points to are borrowed, and looked at while a command arrives. @literals may be NULL:
 * all are ordinary. */
CfCommandReader *cf_command_reader_new (const CfCommandReaderConfig *config, CfLiteralsFunc literals,
                                        gpointer user_data);
/* NULL is allowed. */
void cf_command_reader_free (CfCommandReader *reader);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (CfCommandReader, cf_command_reader_free)

/* What a trace is told of, as it is read: a line of a command has ended, its first or one behind a literal
 * (@text, without its end, with the literal's marker; borrowed), a literal of @length octets has, or a line
 * that is none of a command. REFUSED: of what has ended the reader has thrown away all or a part; @text is
 * NULL. */
typedef enum {
  CF_READER_COMMAND,
  CF_READER_LINE,
  CF_READER_LITERAL,
  CF_READER_CONTINUATION,
  CF_READER_REFUSED,
} CfReaderEvent;
typedef void (*CfReaderTraceFunc) (CfReaderEvent event, const char *text, guint64 length, gpointer user_data);
/* NULL: nobody is told. */
void cf_command_reader_set_trace (CfCommandReader *reader, CfReaderTraceFunc func, gpointer user_data);

/* After a successful login: the bounds for strangers no longer apply. */
void cf_command_reader_set_authenticated (CfCommandReader *reader, gboolean authenticated);

/* Takes octets from @data; *@out_consumed says how many. Lines end in CRLF or LF alone; empty lines before a
 * command are passed over. May block on the disk while it spools. With ERROR and FATAL @error is set, to what
 * CfLiteralsFunc answered or to
 *
 * - CF_ERROR_BAD: a line too long, NUL in it or in a literal, no tag, no command name;
 * - CF_ERROR_TOOBIG: a message larger than append_limit;
 * - CF_ERROR_LIMIT: any other literal larger than allowed; the spool's disk is full;
 * - CF_ERROR_UNAVAILABLE: the spool cannot be written. */
CfRead cf_command_reader_feed (CfCommandReader *reader, const void *data, gsize length, gsize *out_consumed,
                               GError **error);

/* Takes one line that is not a command: an AUTHENTICATE response, IDLE's DONE. Only between commands, and
 * until it answers other than NEED_MORE. COMPLETE: *@out_line without its end, perhaps "", the caller frees
 * (cf_secret_free() if it may be secret). ERROR (CF_ERROR_BAD): longer than @max octets, or with NUL; the
 * rest of the line is thrown away later. FATAL: as above. */
CfRead cf_command_reader_read_line (CfCommandReader *reader, const void *data, gsize length, gsize max,
                                    gsize *out_consumed, char **out_line, GError **error);

/* Nothing of the next command has been read. */
gboolean cf_command_reader_is_between (const CfCommandReader *reader);
/* After COMPLETE: the command, its cursor behind the name. The caller frees. */
CfInput *cf_command_reader_steal_input (CfCommandReader *reader);
/* Of the command that CONTINUE, COMPLETE or ERROR speaks of; valid until the next feed. NULL: it has none
 * that is well formed. The name is in upper case, with the next word if it is UID: "UID FETCH". */
const char *cf_command_reader_get_tag (const CfCommandReader *reader);
const char *cf_command_reader_get_name (const CfCommandReader *reader);

G_END_DECLS

#endif
