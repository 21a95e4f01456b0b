#include "daemon/ops/owner_xml.h"

#include "xml_write.h"

void owner_xml(struct buf *out, struct request *request, uint64_t account_id)
{
    xml_text(out, SPAN("ID"), account_canonical_id(request, account_id));
    xml_text(out, SPAN("DisplayName"), account_display_name(request, account_id));
}
