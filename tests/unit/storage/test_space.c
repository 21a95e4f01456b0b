#include "space_support.h"

static struct extent put(struct space *space, size_t size, uint64_t seed)
{
    struct stage *stage = stage_body(space, size, size, 262144, seed);
    assert_int_equal(stage_finish(stage), STORAGE_OK);
    stages_place(&stage, 1);
    assert_int_equal(stage_failed(stage), STORAGE_OK);
    struct extent extent = *stage_extent(stage);
    stage_adopt(stage);
    return extent;
}

static void segments_roll_over(void **state)
{
    struct fixture *fixture = *state;
    struct space *space = fixture->space;
    enum { COUNT = 60, SIZE = 300000 };
    struct extent extents[COUNT];
    size_t segments = 0;
    uint64_t last = 0;
    for (size_t i = 0; i < COUNT; i++) {
        extents[i] = put(space, SIZE, i);
        assert_int_equal(extents[i].offset_bytes % EXTENT_ALIGN_BYTES, 0);
        segments += extents[i].segment_id != last;
        last = extents[i].segment_id;
    }
    assert_in_range(segments, 4, 6);
    for (size_t i = 0; i < COUNT; i++) {
        check_extent(space, &extents[i], 0, SIZE, true, i);
        bool active = extents[i].segment_id == last;
        assert_int_equal(segment_busy(space, extents[i].segment_id), active);
        uint64_t end = extents[i].offset_bytes + extent_disk_bytes(&extents[i]);
        assert_true(segment_tail(space, extents[i].segment_id) >= end);
    }
    assert_int_equal(segment_tail(space, 12345), 0);
    assert_false(segment_busy(space, 12345));
}

static void unfinished_stages_keep_a_segment_busy(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    static char bytes[400000];
    struct stage *stage;
    assert_int_equal(space_stage_open(space, sizeof bytes, &stage), STORAGE_OK);
    assert_int_equal(stage_write(stage, span_of(bytes, 1000)), STORAGE_OK);
    uint64_t segment = stage->run.packed->id;
    struct extent extent;
    do
        extent = put(space, 600000, 1);
    while (extent.segment_id == segment);
    assert_true(segment_busy(space, segment));
    assert_int_equal(stage_write(stage, span_of(bytes, sizeof bytes - 1000)), STORAGE_OK);
    assert_int_equal(stage_finish(stage), STORAGE_OK);
    assert_true(segment_busy(space, segment));
    assert_int_equal(stage_extent(stage)->segment_id, segment);
    space_sync(space, &segment, 1);
    stage_adopt(stage);
    assert_false(segment_busy(space, segment));
    assert_true(segment_busy(space, extent.segment_id));
}

static void log_frames_lie_between_extents(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    char frame[5000], got[5000];
    uint64_t last_segment = 0, last_offset = 0;
    size_t rolled = 0;
    for (size_t i = 0; i < 3000; i++) {
        size_t len = 1 + i % sizeof frame;
        pattern(frame, len, 0, i);
        uint64_t segment_id, offset;
        assert_int_equal(
            space_log_append(space, span_of(frame, len), &segment_id, &offset), STORAGE_OK);
        if (last_segment == segment_id)
            assert_true(offset > last_offset);
        else
            rolled++;
        assert_int_equal(offset % EXTENT_ALIGN_BYTES, 0);
        uint64_t ids[] = {segment_id, last_segment};
        assert_true(segment_busy(space, segment_id));
        space_sync(space, ids, 2);
        if (last_segment && last_segment != segment_id)
            assert_false(segment_busy(space, last_segment));
        last_segment = segment_id, last_offset = offset;
        struct segment *segment;
        assert_int_equal(segment_acquire(space, segment_id, false, &segment), STORAGE_OK);
        assert_int_equal(pread(segment_fd(segment), got, len, (off_t)offset), len);
        assert_memory_equal(got, frame, len);
        segment_release(segment);
        if (i % 100 == 0)
            check_extent(space, &(struct extent[1]){put(space, 5000, i)}[0], 0, 5000, true, i);
    }
    assert_in_range(rolled, 2, 4);
    char *huge = calloc(1, 5 << 20);
    uint64_t segment_id, offset;
    assert_int_equal(
        space_log_append(space, span_of(huge, 5 << 20), &segment_id, &offset), STORAGE_INVALID);
    free(huge);
}

