/* core/cofferctl/commands.c - the admin tool's commands and their options (commands.h).
 *
 * To add a command: a row here, and its function. The texts are what --help, the manual page and completion
 * show.
 */
#include "cofferctl/commands.h"

/* clang-format off */
#define OFFSET(field) G_STRUCT_OFFSET (CtlOptions, field)

const CtlOption ctl_options[] = {
  { CTL_OPT_PASSWORD, "password-stdin", 0, NULL,
    "Read the password from the first line of stdin; otherwise it is asked for on the terminal",
    OFFSET (password_stdin) },
  { CTL_OPT_NO_PASSWORD, "no-password", 0, NULL,
    "Without a password: nobody can log in with one until passwd sets it", OFFSET (no_password) },
  { CTL_OPT_MAIL, "mailbox", 'm', "MAILBOX",
    "The mailbox, in UTF-8", OFFSET (mailbox) },
  { CTL_OPT_MAIL, "format", 'f', "FORMAT",
    "maildir or mbox; import finds out by itself, export writes maildir", OFFSET (format) },
  { CTL_OPT_BY, "by", 0, "user|address",
    "Count them by user or by address", OFFSET (by) },
  { CTL_OPT_FOR, "for", 0, "TIME",
    "How long, with s, m, h or d; without it, 1h", OFFSET (time) },
  { CTL_OPT_ADDRESS, "address", 0, NULL,
    "NAME is the IP address of clients, not an account", OFFSET (address) },
  { CTL_OPT_CHANGED, "changed", 0, NULL,
    "Only what differs from the default", OFFSET (changed) },
  { CTL_OPT_ACCOUNT, "account", 'a', "NAME",
    "This account alone", OFFSET (account) },
  { CTL_OPT_JSON, "json", 0, NULL,
    "Print the result as JSON, in one line", OFFSET (json) },
  { CTL_OPT_DELETE, "delete", 0, NULL,
    "Delete what migrate made of accounts that are not there any more", OFFSET (delete_accounts) },
  { CTL_OPT_DRY_RUN, "dry-run", 0, NULL,
    "Only show what would be done", OFFSET (dry_run) },
  { CTL_OPT_YES, "yes", 'y', NULL,
    "Yes, do it", OFFSET (yes) },
};
const gsize ctl_n_options = G_N_ELEMENTS (ctl_options);

