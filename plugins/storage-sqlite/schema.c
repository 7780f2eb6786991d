/* storage-sqlite/schema.c - the tables, and the steps from one schema version to the next.
 *
 * The version is SQLite's user_version. Step i leads from version i to i + 1 and is never edited once
 * released; a change is a new step. SQLite keeps each CREATE with its comments: `.schema` shows them.
 */
#include "store.h"

static const char step_1[]
    = "CREATE TABLE account (\n"
      "  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
      "  name TEXT NOT NULL UNIQUE,            -- the name it was created with\n"
      "  disabled INTEGER NOT NULL DEFAULT 0,\n"
      "  dying INTEGER NOT NULL DEFAULT 0,     -- deleted; its content is being removed\n"
      "  last_uid_validity INTEGER NOT NULL DEFAULT 0, -- the last one given out\n"
      "  created INTEGER NOT NULL              -- seconds since the epoch, like every time here\n"
      ") STRICT;\n"
      "CREATE INDEX account_dying ON account (id) WHERE dying;\n"

      "CREATE TABLE address (\n"
      "  address TEXT PRIMARY KEY,\n"
      "  account INTEGER NOT NULL REFERENCES account\n"
      ") STRICT, WITHOUT ROWID;\n"
      "CREATE INDEX address_account ON address (account);\n"

      "CREATE TABLE credential (\n"
      "  account INTEGER NOT NULL REFERENCES account,\n"
      "  kind TEXT NOT NULL,                   -- such as scram-sha-256\n"
      "  value BLOB NOT NULL,                  -- a verifier, never a password\n"
      "  PRIMARY KEY (account, kind)\n"
      ") STRICT, WITHOUT ROWID;\n"

      "CREATE TABLE mailbox (\n"
      "  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
      "  account INTEGER NOT NULL REFERENCES account,\n"
      "  name TEXT NOT NULL,                   -- UTF-8, '/' between levels\n"
      "  uid_validity INTEGER NOT NULL,\n"
      "  uid_next INTEGER NOT NULL DEFAULT 1,\n"
      "  highest_modseq INTEGER NOT NULL DEFAULT 1,\n"
      "  recent_uid INTEGER NOT NULL DEFAULT 1, -- from this UID on, shown to no session as \\Recent\n"
      "  special_use INTEGER NOT NULL DEFAULT 0, -- bits (RFC 6154)\n"
      "  changed_floor INTEGER NOT NULL DEFAULT 1,  -- change has every 'changed' row above this MODSEQ\n"
      "  expunged_floor INTEGER NOT NULL DEFAULT 1, -- and every 'expunged' row above this one\n"
      "  messages INTEGER NOT NULL DEFAULT 0,  -- counts over placement, kept by each commit\n"
      "  octets INTEGER NOT NULL DEFAULT 0,\n"
      "  unseen INTEGER NOT NULL DEFAULT 0,\n"
      "  deleted INTEGER NOT NULL DEFAULT 0,\n"
      "  created INTEGER NOT NULL,\n"
      "  UNIQUE (account, name)\n"
      ") STRICT;\n"

      "CREATE TABLE dead_mailbox (\n"
      "  -- Mailboxes deleted, whose placements are still to be removed.\n"
      "  mailbox INTEGER PRIMARY KEY,\n"
      "  account INTEGER NOT NULL\n"
      ") STRICT;\n"

      "CREATE TABLE content (\n"
      "  -- Immutable octets and what is known of them. Facts and octets are in tables of\n"
      "  -- their own, so that a scan of these columns stays small.\n"
      "  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
      "  account INTEGER NOT NULL,\n"
      "  octets INTEGER NOT NULL,              -- length as appended\n"
      "  inline_octets INTEGER NOT NULL,       -- of these in content_chunk; the rest in objects\n"
      "  created INTEGER NOT NULL,\n"
      "  unplaced_since INTEGER,               -- when its last placement went; NULL while it has one\n"
      "  sent_date INTEGER,                    -- the Date field\n"
      "  sent_zone INTEGER,                    -- minutes east of UTC\n"
      "  from_address TEXT,\n"
      "  subject TEXT,\n"
      "  message_id TEXT,\n"
      "  preview TEXT\n"
      ") STRICT;\n"
      "CREATE INDEX content_unplaced ON content (unplaced_since) WHERE unplaced_since IS NOT NULL;\n"
      "CREATE INDEX content_account ON content (account);\n"

      "CREATE TABLE content_facts (\n"
      "  content INTEGER PRIMARY KEY,\n"
      "  encoded BLOB NOT NULL                 -- opaque (coffer/facts.h)\n"
      ") STRICT;\n"

      "CREATE TABLE content_chunk (\n"
      "  -- Inline octets, one after the other, cut every 256 KB.\n"
      "  content INTEGER NOT NULL,\n"
      "  n INTEGER NOT NULL,                   -- from 0\n"
      "  sha256 BLOB NOT NULL,\n"
      "  data BLOB NOT NULL,\n"
      "  PRIMARY KEY (content, n)\n"
      ") STRICT;\n"

      "CREATE TABLE content_segment (\n"
      "  -- What a content is made of, in order and without gaps. None: all inline.\n"
      "  content INTEGER NOT NULL,\n"
      "  position INTEGER NOT NULL,            -- of its first octet in the message\n"
      "  length INTEGER NOT NULL,\n"
      "  object INTEGER,                       -- NULL: inline\n"
      "  source_offset INTEGER NOT NULL,       -- in the object, or among the inline octets\n"
      "  PRIMARY KEY (content, position)\n"
      ") STRICT, WITHOUT ROWID;\n"
      "CREATE INDEX content_segment_object ON content_segment (object) WHERE object IS NOT NULL;\n"

      "CREATE TABLE object (\n"
      "  -- Parts kept apart, once per scope and hash.\n"
      "  id INTEGER PRIMARY KEY AUTOINCREMENT,\n"
      "  scope TEXT NOT NULL,                  -- account/7, domain/example.org, server\n"
      "  sha256 BLOB,                          -- NULL: being written, or being removed\n"
      "  length INTEGER NOT NULL,\n"
      "  media_type TEXT,\n"
      "  unused_since INTEGER                  -- put, or last used; NULL: in use, or being written\n"
      ") STRICT;\n"
      "CREATE UNIQUE INDEX object_hash ON object (scope, sha256) WHERE sha256 IS NOT NULL;\n"
      "CREATE INDEX object_unnamed ON object (id) WHERE sha256 IS NULL;\n"
      "CREATE INDEX object_unused ON object (unused_since) WHERE unused_since IS NOT NULL;\n"

      "CREATE TABLE object_chunk (\n"
      "  object INTEGER NOT NULL,\n"
      "  n INTEGER NOT NULL,\n"
      "  data BLOB NOT NULL,\n"
      "  PRIMARY KEY (object, n)\n"
      ") STRICT;\n"

      "CREATE TABLE placement (\n"
      "  -- A message in a mailbox. No index has its flags or MODSEQ, so a flag change\n"
      "  -- writes one row in place.\n"
      "  account INTEGER NOT NULL,\n"
      "  mailbox INTEGER NOT NULL,\n"
      "  uid INTEGER NOT NULL,\n"
      "  content INTEGER NOT NULL,\n"
      "  modseq INTEGER NOT NULL,\n"
      "  flags INTEGER NOT NULL,               -- 1 Answered 2 Flagged 4 Deleted 8 Seen 16 Draft\n"
      "  keywords TEXT NOT NULL,               -- a blank between two\n"
      "  internal_date INTEGER NOT NULL,\n"
      "  zone INTEGER NOT NULL,                -- of internal_date, minutes east of UTC\n"
      "  save_date INTEGER NOT NULL,           -- when it came into this mailbox\n"
      "  size INTEGER NOT NULL,                -- RFC822.SIZE\n"
      "  PRIMARY KEY (account, mailbox, uid)\n"
      ") STRICT, WITHOUT ROWID;\n"
      "CREATE INDEX placement_content ON placement (account, content);\n"

      "CREATE TABLE change (\n"
      "  -- What each commit changed. The 'expunged' rows are the tombstones.\n"
      "  account INTEGER NOT NULL,\n"
      "  mailbox INTEGER NOT NULL,\n"
      "  kind TEXT NOT NULL CHECK (kind IN ('changed', 'expunged')),\n"
      "  modseq INTEGER NOT NULL,\n"
      "  uids TEXT NOT NULL,                   -- 1:3,7\n"
      "  PRIMARY KEY (account, mailbox, kind, modseq)\n"
      ") STRICT, WITHOUT ROWID;\n"

      "CREATE TABLE attribute (\n"
      "  -- mailbox 0: of the account; uid 0: of the mailbox.\n"
      "  account INTEGER NOT NULL,\n"
      "  mailbox INTEGER NOT NULL,\n"
      "  uid INTEGER NOT NULL,\n"
      "  key TEXT NOT NULL,\n"
      "  value BLOB NOT NULL,\n"
      "  PRIMARY KEY (account, mailbox, uid, key)\n"
      ") STRICT, WITHOUT ROWID;\n"

      "CREATE TABLE lookup (\n"
      "  -- Header fields that are looked up by value; names in lower case.\n"
      "  content INTEGER NOT NULL,\n"
      "  name TEXT NOT NULL,\n"
      "  n INTEGER NOT NULL,                   -- among the content's fields\n"
      "  account INTEGER NOT NULL,\n"
      "  value TEXT NOT NULL,                  -- decoded\n"
      "  PRIMARY KEY (content, name, n)\n"
      ") STRICT, WITHOUT ROWID;\n"
      "CREATE INDEX lookup_value ON lookup (account, name, value);\n";

static const char *const schema_steps[] = { step_1 };
const guint schema_wanted = G_N_ELEMENTS (schema_steps);

static gboolean
schema_run_step (Db *db, guint step, GError **error)
{
  g_autofree char *version = g_strdup_printf ("PRAGMA user_version = %u", step + 1);

  if (!db_script (db, "BEGIN IMMEDIATE", error))
    return FALSE;
  if (db_script (db, schema_steps[step], error) && db_script (db, version, error)
      && db_script (db, "COMMIT", error))
    return TRUE;
  sqlite3_exec (db->handle, "ROLLBACK", NULL, NULL, NULL);
  return FALSE;
}

gboolean
schema_run_steps (Db *db, guint from, CfProgressFunc progress, gpointer user_data, GError **error)
{
  for (guint step = from; step < schema_wanted; step++) {
    if (!schema_run_step (db, step, error))
      return FALSE;
    if (progress != NULL && !progress (step + 1 - from, schema_wanted - from, user_data)
        && step + 1 < schema_wanted) {
      g_set_error_literal (error, CF_ERROR, CF_ERROR_NO, "The upgrade was stopped");
      return FALSE;
    }
  }
  return TRUE;
}
