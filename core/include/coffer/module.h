/* coffer/module.h - what a module exports, and the tables it registers.
 *
 * A module is one shared object. It exports one descriptor, written by CF_MODULE_DEFINE, whose symbol is
 * named after its file: storage-sqlite.so exports coffer_module_storage_sqlite. The loader checks the
 * descriptor, then calls init, which registers tables of rows: commands, capabilities, FETCH items and so on.
 * After all modules are loaded the tables are frozen and read without locks. Core registers its own commands
 * the same way.
 *
 * Each table is passed with its rows' size and number (the macros below do it), so rows can grow at their end
 * without breaking a module built earlier. Rows and the strings in them must live as long as the module:
 * static const tables are meant.
 */
#ifndef COFFER_MODULE_H
#define COFFER_MODULE_H

#include <coffer/access.h>
#include <coffer/auth.h>
#include <coffer/protocol.h>
#include <coffer/run.h>
#include <coffer/session.h>
#include <coffer/storage.h>

G_BEGIN_DECLS

typedef struct _CfRegistrar CfRegistrar;

/* ---- The descriptor ---------------------------------------------------------------------------------- */

typedef struct {
  gsize struct_size;
  guint32 abi_major, abi_minor;
  const char *name; /* the file's name without ".so"; '_' and '-' are the same, and shown as '-' */
  const char *version;
  const char *summary;                 /* one line for `cofferctl modules` */
  const char *const *requires_modules; /* NULL-terminated names, loaded before this one; or NULL */
  /* Registers this module's tables. Main thread. FALSE: the module refuses to be loaded, and the server to
   * start, with @error's message. */
  gboolean (*init) (CfRegistrar *registrar, GError **error);
  /* Every session has ended by then. Main thread. May be NULL. */
  void (*shutdown) (void);
} CfModuleDescriptor;

/* CF_MODULE_DEFINE (storage_sqlite, .summary = "...", .init = my_init), in storage-sqlite.so */
#define CF_MODULE_DEFINE(symbol, ...)                                                                        \
  __attribute__ ((visibility ("default"))) extern const CfModuleDescriptor coffer_module_##symbol;           \
  const CfModuleDescriptor coffer_module_##symbol = { .struct_size = sizeof (CfModuleDescriptor),            \
                                                      .abi_major = CF_ABI_MAJOR,                             \
                                                      .abi_minor = CF_ABI_MINOR,                             \
                                                      .name = #symbol,                                       \
                                                      .version = CF_MODULE_VERSION,                          \
                                                      __VA_ARGS__ };

/* A module may define its own before including this header. */
#ifndef CF_MODULE_VERSION
#define CF_MODULE_VERSION "0"
#endif

/* ---- Commands ---------------------------------------------------------------------------------------- */

typedef enum {
  CF_STATE_NOT_AUTHENTICATED = 1 << 0,
  CF_STATE_AUTHENTICATED = 1 << 1, /* no mailbox selected */
  CF_STATE_SELECTED = 1 << 2,
  CF_STATE_LOGGED_IN = CF_STATE_AUTHENTICATED | CF_STATE_SELECTED,
  CF_STATE_ANY = CF_STATE_NOT_AUTHENTICATED | CF_STATE_LOGGED_IN,
} CfStates;

typedef enum {
  CF_COMMAND_SEQUENCE = 1 << 0,  /* its numbers are message sequence numbers: no EXPUNGE is sent while it runs
                                    or with its updates (RFC 3501, 7.4.1) */
  CF_COMMAND_HEAVY = 1 << 1,     /* may read or convert much: takes one of the few heavy permits */
  CF_COMMAND_MESSAGE = 1 << 2,   /* its literals are messages: bounded by APPENDLIMIT, spooled to disk */
  CF_COMMAND_QUIET_LOG = 1 << 3, /* its arguments are secrets: never logged or traced */
  CF_COMMAND_LAST = 1 << 4,      /* the session ends with it: the mailbox is not looked at before */
} CfCommandFlags;

/* One IMAP command. "UID FETCH" is a name of its own. */
typedef struct {
  const char *name; /* upper case */
  CfStates states;  /* elsewhere it is answered BAD */
  guint flags;      /* CfCommandFlags */
  /* Called by a worker that owns the session, with the whole command received. The first call reads the
   * arguments (cf_call_get_input); later calls go on where the state (cf_call_set_state) says.
   *
   * - CF_RUN_DONE: finished; core sends pending updates and the tagged OK (cf_call_set_ok for its text).
   * - CF_RUN_MORE: call again when the client has read some of the output.
   * - CF_RUN_WAIT: something will wake this session: a permit, the write queue, a timer.
   * - CF_RUN_ERROR: @error is set; core sends the tagged NO or BAD it stands for.
   * - CF_RUN_CLOSE: finished with the session; flush and close.
   *
   * Between calls nothing may be pinned: no store call under way, no lock. */
  CfRun (*run) (CfCommandCall *call, GError **error);
} CfCommand;

