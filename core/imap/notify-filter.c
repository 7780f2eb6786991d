/* core/imap/notify-filter.c - what a client wants to be told of (notify-filter.h). */
#include "imap/notify-filter.h"

#include <string.h>

typedef struct {
  CfNotifyWhere where;
  GPtrArray *names; /* NULL: none */
  guint events;
} Group;

struct _CfNotifyFilter {
  GArray *groups; /* Group; other mailboxes than the selected one */
  gboolean has_selected, is_delayed;
  guint selected, others;
};

static void
group_clear (gpointer data)
{
  Group *group = data;

  g_clear_pointer (&group->names, g_ptr_array_unref);
}

CfNotifyFilter *
cf_notify_filter_new (void)
{
  CfNotifyFilter *filter = g_new0 (CfNotifyFilter, 1);

  filter->groups = g_array_new (FALSE, FALSE, sizeof (Group));
  g_array_set_clear_func (filter->groups, group_clear);
  return filter;
}

void
cf_notify_filter_free (CfNotifyFilter *filter)
{
  if (filter == NULL)
    return;
  g_array_unref (filter->groups);
  g_free (filter);
}

gboolean
cf_notify_filter_add (CfNotifyFilter *filter, CfNotifyWhere where, GPtrArray *names, guint events)
{
  Group group = { where, names, events };

  if (where != CF_NOTIFY_SELECTED && where != CF_NOTIFY_SELECTED_DELAYED) {
    g_array_append_val (filter->groups, group);
    filter->others |= events;
    return TRUE;
  }
  if (filter->has_selected)
    return FALSE;
  filter->has_selected = TRUE;
  filter->is_delayed = where == CF_NOTIFY_SELECTED_DELAYED;
  filter->selected = events;
  return TRUE;
}

guint
cf_notify_filter_get_selected (const CfNotifyFilter *filter)
{
  return filter->selected;
}

gboolean
cf_notify_filter_is_delayed (const CfNotifyFilter *filter)
{
  return filter->is_delayed;
}

guint
cf_notify_filter_get_others (const CfNotifyFilter *filter)
{
  return filter->others;
}

static gboolean
is_in_subtree (const char *name, const char *root)
{
  gsize length = strlen (root);

  return g_str_has_prefix (name, root) && (name[length] == '\0' || name[length] == CF_MAILBOX_SEPARATOR);
}

static gboolean
group_has (const Group *group, const char *name, gboolean subscribed)
{
  if (group->where == CF_NOTIFY_PERSONAL)
    return TRUE;
  if (group->where == CF_NOTIFY_SUBSCRIBED)
    return subscribed;
  for (guint i = 0; i < group->names->len; i++) {
    const char *named = g_ptr_array_index (group->names, i);

    if (group->where == CF_NOTIFY_SUBTREE ? is_in_subtree (name, named) : g_str_equal (name, named))
      return TRUE;
  }
  return FALSE;
}

guint
cf_notify_filter_match (const CfNotifyFilter *filter, const char *name, gboolean subscribed)
{
  guint events = 0;

  for (guint i = 0; i < filter->groups->len; i++) {
    const Group *group = &g_array_index (filter->groups, Group, i);

    if (!group_has (group, name, subscribed))
      continue;
    if (group->events == 0 && group->names != NULL)
      return 0;
    events |= group->events;
  }
  return events;
}
