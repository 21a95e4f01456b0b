#include "daemon/upload_id.h"

#include "daemon/id_text.h"

void upload_id_format(struct upload_id id, char ret_text[static UPLOAD_ID_TEXT_BYTES])
{
    id_text_format(id.blob_id, id.random, ret_text);
}

enum s3_err upload_id_parse(struct span text, struct upload_id *ret_id)
{
    struct upload_id id;
    if (!id_text_parse(text, &id.blob_id, &id.random) || id.blob_id == 0)
        return S3_ERR_NO_SUCH_UPLOAD;
    *ret_id = id;
    return S3_OK;
}
