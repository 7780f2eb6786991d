/* storage-postgresql/schema.c - bringing the schema forward (schema.h).
 *
 * The steps are the files of schema/postgresql, compiled in, so that a server and its schema cannot be of two
 * versions. An advisory lock lets one process at a time carry them out. Each is a transaction that ends with
 * its row in coffer.schema_step: what is interrupted goes on where it stopped. A step whose first line is
 * "-- coffer: no transaction" is one statement that PostgreSQL runs outside transactions only, such as CREATE
 * INDEX CONCURRENTLY; it has to be written so that it may be run twice.
 */
#include "schema.h"

#include "dsn.h"
#include "errors.h"

#define NO_TRANSACTION "-- coffer: no transaction\n"
/* Any number will do that nobody else in the database uses. It stays as it is: servers of two versions that
 * upgrade at once have to agree on it. */
#define LOCK_KEY "109270121014642"

/* Failures here are for the operator, who is told all. */
static gboolean
schema_check (PGconn *handle, PGresult *result, const char *what, GError **error)
{
  ExecStatusType status = PQresultStatus (result);
  g_autofree char *message = NULL;

  if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK)
    return TRUE;
  message = errors_dup_message (handle);
  g_set_error (error, CF_ERROR, CF_ERROR_CANNOT, "%s: %s", what, message);
  return FALSE;
}

static gboolean
schema_exec (PGconn *handle, const char *sql, const char *what, GError **error)
{
  PGresult *result = PQexec (handle, sql);
  gboolean ok = schema_check (handle, result, what, error);

  PQclear (result);
  return ok;
}

/* A query for one number. */
static gboolean
schema_get_number (PGconn *handle, const char *sql, guint *out_number, GError **error)
{
  PGresult *result = PQexec (handle, sql);
  gboolean ok = schema_check (handle, result, "The schema's version cannot be read", error);

  if (ok)
    *out_number = (guint) g_ascii_strtoull (PQgetvalue (result, 0, 0), NULL, 10);
  PQclear (result);
  return ok;
}

gboolean
schema_check_encoding (PGconn *handle, GError **error)
{
  const char *encoding = PQparameterStatus (handle, "server_encoding");

  if (g_strcmp0 (encoding, "UTF8") == 0)
    return TRUE;
  g_set_error (
      error, CF_ERROR, CF_ERROR_CANNOT,
      "The database's encoding is %s, which cannot hold all mail; make one with: createdb --encoding UTF8",
      encoding != NULL ? encoding : "unknown");
  return FALSE;
}

gboolean
schema_get_version (PGconn *handle, guint *out_version, GError **error)
{
  guint exists;

  if (!schema_get_number (handle, "select count(to_regclass('coffer.schema_step'))", &exists, error))
    return FALSE;
  *out_version = 0;
  return exists == 0
         || schema_get_number (handle, "select coalesce(max(step), 0) from coffer.schema_step", out_version,
                               error);
}

static gboolean
schema_note_step (PGconn *handle, guint step, GError **error)
{
  g_autofree char *number = g_strdup_printf ("%u", step + 1);
  const char *values[] = { number, schema_steps[step].name };
  PGresult *result
      = PQexecParams (handle, "insert into coffer.schema_step (step, name) values ($1::integer, $2)", 2, NULL,
                      values, NULL, NULL, 0);
  gboolean ok = schema_check (handle, result, schema_steps[step].name, error);

  PQclear (result);
  return ok;
}

/* Everything belongs to whoever owns the schema, whoever makes it. */
static gboolean
schema_become_owner (PGconn *handle, const char *what, GError **error)
{
  return schema_exec (handle,
                      "select set_config('role', pg_get_userbyid(nspowner)::text, true) from pg_namespace"
                      " where nspname = 'coffer' and nspowner <> current_user::regrole",
                      what, error);
}

static gboolean
schema_run_step (PGconn *handle, guint step, GError **error)
{
  const SchemaStep *row = &schema_steps[step];

  if (g_str_has_prefix (row->sql, NO_TRANSACTION))
    return schema_exec (handle, row->sql, row->name, error) && schema_note_step (handle, step, error);
  if (schema_exec (handle, "begin", row->name, error) && schema_become_owner (handle, row->name, error)
      && schema_exec (handle, row->sql, row->name, error) && schema_note_step (handle, step, error)
      && schema_exec (handle, "commit", row->name, error))
    return TRUE;
  PQclear (PQexec (handle, "rollback"));
  return FALSE;
}

static gboolean
schema_run_missing (PGconn *handle, CfProgressFunc progress, gpointer user_data, guint *version,
                    GError **error)
{
  guint from;

  if (!schema_get_version (handle, version, error))
    return FALSE;
  from = *version;
  while (*version < schema_wanted) {
    if (!schema_run_step (handle, *version, error))
      return FALSE;
    ++*version;
    if (progress != NULL && !progress (*version - from, schema_wanted - from, user_data)
        && *version < schema_wanted) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The upgrade was stopped");
      return FALSE;
    }
  }
  return TRUE;
}

gboolean
schema_run_steps (PGconn *handle, CfProgressFunc progress, gpointer user_data, guint *out_version,
                  GError **error)
{
  gboolean ok;

  /* A step may take minutes, or wait for another process as long. */
  if (!schema_exec (handle, DSN_NO_LIMITS, "The schema's session cannot be set up", error))
    return FALSE;
  if (!schema_exec (handle, "select pg_advisory_lock(" LOCK_KEY ")", "The schema cannot be locked", error))
    return FALSE;
  ok = schema_run_missing (handle, progress, user_data, out_version, error);
  PQclear (PQexec (handle, "select pg_advisory_unlock(" LOCK_KEY ")"));
  return ok;
}
