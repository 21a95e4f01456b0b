/* An account as S3 shows owners, initiators and grantees. */
#ifndef DAEMON_OPS_OWNER_XML_H
#define DAEMON_OPS_OWNER_XML_H

#include "daemon/request.h"

/* The account's canonical user id; of ANONYMOUS_ACCOUNT_ID that of AWS's anonymous user. */
struct span owner_canonical_id(struct request *request, uint64_t account_id);

/* <ID>…</ID><DisplayName>…</DisplayName> */
void owner_xml(struct buf *out, struct request *request, uint64_t account_id);

#endif
