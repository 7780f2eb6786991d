/* core/imap/message.c - a message of the selected mailbox while its response is made (message.h). */
#include "imap/message.h"

CfMessage *
cf_message_new (CfSession *session, guint32 seq, const CfIndexRow *row)
{
  CfMessage *message = g_new0 (CfMessage, 1);

  message->session = session;
  message->seq = seq;
  message->row = *row;
  if (row->keywords != NULL)
    cf_keywords_ref ((CfKeywords *) row->keywords);
  return message;
}

void
cf_message_run_free (CfMessageRun *run)
{
  g_byte_array_unref (run->octets);
  g_free (run);
}

void
cf_message_free (CfMessage *message)
{
  cf_keywords_unref ((CfKeywords *) message->row.keywords);
  g_clear_pointer (&message->facts, cf_facts_unref);
  g_clear_pointer (&message->ahead, g_ptr_array_unref);
  g_clear_pointer (&message->run, cf_message_run_free);
  g_free (message);
}

void
cf_message_set_facts (CfMessage *message, CfFacts *facts)
{
  cf_facts_ref (facts);
  g_clear_pointer (&message->facts, cf_facts_unref);
  message->facts = facts;
}

guint32
cf_message_get_seq (CfMessage *message)
{
  return message->seq;
}

const CfIndexRow *
cf_message_get_row (CfMessage *message)
{
  return &message->row;
}

CfSession *
cf_message_get_session (CfMessage *message)
{
  return message->session;
}

CfFacts *
cf_message_get_facts (CfMessage *message)
{
  return message->facts;
}
