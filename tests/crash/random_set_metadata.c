#include "random.h"

/* As PutObjectTagging and PutObjectAcl do; now and then of a version that is no more as it was read. */
void step_set_metadata(void)
{
    static char expected[METADATA_MAX_BYTES], text[METADATA_MAX_BYTES];
    struct model_bucket *bucket;
    unsigned number = any_bucket(&bucket), key = (unsigned)dice(MODEL_KEYS);
    struct model_version *version = any_version(bucket, key);
    uint32_t bytes = (uint32_t[]){0, 1, 50, 255, 256, 257, 600, 4000}[dice(8)];
    uint64_t mark = dice(UINT64_MAX - 1) + 1;
    bool newest = dice(4) == 0, stale = dice(8) == 0;
    if (!bucket->used || (version && version->unknown))
        return;
    if (version && newest)
        version = model_newest(bucket, key);
    struct mutation m = {
        .kind = MUTATION_SET_METADATA, .bucket = bucket_ref(number), .key = model_key(key)};
    m.set_metadata.metadata = metadata_text(mark, bytes, text);
    enum storage_err wanted = !version             ? STORAGE_NO_SUCH_KEY
                              : version->is_marker ? STORAGE_DELETE_MARKER
                              : stale              ? STORAGE_CHANGED
                                                   : STORAGE_OK;
    if (version) {
        m.set_metadata.version = newest ? (struct version_ref){.select = VERSION_NEWEST}
                                 : version->version.is_null
                                     ? (struct version_ref){.select = VERSION_NULL}
                                     : ref_of(version);
        m.set_metadata.sequence = dice(2) ? version->version.sequence : 0;
        m.set_metadata.expected = metadata_of(version, expected);
        if (stale && dice(2))
            m.set_metadata.sequence = version->version.sequence + 1;
        else if (stale)
            m.set_metadata.expected = SPAN("not as it was read");
    }
    if (wanted == STORAGE_OK) {
        version->metadata_mark = mark;
        version->metadata_bytes = bytes;
    }
    if (commit("set metadata", &m, wanted) &&
        m.result.version.sequence != version->version.sequence)
        fail("another version's metadata was set");
}
