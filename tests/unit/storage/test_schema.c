/* Are records what they were when they come back, and is a damaged one never taken for good? */
#include "storage/local/log.h"
#include "storage/local/schema.h"
#include "storage/local/zones.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct buf out;

static int setup(void **state)
{
    (void)state;
    buf_init(&out, SCHEMA_VALUE_MAX_BYTES);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_free(&out);
    return 0;
}

/* Every bit flipped, every shortening, another key: each must be CORRUPT. */
#define CHECK_DAMAGE(decode, type, key)                                                            \
    do {                                                                                           \
        struct span good = buf_span(&out);                                                         \
        char *copy = malloc(good.len);                                                             \
        type ignored;                                                                              \
        for (size_t bit = 0; bit < good.len * 8; bit++) {                                          \
            memcpy(copy, good.ptr, good.len);                                                      \
            copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));                                \
            assert_int_equal(decode(key, span_of(copy, good.len), &ignored), STORAGE_CORRUPT);     \
        }                                                                                          \
        for (size_t len = 0; len < good.len; len++)                                                \
            assert_int_equal(decode(key, span_of(good.ptr, len), &ignored), STORAGE_CORRUPT);      \
        assert_int_equal(decode(SPAN("another key"), good, &ignored), STORAGE_CORRUPT);            \
        free(copy);                                                                                \
    } while (0)

static struct checksum checksum_of(enum digest_algo algo, enum checksum_type type, uint32_t parts)
{
    struct checksum checksum = {.algo = algo, .type = type, .part_count = parts};
    for (size_t i = 0; i < digest_size(algo); i++)
        checksum.value[i] = (uint8_t)(i * 7 + 1);
    return checksum;
}

static void check_checksum(const struct checksum *a, const struct checksum *b)
{
    assert_int_equal(a->algo, b->algo);
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->part_count, b->part_count);
    assert_memory_equal(a->value, b->value, sizeof(a->value));
}

static void check_object(const struct object_record *record)
{
    struct span key = SPAN("\0\0\0\0\0\0\0\1some/key\0");
    struct object_record back;
    schema_encode_object(key, record, &out);
    assert_true(buf_ok(&out));
    assert_int_equal(out.len, schema_object_bytes(record));
    assert_int_equal(schema_decode_object(key, buf_span(&out), &back), STORAGE_OK);
    assert_int_equal(back.version.sequence, record->version.sequence);
    assert_int_equal(back.version.random, record->version.random);
    assert_int_equal(back.version.is_null, record->version.is_null);
    assert_int_equal(back.is_delete_marker, record->is_delete_marker);
    assert_int_equal(back.has_older, record->has_older);
    assert_int_equal(back.has_side, record->has_side);
    assert_int_equal(back.row_id, record->row_id);
    assert_int_equal(back.null_sequence, record->null_sequence);
    assert_int_equal(back.modified_ms, record->modified_ms);
    assert_int_equal(back.attributes.owner_id, record->attributes.owner_id);
    if (!record->is_delete_marker) {
        assert_int_equal(back.is_inline, record->is_inline);
        assert_int_equal(back.size_bytes, record->size_bytes);
        assert_int_equal(back.blob_id, record->blob_id);
        assert_int_equal(back.duplicate_of.row_id, record->duplicate_of.row_id);
        assert_int_equal(back.duplicate_of.sequence, record->duplicate_of.sequence);
        assert_int_equal(back.attributes.crc64nvme, record->attributes.crc64nvme);
        assert_int_equal(back.attributes.storage_class, record->attributes.storage_class);
        assert_true(etag_eq(&back.attributes.etag, &record->attributes.etag));
        check_checksum(&back.attributes.checksum, &record->attributes.checksum);
        assert_true(span_eq(back.inline_bytes, record->inline_bytes));
        if (!record->has_side)
            assert_true(span_eq(back.attributes.metadata, record->attributes.metadata));
    }
    CHECK_DAMAGE(schema_decode_object, struct object_record, key);
}

