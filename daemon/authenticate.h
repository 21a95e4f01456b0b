/* Who is it? SigV4 by header, presigned and streaming; nobody is a principal too, not an error.
 * One thread at a time has a request. */
#ifndef DAEMON_AUTHENTICATE_H
#define DAEMON_AUTHENTICATE_H

#include "daemon/request.h"

/* Fills request->auth, principal and signing_key. The time is request->received_ms.
 * err: what sigv4_parse, sigv4_check_time and sigv4_verify say; INVALID_ACCESS_KEY_ID,
 * INVALID_TOKEN, AUTHORIZATION_HEADER_MALFORMED (AUTHORIZATION_QUERY_PARAMETERS_ERROR when
 * presigned) for a scope of another region or service */
enum s3_err authenticate(struct request *request) MUST_USE;

#endif
