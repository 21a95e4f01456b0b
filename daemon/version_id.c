#include "daemon/version_id.h"

#include "daemon/id_text.h"

size_t version_id_format(const struct version *version, char ret_text[static VERSION_ID_TEXT_BYTES])
{
    if (version->is_null) {
        memcpy(ret_text, "null", sizeof("null"));
        return sizeof("null") - 1;
    }
    id_text_format(version->sequence, version->random, ret_text);
    return ID_TEXT_BYTES - 1;
}

static enum s3_err reject(const char **ret_detail, const char *detail)
{
    if (ret_detail != NULL)
        *ret_detail = detail;
    return S3_ERR_INVALID_ARGUMENT;
}

enum s3_err version_id_parse(struct span text, struct version_ref *ret_ref, const char **ret_detail)
{
    if (!span_present(text)) {
        *ret_ref = (struct version_ref){.select = VERSION_NEWEST};
        return S3_OK;
    }
    if (text.len == 0)
        return reject(ret_detail, "Version id cannot be the empty string");
    if (span_eq(text, SPAN("null"))) {
        *ret_ref = (struct version_ref){.select = VERSION_NULL};
        return S3_OK;
    }
    struct version_ref ref = {.select = VERSION_EXACT};
    if (!id_text_parse(text, &ref.sequence, &ref.random) || ref.sequence == 0)
        return reject(ret_detail, "Invalid version id specified");
    *ret_ref = ref;
    return S3_OK;
}
