/* core/cofferctl/accounts.c - user, passwd, address and modules: one request each, and its answer as text. */
#include "cofferctl/cofferctl.h"

#include <stdio.h>

/* A request whose answer is OK alone. */
static gboolean
request (CtlCall *call, const char *const *words, GError **error)
{
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  return lines != NULL;
}

gboolean
ctl_user_add (CtlCall *call, GError **error)
{
  return request (call, (const char *const[]){ "user-add", call->args[0], call->password, NULL }, error);
}

gboolean
ctl_user_list (CtlCall *call, GError **error)
{
  static const char *const words[] = { "user-list", NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  if (lines == NULL)
    return FALSE;
  /* The name last: it alone may hold spaces. */
  for (guint i = 0; i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (g_strv_length (line) >= 4)
      printf ("%-8s %8s messages %12s octets  %s\n", line[1], line[2], line[3], line[0]);
  }
  return TRUE;
}

gboolean
ctl_user_disable (CtlCall *call, GError **error)
{
  return request (call, (const char *const[]){ "user-disable", call->args[0], NULL }, error);
}

gboolean
ctl_user_enable (CtlCall *call, GError **error)
{
  return request (call, (const char *const[]){ "user-enable", call->args[0], NULL }, error);
}

gboolean
ctl_user_delete (CtlCall *call, GError **error)
{
  return request (call, (const char *const[]){ "user-delete", call->args[0], NULL }, error);
}

gboolean
ctl_passwd (CtlCall *call, GError **error)
{
  return request (call, (const char *const[]){ "passwd", call->args[0], call->password, NULL }, error);
}

gboolean
ctl_address_add (CtlCall *call, GError **error)
{
  return request (call, (const char *const[]){ "address-add", call->args[0], call->args[1], NULL }, error);
}

gboolean
ctl_address_remove (CtlCall *call, GError **error)
{
  return request (call, (const char *const[]){ "address-remove", call->args[0], call->args[1], NULL }, error);
}

gboolean
ctl_address_list (CtlCall *call, GError **error)
{
  const char *const words[] = { "address-list", call->args[0], NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (line[0] != NULL)
      printf ("%s\n", line[0]);
  }
  return lines != NULL;
}

gboolean
ctl_modules (CtlCall *call, GError **error)
{
  static const char *const words[] = { "modules", NULL };
  g_autoptr (GPtrArray) lines = ctl_connection_request (call->connection, words, error);

  for (guint i = 0; lines != NULL && i < lines->len; i++) {
    char **line = g_ptr_array_index (lines, i);

    if (g_strv_length (line) >= 4)
      printf ("%-20s %-8s %s\n", line[0], line[1], line[2]);
  }
  return lines != NULL;
}