static void test_objects(void **state)
{
    (void)state;
    struct object_record record = {
        .version = {.sequence = 0x0102030405060708, .random = UINT64_MAX},
        .row_id = 77,
        .modified_ms = -5,
        .size_bytes = 5,
        .attributes =
            {
                .etag = {.md5 = {1, 2, 3}},
                .crc64nvme = 99,
                .owner_id = UINT64_MAX - 1,
                .storage_class = 4,
            },
    };
    check_object(&record);
    record.is_inline = true;
    record.inline_bytes = SPAN("bytes");
    record.version.is_null = true;
    record.null_sequence = record.version.sequence;
    record.attributes.metadata = SPAN("metadata");
    check_object(&record);
    record.is_inline = false;
    record.inline_bytes = SPAN_ABSENT;
    record.blob_id = UINT64_MAX;
    record.size_bytes = UINT64_MAX;
    record.has_older = true;
    record.null_sequence = 3;
    record.attributes.etag.part_count = 10000;
    for (enum digest_algo algo = DIGEST_CRC32; algo <= DIGEST_CRC64NVME; algo++) {
        record.attributes.checksum = checksum_of(algo, CHECKSUM_FULL_OBJECT, 0);
        check_object(&record);
        record.attributes.checksum = checksum_of(algo, CHECKSUM_COMPOSITE, 17);
        check_object(&record);
    }
    record.duplicate_of = (struct content_ref){UINT64_MAX, 3};
    check_object(&record);
    record.has_side = true;
    check_object(&record);
    check_object(&(struct object_record){.is_delete_marker = true,
        .version = {.sequence = 9, .random = 8},
        .row_id = 1,
        .null_sequence = 4,
        .attributes.owner_id = 7});
}

static void test_uploads(void **state)
{
    (void)state;
    struct span key = SPAN("upload key");
    struct upload_record record = {
        .id = {1, 2},
        .initiated_ms = 3,
        .generation = 4,
        .piece_count = 5,
        .checksum_algo = DIGEST_SHA1,
        .checksum_type = CHECKSUM_COMPOSITE,
        .attributes = {.storage_class = 6, .owner_id = 7, .metadata = SPAN("meta")},
        .completed_ms = 8,
        .parts_hash = {9},
        .result_version = {10, 11, true},
        .result_modified_ms = 12,
        .result_size_bytes = 13,
        .result_etag = {{14}, 15},
        .result_crc64nvme = 16,
        .result_checksum = checksum_of(DIGEST_SHA1, CHECKSUM_COMPOSITE, 17),
    };
    for (int completed = 0; completed < 2; completed++) {
        struct upload_record back;
        record.completed = completed;
        schema_encode_upload(key, &record, &out);
        assert_int_equal(schema_decode_upload(key, buf_span(&out), &back), STORAGE_OK);
        assert_memory_equal(&back.id, &record.id, sizeof(back.id));
        assert_int_equal(back.initiated_ms, 3);
        assert_int_equal(back.generation, 4);
        assert_int_equal(back.piece_count, 5);
        assert_int_equal(back.checksum_algo, DIGEST_SHA1);
        assert_int_equal(back.checksum_type, CHECKSUM_COMPOSITE);
        assert_int_equal(back.attributes.storage_class, 6);
        assert_int_equal(back.attributes.owner_id, 7);
        assert_true(span_eq(back.attributes.metadata, SPAN("meta")));
        assert_int_equal(back.completed, completed);
        assert_int_equal(back.result_size_bytes, completed ? 13 : 0);
        if (completed) {
            assert_int_equal(back.completed_ms, 8);
            assert_int_equal(back.result_version.random, 11);
            assert_true(back.result_version.is_null);
            assert_true(etag_eq(&back.result_etag, &record.result_etag));
            check_checksum(&back.result_checksum, &record.result_checksum);
        }
        CHECK_DAMAGE(schema_decode_upload, struct upload_record, key);
    }
}

