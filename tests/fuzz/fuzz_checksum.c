/* Lines "name:value": what headers say of a body's checksum. And each value as a checksum of each kind. */
#include "checksum.h"
#include "fuzz.h"

static void check_value(enum digest_algo algo, struct span text)
{
    struct checksum checksum, again;
    if (checksum_parse(algo, text, true, &checksum) != S3_OK)
        return;
    struct buf out;
    buf_init(&out, 1024);
    checksum_text(&out, &checksum);
    CHECK(buf_ok(&out));
    CHECK(checksum_parse(algo, buf_span(&out), true, &again) == S3_OK);
    CHECK(checksum.algo == again.algo && checksum.type == again.type &&
          checksum.part_count == again.part_count);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct header items[HEADERS_MAX];
    struct header_list headers = {items, 0};
    struct span rest = span_of(data, size);
    while (span_present(rest) && headers.count < HEADERS_MAX) {
        struct span line = fuzz_line(&rest);
        size_t colon = span_find_char(line, ':', 0);
        if (colon == SIZE_MAX)
            continue;
        struct span value = span_trim(span_from(line, colon + 1));
        items[headers.count++] = (struct header){span_first(line, colon), value};
        for (enum digest_algo algo = DIGEST_CRC32; algo <= DIGEST_CRC64NVME; algo++)
            if (span_present(checksum_header_name(algo)))
                check_value(algo, value);
    }
    struct checksum expected;
    bool has_value;
    if (checksum_from_headers(&headers, &expected, &has_value) == S3_OK)
        CHECK(!has_value || expected.algo != DIGEST_NONE);
    return 0;
}
