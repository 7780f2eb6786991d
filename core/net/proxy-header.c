/* core/net/proxy-header.c - parsing the header of the PROXY protocol, version 2 (proxy-header.h).
 *
 * Sixteen octets say who speaks and how long the rest is; then come addresses of a length that the family
 * has, and behind them type-length-value vectors, of which two are looked at: the checksum, and TLS.
 */
#include "net/proxy-header.h"

#include <netinet/in.h>
#include <string.h>

#define SIGNATURE_LENGTH 12
static const guint8 signature[SIGNATURE_LENGTH]
    = { '\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n' };

#define VERSION_2 0x20

enum { COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { FAMILY_UNSPEC = 0, FAMILY_INET = 1, FAMILY_INET6 = 2, FAMILY_UNIX = 3 };
enum { TRANSPORT_UNSPEC = 0, TRANSPORT_STREAM = 1, TRANSPORT_DATAGRAM = 2 };

enum { TLV_CRC32C = 0x03, TLV_SSL = 0x20 };
#define TLV_SSL_MIN    5    /* octets: flags, and the outcome of verification */
#define SSL_CLIENT_SSL 0x01 /* a flag */

static CfProxyResult
refuse (const char **out_cause, const char *cause)
{
  *out_cause = cause;
  return CF_PROXY_BAD;
}

static guint
get_16 (const guint8 *data)
{
  return (guint) data[0] << 8 | data[1];
}

/* ---- Addresses ----------------------------------------------------------------------------------------- */

/* Octets of the block: source, destination, and their ports where there are ports. */
static gsize
addresses_length (guint family)
{
  static const gsize lengths[] = { [FAMILY_INET] = 12, [FAMILY_INET6] = 36, [FAMILY_UNIX] = 216 };

  return lengths[family];
}

static void
take_source (const guint8 *block, guint family, CfProxyHeader *out)
{
  struct sockaddr_in *in4 = (struct sockaddr_in *) &out->source;
  struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &out->source;

  switch (family) {
  case FAMILY_INET:
    out->family = in4->sin_family = AF_INET;
    memcpy (&in4->sin_addr, block, 4);
    memcpy (&in4->sin_port, block + 8, 2);
    break;
  case FAMILY_INET6:
    out->family = in6->sin6_family = AF_INET6;
    memcpy (&in6->sin6_addr, block, 16);
    memcpy (&in6->sin6_port, block + 32, 2);
    break;
  default:
    out->family = AF_UNIX;
    break;
  }
}

/* ---- Vectors ------------------------------------------------------------------------------------------- */

/* CRC32c (RFC 4960, Appendix B) of @length octets, those from @hole on, four, as zero. */
static guint32
checksum (const guint8 *data, gsize length, gsize hole)
{
  guint32 crc = G_MAXUINT32;

  for (gsize i = 0; i < length; i++) {
    crc ^= i >= hole && i < hole + 4 ? 0 : data[i];
    for (guint bit = 0; bit < 8; bit++)
      crc = crc & 1 ? crc >> 1 ^ 0x82f63b78 : crc >> 1;
  }
  return ~crc;
}

static CfProxyResult
take_vectors (const guint8 *data, gsize length, gsize at, CfProxyHeader *out, const char **out_cause)
{
  while (at < length) {
    const guint8 *value = data + at + 3;
    gsize size;

    if (length - at < 3 || (size = get_16 (data + at + 1)) > length - at - 3)
      return refuse (out_cause, "a vector is longer than the header");
    if (data[at] == TLV_CRC32C) {
      guint32 told;

      if (size != sizeof told)
        return refuse (out_cause, "the checksum does not have four octets");
      memcpy (&told, value, sizeof told);
      if (GUINT32_FROM_BE (told) != checksum (data, length, at + 3))
        return refuse (out_cause, "the checksum is wrong");
    } else if (data[at] == TLV_SSL) {
      if (size < TLV_SSL_MIN)
        return refuse (out_cause, "the vector on TLS is too short");
      out->tls = (value[0] & SSL_CLIENT_SSL) != 0;
    }
    at += 3 + size;
  }
  return CF_PROXY_DONE;
}

/* ---- The header ---------------------------------------------------------------------------------------- */

static CfProxyResult
check_signature (const guint8 *data, gsize length, const char **out_cause)
{
  if (memcmp (data, signature, MIN (length, SIGNATURE_LENGTH)) == 0)
    return CF_PROXY_MORE;
  if (cf_proxy_header_is_there (data, length))
    return refuse (out_cause, "the header is of version 1, and must be of version 2");
  return refuse (out_cause, "no PROXY header comes first");
}

/* The first sixteen octets. */
static CfProxyResult
check_start (const guint8 *data, const char **out_cause)
{
  guint command = data[12] & 0x0f, family = data[13] >> 4, transport = data[13] & 0x0f;

  if ((data[12] & 0xf0) != VERSION_2)
    return refuse (out_cause, "the header is not of version 2");
  if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
    return refuse (out_cause, "unknown command");
  if (family > FAMILY_UNIX || transport > TRANSPORT_DATAGRAM)
    return refuse (out_cause, "unknown kind of address");
  if (get_16 (data + 14) > CF_PROXY_HEADER_MAX - CF_PROXY_HEADER_MIN)
    return refuse (out_cause, "the header is too long");
  return CF_PROXY_DONE;
}

CfProxyResult
cf_proxy_header_parse (const guint8 *data, gsize length, CfProxyHeader *out, gsize *out_needed,
                       const char **out_cause)
{
  guint family, block;

  *out = (CfProxyHeader){ .family = AF_UNSPEC };
  *out_needed = CF_PROXY_HEADER_MIN;
  if (length > 0 && check_signature (data, length, out_cause) == CF_PROXY_BAD)
    return CF_PROXY_BAD;
  if (length < CF_PROXY_HEADER_MIN)
    return CF_PROXY_MORE;
  if (check_start (data, out_cause) == CF_PROXY_BAD)
    return CF_PROXY_BAD;
  *out_needed = CF_PROXY_HEADER_MIN + get_16 (data + 14);
  if (length < *out_needed)
    return CF_PROXY_MORE;

  /* Of the others, what comes is skipped: where vectors begin is not known. */
  family = data[13] >> 4;
  if ((data[12] & 0x0f) == COMMAND_LOCAL || family == FAMILY_UNSPEC || (data[13] & 0x0f) != TRANSPORT_STREAM)
    return CF_PROXY_DONE;
  block = (guint) addresses_length (family);
  if (*out_needed < CF_PROXY_HEADER_MIN + block)
    return refuse (out_cause, "the addresses are longer than the header");
  if (take_vectors (data, *out_needed, CF_PROXY_HEADER_MIN + block, out, out_cause) == CF_PROXY_BAD)
    return CF_PROXY_BAD;
  take_source (data + CF_PROXY_HEADER_MIN, family, out);
  return CF_PROXY_DONE;
}

gboolean
cf_proxy_header_is_there (const guint8 *data, gsize length)
{
  static const char *const first_version[] = { "PROXY TCP4 ", "PROXY TCP6 ", "PROXY UNKNOWN" };

  for (guint i = 0; i < G_N_ELEMENTS (first_version); i++)
    if (length >= strlen (first_version[i])
        && memcmp (data, first_version[i], strlen (first_version[i])) == 0)
      return TRUE;
  return length >= SIGNATURE_LENGTH && memcmp (data, signature, SIGNATURE_LENGTH) == 0;
}
