#include "daemon/ops/owner_xml.h"

#include "daemon/acl.h"
#include "xml_write.h"

/* src: Amazon S3 User Guide, "Access control list (ACL) overview", on objects that nobody signed for */
static const struct span anonymous_id = SPAN("65a011a29cdf8ec533ec3d1ccaae921c");

struct span owner_canonical_id(struct request *request, uint64_t account_id)
{
    return account_id == ANONYMOUS_ACCOUNT_ID ? anonymous_id
                                              : account_canonical_id(request, account_id);
}

void owner_xml(struct buf *out, struct request *request, uint64_t account_id)
{
    xml_text(out, SPAN("ID"), owner_canonical_id(request, account_id));
    if (account_id != ANONYMOUS_ACCOUNT_ID)
        xml_text(out, SPAN("DisplayName"), account_display_name(request, account_id));
}
