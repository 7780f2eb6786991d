/* storage-postgresql/errors.c - SQLSTATEs to CF_ERROR (errors.h; PostgreSQL's manual, appendix A). */
#include "errors.h"

#include <string.h>

typedef struct {
  const char *prefix; /* of the SQLSTATE; the first that fits counts */
  CfError code;
  const char *text; /* NULL: PostgreSQL's, which our own functions wrote */
  gboolean retry;
} ErrorRow;

static const ErrorRow error_rows[] = {
  { "CF001", CF_ERROR_NONEXISTENT, NULL, FALSE },
  { "CF002", CF_ERROR_ALREADYEXISTS, NULL, FALSE },
  { "CF003", CF_ERROR_CANNOT, NULL, FALSE },
  { "CF004", CF_ERROR_LIMIT, NULL, FALSE },
  { "CF006", CF_ERROR_CONTENT_GONE, NULL, FALSE },
  { "CF", CF_ERROR_SERVERBUG, NULL, FALSE },
  { "40001", CF_ERROR_UNAVAILABLE, "The store was busy; try again", TRUE }, /* serialization failure */
  { "40P01", CF_ERROR_UNAVAILABLE, "The store was busy; try again", TRUE }, /* deadlock */
  { "53100", CF_ERROR_LIMIT, "The store is full", FALSE },                  /* disk full */
  { "57014", CF_ERROR_UNAVAILABLE, "The store did not answer in time", FALSE },
  { "55P03", CF_ERROR_UNAVAILABLE, "The store did not answer in time", FALSE },
  { "25006", CF_ERROR_UNAVAILABLE, "The store cannot be written to now", FALSE }, /* a standby */
  { "XX001", CF_ERROR_CORRUPTION, "Stored data is damaged", FALSE },
  { "XX002", CF_ERROR_CORRUPTION, "Stored data is damaged", FALSE },
  { "08", CF_ERROR_UNAVAILABLE, "The store is not available", FALSE }, /* connection */
  { "28", CF_ERROR_UNAVAILABLE, "The store is not available", FALSE }, /* authorization */
  { "53", CF_ERROR_UNAVAILABLE, "The store is not available", FALSE }, /* resources */
  { "57", CF_ERROR_UNAVAILABLE, "The store is not available", FALSE }, /* shut down, starting, recovering */
  { "58", CF_ERROR_UNAVAILABLE, "The store is not available", FALSE }, /* the system below it */
  { "", CF_ERROR_SERVERBUG, "The store contradicts itself", FALSE },
};

char *
errors_dup_message (PGconn *handle)
{
  return g_strdelimit (g_strstrip (g_strdup (PQerrorMessage (handle))), "\n\t", ' ');
}

gboolean
errors_set_from_result (const PGresult *result, GError **error)
{
  const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);
  const char *message = PQresultErrorField (result, PG_DIAG_MESSAGE_PRIMARY);
  const char *context = PQresultErrorField (result, PG_DIAG_CONTEXT);
  const ErrorRow *row = error_rows;

  /* libpq's own failures have no SQLSTATE: the connection. */
  if (state == NULL)
    state = "08000";
  if (message == NULL)
    message = PQresultErrorMessage (result);
  while (!g_str_has_prefix (state, row->prefix))
    row++;
  if (row->text != NULL)
    g_message ("storage-postgresql: %s (SQLSTATE %s)%s%s", message, state, context != NULL ? "; " : "",
               context != NULL ? context : "");
  g_set_error_literal (error, CF_ERROR, (gint) row->code, row->text != NULL ? row->text : message);
  return row->retry;
}

gboolean
errors_is_schema_missing (const PGresult *result)
{
  const char *state = PQresultErrorField (result, PG_DIAG_SQLSTATE);

  /* No such schema, no such function. */
  return g_strcmp0 (state, "3F000") == 0 || g_strcmp0 (state, "42883") == 0;
}

void
errors_set_from_connection (PGconn *handle, GError **error)
{
  g_autofree char *message = errors_dup_message (handle);

  g_message ("storage-postgresql: %s", message);
  g_set_error_literal (error, CF_ERROR, CF_ERROR_UNAVAILABLE, "The store is not available");
}

static const struct {
  const char *name;
  CfError code;
  const char *text;
} outcomes[] = {
  { "TRYCREATE", CF_ERROR_TRYCREATE, "There is no such mailbox" },
  { "NONEXISTENT", CF_ERROR_NONEXISTENT, "There is no such mailbox" },
  { "ALREADYEXISTS", CF_ERROR_ALREADYEXISTS, "The mailbox exists" },
  { "TOO_LONG", CF_ERROR_CANNOT, "A mailbox name would become too long" },
  { "EXPUNGEISSUED", CF_ERROR_EXPUNGEISSUED, "Some of the messages have been expunged" },
  { "OVERQUOTA", CF_ERROR_OVERQUOTA, "The quota would be exceeded" },
  { "LIMIT", CF_ERROR_LIMIT, "The mailbox has no UIDs left" },
  { "CONTENT_GONE", CF_ERROR_CONTENT_GONE, "A part of the message is no longer stored" },
  { "SEGMENTS", CF_ERROR_SERVERBUG, "The segments do not make up the message" },
  { "NOT_SUPPORTED", CF_ERROR_NOT_SUPPORTED, "The store does not know this operation" },
};

GError *
errors_new_outcome (const char *failure)
{
  for (guint i = 0; i < G_N_ELEMENTS (outcomes); i++)
    if (g_strcmp0 (failure, outcomes[i].name) == 0)
      return g_error_new_literal (CF_ERROR, (gint) outcomes[i].code, outcomes[i].text);
  return g_error_new_literal (CF_ERROR, CF_ERROR_SERVERBUG, "The store contradicts itself");
}

void
errors_set_damaged (GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_CORRUPTION, "Stored data is damaged");
}

void
errors_set_no_hash (GError **error)
{
  g_set_error_literal (error, CF_ERROR, CF_ERROR_SERVERBUG, "SHA-256 is not available");
}
