/* core/imap/response.c - status responses (response.h). */
#include "imap/response.h"

typedef struct {
  const char *status; /* "NO", "BAD" */
  const char *code;   /* response code, or NULL */
} Status;

static Status
status_of (gint code)
{
  switch ((CfError) code) {
  case CF_ERROR_BAD:
    return (Status){ "BAD", NULL };
  case CF_ERROR_CLIENTBUG:
    return (Status){ "BAD", "CLIENTBUG" };
  case CF_ERROR_NO:
    return (Status){ "NO", NULL };
  case CF_ERROR_UNAVAILABLE:
  case CF_ERROR_UNKNOWN:
    return (Status){ "NO", "UNAVAILABLE" };
  case CF_ERROR_AUTHENTICATIONFAILED:
    return (Status){ "NO", "AUTHENTICATIONFAILED" };
  case CF_ERROR_AUTHORIZATIONFAILED:
    return (Status){ "NO", "AUTHORIZATIONFAILED" };
  case CF_ERROR_EXPIRED:
    return (Status){ "NO", "EXPIRED" };
  case CF_ERROR_PRIVACYREQUIRED:
    return (Status){ "NO", "PRIVACYREQUIRED" };
  case CF_ERROR_CONTACTADMIN:
    return (Status){ "NO", "CONTACTADMIN" };
  case CF_ERROR_NOPERM:
    return (Status){ "NO", "NOPERM" };
  case CF_ERROR_INUSE:
    return (Status){ "NO", "INUSE" };
  case CF_ERROR_EXPUNGEISSUED:
    return (Status){ "NO", "EXPUNGEISSUED" };
  case CF_ERROR_CORRUPTION:
    return (Status){ "NO", "CORRUPTION" };
  case CF_ERROR_CANNOT:
  case CF_ERROR_NOT_SUPPORTED:
    return (Status){ "NO", "CANNOT" };
  case CF_ERROR_LIMIT:
    return (Status){ "NO", "LIMIT" };
  case CF_ERROR_OVERQUOTA:
    return (Status){ "NO", "OVERQUOTA" };
  case CF_ERROR_ALREADYEXISTS:
    return (Status){ "NO", "ALREADYEXISTS" };
  case CF_ERROR_NONEXISTENT:
    return (Status){ "NO", "NONEXISTENT" };
  case CF_ERROR_TRYCREATE:
    return (Status){ "NO", "TRYCREATE" };
  case CF_ERROR_BADCHARSET:
    return (Status){ "NO", "BADCHARSET (US-ASCII UTF-8)" };
  case CF_ERROR_TOOBIG:
    return (Status){ "NO", "TOOBIG" };
  case CF_ERROR_UNKNOWN_CTE:
    return (Status){ "NO", "UNKNOWN-CTE" };
  case CF_ERROR_USEATTR:
    return (Status){ "NO", "USEATTR" };
  case CF_ERROR_HASCHILDREN:
    return (Status){ "NO", "HASCHILDREN" };
  case CF_ERROR_NOTSAVED:
    return (Status){ "NO", "NOTSAVED" };
  case CF_ERROR_SERVERBUG:
  case CF_ERROR_CONTENT_GONE:
    break;
  }
  return (Status){ "NO", "SERVERBUG" };
}

static Status
status_of_error (const GError *error)
{
  return error->domain == CF_ERROR ? status_of (error->code) : (Status){ "NO", "SERVERBUG" };
}

const char *
cf_response_get_code (const GError *error)
{
  return status_of_error (error).code;
}

gboolean
cf_response_is_bad (const GError *error)
{
  return g_str_equal (status_of_error (error).status, "BAD");
}

void
cf_response_error (CfOutput *output, const char *tag, const GError *error)
{
  Status status = status_of_error (error);
  const char *text = error->domain == CF_ERROR ? error->message : "Internal error";
  g_autofree char *line = g_strdelimit (g_strdup (text), "\r\n", ' ');

  /* Without a tag there is no command to say NO to. */
  if (tag == NULL)
    status.status = "BAD";
  if (status.code != NULL)
    cf_output_printf (output, "%s %s [%s] %s\r\n", tag != NULL ? tag : "*", status.status, status.code, line);
  else
    cf_output_printf (output, "%s %s %s\r\n", tag != NULL ? tag : "*", status.status, line);
}

void
cf_response_bye (CfOutput *output, const char *code, const char *text)
{
  if (code != NULL)
    cf_output_printf (output, "* BYE [%s] %s\r\n", code, text);
  else
    cf_output_printf (output, "* BYE %s\r\n", text);
}

GLogLevelFlags
cf_response_get_log_level (const GError *error)
{
  if (error->domain != CF_ERROR)
    return G_LOG_LEVEL_CRITICAL;
  switch (error->code) {
  case CF_ERROR_SERVERBUG:
  case CF_ERROR_CORRUPTION:
  case CF_ERROR_CONTENT_GONE:
    return G_LOG_LEVEL_CRITICAL;
  case CF_ERROR_UNAVAILABLE:
  case CF_ERROR_UNKNOWN:
    return G_LOG_LEVEL_WARNING;
  case CF_ERROR_AUTHENTICATIONFAILED:
  case CF_ERROR_AUTHORIZATIONFAILED:
  case CF_ERROR_CONTACTADMIN:
    return G_LOG_LEVEL_MESSAGE;
  default:
    return G_LOG_LEVEL_INFO;
  }
}