struct thread_work {
    struct space *space;
    uint64_t seed;
    struct extent extents[200];
};

static void *stage_in_thread(void *arg)
{
    struct thread_work *work = arg;
    for (size_t i = 0; i < ARRAY_LEN(work->extents); i++)
        work->extents[i] =
            put(work->space, 600 + (i * 7919 + work->seed * 104729) % 90000, work->seed * 1000 + i);
    return NULL;
}

static void threads_never_share_a_byte(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    enum { THREADS = 8 };
    static struct thread_work works[THREADS];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        works[i].space = space, works[i].seed = i;
        assert_int_equal(pthread_create(&threads[i], NULL, stage_in_thread, &works[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (size_t i = 0; i < THREADS; i++)
        for (size_t k = 0; k < ARRAY_LEN(works[i].extents); k++) {
            struct extent *extent = &works[i].extents[k];
            check_extent(space, extent, 0, (size_t)extent->length_bytes, true, i * 1000 + k);
        }
}

/* The preparer makes segments and writes zeros while others write. */
static void zeros_never_hit_data(void **state)
{
    struct fixture *fixture = *state;
    space_close(fixture->space);
    fixture->background = true;
    struct space *space = fixture_open(fixture, 64 << 20);
    bool prepared = false;
    for (int i = 0; i < 1000 && !prepared; i++) {
        usleep(1000);
        pthread_mutex_lock(&space->packed_lock);
        prepared = space->prepared && space->prepared->zeroed_bytes > 0;
        pthread_mutex_unlock(&space->packed_lock);
    }
    assert_true(prepared);
    enum { COUNT = 400 };
    static struct extent extents[COUNT];
    uint64_t segments = 0, last = 0;
    for (size_t i = 0; i < COUNT; i++) {
        extents[i] = put(space, 300000, i);
        segments += extents[i].segment_id != last;
        last = extents[i].segment_id;
        usleep(i % 50 == 0 ? 60000 : 500);
    }
    assert_in_range(segments, 2, 3);
    for (size_t i = 0; i < COUNT; i++)
        check_extent(space, &extents[i], 0, 300000, true, i);
}

static void segments_are_read_after_unlink(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    static const size_t sizes[] = {5000, 2 << 20};
    for (size_t i = 0; i < 2; i++) {
        struct extent extent = put(space, sizes[i], i);
        struct segment *held, *gone;
        assert_int_equal(
            segment_acquire(space, extent.segment_id, extent.own_file, &held), STORAGE_OK);
        segment_unlink(space, extent.segment_id, extent.own_file);
        segment_unlink(space, extent.segment_id, extent.own_file);
        assert_int_equal(
            segment_acquire(space, extent.segment_id, extent.own_file, &gone), STORAGE_CORRUPT);
        char got[1000], want[1000];
        size_t n;
        pattern(want, sizeof want, 3000, i);
        assert_int_equal(extent_read(held, &extent, NULL, 3000, got, sizeof got, &n), STORAGE_OK);
        assert_int_equal(n, sizeof got);
        assert_memory_equal(got, want, n);
        segment_release(held);
        extent_release(space, &extent);
        extent_release(space, &extent);
    }
}

static int open_descriptors(void)
{
    int count = 0;
    for (int fd = 0; fd < 4096; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static void open_files_are_bounded(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    enum { COUNT = 700 };
    static struct extent extents[COUNT];
    for (size_t i = 0; i < COUNT; i++) {
        /* Unknown size: a file without preallocation, so that the test stays small on disk. */
        struct stage *stage = stage_body(space, STAGE_SIZE_UNKNOWN, 262145, 262145, i);
        assert_int_equal(stage_finish(stage), STORAGE_OK);
        extents[i] = *stage_extent(stage);
        stage_adopt(stage);
    }
    int before = open_descriptors();
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < COUNT; i++)
            check_extent(space, &extents[i], 262000, 145, true, i);
    assert_in_range(open_descriptors() - before, 1, SEGMENT_SHARDS * SEGMENT_SHARD_SLOTS);
    for (size_t i = 0; i < COUNT; i++)
        extent_release(space, &extents[i]);
    assert_int_equal(open_descriptors(), before);
}

static void flip(struct space *space, const struct extent *extent, uint64_t offset)
{
    char *path = space_path(space, extent->segment_id, extent->own_file);
    int fd = open(path, O_RDWR);
    char byte;
    assert_int_equal(pread(fd, &byte, 1, (off_t)(extent->offset_bytes + offset)), 1);
    byte ^= 4;
    assert_int_equal(pwrite(fd, &byte, 1, (off_t)(extent->offset_bytes + offset)), 1);
    close(fd);
    free(path);
}

static void flipped_bytes_are_found(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    static const size_t sizes[] = {600, 262144, 600000, 3 << 20};
    static char got[3 << 20];
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct extent extent = put(space, sizes[i], i);
        struct segment *segment;
        assert_int_equal(
            segment_acquire(space, extent.segment_id, extent.own_file, &segment), STORAGE_OK);
        uint32_t *crcs = NULL;
        assert_int_equal(extent_load_footer(segment, &extent, &crcs), STORAGE_OK);
        flip(space, &extent, sizes[i] - 100);
        size_t n = 0;
        size_t last = (sizes[i] - 1) / BLOB_BLOCK_BYTES * BLOB_BLOCK_BYTES;
        assert_int_equal(
            extent_read(segment, &extent, crcs, last, got, sizes[i] - last, &n), STORAGE_CORRUPT);
        assert_int_equal(extent_read(segment, &extent, crcs, last, got, 1, &n), STORAGE_INVALID);
        assert_int_equal(
            extent_read(segment, &extent, crcs, 0, got, sizes[i], &n), STORAGE_CORRUPT);
        if (last > 0)
            assert_int_equal(extent_read(segment, &extent, crcs, 0, got, last, &n), STORAGE_OK);
        assert_int_equal(extent_read(segment, &extent, NULL, 0, got, sizes[i], &n), STORAGE_OK);
        free(crcs);
        for (uint64_t at = 0; at < footer_bytes(extent.block_count); at += 5) {
            flip(space, &extent, padded(sizes[i]) + at);
            assert_int_equal(extent_load_footer(segment, &extent, &crcs), STORAGE_CORRUPT);
            flip(space, &extent, padded(sizes[i]) + at);
        }
        assert_int_equal(extent_load_footer(segment, &extent, &crcs), STORAGE_OK);
        free(crcs);
        char *path = space_path(space, extent.segment_id, extent.own_file);
        if (extent.own_file) {
            assert_int_equal(truncate(path, 1 << 20), 0);
            assert_int_equal(extent_load_footer(segment, &extent, &crcs), STORAGE_CORRUPT);
            assert_int_equal(
                extent_read(segment, &extent, NULL, 1 << 20, got, 1, &n), STORAGE_CORRUPT);
        }
        free(path);
        segment_release(segment);
    }
}

static void footers_know_their_place(void **state)
{
    (void)state;
    struct extent extent = {
        .id = 5, .segment_id = 9, .offset_bytes = 4096, .length_bytes = 1000, .block_count = 1};
    uint32_t crc = 77;
    unsigned char bytes[64];
    assert_int_equal(footer_bytes(1), 56);
    footer_encode(&extent, &crc, bytes);
    struct extent found;
    assert_true(footer_decode(bytes, 56, 9, 5096, &found));
    assert_int_equal(found.id, 5);
    assert_int_equal(found.length_bytes, 1000);
    assert_int_equal(found.block_crcs[0], 77);
    assert_int_equal(found.footer_crc, extent.footer_crc);
    assert_false(footer_decode(bytes, 55, 9, 5096, &found));
    assert_false(footer_decode(bytes, 56, 8, 5096, &found));
    assert_false(footer_decode(bytes, 56, 9, 5104, &found));
    assert_false(footer_decode(bytes, 56, 9, 8, &found));
}

static uint64_t allocated_bytes(struct space *space, uint64_t segment_id)
{
    char *path = space_path(space, segment_id, false);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    free(path);
    return (uint64_t)info.st_blocks * 512;
}

static void freed_neighbours_are_punched_together(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    enum { COUNT = 100, SIZE = 6000 };
    struct extent extents[COUNT], keep = put(space, SIZE, 1000);
    for (size_t i = 0; i < COUNT; i++)
        extents[i] = put(space, SIZE, i);
    struct extent after = put(space, SIZE, 1001);
    space_sync(space, &keep.segment_id, 1);
    uint64_t before = allocated_bytes(space, keep.segment_id);
    /* In an order that makes separate runs first, then joins them. */
    for (size_t i = 0; i < COUNT; i += 2)
        extent_release(space, &extents[i]);
    for (size_t i = 1; i < COUNT; i += 2)
        extent_release(space, &extents[i]);
    uint64_t freed = before - allocated_bytes(space, keep.segment_id);
    assert_in_range(freed, COUNT * SIZE / 2, COUNT * (SIZE + 100));
    check_extent(space, &keep, 0, SIZE, true, 1000);
    check_extent(space, &after, 0, SIZE, true, 1001);
    struct extent big = put(space, 1 << 20, 7), next = put(space, SIZE, 1002);
    space_sync(space, &big.segment_id, 1);
    before = allocated_bytes(space, big.segment_id);
    extent_release(space, &big);
    assert_true(before - allocated_bytes(space, big.segment_id) >= (1 << 20) - 8192);
    check_extent(space, &next, 0, SIZE, true, 1002);
    check_extent(space, &after, 0, SIZE, true, 1001);
}

static void closing_leaves_no_empty_segment(void **state)
{
    struct fixture *fixture = *state;
    struct extent extent = put(fixture->space, 10000, 4);
    uint64_t tail = segment_tail(fixture->space, extent.segment_id);
    space_close(fixture->space);
    struct space *space = fixture_open(fixture, 4 << 20);
    check_extent(space, &extent, 0, 10000, true, 4);
    char *path = space_path(space, extent.segment_id, false);
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, tail);
    free(path);
    space_close(space);
    char command[200];
    snprintf(command, sizeof command, "test $(ls %s/segments | wc -l) = 1", fixture->dir);
    assert_int_equal(system(command), 0);
    fixture_open(fixture, 4 << 20);
}

static void a_full_disk_still_takes_log_frames(void **state)
{
    struct fixture *fixture = *state;
    space_close(fixture->space);
    struct space *space = fixture_open(fixture, 16 << 20);
    put(space, 1000, 1);
    static char frame[100000];
    /* No room for a whole segment, but for a quarter. */
    uint64_t first = 0, segment = 0, offset;
    do {
        assert_int_equal(
            space_log_append(space, span_of(frame, sizeof frame), &segment, &offset), STORAGE_OK);
        first = first ? first : segment;
        pthread_mutex_lock(&space->packed_lock);
        bool prepared = space->prepared != NULL;
        pthread_mutex_unlock(&space->packed_lock);
        if (!prepared && faults.error_number[CALL_FALLOCATE] == 0)
            fail_call(CALL_FALLOCATE, 1, ENOSPC);
    } while (segment == first);
    faults_reset();
    pthread_mutex_lock(&space->packed_lock);
    assert_int_equal(space->active->size_bytes, 4 << 20);
    pthread_mutex_unlock(&space->packed_lock);
}

static void read_only_makes_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct extent extent = put(fixture->space, 10000, 4);
    struct space_options options = {
        .sys = &sys_posix, .dir = fixture->dir, .read_only = true, .fatal = test_fatal};
    struct space *space;
    assert_int_equal(space_open(&options, &space), STORAGE_OK);
    check_extent(space, &extent, 0, 10000, true, 4);
    struct stage *stage;
    assert_int_equal(space_stage_open(space, 1, &stage), STORAGE_NO_SPACE);
    space_close(space);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(segments_roll_over),
        TEST(unfinished_stages_keep_a_segment_busy),
        TEST(log_frames_lie_between_extents),
        TEST(threads_never_share_a_byte),
        TEST(zeros_never_hit_data),
        TEST(segments_are_read_after_unlink),
        TEST(open_files_are_bounded),
        TEST(flipped_bytes_are_found),
        TEST(footers_know_their_place),
        TEST(freed_neighbours_are_punched_together),
        TEST(closing_leaves_no_empty_segment),
        TEST(a_full_disk_still_takes_log_frames),
        TEST(read_only_makes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
