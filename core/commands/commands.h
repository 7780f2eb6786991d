/* core/commands/commands.h - the base IMAP commands, one file each, and the tables that name them.
 *
 * Each is a CfCommand.run (coffer/module.h), registered through the same door as a module's.
 */
#ifndef CF_COMMANDS_H
#define CF_COMMANDS_H

#include <coffer/module.h>

G_BEGIN_DECLS

/* Registers core's commands, capabilities and data items. */
gboolean cf_commands_register (CfRegistrar *registrar, GError **error);

/* Any state (RFC 3501, 6.1; RFC 2971; RFC 5161) */
CfRun cmd_capability (CfCommandCall *call, GError **error);
CfRun cmd_noop (CfCommandCall *call, GError **error);
CfRun cmd_logout (CfCommandCall *call, GError **error);
CfRun cmd_id (CfCommandCall *call, GError **error);
CfRun cmd_enable (CfCommandCall *call, GError **error);

/* Not authenticated (6.2) */
CfRun cmd_starttls (CfCommandCall *call, GError **error);
CfRun cmd_authenticate (CfCommandCall *call, GError **error);
CfRun cmd_login (CfCommandCall *call, GError **error);

/* Authenticated (6.3; RFC 2342; RFC 2177; RFC 5465) */
CfRun cmd_select (CfCommandCall *call, GError **error);
CfRun cmd_examine (CfCommandCall *call, GError **error);
CfRun cmd_create (CfCommandCall *call, GError **error);
CfRun cmd_delete (CfCommandCall *call, GError **error);
CfRun cmd_rename (CfCommandCall *call, GError **error);
CfRun cmd_subscribe (CfCommandCall *call, GError **error);
CfRun cmd_unsubscribe (CfCommandCall *call, GError **error);
CfRun cmd_list (CfCommandCall *call, GError **error);
CfRun cmd_lsub (CfCommandCall *call, GError **error);
CfRun cmd_status (CfCommandCall *call, GError **error);
CfRun cmd_append (CfCommandCall *call, GError **error);
CfRun cmd_namespace (CfCommandCall *call, GError **error);
CfRun cmd_idle (CfCommandCall *call, GError **error);
CfRun cmd_notify (CfCommandCall *call, GError **error);

/* Selected (6.4; RFC 3691; RFC 4315; RFC 6851) */
CfRun cmd_close (CfCommandCall *call, GError **error);
CfRun cmd_unselect (CfCommandCall *call, GError **error);
CfRun cmd_expunge (CfCommandCall *call, GError **error);
CfRun cmd_uid_expunge (CfCommandCall *call, GError **error);
CfRun cmd_fetch (CfCommandCall *call, GError **error);
CfRun cmd_store (CfCommandCall *call, GError **error);
CfRun cmd_copy (CfCommandCall *call, GError **error);
CfRun cmd_move (CfCommandCall *call, GError **error);

/* Data items and parameters, in the files of their commands. */
gboolean cf_status_items_register (CfRegistrar *registrar, GError **error);
gboolean cf_fetch_items_register (CfRegistrar *registrar, GError **error);
gboolean cf_fetch_parameters_register (CfRegistrar *registrar, GError **error);
gboolean cf_list_parameters_register (CfRegistrar *registrar, GError **error);
gboolean cf_object_id_register (CfRegistrar *registrar, GError **error);
gboolean cf_create_parameters_register (CfRegistrar *registrar, GError **error);
gboolean cf_binary_items_register (CfRegistrar *registrar, GError **error);
/* What RFC 7162 adds to all of them. */
gboolean cf_condstore_register (CfRegistrar *registrar, GError **error);
gboolean cf_qresync_register (CfRegistrar *registrar, GError **error);

G_END_DECLS

#endif