/* ---- Capabilities ------------------------------------------------------------------------------------ */

typedef struct {
  const char *text; /* "UIDPLUS", "AUTH=PLAIN" */
  CfStates states;  /* where it is shown */
  /* Shown in this session? NULL: always. No I/O. May write the text into @out_text instead of `text` (for
   * "APPENDLIMIT=35651584"); out_text comes empty. */
  gboolean (*visible) (CfSession *session, GString *out_text);
  /* The client sent ENABLE with it (RFC 5161). NULL: it is not one that can be enabled. FALSE: refused, not
   * listed in ENABLED. */
  gboolean (*enable) (CfSession *session);
} CfCapability;

/* ---- Parameters of commands (RFC 4466) --------------------------------------------------------------- */

typedef enum {
  CF_PARAMETER_COMMAND, /* a parameter in parentheses: SELECT x (CONDSTORE), STORE 1 (UNCHANGEDSINCE 7) */
  CF_PARAMETER_RETURN,  /* a return option: LIST ... RETURN (CHILDREN), SEARCH RETURN (COUNT) */
  CF_PARAMETER_SELECT,  /* a selection option: LIST (SUBSCRIBED) ... */
} CfParameterKind;

typedef struct {
  const char *const *commands; /* NULL-terminated names of the commands that take it */
  CfParameterKind kind;
  const char *name; /* upper case */
  /* Reads what follows the name, and leaves it in the call (cf_call_set_parameter). */
  gboolean (*parse) (CfCommandCall *call, CfInput *input, GError **error);
} CfParameter;

/* ---- Data items -------------------------------------------------------------------------------------- */

typedef enum {
  CF_ITEM_FETCH,
  CF_ITEM_STATUS,
  CF_ITEM_LIST, /* attributes of a LIST response; the name serves no syntax */
} CfItemKind;

typedef enum {
  CF_NEED_ROW = 0,           /* the index alone */
  CF_NEED_FACTS = 1 << 0,    /* cf_message_get_facts() */
  CF_NEED_SET_SEEN = 1 << 1, /* sets \Seen (BODY[] without PEEK) */
} CfNeeds;

/* What an item's parser left for its emitter. */
typedef struct {
  gsize struct_size;
  guint needs;      /* CfNeeds; set before the first message is touched */
  gboolean is_span; /* the value is a run of octets: span is called, not emit */
  char *label;      /* text that names the item in the response, or NULL for the row's name */
  gpointer data;
  GDestroyNotify data_free;
  /* For a span, where it will be found, so that one read brings facts and octets: an area of the octets as
   * appended, and a range in it. NULL: not known. Owned by the request. */
  char *path;
  CfSectionKind section;
  guint64 offset, length;
} CfItemRequest;

/* What a span item sends: a run of a message's octets as BODY[] presents them, or of a part's decoded
 * octets (BINARY), or octets of its own. Core reads and sends it in pieces, so that an item never holds
 * a large part. */
typedef struct {
  gsize struct_size;
  gboolean nil;              /* NIL; the rest does not count */
  GBytes *octets;            /* not NULL: these; core takes the reference over */
  guint64 offset, length;    /* else: this range */
  gboolean decode;           /* ... of the decoded octets of part `path`, sent as literal8 */
  const char *path;          /* borrowed from the request */
  const char *const *fields; /* not NULL: the range is a header, of which only these fields are sent, */
  gboolean fields_not;       /* or all but these; */
  guint64 partial_offset, partial_length; /* and of the outcome this range */
} CfSpan;