static void test_rows_about_bytes(void **state)
{
    (void)state;
    struct index_key buffer;
    struct span key = key_of_u64(&buffer, 0x1122334455667788);
    struct blob_record blob = {1, 2, 3}, blob_back;
    schema_encode_blob(key, &blob, &out);
    assert_int_equal(schema_decode_blob(key, buf_span(&out), &blob_back), STORAGE_OK);
    assert_int_equal(blob_back.references, 1);
    assert_int_equal(blob_back.length_bytes, 2);
    assert_int_equal(blob_back.part_count, 3);
    CHECK_DAMAGE(schema_decode_blob, struct blob_record, key);

    struct piece_record piece = {.extent_id = 1, .offset_bytes = 2, .length_bytes = 3}, piece_back;
    schema_encode_piece(key, &piece, &out);
    assert_int_equal(schema_decode_piece(key, buf_span(&out), &piece_back), STORAGE_OK);
    assert_int_equal(piece_back.length_bytes, 3);
    assert_false(piece_back.has_part);
    piece.has_part = true;
    piece.part_size_bytes = 4;
    piece.part_pieces = 5;
    piece.modified_ms = 6;
    piece.etag.part_count = 7;
    piece.crc64nvme = 8;
    piece.checksum = checksum_of(DIGEST_CRC32C, CHECKSUM_FULL_OBJECT, 0);
    schema_encode_piece(key, &piece, &out);
    assert_int_equal(schema_decode_piece(key, buf_span(&out), &piece_back), STORAGE_OK);
    assert_int_equal(piece_back.part_pieces, 5);
    assert_int_equal(piece_back.etag.part_count, 7);
    check_checksum(&piece_back.checksum, &piece.checksum);
    CHECK_DAMAGE(schema_decode_piece, struct piece_record, key);

    for (uint32_t blocks = 1; blocks <= EXTENT_INLINE_CRCS + 1; blocks++) {
        struct extent_record back, extent = {.extent = {.segment_id = 1,
                                                 .own_file = true,
                                                 .offset_bytes = 2,
                                                 .length_bytes = 3,
                                                 .content_bytes = blocks % 2 ? 10 : 0,
                                                 .block_count = blocks,
                                                 .block_crcs = {4, 5, 6, 7},
                                                 .footer_crc = 8},
                                       .references = 9};
        schema_encode_extent(key, &extent, &out);
        assert_int_equal(schema_decode_extent(key, buf_span(&out), &back), STORAGE_OK);
        assert_int_equal(back.extent.id, 0x1122334455667788);
        assert_int_equal(back.extent.content_bytes, blocks % 2 ? 10 : 0);
        assert_true(back.extent.own_file);
        assert_int_equal(back.extent.block_count, blocks);
        assert_int_equal(back.extent.block_crcs[0], blocks <= EXTENT_INLINE_CRCS ? 4 : 0);
        assert_int_equal(back.extent.footer_crc, 8);
        assert_int_equal(back.references, 9);
        CHECK_DAMAGE(schema_decode_extent, struct extent_record, key);
    }

    struct segment_record segment = {SEGMENT_SEALED, true, 1, 2, 3}, segment_back;
    schema_encode_segment(key, &segment, &out);
    assert_int_equal(schema_decode_segment(key, buf_span(&out), &segment_back), STORAGE_OK);
    assert_int_equal(segment_back.state, SEGMENT_SEALED);
    assert_int_equal(segment_back.log_bytes, 3);
    CHECK_DAMAGE(schema_decode_segment, struct segment_record, key);

    struct freed_record freed = {1, 2, SPAN("key"), 3}, freed_back;
    schema_encode_freed(key, &freed, &out);
    assert_int_equal(schema_decode_freed(key, buf_span(&out), &freed_back), STORAGE_OK);
    assert_true(span_eq(freed_back.key, SPAN("key")));
    assert_int_equal(freed_back.due_ms, 3);
    CHECK_DAMAGE(schema_decode_freed, struct freed_record, key);
}

static void test_buckets_and_small_rows(void **state)
{
    (void)state;
    struct span key = SPAN("name");
    struct bucket_record bucket = {1, 2, 3, VERSIONING_SUSPENDED, 4, 5, 6, 7, 8, SPAN("region")},
                         back;
    schema_encode_bucket(key, &bucket, &out);
    assert_int_equal(schema_decode_bucket(key, buf_span(&out), &back), STORAGE_OK);
    assert_true(span_eq(back.region, SPAN("region")));
    assert_int_equal(back.versioning, VERSIONING_SUSPENDED);
    assert_int_equal(back.upload_count, 7);
    assert_int_equal(back.zones_generation, 8);
    bucket.zones_generation = 0;
    schema_encode_bucket(key, &bucket, &out); /* as schema version 1 has it */
    assert_int_equal(schema_decode_bucket(key, buf_span(&out), &back), STORAGE_OK);
    assert_int_equal(back.zones_generation, 0);
    CHECK_DAMAGE(schema_decode_bucket, struct bucket_record, key);

    struct document_record document = {1, SPAN("text")}, document_back;
    schema_encode_document(key, &document, &out);
    assert_int_equal(schema_decode_document(key, buf_span(&out), &document_back), STORAGE_OK);
    assert_true(span_eq(document_back.text, SPAN("text")));
    CHECK_DAMAGE(schema_decode_document, struct document_record, key);

    struct span bytes;
    schema_encode_bytes(key, SPAN("bytes"), &out);
    assert_int_equal(schema_decode_bytes(key, buf_span(&out), &bytes), STORAGE_OK);
    assert_true(span_eq(bytes, SPAN("bytes")));
    CHECK_DAMAGE(schema_decode_bytes, struct span, key);

    uint64_t node;
    schema_encode_node(key, 12345, &out);
    assert_int_equal(schema_decode_node(key, buf_span(&out), &node), STORAGE_OK);
    assert_int_equal(node, 12345);
    CHECK_DAMAGE(schema_decode_node, uint64_t, key);

    struct row_record row = {1, SPAN("full key")}, row_back;
    schema_encode_row(key, &row, &out);
    assert_int_equal(schema_decode_row(key, buf_span(&out), &row_back), STORAGE_OK);
    assert_true(span_eq(row_back.key, SPAN("full key")));
    CHECK_DAMAGE(schema_decode_row, struct row_record, key);
}