const CtlCommand ctl_commands[] = {
  { "user add", "NAME", 1, CTL_OPT_PASSWORD | CTL_OPT_NO_PASSWORD, ctl_user_add,
    "Make an account",
    "NAME is the account's first address: a mail address, a tel: or sip: URI, or any login name. It "
    "is put into the form that is looked up when clients log in, so that spellings of one address are "
    "one account: the case of a host and the separators in a number do not count. The case of what "
    "stands before an \"@\" does, as does that of a login name. The account gets INBOX and the "
    "mailboxes of [storage] create_mailboxes, and is subscribed to them." },
  { "user list", "", 0, 0, ctl_user_list,
    "Show all accounts", NULL },
  { "user disable", "NAME", 1, 0, ctl_user_disable,
    "Let an account log in no more; its sessions end", NULL },
  { "user enable", "NAME", 1, 0, ctl_user_enable,
    "Let it log in again", NULL },
  { "user delete", "NAME", 1, 0, ctl_user_delete,
    "Delete an account with all its mail, for good",
    "Its sessions end. Nothing of it is left; there is no question and no way back." },
  { "passwd", "NAME", 1, CTL_OPT_PASSWORD, ctl_passwd,
    "Change an account's password",
    "Sessions that are logged in go on." },
  { "address add", "NAME ADDRESS", 2, 0, ctl_address_add,
    "Give an account another address to log in with", NULL },
  { "address remove", "NAME ADDRESS", 2, 0, ctl_address_remove,
    "Take an address from an account",
    "An account keeps the address it is named by." },
  { "address list", "NAME", 1, 0, ctl_address_list,
    "Show an account's addresses", NULL },
  { "mailbox list", "NAME", 1, 0, ctl_mailbox_list,
    "Show an account's mailboxes", NULL },
  { "import", "NAME PATH", 2, CTL_OPT_MAIL, ctl_import,
    "Add mail from Maildirs or mbox files to an account",
    "PATH is a Maildir, an mbox file, or a directory that holds such; folders below it become "
    "mailboxes: those of Maildir++ (.Work.2026), plain directories, and mbox files by their names "
    "without \".mbox\". PATH itself is INBOX, or the mailbox of --mailbox, below which the others then "
    "are. Missing mailboxes are made and subscribed to.\n\n"
    "Flags, keywords and dates are kept: of a Maildir from its file names, dovecot-keywords and the "
    "files' times, of an mbox from Status, X-Status, X-Keywords (which are taken out, with X-UID, "
    "X-IMAP and X-IMAPbase) and the \"From \" lines. Lines that end with LF alone get CRLF, as IMAP has "
    "it; all else is stored octet for octet.\n\n"
    "A message that the mailbox holds already, octet for octet, is not imported again, nor are its "
    "flags changed; so an import that was interrupted is started again and goes on, and a later one "
    "adds what is new. A message that is in the source twice will be in the mailbox twice." },
  { "export", "NAME PATH", 2, CTL_OPT_MAIL, ctl_export,
    "Write an account's mail to Maildirs or mbox files",
    "PATH becomes a Maildir++: INBOX in PATH itself, other mailboxes in PATH/.NAME.NAME, in modified "
    "UTF-7. With --format mbox it becomes a directory of files, PATH/NAME/NAME.mbox, of the form "
    "mboxrd. --mailbox: this one alone. In a name, \"\\2e\" stands for a dot and \"\\5c\" for a backslash; "
    "import undoes all that.\n\n"
    "Flags, keywords and dates are written as import reads them. Lines that end with CRLF get LF; in "
    "an mbox file the last line of a message always has an end.\n\n"
    "An export that was interrupted is started again and goes on: a message's file in a Maildir is "
    "not written twice (its flags are brought up to date), and an mbox file that is complete is left "
    "as it is." },
  { "who", "", 0, CTL_OPT_SERVER | CTL_OPT_BY | CTL_OPT_JSON, ctl_who,
    "Show the sessions of the running server",
    "Of each: its number, protocol, tls or clear (proxy: TLS up to a proxy that is believed, "
    "[server] proxy_tls), since when it is there, octets received and "
    "sent, the peer, and the user, or - where nobody is logged in yet. An import or export that runs "
    "is a session as well. With --by, how many sessions each user or address has, most first; IPv6 "
    "addresses by their first 64 bits, as [server] connections_per_address counts them.\n\n"
    "With --json an array of objects, with number, protocol, tls, since (seconds since the epoch), "
    "octets_in, octets_out, peer, and user, which is null before the login; with --by they have name and "
    "sessions. More members may be added." },
  { "kick", "NAME|#NUMBER", 1, CTL_OPT_SERVER, ctl_kick,
    "End an account's sessions, or one session",
    "NAME is the name the account is listed by; #NUMBER a session's number as shown by who (quote it: "
    "# begins a comment in a shell). Says how many sessions were told to end. Nothing keeps the user "
    "from logging in again: user disable does." },
  { "stats", "", 0, CTL_OPT_SERVER | CTL_OPT_JSON, ctl_stats,
    "Show the running server's counters",
    "Lines of NAME and NUMBER, or with --json an object of them, counted since the server started; more "
    "may be added.\n\n"
    "  connections_open      now, this one included\n"
    "  connections_accepted  this one included\n"
    "  connections_refused   beyond connections_per_address, or not as a proxy's must be\n"
    "  connections_gave_way  before they logged in, while there were max_connections\n"
    "  addresses             that have connections now; of IPv6 each /64 is one\n"
    "  sessions              of clients that are logged in now\n"
    "  accounts              that have such a session\n"
    "  logins_refused        beyond connections_per_account\n"
    "  logins_to_note        that wait to be written into a store that keeps an audit of them\n"
    "  logins_not_noted      that never were, as the store was away for too long\n"
    "  tls_failures          handshakes that did not succeed\n"
    "  octets_in, octets_out of the protocols, without TLS's own\n"
    "  store_calls           calls of the message store\n"
    "  store_available       1, or 0 while the message store does not answer\n"
    "  memory_used           octets that were allocated and not freed\n"
    "  memory_unused         octets that were freed and that the system has not got back\n"
    "  modules               that are loaded" },
  { "config reload", "", 0, CTL_OPT_SERVER, ctl_config_reload,
    "Have the running server read its configuration again",
    "As SIGHUP does, with the outcome: each key that changed is a line, \"applied\" for what holds now, "
    "\"restart\" for what differs from the file until the server is started anew. The TLS certificate "
    "is read again as well. If anything in the file is wrong, that is said, with its line, and nothing "
    "has changed." },
  { "config", "", 0, CTL_OPT_FILE | CTL_OPT_CHANGED, ctl_config,
    "Show the configuration that is in force",
    "All keys as a configuration file, with what the running server has them set to, which may differ "
    "from its file; when no server runs, with what the file says. Secrets are shown as (secret). What a "
    "key means says cofferd --print-config." },
  { "trace on", "NAME", 1, CTL_OPT_SERVER | CTL_OPT_FOR | CTL_OPT_ADDRESS, ctl_trace_on,
    "Write down what an account's sessions say and are told",
    "Each session that the account has, or begins, gets a file of its own in [server] trace_dir, which the "
    "server's user alone can read. With --address it is the connections of a client's address, from their "
    "beginning, so that what goes wrong with logins can be seen; behind a proxy, the address that the "
    "proxy tells.\n\n"
    "A line is a time, C for what the client sent or S for what it was sent, and the line. Passwords and "
    "people's text are not in it: \"<12 octets>\" stands for the arguments of LOGIN and AUTHENTICATE, for "
    "every literal and every quoted string but names of mailboxes and dates, for the texts of a search, "
    "and for all arguments of commands that are not among those of the server itself.\n\n"
    "The trace ends after the time of --for, and when its files have [server] trace_total_max octets; a file "
    "ends at trace_file_max. Up to 256 sessions are traced at a time. Saying it again sets the time anew." },
  { "trace off", "NAME", 1, CTL_OPT_SERVER | CTL_OPT_ADDRESS, ctl_trace_off,
    "End a trace", "What was written stays." },
  { "trace list", "", 0, CTL_OPT_SERVER, ctl_trace_list,
    "Show the traces that go on", NULL },
  { "check", "", 0, CTL_OPT_ACCOUNT | CTL_OPT_JSON, ctl_check,
    "Look through the message store for damage",
    "Checks what the store keeps against itself, and every stored octet against its hash, while the "
    "server goes on serving: it holds no lock, and takes one thread, which comes after all others. On a "
    "terminal it shows how many octets it has read and how long the rest takes. Interrupting it ends the "
    "check.\n\n"
    "Each fault is one line; of more than 10,000 the first are shown. With --json it is an object that has "
    "them in faults, and how many there were in number. The exit code is 0 when there is none, 65 when "
    "there is one, 1 when the store could not be looked through.\n\n"
    "With --account it is the mailboxes and messages of one account, with all that these are made of; not "
    "every store can do that." },
  { "backup", "PATH", 1, 0, ctl_backup,
    "Write a consistent copy of the message store to PATH",
    "The server goes on serving meanwhile. PATH must not exist. It is the server that writes it: as "
    "the user it runs as, who must be allowed to, and on the machine and in the file systems that it "
    "sees. Interrupting this ends the backup and removes what had been written. A store may have "
    "other means and not support this." },
  { "restored", "", 0, CTL_OPT_YES, ctl_restored,
    "Tell the server that its store was restored from a backup",
    "After a restore, UIDs that clients know may stand for other messages. This gives every mailbox a "
    "new UIDVALIDITY, so that clients load everything again, and ends every session. Once begun it is "
    "carried through, also when this command is interrupted." },
  { "collect", "", 0, 0, ctl_collect,
    "Free what no message refers to any more, now",
    "What has been unused for less than [storage] collect_grace stays. The server does the same by "
    "itself every [storage] collect_interval. Prints how many pieces of content were freed. "
    "Interrupting it loses nothing." },
  { "schema upgrade", "", 0, CTL_OPT_FILE | CTL_OPT_DRY_RUN, ctl_schema_upgrade,
    "Bring the message store's schema to this version's",
    "A server refuses a store of an older schema and names this command. It goes step by step; each is carried "
    "out whole or not at all, and an upgrade that was interrupted is started again and goes on. It opens the "
    "store itself. Where several servers share a store, those of the older version are stopped before. With "
    "--dry-run nothing is changed, and what would be done is printed: of storage-postgresql, the SQL." },
  { "migrate", "NEW.conf", 1, CTL_OPT_FILE | CTL_OPT_ACCOUNT | CTL_OPT_DELETE, ctl_migrate,
    "Copy all accounts to the message store of another configuration",
    "The store of --config is read, that of NEW.conf is written, which is of another class: from SQLite to "
    "PostgreSQL, say, or back. Both are opened here. Afterwards the server is started with NEW.conf, and clients "
    "notice nothing: mailboxes keep their UIDVALIDITY, messages their UIDs, MODSEQs, flags, keywords and dates, "
    "accounts their addresses, passwords and subscriptions, and what is shared stays shared.\n\n"
    "It may be interrupted, and is started again; what is there is not copied twice. Started again later it "
    "brings up to date what changed meanwhile. So where the old store can be opened beside its server "
    "(PostgreSQL), most is copied while that serves, and the rest, quickly, once it was stopped. While an account "
    "is being copied nobody can log in to it at NEW.conf's server.\n\n"
    "An account that was changed there by anything else is left alone, as is one that migrate did not make; "
    "that, and whatever else cannot be copied, is said in a line, and the exit code is 1. An account that is not "
    "in the old store any more is named, and with --delete deleted. In the end each mailbox that was copied has "
    "been compared, row by row; cofferctl --config NEW.conf check looks at the contents." },
  { "modules", "", 0, 0, ctl_modules,
    "Show the modules that the server has loaded", NULL },
};
const gsize ctl_n_commands = G_N_ELEMENTS (ctl_commands);
/* clang-format on */
