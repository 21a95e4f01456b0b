/* An account as S3 shows owners, initiators and grantees. */
#ifndef DAEMON_OPS_OWNER_XML_H
#define DAEMON_OPS_OWNER_XML_H

#include "daemon/request.h"

/* <ID>…</ID><DisplayName>…</DisplayName> */
void owner_xml(struct buf *out, struct request *request, uint64_t account_id);

#endif
