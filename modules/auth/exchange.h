/* modules/auth/exchange.h - SASL exchanges, carried out by GNU SASL (RFC 4422). */
#ifndef AUTH_EXCHANGE_H
#define AUTH_EXCHANGE_H

#include "login-cache.h"

#include <coffer/auth.h>

#define EXCHANGE_N_MECHANISMS 4

extern const CfMechanism exchange_mechanisms[EXCHANGE_N_MECHANISMS];

/* Main thread; @cache is borrowed until exchange_shutdown(). FALSE with CF_ERROR_CANNOT: libgsasl lacks one
 * of them. */
gboolean exchange_init (LoginCache *cache, GError **error);
void exchange_shutdown (void);

/* The slots of CfAuthenticationClass. */
CfExchange *exchange_start (CfSession *session, const char *mechanism, GError **error);
CfAuthResult exchange_step (CfExchange *exchange, GBytes *data, GBytes **out_data, CfIdentity *out_identity,
                            GError **error);
void exchange_free (CfExchange *exchange);

#endif