typedef struct {
  CfItemKind kind;
  const char *name; /* upper case, up to "[" or "<"; "BODY" serves BODY and BODY[...] alike */
  /* Reads what follows the name ("[HEADER]<0.100>") into @request (STATUS: NULL). NULL: the name is all. */
  gboolean (*parse) (CfCommandCall *call, CfInput *input, CfItemRequest *request, GError **error);
  guint needs; /* the request's needs to begin with */
  /* Writes the item's value. No I/O: what was declared in needs is loaded. */
  gboolean (*emit) (CfMessage *message, const CfItemRequest *request, CfOutput *output, GError **error);
  /* For requests with is_span: which octets are the value. The facts are loaded. */
  gboolean (*span) (CfMessage *message, const CfItemRequest *request, CfSpan *out_span, GError **error);
  /* CF_ITEM_STATUS: writes the item's value for a mailbox. */
  void (*emit_status) (CfSession *session, const CfMailboxStatus *status, CfOutput *output);
  /* CF_ITEM_LIST: writes the attributes that mailbox @info has in a LIST response, each with a space in front
   * (" \\Archived"), or nothing. Asked for every name listed; info->id is 0 for a name that only has others
   * below it. */
  void (*emit_list) (CfSession *session, const CfMailboxInfo *info, CfOutput *output);
} CfItem;

/* ---- Search keys ------------------------------------------------------------------------------------- */

typedef struct {
  const char *name; /* upper case */
  /* Reads the key's arguments and makes its node; the caller owns it. NULL: @error. */
  CfSearchNode *(*parse) (CfCommandCall *call, CfInput *input, GError **error);
  guint needs; /* CF_SEARCH_MODULE: what match looks at */
  /* CF_SEARCH_MODULE: does the message match? No I/O. NULL for keys that parse to core's kinds. */
  gboolean (*match) (CfMessage *message, const CfSearchNode *node);
} CfSearchKey;

/* ---- Configuration ----------------------------------------------------------------------------------- */

typedef enum {
  CF_CONFIG_BOOLEAN,  /* gboolean */
  CF_CONFIG_INTEGER,  /* gint64, with optional suffix k, M, G */
  CF_CONFIG_DURATION, /* gint64 seconds; suffix s, m, h, d */
  CF_CONFIG_STRING,   /* char *; NULL when empty */
  CF_CONFIG_FILE,     /* char *; absolute; in the file, relative to that file's directory. NULL when empty */
  CF_CONFIG_LIST,     /* char **; in the file, separated by ';'. Never NULL */
  CF_CONFIG_CHOICE,   /* const char *; one of `choices`, never freed. NULL when there is no default */
} CfConfigType;

/* One key. Core fills the variable before init returns control to the registrar's caller, that is: keys are
 * registered first in init, and are set when cf_registrar_add_config() returns. An unknown key in the
 * module's group, or a value that does not fit, stops the server with file and line. */
typedef struct {
  const char *name;
  CfConfigType type;
  const char *default_text; /* as it would stand in the file */
  gint64 minimum, maximum;  /* INTEGER, DURATION; both 0: any value >= 0 */
  const char *choices;      /* CHOICE: "a;b;c" */
  const char *help;         /* one line */
  gsize offset;             /* of the variable in the struct given to cf_registrar_add_config() */
  /* SIGHUP may change it, while sessions run: BOOLEAN, INTEGER, DURATION and CHOICE only. The variable is
   * replaced atomically; declare it so: _Atomic gint64, const char *_Atomic. */
  gboolean reloadable;
  gboolean secret; /* holds a password: its value is shown to nobody */
} CfConfigKey;

/* ---- Hooks ------------------------------------------------------------------------------------------- */

typedef enum {
  CF_HOOK_CONNECT,        /* a client connected; veto: BYE */
  CF_HOOK_LOGIN,          /* credentials are right; veto: the login fails with @error */
  CF_HOOK_COMMAND,        /* a command is about to run; veto: it fails */
  CF_HOOK_SELECT,         /* SELECT or EXAMINE of `mailbox` */
  CF_HOOK_MAILBOX_CREATE, /* `mailbox` */
  CF_HOOK_MAILBOX_DELETE,
  CF_HOOK_MAILBOX_RENAME, /* `mailbox` to `destination` */
  CF_HOOK_APPEND,         /* a message is about to be added to `mailbox` */
  CF_HOOK_COPY,           /* `uids` of `mailbox` to `destination`, by COPY or MOVE */
  CF_HOOK_STORE,          /* flags of `uids` */
  CF_HOOK_EXPUNGE,        /* `uids` by EXPUNGE, UID EXPUNGE, CLOSE or MOVE */
  CF_HOOK_COMMITTED,      /* a batch is durable; no veto */
  CF_HOOK_LOGOUT,         /* the session ends; no veto */
  CF_HOOK_LAST
} CfHookEvent;

