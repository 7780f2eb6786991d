/* core/control/config.c - the configuration that is in force, and reading it again (control.h).
 *
 * Both are the main thread's alone, so that is asked: a job hands it an errand and waits. It waits no longer
 * than somebody wants the answer, as the main thread may be the one that waits for all jobs to end.
 */
#include "control/private.h"
#include "module/registry.h"
#include "module/settings.h"

#define PATIENCE_US (20 * 1000) /* between looks whether the job is to stop */

/* ---- On the main thread -------------------------------------------------------------------------------- */

typedef struct {
  gatomicrefcount refs; /* the job's, and the main thread's */
  void (*work) (CfControlJob *job, GError **error);
  GMutex lock;
  GCond changed;
  CfControlJob *job; /* NULL: nobody waits any more */
  gboolean done;
  GError *error;
} Errand;

static void
errand_unref (Errand *errand)
{
  if (!g_atomic_ref_count_dec (&errand->refs))
    return;
  g_clear_error (&errand->error);
  g_mutex_clear (&errand->lock);
  g_cond_clear (&errand->changed);
  g_free (errand);
}

/* Under the lock, so that the job stays while its work is done. */
static gboolean
errand_run (gpointer data)
{
  Errand *errand = data;

  g_mutex_lock (&errand->lock);
  if (errand->job != NULL)
    errand->work (errand->job, &errand->error);
  errand->done = TRUE;
  g_cond_signal (&errand->changed);
  g_mutex_unlock (&errand->lock);
  errand_unref (errand);
  return G_SOURCE_REMOVE;
}

static Errand *
errand_new (CfControlJob *job, void (*work) (CfControlJob *job, GError **error))
{
  Errand *errand = g_new0 (Errand, 1);

  g_atomic_ref_count_init (&errand->refs);
  errand->work = work;
  errand->job = job;
  g_mutex_init (&errand->lock);
  g_cond_init (&errand->changed);
  return errand;
}

static gboolean
run_on_main (CfControlJob *job, void (*work) (CfControlJob *job, GError **error), GError **error)
{
  Errand *errand = errand_new (job, work);
  g_autoptr (GError) local = NULL;

  g_atomic_ref_count_inc (&errand->refs);
  g_idle_add (errand_run, errand);

  g_mutex_lock (&errand->lock);
  while (!errand->done && !cf_control_job_is_stopped (job))
    g_cond_wait_until (&errand->changed, &errand->lock, g_get_monotonic_time () + PATIENCE_US);
  errand->job = NULL;
  local = g_steal_pointer (&errand->error);
  if (!errand->done)
    g_set_error_literal (&local, CF_ERROR, CF_ERROR_UNAVAILABLE, "The server is going down");
  g_mutex_unlock (&errand->lock);
  errand_unref (errand);

  if (local == NULL)
    return TRUE;
  g_propagate_error (error, g_steal_pointer (&local));
  return FALSE;
}

/* ---- Config -------------------------------------------------------------------------------------------- */

static void
show_group (const CfConfigGroup *group, gpointer job)
{
  for (guint i = 0; i < group->n; i++) {
    gboolean is_default;
    g_autofree char *value = cf_config_group_dup_value (group, i, &is_default);

    cf_control_job_reply (job, group->name, cf_config_group_get_key (group, i).name,
                          is_default ? "default" : "set", value, NULL);
  }
}

static void
show_all (CfControlJob *job, GError **error)
{
  cf_settings_foreach_group (show_group, job);
  cf_registry_foreach_group (show_group, job);
}

static gboolean
work_config (CfControlJob *job, const char *argument, GError **error)
{
  return run_on_main (job, show_all, error);
}

/* Each data line: group, key, "default" or "set", value. */
gboolean
cf_control_config (CfControl *control, char **args, GError **error)
{
  control->job = cf_control_job_start (control->conn, work_config, NULL, error);
  return control->job != NULL;
}

/* ---- Reload -------------------------------------------------------------------------------------------- */

static struct {
  CfControlReloadFunc func;
  gpointer user_data;
} reload;

void
cf_control_set_reload (CfControlReloadFunc func, gpointer user_data)
{
  reload.func = func;
  reload.user_data = user_data;
}

static void
reload_now (CfControlJob *job, GError **error)
{
  g_auto (GStrv) applied = NULL;
  g_auto (GStrv) waiting = NULL;

  if (!reload.func (&applied, &waiting, reload.user_data, error))
    return;
  for (guint i = 0; applied[i] != NULL; i++)
    cf_control_job_reply (job, "applied", applied[i], NULL);
  for (guint i = 0; waiting[i] != NULL; i++)
    cf_control_job_reply (job, "restart", waiting[i], NULL);
}

static gboolean
work_reload (CfControlJob *job, const char *argument, GError **error)
{
  return run_on_main (job, reload_now, error);
}

/* Each data line: "applied" or "restart", and a key of which that is so, "imap.idle_timeout". */
gboolean
cf_control_config_reload (CfControl *control, char **args, GError **error)
{
  if (reload.func == NULL) {
    g_set_error_literal (error, CF_ERROR, CF_ERROR_CANNOT,
                         "This server does not read its configuration again");
    return FALSE;
  }
  control->job = cf_control_job_start (control->conn, work_reload, NULL, error);
  return control->job != NULL;
}
