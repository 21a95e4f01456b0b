/* Byte 0: an operation whose request has a document; the rest: the document. It goes all its way into the store. */
#include "base/digest.h"
#include "base/encode.h"
#include "tests/fuzz/world.h"

static const char *const lines[] = {
    "PUT /lake?acl",
    "PUT /lake/key?acl",
    "PUT /lake?policy",
    "PUT /lake?tagging",
    "PUT /lake?lakegate-zones",
    "PUT /lake?publicAccessBlock",
    "PUT /lake?ownershipControls",
    "PUT /lake?cors",
    "PUT /sea",
    "POST /lake?delete",
    "POST /lake/parts?uploadId=",
    "PUT /v20180820/configuration/publicAccessBlock",
    "POST /v20180820/tags/arn%3Aaws%3As3%3A%3A%3Alake",
    "PUT /lake?versioning",
    "POST /",
    "PUT /lake/key?tagging",
};

/* DeleteObjects wants it. */
static struct span md5_header(struct span body, struct buf *out)
{
    uint8_t md5[DIGEST_MAX_BYTES];
    struct digest digest;
    CHECK(digest_init(&digest, DIGEST_MD5));
    digest_update(&digest, body);
    digest_final(&digest, md5);
    digest_free(&digest);
    buf_add(out, SPAN("Content-MD5: "));
    base64_encode(out, span_of(md5, MD5_BYTES));
    buf_add(out, SPAN("\nContent-Type: application/x-www-form-urlencoded"));
    return buf_span(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const char *line = lines[data[0] % ARRAY_LEN(lines)];
    struct span body = span_of(data + 1, size - 1);
    char text[300];
    struct buf headers;
    (void)fuzz_world();
    bool of_upload = line[strlen(line) - 1] == '=';
    (void)snprintf(text, sizeof(text), "%s%s", line, of_upload ? fuzz_upload() : "");
    buf_init(&headers, 1024);
    fuzz_send(text, md5_header(body, &headers), body);
    buf_free(&headers);
    return 0;
}
