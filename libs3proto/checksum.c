#include "checksum.h"

#include "base/encode.h"

struct algo_names {
    struct span name, header, element;
};

static const struct algo_names algo_names[] = {
    [DIGEST_CRC32] = {SPAN("CRC32"), SPAN("x-amz-checksum-crc32"), SPAN("ChecksumCRC32")},
    [DIGEST_CRC32C] = {SPAN("CRC32C"), SPAN("x-amz-checksum-crc32c"), SPAN("ChecksumCRC32C")},
    [DIGEST_SHA1] = {SPAN("SHA1"), SPAN("x-amz-checksum-sha1"), SPAN("ChecksumSHA1")},
    [DIGEST_SHA256] = {SPAN("SHA256"), SPAN("x-amz-checksum-sha256"), SPAN("ChecksumSHA256")},
    [DIGEST_CRC64NVME] = {SPAN("CRC64NVME"), SPAN("x-amz-checksum-crc64nvme"),
        SPAN("ChecksumCRC64NVME")},
};

static const struct span header_prefix = SPAN("x-amz-checksum-");

static const struct algo_names *names_of(enum digest_algo algo)
{
    static const struct algo_names none = {SPAN_ABSENT, SPAN_ABSENT, SPAN_ABSENT};
    return (size_t)algo < ARRAY_LEN(algo_names) ? &algo_names[algo] : &none;
}

static enum digest_algo algo_at(size_t index)
{
    return (enum digest_algo)index;
}

enum digest_algo checksum_algo_by_name(struct span name)
{
    for (size_t i = DIGEST_NONE + 1; i < ARRAY_LEN(algo_names); i++)
        if (span_eq_nocase(algo_names[i].name, name))
            return algo_at(i);
    return DIGEST_NONE;
}

struct span checksum_algo_name(enum digest_algo algo)
{
    return names_of(algo)->name;
}

struct span checksum_header_name(enum digest_algo algo)
{
    return names_of(algo)->header;
}

enum digest_algo checksum_algo_by_header(struct span name)
{
    for (size_t i = DIGEST_NONE + 1; i < ARRAY_LEN(algo_names); i++)
        if (span_eq_nocase(algo_names[i].header, name))
            return algo_at(i);
    return DIGEST_NONE;
}

struct span checksum_element_name(enum digest_algo algo)
{
    return names_of(algo)->element;
}

struct span checksum_type_name(enum checksum_type type)
{
    return type == CHECKSUM_COMPOSITE ? SPAN("COMPOSITE") : SPAN("FULL_OBJECT");
}

bool checksum_type_by_name(struct span name, enum checksum_type *ret_type)
{
    if (span_eq_nocase(name, SPAN("COMPOSITE")))
        *ret_type = CHECKSUM_COMPOSITE;
    else if (span_eq_nocase(name, SPAN("FULL_OBJECT")))
        *ret_type = CHECKSUM_FULL_OBJECT;
    else
        return false;
    return true;
}

void checksum_text(struct buf *out, const struct checksum *checksum)
{
    base64_encode(out, span_of(checksum->value, digest_size(checksum->algo)));
    if (checksum->type == CHECKSUM_COMPOSITE) {
        buf_add_char(out, '-');
        buf_add_u64(out, checksum->part_count);
    }
}

enum s3_err checksum_parse(
    enum digest_algo algo, struct span text, bool allow_composite, struct checksum *ret_checksum)
{
    enum { PARTS_MAX = 10000 };
    struct checksum checksum = {.algo = algo, .type = CHECKSUM_FULL_OBJECT};
    size_t dash = span_find_char(text, '-', 0);
    if (dash != SIZE_MAX) {
        uint64_t parts;
        struct span count = span_from(text, dash + 1);
        if (!allow_composite || !span_to_u64(count, &parts) || parts < 1 || parts > PARTS_MAX ||
            count.ptr[0] == '0')
            return S3_ERR_INVALID_REQUEST;
        checksum.type = CHECKSUM_COMPOSITE;
        checksum.part_count = (uint32_t)parts;
        text = span_first(text, dash);
    }
    size_t len;
    if (!span_present(names_of(algo)->name) ||
        !base64_decode(text, checksum.value, digest_size(algo), &len) || len != digest_size(algo))
        return S3_ERR_INVALID_REQUEST;
    *ret_checksum = checksum;
    return S3_OK;
}

/* The headers that have the prefix and carry no value. */
static bool is_about_checksums(struct span name)
{
    struct span rest = span_from(name, header_prefix.len);
    return span_eq_nocase(rest, SPAN("algorithm")) || span_eq_nocase(rest, SPAN("type")) ||
           span_eq_nocase(rest, SPAN("mode"));
}

/* What x-amz-trailer promises: DIGEST_NONE when it names no checksum. */
static enum s3_err algo_of_trailer(struct span names, enum digest_algo *ret_algo)
{
    enum digest_algo found = DIGEST_NONE;
    struct span name;
    while (span_split(&names, ',', &name)) {
        name = span_trim(name);
        if (!span_starts_nocase(name, header_prefix))
            continue;
        enum digest_algo algo = checksum_algo_by_header(name);
        if (algo == DIGEST_NONE || found != DIGEST_NONE)
            return S3_ERR_INVALID_REQUEST;
        found = algo;
    }
    *ret_algo = found;
    return S3_OK;
}

