/* storage-postgresql/schema.h - the steps of the schema, and carrying them out. */
#ifndef STORAGE_POSTGRESQL_SCHEMA_H
#define STORAGE_POSTGRESQL_SCHEMA_H

#include <coffer/coffer.h>
#include <libpq-fe.h>

typedef struct {
  const char *name; /* of its file */
  const char *sql;
} SchemaStep;

/* Step i leads from version i to i + 1. */
extern const SchemaStep schema_steps[];
extern const guint schema_wanted;

/* In another encoding than UTF-8 a database cannot hold every name and address, or does not look at them. */
gboolean schema_check_encoding (PGconn *handle, GError **error);
/* 0: there is no schema. */
gboolean schema_get_version (PGconn *handle, guint *out_version, GError **error);
/* Carries out the steps that are missing, one transaction each, while nobody else does. *out_version is the
 * version reached, also on failure. */
gboolean schema_run_steps (PGconn *handle, CfProgressFunc progress, gpointer user_data, guint *out_version,
                           GError **error);

#endif