static void test_meta(void **state)
{
    (void)state;
    struct span key = SPAN("meta");
    struct store_record store = {1, 2, 3, {4}}, store_back;
    schema_encode_store(key, &store, &out);
    assert_int_equal(schema_decode_store(key, buf_span(&out), &store_back), STORAGE_OK);
    assert_int_equal(store_back.boot, 2);
    assert_int_equal(store_back.store_id[0], 4);
    CHECK_DAMAGE(schema_decode_store, struct store_record, key);

    struct state_record state_record = {1, 2, 3, 4, 5, 6, ACTIVE_SEGMENTS_MAX, {7}}, state_back;
    schema_encode_state(key, &state_record, &out);
    assert_int_equal(schema_decode_state(key, buf_span(&out), &state_back), STORAGE_OK);
    assert_int_equal(state_back.file_bytes, 6);
    assert_int_equal(state_back.active[0], 7);
    CHECK_DAMAGE(schema_decode_state, struct state_record, key);

    struct tallies_record tallies = {{{1, {2, 3}}}}, tallies_back;
    schema_encode_tallies(key, &tallies, &out);
    assert_int_equal(schema_decode_tallies(key, buf_span(&out), &tallies_back), STORAGE_OK);
    assert_memory_equal(&tallies, &tallies_back, sizeof(tallies));
    CHECK_DAMAGE(schema_decode_tallies, struct tallies_record, key);
}

static void test_a_record_of_a_newer_format(void **state)
{
    (void)state;
    uint64_t node;
    schema_encode_node(SPAN("key"), 1, &out);
    out.ptr[0] = 2;
    uint32_t crc = crc32c_update(crc32c_update(0, SPAN("key")), span_of(out.ptr, out.len - 4));
    memcpy(out.ptr + out.len - 4, &crc, 4);
    assert_int_equal(schema_decode_node(SPAN("key"), buf_span(&out), &node), STORAGE_NEWER_FORMAT);
}

static void test_keys_sort_as_what_they_mean(void **state)
{
    (void)state;
    struct index_key a, b;
    assert_true(span_cmp(key_of_u64(&a, 255), key_of_u64(&b, 256)) < 0);
    assert_true(
        span_cmp(key_of_version(&a, 1, 9), key_of_version(&b, 1, 8)) < 0); /* newest first */
    assert_true(span_cmp(key_of_piece(&a, 1, 2, 300), key_of_piece(&b, 1, 3, 0)) < 0);
    assert_true(span_cmp(key_of_leaf(&a, 1, SPAN("a")), key_of_leaf(&b, 1, SPAN("a\x01"))) < 0);
    assert_true(
        span_cmp(key_of_node_prefix(&a, 1, SPAN("ab")), key_of_leaf(&b, 1, SPAN("ab"))) < 0);
    char piece[NODE_KEY_BYTES];
    memset(piece, 'p', sizeof(piece));
    struct span full = span_of(piece, sizeof(piece));
    assert_true(span_cmp(key_of_leaf(&a, 1, full), key_of_continuation(&b, 1, full)) < 0);
    assert_true(key_of_upload_leaf(&a, 1, full, UINT64_MAX).len <= INDEX_KEY_MAX_BYTES);
    assert_int_equal(key_u64_at(key_of_piece(&a, 77, 2, 3), 0), 77);
    assert_int_equal(key_u32_at(key_of_piece(&a, 77, 2, 3), 8), 2);
    assert_int_equal(key_u32_at(SPAN("abc"), 0), 0);
}

