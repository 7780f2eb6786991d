/* tests/fuzz/fuzz-proxy.c - the PROXY protocol's header, version 2.
 *
 * Checked: however it arrives, a header is the same header; what is asked for is never beyond the limit, and
 * never less than there is.
 */
#include "fuzz.h"
#include "net/proxy-header.h"

#include <netinet/in.h>
#include <string.h>

int
LLVMFuzzerInitialize (int *argc, char ***argv)
{
  fuzz_log_init ();
  return 0;
}

/* As a connection reads it, at most @slice octets at a time. MORE: the input ends before the header does. */
static CfProxyResult
read_header (const guint8 *data, gsize size, gsize slice, CfProxyHeader *out)
{
  gsize needed = CF_PROXY_HEADER_MIN, length = 0;
  const char *cause = NULL;

  for (;;) {
    g_autofree guint8 *exact = NULL;
    CfProxyResult result;

    length = MIN (MIN (length + slice, needed), size);
    exact = g_memdup2 (data, length);
    result = cf_proxy_header_parse (exact, length, out, &needed, &cause);
    FUZZ_CHECK (result != CF_PROXY_BAD || cause != NULL, "no cause is given");
    if (result != CF_PROXY_MORE)
      return result;
    FUZZ_CHECK (needed > length && needed <= CF_PROXY_HEADER_MAX, "%" G_GSIZE_FORMAT " octets are asked for",
                needed);
    if (length == size)
      return result;
  }
}

int
LLVMFuzzerTestOneInput (const guint8 *data, gsize size)
{
  CfProxyHeader whole = { 0 }, single = { 0 };
  CfProxyResult result = read_header (data, size, MAX (size, 1), &whole);

  FUZZ_CHECK (read_header (data, size, 1, &single) == result, "%d when read by the octet", result);
  if (result == CF_PROXY_DONE) {
    FUZZ_CHECK (whole.family == single.family && whole.tls == single.tls, "differs when read by the octet");
    if (whole.family == AF_INET || whole.family == AF_INET6)
      FUZZ_CHECK (whole.source.ss_family == whole.family
                      && memcmp (&whole.source, &single.source, sizeof (struct sockaddr_in)) == 0,
                  "address of family %d", whole.family);
    FUZZ_CHECK (cf_proxy_header_is_there (data, size), "is not recognised");
  }
  cf_proxy_header_is_there (data, size);
  return 0;
}
