#include "tests/ops/support_object.h"

const struct sample_part sample_parts[SAMPLE_PARTS] = {
    {5242880, "\"c0415a1eb09aacefb8c8270aa426efd2\""},
    {5242880 + 17, "\"a192c6c2c45a8087bd45c300cd480409\""},
    {12345, "\"107c68aad4acdd3050ccbf0a6a7f4ce3\""},
};

const struct sample_checksums sample_checksums[5] = {
    {"CRC32", "x-amz-checksum-crc32", {"GjAlSg==", "oxPTQw==", "1pZXlQ=="},
        "Ki38fA==", "IWttmA==-3"},
    {"CRC32C", "x-amz-checksum-crc32c", {"AU6vgQ==", "oXpqWQ==", "spvnCQ=="},
        "WquXkA==", "cNySOw==-3"},
    {"SHA1", "x-amz-checksum-sha1",
        {"t1SkmvLVQJaI55FgMGiB2KY/Hl8=", "sSUZx0lqDpA5XtVeFCRhpyolqTQ=",
            "wpW4JGBCKCI65WiVmx9PBq2jTts="},
        "8MmiIjPMT5SFt4xjkTVdz1KjuAE=", "mSVYA8r0NmtncVFmy3J6GQxXoU4=-3"},
    {"SHA256", "x-amz-checksum-sha256",
        {"FqdZDb2Nzc1pAjVYqJPRrwLDDVl2gMENUYjQhqiAXcw=",
            "metnyh33bm/iBQvhN/gkRXYiQisnimHDXcrflMrY8kM=",
            "3Dw3JPNEvwF3pmlsq9UtqvD3WHbS1EreuJjGZGfYbKA="},
        "mFPleJF5+C+5pWpKbCI90522MJoG4CgBU/+V8/dd4Sw=",
        "UrrER9fC9c2flK58mPLcBqZmatOzrQGy8cRkTZXqOUw=-3"},
    {"CRC64NVME", "x-amz-checksum-crc64nvme", {"bkGtoDIq5sw=", "8Rg5i4og27M=", "J0OwMoBVL9o="},
        SAMPLE_CRC64NVME, "2gFNHy4eCLo=-3"},
};

void check_header(
    const struct reply *reply, const char *name, const char *expected, const char *file, int line)
{
    struct span value = reply_header(reply, name);
    bool good = expected == NULL ? !span_present(value)
                                 : span_present(value) && span_eq(value, span_str(expected));
    if (good)
        return;
    print_error("%s expected to be %s, is %.*s (status %d)\n", name, expected ? expected : "absent",
        span_present(value) ? (int)value.len : 6, span_present(value) ? value.ptr : "absent",
        reply->status);
    _fail(file, line);
}

char *content_new(unsigned seed, size_t len)
{
    char *bytes = malloc(len + 1);
    assert_non_null(bytes);
    for (size_t i = 0; i < len; i++)
        bytes[i] = (char)(((uint32_t)i * 2654435761u + seed * 40503u) >> 13);
    return bytes;
}

void sample_make(struct sample *sample)
{
    size_t at = 0;
    sample->bytes = malloc(SAMPLE_SIZE_BYTES);
    assert_non_null(sample->bytes);
    for (unsigned i = 0; i < SAMPLE_PARTS; i++) {
        char *part = content_new(i + 1, sample_parts[i].len);
        memcpy(sample->bytes + at, part, sample_parts[i].len);
        free(part);
        sample->parts[i] = span_of(sample->bytes + at, sample_parts[i].len);
        at += sample_parts[i].len;
    }
    assert_int_equal(at, SAMPLE_SIZE_BYTES);
    sample->whole = span_of(sample->bytes, at);
}

void sample_free(struct sample *sample)
{
    free(sample->bytes);
    sample->bytes = NULL;
}

struct upload upload_begin(struct world *world, const char *key, const char *headers)
{
    struct upload upload = {.key = key};
    char line[512];
    snprintf(line, sizeof(line), "POST /bkt/%s?uploads", key);
    REPLY reply = world_send(world, line, headers, SPAN(""));
    assert_status(reply, 200);
    struct span id = reply_element(&reply, "UploadId", 0);
    assert_in_range(id.len, 1, sizeof(upload.id) - 1);
    memcpy(upload.id, id.ptr, id.len);
    return upload;
}

struct reply upload_send(struct world *world, const struct upload *upload, unsigned number,
    const char *headers, struct span content)
{
    char line[512];
    snprintf(line, sizeof(line), "PUT /bkt/%s?partNumber=%u&uploadId=%s", upload->key, number,
        upload->id);
    return world_send(world, line, headers, content);
}

struct reply upload_copy(
    struct world *world, const struct upload *upload, unsigned number, const char *headers)
{
    return upload_send(world, upload, number, headers, SPAN(""));
}

struct reply upload_complete(
    struct world *world, const struct upload *upload, const char *headers, const char *parts)
{
    char line[512];
    struct buf body CLEANUP(buf_free);
    buf_init(&body, 4 * 1024 * 1024);
    buf_add_lit(&body, "<CompleteMultipartUpload>");
    buf_add(&body, span_str(parts));
    buf_add_lit(&body, "</CompleteMultipartUpload>");
    snprintf(line, sizeof(line), "POST /bkt/%s?uploadId=%s", upload->key, upload->id);
    return world_send(world, line, headers, buf_span(&body));
}

struct reply upload_abort(struct world *world, const struct upload *upload)
{
    char line[512];
    snprintf(line, sizeof(line), "DELETE /bkt/%s?uploadId=%s", upload->key, upload->id);
    return world_send(world, line, NULL, SPAN(""));
}
