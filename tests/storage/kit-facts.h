/* tests/storage/kit-facts.h - facts that cannot be had from a scan. */
#ifndef KIT_FACTS_H
#define KIT_FACTS_H

#include <coffer/facts.h>

/* Makes the encoded form one that cf_facts_new_from_encoded() does not accept, as another scanner's would be.
 */
void kit_facts_make_unreadable (CfFacts *facts);

#endif
