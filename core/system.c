/* core/system.c - what the daemon asks of the system around it (system.h). */
#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

guint64
cf_system_raise_file_limit (void)
{
  struct rlimit limit, raised;

  if (getrlimit (RLIMIT_NOFILE, &limit) != 0)
    return G_MAXUINT64;
  if (limit.rlim_cur >= limit.rlim_max)
    return limit.rlim_cur;
  raised = (struct rlimit){ .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };
  if (setrlimit (RLIMIT_NOFILE, &raised) == 0)
    return raised.rlim_cur;
  g_info ("The limit of open files stays as it is: %s", g_strerror (errno));
  return limit.rlim_cur;
}

void
cf_system_open_standard_files (void)
{
  int fd;

  /* The lowest free number is given out, so this ends at the first that was not closed. */
  do
    fd = open ("/dev/null", O_RDWR);
  while (fd >= 0 && fd <= STDERR_FILENO);
  if (fd >= 0)
    close (fd);
}

/* ---- The end by force ---- */

static struct {
  GMutex lock;
  GCond changed;
  GThread *thread;
  gint64 at;
} ending;

static gpointer
end_run (gpointer data)
{
  g_mutex_lock (&ending.lock);
  while (g_get_monotonic_time () < ending.at)
    g_cond_wait_until (&ending.changed, &ending.lock, ending.at);
  g_mutex_unlock (&ending.lock);
  /* Whatever holds everything up may hold up the log too. */
  signal (SIGALRM, SIG_DFL);
  alarm (1);
  g_critical ("Ended by force: a call of the store has not returned. What was confirmed is stored");
  _exit (EXIT_FAILURE);
}

void
cf_system_end_by (gint64 at)
{
  g_autoptr (GMutexLocker) locker = g_mutex_locker_new (&ending.lock);

  ending.at = at;
  g_cond_broadcast (&ending.changed);
  if (ending.thread == NULL)
    ending.thread = g_thread_new ("ending", end_run, NULL);
}

/* ---- Memory ---- */

/* Trimming stops allocations for some milliseconds, so it must be worth the while. */
#define TRIM_MIN ((gsize) 4 * 1024 * 1024)

/* Unused is what is resident without a file behind it, less what is used. What the allocator calls free would
 * not do: it counts what a trim has given back for ever after, whether it was touched again or not. */
void
cf_system_measure_memory (gsize *out_used, gsize *out_unused)
{
  *out_used = *out_unused = 0;
#ifdef __GLIBC__
  struct mallinfo2 info = mallinfo2 ();
  g_autofree char *text = NULL;
  gsize resident, shared, anonymous;

  if (!g_file_get_contents ("/proc/self/statm", &text, NULL, NULL)
      || sscanf (text, "%*u %zu %zu", &resident, &shared) != 2)
    return;
  *out_used = info.uordblks + info.hblkhd;
  if (*out_used == 0) /* another allocator has been put in its place */
    return;
  anonymous = (resident - shared) * (gsize) sysconf (_SC_PAGESIZE);
  *out_unused = anonymous > *out_used ? anonymous - *out_used : 0;
#endif
}

void
cf_system_trim_memory (void)
{
#ifdef __GLIBC__
  static gsize left; /* by the last trim, at least: stacks, and parts of pages */
  gsize used, unused;

  cf_system_measure_memory (&used, &unused);
  left = MIN (left, unused);
  if (unused - left < TRIM_MIN)
    return;
  malloc_trim (0);
  cf_system_measure_memory (&used, &left);
#endif
}

/* ---- Users ---- */

static const struct passwd *
lookup_user (const char *user, GError **error)
{
  const struct passwd *entry;

  errno = 0;
  entry = getpwnam (user);
  if (entry == NULL)
    g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "user %s: %s", user,
                 errno ? g_strerror (errno) : "there is no such user");
  return entry;
}

gboolean
cf_system_check_user (const char *user, GError **error)
{
  return lookup_user (user, error) != NULL;
}

gboolean
cf_system_give_file (const char *path, const char *user)
{
  const struct passwd *entry;

  if (geteuid () != 0)
    return TRUE;
  entry = getpwnam (user);
  return entry != NULL && lchown (path, entry->pw_uid, entry->pw_gid) == 0;
}

gboolean
cf_system_become_user (const char *user, GError **error)
{
  const struct passwd *entry;

  if (geteuid () != 0)
    return TRUE;
  entry = lookup_user (user, error);
  if (entry == NULL)
    return FALSE;
  if (initgroups (entry->pw_name, entry->pw_gid) == 0 && setgid (entry->pw_gid) == 0
      && setuid (entry->pw_uid) == 0)
    return TRUE;
  g_set_error (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "cannot become user %s: %s", user, g_strerror (errno));
  return FALSE;
}

/* ---- The service manager: sd_notify(3) is one datagram, sd_watchdog_enabled(3) two variables ---- */

static gboolean
get_notify_address (struct sockaddr_un *address, socklen_t *length)
{
  const char *path = g_getenv ("NOTIFY_SOCKET");
  gsize n = path != NULL ? strlen (path) : 0;

  if (n < 2 || n >= sizeof address->sun_path || (*path != '/' && *path != '@'))
    return FALSE;
  *address = (struct sockaddr_un){ .sun_family = AF_UNIX };
  memcpy (address->sun_path, path, n);
  if (*path == '@')
    address->sun_path[0] = 0; /* an abstract address */
  *length = (socklen_t) (offsetof (struct sockaddr_un, sun_path) + n);
  return TRUE;
}

void
cf_system_notify (const char *format, ...)
{
  struct sockaddr_un address;
  socklen_t length;
  g_autofree char *state = NULL;
  va_list args;
  int fd;

  if (!get_notify_address (&address, &length))
    return;
  va_start (args, format);
  state = g_strdup_vprintf (format, args);
  va_end (args);
  fd = socket (AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || sendto (fd, state, strlen (state), MSG_NOSIGNAL, (struct sockaddr *) &address, length) < 0)
    g_warning ("Cannot tell the service manager: %s", g_strerror (errno));
  if (fd >= 0)
    close (fd);
}

void
cf_system_notify_reloading (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  cf_system_notify ("RELOADING=1\nMONOTONIC_USEC=%" G_GINT64_FORMAT,
                    (gint64) now.tv_sec * G_USEC_PER_SEC + now.tv_nsec / 1000);
}

guint
cf_system_get_watchdog (void)
{
  const char *text = g_getenv ("WATCHDOG_USEC"), *whose = g_getenv ("WATCHDOG_PID");
  guint64 interval, pid;

  if (text == NULL || !g_ascii_string_to_unsigned (text, 10, 1, G_MAXINT64, &interval, NULL))
    return 0;
  if (whose != NULL
      && (!g_ascii_string_to_unsigned (whose, 10, 1, G_MAXINT, &pid, NULL) || pid != (guint64) getpid ()))
    return 0;
  return (guint) CLAMP (interval / 1000, 1, G_MAXINT);
}
