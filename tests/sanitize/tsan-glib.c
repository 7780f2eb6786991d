/* tests/sanitize/tsan-glib.c - tells ThreadSanitizer what GLib does.
 *
 * Debian's GLib is not instrumented. Its locks are futexes that ThreadSanitizer cannot see, so all that they
 * order looks like a race; and what its containers read and write cannot be seen either, so a real race on a
 * GHashTable is missed. This library stands in front of GLib in the programs of a build with
 * -Db_sanitize=thread, and in no other. It calls the real functions and annotates them: a lock is a lock, the
 * last reference comes after the others, a lookup reads its table and an insertion writes it. Nothing is
 * suppressed.
 *
 * GRecMutex, GPrivate and GThread are pthread's underneath, which ThreadSanitizer knows. The slice allocator
 * hands memory from thread to thread; it is switched off by G_SLICE=always-malloc in the environment.
 *
 * Compiled without instrumentation, as an annotation must not be a race itself.
 */
#include <dlfcn.h>
#include <glib.h>
#include <sanitizer/tsan_interface.h>

/* The function @name of GLib, which this file hides. */
#define REAL(name)                                                                                           \
  (G_GNUC_EXTENSION ({                                                                                       \
    static __typeof__ (&(name)) real;                                                                        \
    if (G_UNLIKELY (real == NULL))                                                                           \
      real = (__typeof__ (&(name))) dlsym (RTLD_NEXT, #name);                                                \
    real;                                                                                                    \
  }))

#define INTERPOSE __attribute__ ((visibility ("default")))

/* Locks inside GLib, of the domains of errors and of the types of variants, are pthread's but made when they
 * are first used, which cannot be seen. They are made before there are threads. */
static void __attribute__ ((constructor)) make_locks (void)
{
  g_autoptr (GError) error = g_error_new_literal (G_FILE_ERROR, G_FILE_ERROR_FAILED, "made for its lock");
  g_autoptr (GVariant) variant = g_variant_ref_sink (g_variant_new ("(s)", "made for its lock"));
}

/* Mutexes and conditions. */

INTERPOSE void
g_mutex_init (GMutex *mutex)
{
  __tsan_mutex_create (mutex, __tsan_mutex_not_static);
  REAL (g_mutex_init) (mutex);
}

INTERPOSE void
g_mutex_clear (GMutex *mutex)
{
  REAL (g_mutex_clear) (mutex);
  __tsan_mutex_destroy (mutex, 0);
}

INTERPOSE void
g_mutex_lock (GMutex *mutex)
{
  __tsan_mutex_pre_lock (mutex, 0);
  REAL (g_mutex_lock) (mutex);
  __tsan_mutex_post_lock (mutex, 0, 0);
}

INTERPOSE gboolean
g_mutex_trylock (GMutex *mutex)
{
  gboolean locked;

  __tsan_mutex_pre_lock (mutex, __tsan_mutex_try_lock);
  locked = REAL (g_mutex_trylock) (mutex);
  __tsan_mutex_post_lock (mutex, __tsan_mutex_try_lock | (locked ? 0 : __tsan_mutex_try_lock_failed), 0);
  return locked;
}

INTERPOSE void
g_mutex_unlock (GMutex *mutex)
{
  __tsan_mutex_pre_unlock (mutex, 0);
  REAL (g_mutex_unlock) (mutex);
  __tsan_mutex_post_unlock (mutex, 0);
}

/* A wait gives the mutex back and takes it again. */
static void
wait_begin (GMutex *mutex)
{
  __tsan_mutex_pre_unlock (mutex, 0);
  __tsan_mutex_post_unlock (mutex, 0);
}

static void
wait_end (GMutex *mutex)
{
  __tsan_mutex_pre_lock (mutex, 0);
  __tsan_mutex_post_lock (mutex, 0, 0);
}

INTERPOSE void
g_cond_wait (GCond *cond, GMutex *mutex)
{
  wait_begin (mutex);
  REAL (g_cond_wait) (cond, mutex);
  wait_end (mutex);
}

INTERPOSE gboolean
g_cond_wait_until (GCond *cond, GMutex *mutex, gint64 end_time)
{
  gboolean signalled;

  wait_begin (mutex);
  signalled = REAL (g_cond_wait_until) (cond, mutex, end_time);
  wait_end (mutex);
  return signalled;
}

/* A GRWLock is pthread's, but made when it is first used, which cannot be seen. */

INTERPOSE void
g_rw_lock_init (GRWLock *lock)
{
  __tsan_mutex_create (lock, __tsan_mutex_not_static);
  REAL (g_rw_lock_init) (lock);
}

INTERPOSE void
g_rw_lock_clear (GRWLock *lock)
{
  REAL (g_rw_lock_clear) (lock);
  __tsan_mutex_destroy (lock, 0);
}

INTERPOSE void
g_rw_lock_writer_lock (GRWLock *lock)
{
  __tsan_mutex_pre_lock (lock, 0);
  REAL (g_rw_lock_writer_lock) (lock);
  __tsan_mutex_post_lock (lock, 0, 0);
}

INTERPOSE void
g_rw_lock_writer_unlock (GRWLock *lock)
{
  __tsan_mutex_pre_unlock (lock, 0);
  REAL (g_rw_lock_writer_unlock) (lock);
  __tsan_mutex_post_unlock (lock, 0);
}

INTERPOSE void
g_rw_lock_reader_lock (GRWLock *lock)
{
  __tsan_mutex_pre_lock (lock, __tsan_mutex_read_lock);
  REAL (g_rw_lock_reader_lock) (lock);
  __tsan_mutex_post_lock (lock, __tsan_mutex_read_lock, 0);
}

INTERPOSE void
g_rw_lock_reader_unlock (GRWLock *lock)
{
  __tsan_mutex_pre_unlock (lock, __tsan_mutex_read_lock);
  REAL (g_rw_lock_reader_unlock) (lock);
  __tsan_mutex_post_unlock (lock, __tsan_mutex_read_lock);
}

/* What happens once. The header's g_once_init_enter looks at the location first, atomically and instrumented.
 */

INTERPOSE
gboolean (g_once_init_enter) (volatile void *location)
{
  gboolean first = REAL (g_once_init_enter) (location);

  __tsan_acquire ((void *) location);
  return first;
}

INTERPOSE void (g_once_init_leave) (volatile void *location, gsize result)
{
  __tsan_release ((void *) location);
  REAL (g_once_init_leave) (location, result);
}

/* Reference counts: GLib's own operation, made where its order can be seen. */

INTERPOSE void (g_atomic_ref_count_inc) (gatomicrefcount *count)
{
  REAL (g_atomic_ref_count_inc) (count);
}

INTERPOSE
gboolean (g_atomic_ref_count_dec) (gatomicrefcount *count)
{
  gboolean last;

  __tsan_release (count);
  last = REAL (g_atomic_ref_count_dec) (count);
  if (last)
    __tsan_acquire (count);
  return last;
}

/* Times: all of them share GLib's cache of time zones, whose lock is inside GLib. One around whatever makes
 * or drops a zone shows what that one orders. */

#define WITH_ZONE(type, name, parameters, arguments)                                                         \
  INTERPOSE type (name) parameters                                                                           \
  {                                                                                                          \
    type result;                                                                                             \
                                                                                                             \
    g_mutex_lock (&zones);                                                                                   \
    result = REAL (name) arguments;                                                                          \
    g_mutex_unlock (&zones);                                                                                 \
    return result;                                                                                           \
  }

static GMutex zones;

WITH_ZONE (GTimeZone *, g_time_zone_new_identifier, (const char *identifier), (identifier))
WITH_ZONE (GTimeZone *, g_time_zone_new_utc, (void), ())
WITH_ZONE (GTimeZone *, g_time_zone_new_local, (void), ())
WITH_ZONE (GTimeZone *, g_time_zone_new_offset, (gint32 seconds), (seconds))
WITH_ZONE (GDateTime *, g_date_time_new_now_utc, (void), ())
WITH_ZONE (GDateTime *, g_date_time_new_now_local, (void), ())
WITH_ZONE (GDateTime *, g_date_time_new_from_unix_utc, (gint64 seconds), (seconds))
WITH_ZONE (GDateTime *, g_date_time_new_from_unix_local, (gint64 seconds), (seconds))
WITH_ZONE (GDateTime *, g_date_time_new_utc,
           (gint year, gint month, gint day, gint hour, gint minute, gdouble seconds),
           (year, month, day, hour, minute, seconds))

INTERPOSE void
g_time_zone_unref (GTimeZone *zone)
{
  g_mutex_lock (&zones);
  REAL (g_time_zone_unref) (zone);
  g_mutex_unlock (&zones);
}

INTERPOSE void
g_date_time_unref (GDateTime *time)
{
  g_mutex_lock (&zones);
  REAL (g_date_time_unref) (time);
  g_mutex_unlock (&zones);
}

/* GBytes: who drops a reference has done with the octets; who frees them comes after all of these. The free
 * function is called inside GLib, behind the count, and so it is the place to say so. */

typedef struct {
  GBytes *bytes;
  GDestroyNotify free_func;
  gpointer data;
} Owner;

static void
owner_free (gpointer data)
{
  Owner *owner = data;

  __tsan_acquire (owner->bytes);
  owner->free_func (owner->data);
  g_free (owner);
}

INTERPOSE void
g_bytes_unref (GBytes *bytes)
{
  if (bytes != NULL)
    __tsan_release (bytes);
  REAL (g_bytes_unref) (bytes);
}

INTERPOSE GBytes *
g_bytes_new_with_free_func (gconstpointer octets, gsize n, GDestroyNotify free_func, gpointer data)
{
  Owner *owner;

  if (free_func == NULL)
    return REAL (g_bytes_new_with_free_func) (octets, n, NULL, NULL);
  owner = g_new (Owner, 1);
  *owner = (Owner){ NULL, free_func, data };
  owner->bytes = REAL (g_bytes_new_with_free_func) (octets, n, owner_free, owner);
  return owner->bytes;
}

INTERPOSE GBytes *
g_bytes_new_take (gpointer octets, gsize n)
{
  return g_bytes_new_with_free_func (octets, n, g_free, octets);
}

INTERPOSE GBytes *
g_bytes_new (gconstpointer octets, gsize n)
{
  return g_bytes_new_take (g_memdup2 (octets, n), n);
}

INTERPOSE GBytes *
g_bytes_new_from_bytes (GBytes *bytes, gsize offset, gsize length)
{
  gsize n;
  const guint8 *octets = g_bytes_get_data (bytes, &n);

  g_return_val_if_fail (offset <= n && length <= n - offset, NULL);
  return g_bytes_new_with_free_func (octets + offset, length, (GDestroyNotify) g_bytes_unref,
                                     g_bytes_ref (bytes));
}

INTERPOSE GBytes *
g_byte_array_free_to_bytes (GByteArray *array)
{
  gsize n = array->len;

  return g_bytes_new_take (g_byte_array_free (array, FALSE), n);
}

/* Containers. An opaque one is read or written as a whole. Of the others the headers' macros read fields, and
 * those reads are instrumented: a write is one of the same fields. */

static void
reads (gconstpointer container, void *caller)
{
  static void *tag;

  if (G_UNLIKELY (tag == NULL))
    tag = __tsan_external_register_tag ("GLib container");
  __tsan_external_read ((void *) container, caller, tag);
}

static void
writes (gconstpointer container, void *caller)
{
  static void *tag;

  if (G_UNLIKELY (tag == NULL))
    tag = __tsan_external_register_tag ("GLib container");
  __tsan_external_write ((void *) container, caller, tag);
}

/* @type NAME (@container, ...): calls GLib's after saying how it uses its first argument. */
#define CONTAINER(type, name, how, parameters, arguments)                                                    \
  INTERPOSE type (name) parameters                                                                           \
  {                                                                                                          \
    how (container, __builtin_return_address (0));                                                           \
    return REAL (name) arguments;                                                                            \
  }

CONTAINER (gpointer, g_hash_table_lookup, reads, (GHashTable * container, gconstpointer key),
           (container, key))
CONTAINER (gboolean, g_hash_table_lookup_extended, reads,
           (GHashTable * container, gconstpointer key, gpointer *out_key, gpointer *out_value),
           (container, key, out_key, out_value))
CONTAINER (gboolean, g_hash_table_contains, reads, (GHashTable * container, gconstpointer key),
           (container, key))
CONTAINER (guint, g_hash_table_size, reads, (GHashTable * container), (container))
CONTAINER (GList *, g_hash_table_get_keys, reads, (GHashTable * container), (container))
CONTAINER (GList *, g_hash_table_get_values, reads, (GHashTable * container), (container))
CONTAINER (gboolean, g_hash_table_insert, writes, (GHashTable * container, gpointer key, gpointer value),
           (container, key, value))
CONTAINER (gboolean, g_hash_table_replace, writes, (GHashTable * container, gpointer key, gpointer value),
           (container, key, value))
CONTAINER (gboolean, g_hash_table_add, writes, (GHashTable * container, gpointer key), (container, key))
CONTAINER (gboolean, g_hash_table_remove, writes, (GHashTable * container, gconstpointer key),
           (container, key))
CONTAINER (gboolean, g_hash_table_steal, writes, (GHashTable * container, gconstpointer key),
           (container, key))
CONTAINER (void, g_hash_table_remove_all, writes, (GHashTable * container), (container))

INTERPOSE void
g_hash_table_iter_init (GHashTableIter *iter, GHashTable *table)
{
  reads (table, __builtin_return_address (0));
  REAL (g_hash_table_iter_init) (iter, table);
}

CONTAINER (gpointer, g_tree_lookup, reads, (GTree * container, gconstpointer key), (container, key))
CONTAINER (GTreeNode *, g_tree_lower_bound, reads, (GTree * container, gconstpointer key), (container, key))
CONTAINER (GTreeNode *, g_tree_node_first, reads, (GTree * container), (container))
CONTAINER (void, g_tree_insert, writes, (GTree * container, gpointer key, gpointer value),
           (container, key, value))
CONTAINER (gboolean, g_tree_remove, writes, (GTree * container, gconstpointer key), (container, key))

CONTAINER (void, g_ptr_array_add, writes, (GPtrArray * container, gpointer data), (container, data))
CONTAINER (gboolean, g_ptr_array_remove, writes, (GPtrArray * container, gpointer data), (container, data))
CONTAINER (gboolean, g_ptr_array_remove_fast, writes, (GPtrArray * container, gpointer data),
           (container, data))
CONTAINER (gpointer, g_ptr_array_remove_index, writes, (GPtrArray * container, guint index),
           (container, index))
CONTAINER (gpointer, g_ptr_array_remove_index_fast, writes, (GPtrArray * container, guint index),
           (container, index))
CONTAINER (gpointer, g_ptr_array_steal_index, writes, (GPtrArray * container, guint index),
           (container, index))
CONTAINER (void, g_ptr_array_set_size, writes, (GPtrArray * container, gint length), (container, length))

CONTAINER (GArray *, g_array_append_vals, writes, (GArray * container, gconstpointer data, guint n),
           (container, data, n))
CONTAINER (GArray *, g_array_insert_vals, writes,
           (GArray * container, guint index, gconstpointer data, guint n), (container, index, data, n))
CONTAINER (GArray *, g_array_remove_index, writes, (GArray * container, guint index), (container, index))
CONTAINER (GArray *, g_array_remove_range, writes, (GArray * container, guint index, guint n),
           (container, index, n))
CONTAINER (GArray *, g_array_set_size, writes, (GArray * container, guint length), (container, length))

CONTAINER (void, g_queue_push_head_link, writes, (GQueue * container, GList *link), (container, link))
CONTAINER (void, g_queue_push_tail_link, writes, (GQueue * container, GList *link), (container, link))
CONTAINER (void, g_queue_push_tail, writes, (GQueue * container, gpointer data), (container, data))
CONTAINER (gpointer, g_queue_pop_head, writes, (GQueue * container), (container))
CONTAINER (void, g_queue_unlink, writes, (GQueue * container, GList *link), (container, link))
CONTAINER (gboolean, g_queue_remove, writes, (GQueue * container, gconstpointer data), (container, data))
