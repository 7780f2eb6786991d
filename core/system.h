/* core/system.h - what the daemon asks of the system around it: limits, users, the service manager.
 */
#ifndef CF_SYSTEM_H
#define CF_SYSTEM_H

#include <coffer/error.h>

G_BEGIN_DECLS

/* As many open files as the hard limit allows: each client is one. How many that are. */
guint64 cf_system_raise_file_limit (void);

/* Opens what is closed of stdin, stdout and stderr, as /dev/null: what is opened next must not become the
 * log. */
void cf_system_open_standard_files (void);

/* Ends the process by force at @at, monotonic microseconds, should it still be there: when a call of the
 * store does not return, no thread can be told to stop. Called again it only changes the time. Any thread. */
void cf_system_end_by (gint64 at);

/* Octets that the allocator has given to the program, and octets of memory beyond these that nobody uses and that
 * the system has not got back. Both 0 where that cannot be known. Any thread. */
void cf_system_measure_memory (gsize *out_used, gsize *out_unused);

/* Gives memory that was freed back to the system, if that is much since the last call: after a rush of
 * clients the allocator would keep it for ever. To be called now and then, by one thread. */
void cf_system_trim_memory (void);

/* Whether @user exists. CF_ERROR_CANNOT. */
gboolean cf_system_check_user (const char *user, GError **error);
/* Becomes @user with its groups, for good. Does nothing unless the process is root's.
 * Before threads exist. */
gboolean cf_system_become_user (const char *user, GError **error);
/* Makes the file at @path @user's. Does nothing unless the process is root's. FALSE: errno says why. */
gboolean cf_system_give_file (const char *path, const char *user);

/* Tells the service manager (sd_notify(3)), if there is one: lines such as "READY=1", "STATUS=TEXT". */
void cf_system_notify (const char *format, ...) G_GNUC_PRINTF (1, 2);
/* RELOADING=1 with the time it needs; READY=1 follows. */
void cf_system_notify_reloading (void);
/* How often the service manager wants to hear "WATCHDOG=1", in milliseconds (sd_watchdog_enabled(3)); 0: it
 * does not. */
guint cf_system_get_watchdog (void);

G_END_DECLS

#endif