typedef struct {
  gsize struct_size;
  CfHookEvent event;
  CfSession *session;  /* NULL for COMMITTED of a batch that several sessions gathered */
  const char *command; /* COMMAND: the name */
  CfAccountId account;
  const char *mailbox, *destination; /* names, or NULL */
  const CfUidSet *uids;
  const CfAppend *append;    /* APPEND */
  const CfWriteBatch *batch; /* COMMITTED */
} CfHookInfo;

typedef struct {
  CfHookEvent event;
  gboolean may_veto; /* registering TRUE for an event without veto is refused */
  /* Called in load order on the thread at work; must not block. FALSE: veto, with @error; no later
   * hook is asked. */
  gboolean (*call) (const CfHookInfo *info, GError **error);
} CfHook;

/* ---- Classes ----------------------------------------------------------------------------------------- */

typedef enum {
  CF_CLASS_STORAGE,        /* CfStorageClass; [storage] class= chooses one by name */
  CF_CLASS_AUTHENTICATION, /* CfAuthenticationClass; all are used */
  CF_CLASS_ACCESS,         /* CfAccessClass; all must agree */
  CF_CLASS_PROTOCOL,       /* CfProtocol; a listen text's scheme chooses it */
} CfClassKind;

typedef struct {
  CfClassKind kind;
  const char *name;
  gconstpointer vtable; /* begins with its struct_size */
} CfClass;

/* ---- Registering ------------------------------------------------------------------------------------- */

/* For the macros below. FALSE: refused, with the reason (a name taken, a row incomplete). */
CF_API gboolean cf_registrar_add (CfRegistrar *registrar, guint kind, gconstpointer rows, gsize row_size,
                                  guint n, GError **error);
/* @group: the configuration file's group, which is the module's name as shown ("storage-sqlite"; core has
 * several). One table for each group. @base: the struct the offsets count in, static; strings and lists in it
 * belong to core. */
CF_API gboolean cf_registrar_add_config_rows (CfRegistrar *registrar, const char *group,
                                              const CfConfigKey *keys, gsize row_size, guint n, gpointer base,
                                              GError **error);
/* A numbered slot in every session for this module's data (cf_session_set_data). */
CF_API guint cf_registrar_add_session_slot (CfRegistrar *registrar, GDestroyNotify free_data);
/* The storage class that a module loaded before registered as @name, for a class that wraps another; optional
 * slots may be NULL. NULL: there is none. Borrowed as long as the modules are loaded. */
CF_API const CfStorageClass *cf_registrar_lookup_storage (CfRegistrar *registrar, const char *name);

enum {
  CF_ROW_COMMAND,
  CF_ROW_CAPABILITY,
  CF_ROW_PARAMETER,
  CF_ROW_ITEM,
  CF_ROW_SEARCH_KEY,
  CF_ROW_HOOK,
  CF_ROW_CLASS,
};

#define CF_REGISTRAR_ADD(registrar, kind, type, rows, error)                                                 \
  (cf_registrar_add ((registrar), (kind), (const type *) (rows), sizeof (type), G_N_ELEMENTS (rows), (error)))

/* @rows is an array, not a pointer. */
#define cf_registrar_add_commands(r, rows, error) CF_REGISTRAR_ADD (r, CF_ROW_COMMAND, CfCommand, rows, error)
#define cf_registrar_add_capabilities(r, rows, error)                                                        \
  CF_REGISTRAR_ADD (r, CF_ROW_CAPABILITY, CfCapability, rows, error)
#define cf_registrar_add_parameters(r, rows, error)                                                          \
  CF_REGISTRAR_ADD (r, CF_ROW_PARAMETER, CfParameter, rows, error)
#define cf_registrar_add_items(r, rows, error) CF_REGISTRAR_ADD (r, CF_ROW_ITEM, CfItem, rows, error)
#define cf_registrar_add_search_keys(r, rows, error)                                                         \
  CF_REGISTRAR_ADD (r, CF_ROW_SEARCH_KEY, CfSearchKey, rows, error)
#define cf_registrar_add_hooks(r, rows, error)   CF_REGISTRAR_ADD (r, CF_ROW_HOOK, CfHook, rows, error)
#define cf_registrar_add_classes(r, rows, error) CF_REGISTRAR_ADD (r, CF_ROW_CLASS, CfClass, rows, error)
#define cf_registrar_add_config(r, group, keys, base, error)                                                 \
  (cf_registrar_add_config_rows ((r), (group), (keys), sizeof (CfConfigKey), G_N_ELEMENTS (keys), (base),    \
                                 (error)))

G_END_DECLS

#endif
