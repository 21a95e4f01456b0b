/* The daemon's own resources under /-/ that are changed by request: accounts, and the key of the secrets. For
 * the first account alone (authorize_system). Signed as any request to S3; answers are JSON, errors S3's XML.
 *
 *     GET    /-/accounts?after=000000000001&max=100     lakegate:ListAccounts
 *     POST   /-/accounts?name=NAME                      lakegate:CreateAccount
 *     DELETE /-/accounts/000000000002                   lakegate:DeleteAccount
 *     POST   /-/secrets/rotate                          lakegate:RotateSecretsKey
 *     DELETE /-/session                                 no action: ends the session that signs it
 *     GET, POST, DELETE /-/scrub                        jobs/scrub_request.h */
#ifndef DAEMON_SYSTEM_H
#define DAEMON_SYSTEM_H

#include "daemon/request.h"

/* NULL when the path or the method is none of these. */
const struct op *system_route(const struct request *request);

/* The one operation that a session that was ended may still sign. op may be NULL. */
bool system_ends_session(const struct op *op);

#endif