/* The one x-amz-checksum-<algo> header with its value. An algorithm that is not known here is
 * refused, since the client expects it to be verified. */
static enum s3_err value_of_headers(
    const struct header_list *headers, struct checksum *ret_checksum)
{
    struct checksum found = {.algo = DIGEST_NONE};
    for (size_t i = 0; i < headers->count; i++) {
        const struct header *header = &headers->items[i];
        if (!span_starts_nocase(header->name, header_prefix) || is_about_checksums(header->name))
            continue;
        if (found.algo != DIGEST_NONE)
            return S3_ERR_INVALID_REQUEST;
        TRY(checksum_parse(checksum_algo_by_header(header->name), header->value, false, &found));
    }
    *ret_checksum = found;
    return S3_OK;
}

enum s3_err checksum_from_headers(
    const struct header_list *headers, struct checksum *ret_expected, bool *ret_has_value)
{
    const struct span trailer_name = SPAN("x-amz-trailer");
    const struct span sdk_name = SPAN("x-amz-sdk-checksum-algorithm");
    if (header_conflicts(headers, trailer_name) || header_conflicts(headers, sdk_name))
        return S3_ERR_INVALID_REQUEST;
    struct checksum expected;
    TRY(value_of_headers(headers, &expected));
    bool has_value = expected.algo != DIGEST_NONE;

    enum digest_algo promised;
    TRY(algo_of_trailer(header_find(headers, trailer_name), &promised));
    if (promised != DIGEST_NONE) {
        if (has_value)
            return S3_ERR_INVALID_REQUEST;
        expected.algo = promised;
    }
    struct span sdk = header_find(headers, sdk_name);
    if (span_present(sdk)) {
        enum digest_algo named = checksum_algo_by_name(sdk);
        if (named == DIGEST_NONE || (expected.algo != DIGEST_NONE && expected.algo != named))
            return S3_ERR_INVALID_REQUEST;
        expected.algo = named;
    }
    *ret_expected = expected;
    *ret_has_value = has_value;
    return S3_OK;
}

bool checksum_pair_valid(enum digest_algo algo, enum checksum_type type)
{
    switch (algo) {
    case DIGEST_CRC32:
    case DIGEST_CRC32C:
        return true;
    case DIGEST_CRC64NVME:
        return type == CHECKSUM_FULL_OBJECT;
    case DIGEST_SHA1:
    case DIGEST_SHA256:
        return type == CHECKSUM_COMPOSITE;
    case DIGEST_NONE:
    case DIGEST_MD5:
        break;
    }
    return false;
}

enum checksum_type checksum_default_type(enum digest_algo algo)
{
    return algo == DIGEST_CRC64NVME ? CHECKSUM_FULL_OBJECT : CHECKSUM_COMPOSITE;
}

bool checksum_builder_init(
    struct checksum_builder *builder, enum digest_algo algo, enum checksum_type type)
{
    *builder = (struct checksum_builder){.checksum = {.algo = algo, .type = type}};
    if (!checksum_pair_valid(algo, type))
        return false;
    return type == CHECKSUM_FULL_OBJECT || digest_init(&builder->digest, algo);
}

static uint64_t load_be(const uint8_t *bytes, size_t len)
{
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++)
        value = value << 8 | bytes[i];
    return value;
}

void checksum_builder_add(
    struct checksum_builder *builder, const struct checksum *part, uint64_t size_bytes)
{
    enum digest_algo algo = builder->checksum.algo;
    if (builder->checksum.type == CHECKSUM_COMPOSITE) {
        builder->checksum.part_count++;
        digest_update(&builder->digest, span_of(part->value, digest_size(algo)));
        return;
    }
    uint64_t crc = load_be(part->value, digest_size(algo));
    if (algo == DIGEST_CRC64NVME)
        builder->crc = crc64nvme_combine(builder->crc, crc, size_bytes);
    else if (algo == DIGEST_CRC32C)
        builder->crc = crc32c_combine((uint32_t)builder->crc, (uint32_t)crc, size_bytes);
    else
        builder->crc = crc32_combine_of((uint32_t)builder->crc, (uint32_t)crc, size_bytes);
}

void checksum_builder_finish(struct checksum_builder *builder, struct checksum *ret_checksum)
{
    struct checksum *checksum = &builder->checksum;
    if (checksum->type == CHECKSUM_COMPOSITE) {
        digest_final(&builder->digest, checksum->value);
    } else {
        size_t size = digest_size(checksum->algo);
        for (size_t i = 0; i < size; i++)
            checksum->value[i] = (uint8_t)(builder->crc >> (8 * (size - 1 - i)));
    }
    *ret_checksum = *checksum;
}

void checksum_builder_free(struct checksum_builder *builder)
{
    digest_free(&builder->digest);
}
