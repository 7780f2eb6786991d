/* tests/storage/objects.h - parts kept apart, for the checks that need them. */
#ifndef KIT_OBJECTS_H
#define KIT_OBJECTS_H

#include "kit.h"

/* FALSE: said. */
gboolean kit_object_put (Kit *kit, const char *scope, GBytes *octets, CfObjectId *out_id);
/* "account/7". The caller frees. */
char *kit_scope (CfAccountId account);
/* An append of @head, @octets as @object, and @tail. */
CfWriteOp kit_op_append_object (KitBatch *batch, const char *head, GBytes *octets, CfObjectId object,
                                const char *tail);

#endif
