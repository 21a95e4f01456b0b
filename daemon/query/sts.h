/* What STS's actions share: session policies, the making of credentials, and their XML.
 * src: STS API Reference */
#ifndef DAEMON_QUERY_STS_H
#define DAEMON_QUERY_STS_H

#include "daemon/query.h"
#include "daemon/sessions.h"

/* SerialNumber and TokenCode: nobody has a second factor here, so who sends one is refused.
 * err: ACCESS_DENIED, and what is wrong with the parameters read so far */
enum s3_err sts_no_mfa(struct request *request) MUST_USE;
/* ACCESS_DENIED in STS's words, which say no more than that. */
enum s3_err sts_refuse(struct request *request, const char *action, struct span resource) MUST_USE;
/* authorize_iam, refused in those words. */
enum s3_err sts_ask(struct request *request, const struct iam_ask *ask) MUST_USE;
/* Reads Policy and PolicyArns into the session. account: whose managed policies they are.
 * err: MALFORMED_POLICY_DOCUMENT, PACKED_POLICY_TOO_LARGE, VALIDATION_ERROR */
enum s3_err sts_read_policies(
    struct request *request, uint64_t account, struct session *session) MUST_USE;
/* Credentials from now on. err: PACKED_POLICY_TOO_LARGE */
enum s3_err sts_make(struct request *request, struct session *session, uint64_t lifetime_s,
    struct session_credentials *ret_credentials) MUST_USE;
void sts_credentials(struct buf *out, const struct session_credentials *credentials);

#endif