static void test_log_frames(void **state)
{
    (void)state;
    struct log_frame log;
    struct log_header header = {{1, 2}, 3, 4, 5, 0, 0}, back;
    log_init(&log);
    log_record(&log, MUTATION_PUT_OBJECT, 6, SPAN("bucket"), SPAN("key"));
    log_row(&log, LOG_OBJECT, SPAN("leaf"), SPAN("value"));
    log_record_end(&log);
    struct log_mark mark = log_mark(&log);
    log_record(&log, MUTATION_PUT_OBJECT, 6, SPAN("bucket"), SPAN("refused"));
    log_undo(&log, mark);
    struct span frame = log_seal(&log, &header);
    assert_true(span_present(frame));
    assert_int_equal(log_frame_open(frame, &back), STORAGE_OK);
    assert_int_equal(back.frame_id, 3);
    assert_int_equal(back.previous_id, 4);
    assert_int_equal(back.count, 1);
    assert_int_equal(back.payload_bytes, frame.len - LOG_HEADER_BYTES);
    char copy[512];
    assert_true(frame.len <= sizeof(copy));
    for (size_t bit = 0; bit < frame.len * 8; bit++) {
        memcpy(copy, frame.ptr, frame.len);
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << bit % 8));
        assert_int_equal(log_frame_open(span_of(copy, frame.len), &back), STORAGE_CORRUPT);
    }
    for (size_t len = 0; len < frame.len; len++)
        assert_int_equal(log_frame_open(span_first(frame, len), &back), STORAGE_CORRUPT);
    log_free(&log);
}

static enum storage_err decode_rule(struct span key, struct span value, struct zone_rule *ret_rule)
{
    static struct arena arena;
    uint64_t generation;
    arena_free(&arena);
    arena_init(&arena, 65536);
    enum storage_err err = schema_decode_rule(key, value, &arena, ret_rule, &generation);
    if (err == STORAGE_OK)
        assert_int_equal(generation, 77);
    else
        arena_free(&arena);
    return err;
}

static void test_zones(void **state)
{
    (void)state;
    struct index_key buffer;
    struct span key = key_of_zone(&buffer, 5, 6, ZONE_ROW_RULE), except[] = {SPAN("*/"), SPAN("x")};
    struct zone_rule rule = {.name = SPAN("raw"),
                         .prefix = SPAN("raw/"),
                         .compress = true,
                         .duplicates = DUPLICATES_REJECT,
                         .except = except,
                         .except_count = 2,
                         .min_bytes = 1,
                         .retention_ms = 2,
                         .max_bytes = 3,
                         .max_objects = UINT64_MAX},
                     back;
    schema_encode_rule(key, &rule, 77, &out);
    CHECK_DAMAGE(decode_rule, struct zone_rule, key);
    assert_int_equal(decode_rule(key, buf_span(&out), &back), STORAGE_OK);
    assert_int_equal(back.id, 6);
    assert_true(span_eq(back.name, rule.name) && span_eq(back.prefix, rule.prefix));
    assert_true(!back.write_once && back.compress && back.duplicates == DUPLICATES_REJECT);
    assert_true(back.except_count == 2 && span_eq(back.except[1], SPAN("x")));
    assert_true(back.min_bytes == 1 && back.retention_ms == 2 && back.max_bytes == 3 &&
                back.max_objects == UINT64_MAX);
    assert_int_not_equal(decode_rule(SPAN(""), SPAN(""), &back), STORAGE_OK); /* frees */

    struct zone_state zone = {1, 2, 3, 4, 5, 6, 7, 8, 9, true, SCAN_ALL, 10, 11, SPAN("cursor")},
                      zone_back;
    schema_encode_zone_state(key, &zone, &out);
    assert_int_equal(schema_decode_zone_state(key, buf_span(&out), &zone_back), STORAGE_OK);
    assert_true(span_eq(zone_back.cursor, zone.cursor));
    zone_back.cursor = zone.cursor;
    assert_true(zone_back.content_id == 1 && zone_back.objects == 2 && zone_back.bytes == 3 &&
                zone_back.duplicates_found == 4 && zone_back.bytes_saved == 5 &&
                zone_back.promotions == 6 && zone_back.oldest_ms == 7 && zone_back.newest_ms == 8 &&
                zone_back.ages_ms == 9 && zone_back.ages_stale && zone_back.scan == SCAN_ALL &&
                zone_back.scanned == 10 && zone_back.cursor_sequence == 11);
    CHECK_DAMAGE(schema_decode_zone_state, struct zone_state, key);

    struct content_hash hash = {1, UINT64_MAX};
    key = key_of_content(&buffer, 9, hash, (struct content_ref){3, 4});
    assert_int_equal(key.len, CONTENT_KEY_BYTES);
    assert_true(content_hash_at(key).crc64nvme == UINT64_MAX && content_ref_at(key).sequence == 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_objects, setup, teardown),
        cmocka_unit_test_setup_teardown(test_uploads, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rows_about_bytes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_buckets_and_small_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_meta, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_record_of_a_newer_format, setup, teardown),
        cmocka_unit_test_setup_teardown(test_keys_sort_as_what_they_mean, setup, teardown),
        cmocka_unit_test_setup_teardown(test_log_frames, setup, teardown),
        cmocka_unit_test_setup_teardown(test_zones, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
