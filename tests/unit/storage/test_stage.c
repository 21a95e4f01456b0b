#include "space_support.h"

static void sizes_at_every_boundary(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    static const size_t sizes[] = {1, 7, 8, 511, 512, 513, 4096, 262143, 262144, 262145, 1048575,
        1048576, 1048577, 3 << 20, (3 << 20) + 5};
    static const size_t steps[] = {4096, 100000, 262144, 8 << 20};
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++)
        for (size_t t = 0; t < ARRAY_LEN(steps); t++)
            for (int known = 0; known < 2; known++) {
                size_t size = sizes[s];
                struct stage *stage =
                    stage_body(space, known ? size : STAGE_SIZE_UNKNOWN, size, steps[t], s);
                assert_int_equal(stage_finish(stage), STORAGE_OK);
                assert_int_equal(stage_size(stage), size);
                struct span kept = stage_bytes(stage);
                assert_int_equal(span_present(kept), size < STAGE_INLINE_BYTES);
                if (span_present(kept)) {
                    char want[STAGE_INLINE_BYTES];
                    pattern(want, size, 0, s);
                    assert_int_equal(kept.len, size);
                    assert_memory_equal(kept.ptr, want, size);
                    assert_null(stage_extent(stage));
                }
                stages_place(&stage, 1);
                assert_int_equal(stage_failed(stage), STORAGE_OK);
                assert_false(span_present(stage_bytes(stage)));
                const struct extent *extent = stage_extent(stage);
                assert_non_null(extent);
                assert_int_equal(extent->length_bytes, size);
                size_t packed_max = known ? PACKED_MAX_BYTES : STAGE_BUFFER_BYTES;
                assert_int_equal(extent->own_file, size > packed_max);
                struct extent copy = *extent;
                stage_adopt(stage);
                check_extent(space, &copy, 0, size, true, s);
                check_extent(space, &copy, 0, size + 10, false, s);
                check_extent(space, &copy, size / 2, size, true, s);
                check_extent(space, &copy, size - 1, 1, true, s);
                if (size > 300000) {
                    check_extent(space, &copy, 262143, 2, true, s);
                    check_extent(space, &copy, 262144, 1000, true, s);
                }
                if (copy.own_file)
                    extent_release(space, &copy);
            }
}

static void nothing_takes_no_space(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    static const uint64_t declared[] = {0, STAGE_SIZE_UNKNOWN};
    for (size_t i = 0; i < 2; i++) {
        struct stage *stage = stage_body(space, declared[i], 0, 1, 0);
        assert_int_equal(stage_write(stage, SPAN("")), STORAGE_OK);
        assert_int_equal(stage_finish(stage), STORAGE_OK);
        stages_place(&stage, 1);
        assert_int_equal(stage_failed(stage), STORAGE_OK);
        assert_null(stage_extent(stage));
        assert_false(span_present(stage_bytes(stage)));
        stage_adopt(stage);
    }
    struct stage *stage = stage_body(space, 0, 0, 1, 0);
    assert_int_equal(stage_write(stage, SPAN("x")), STORAGE_INVALID);
    stage_discard(stage);
    assert_int_equal(faults.seen[CALL_PWRITE], 0);
}

static void wrong_lengths_are_refused(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    static const uint64_t declared[] = {100, 4096, 2 << 20};
    char *bytes = calloc(1, 3 << 20);
    for (size_t i = 0; i < ARRAY_LEN(declared); i++) {
        struct stage *stage = stage_body(space, declared[i], (size_t)declared[i] - 1, 65536, 1);
        assert_int_equal(stage_finish(stage), STORAGE_INVALID);
        assert_null(stage_extent(stage));
        stage_discard(stage);
        stage = stage_body(space, declared[i], (size_t)declared[i] - 1, 65536, 1);
        assert_int_equal(stage_write(stage, SPAN("ab")), STORAGE_INVALID);
        assert_int_equal(stage_write(stage, SPAN("a")), STORAGE_INVALID);
        assert_int_equal(stage_finish(stage), STORAGE_INVALID);
        stage_discard(stage);
    }
    free(bytes);
    stage_discard(NULL);
}

static void whole_body_is_one_write(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    for (size_t size = 512; size <= STAGE_BUFFER_BYTES; size = size * 3 + 1) {
        int before = faults.seen[CALL_PWRITE];
        struct stage *stage = stage_body(space, size, size, size, 3);
        assert_int_equal(stage_finish(stage), STORAGE_OK);
        assert_int_equal(faults.seen[CALL_PWRITE] - before, 1);
        stage_adopt(stage);
    }
}

enum { LENT = 100 };

/* Bodies of many lengths, one behind the other in memory. */
static size_t lend_many(struct space *space, char *bytes, struct stage **ret_stages)
{
    for (size_t i = 0; i < LENT; i++) {
        size_t size = i == 0 ? STAGE_LENT_MAX_BYTES : 1 + i * i;
        pattern(bytes, size, 0, i);
        assert_int_equal(space_stage_lend(space, span_of(bytes, size), &ret_stages[i]), STORAGE_OK);
        assert_int_equal(stage_finish(ret_stages[i]), STORAGE_OK);
        assert_int_equal(stage_size(ret_stages[i]), size);
        assert_null(stage_extent(ret_stages[i]));
        assert_ptr_equal(stage_bytes(ret_stages[i]).ptr, bytes);
        bytes += size;
    }
    return LENT;
}

static void lent_bodies_are_written_together(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    char *bytes = malloc(LENT * STAGE_LENT_MAX_BYTES);
    struct stage *stages[LENT];
    for (int short_writes = 0; short_writes < 2; short_writes++) {
        size_t count = lend_many(space, bytes, stages);
        int before = faults.seen[CALL_PWRITE];
        faults.short_bytes = short_writes ? 1000 : 0;
        stages_place(stages, count);
        if (!short_writes) /* by 32 at most, and one more where a segment is full */
            assert_in_range(faults.seen[CALL_PWRITE] - before, 4, 5);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(stage_failed(stages[i]), STORAGE_OK);
            assert_false(span_present(stage_bytes(stages[i])));
            struct extent extent = *stage_extent(stages[i]);
            assert_int_equal(extent.length_bytes, i == 0 ? STAGE_LENT_MAX_BYTES : 1 + i * i);
            stage_adopt(stages[i]);
            check_extent(space, &extent, 0, extent.length_bytes, true, i);
        }
    }
    assert_false(segment_busy(space, 0));
    free(bytes);
}

/* What could not be written says so, each for itself; the others are there. */
static void lent_bodies_fail_alone(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    char *bytes = malloc(LENT * STAGE_LENT_MAX_BYTES);
    struct stage *stages[LENT];
    size_t count = lend_many(space, bytes, stages), failed = 0;
    fail_call(CALL_PWRITE, 2, ENOSPC);
    stages_place(stages, count);
    for (size_t i = 0; i < count; i++) {
        if (stage_failed(stages[i]) != STORAGE_OK) {
            assert_int_equal(stage_failed(stages[i]), STORAGE_NO_SPACE);
            assert_null(stage_extent(stages[i]));
            stage_discard(stages[i]);
            failed++;
            continue;
        }
        struct extent extent = *stage_extent(stages[i]);
        stage_adopt(stages[i]);
        check_extent(space, &extent, 0, extent.length_bytes, true, i);
    }
    assert_int_equal(failed, 32);
    free(bytes);
}

static void lending_has_bounds(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    static const char bytes[STAGE_LENT_MAX_BYTES + 1];
    struct stage *stage = NULL;
    assert_int_equal(space_stage_lend(space, SPAN(""), &stage), STORAGE_INVALID);
    assert_int_equal(
        space_stage_lend(space, span_of(bytes, sizeof bytes), &stage), STORAGE_INVALID);
    assert_null(stage);
    assert_int_equal(space_stage_lend(space, SPAN("abc"), &stage), STORAGE_OK);
    assert_int_equal(stage_write(stage, SPAN("d")), STORAGE_INVALID);
    stage_discard(stage);
    assert_int_equal(faults.seen[CALL_PWRITE], 0);
}

static void short_writes_go_on(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    faults.short_bytes = 1000;
    static const size_t sizes[] = {513, 4096, 300001, 1100000};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        fail_call(CALL_PWRITE, 1, EINTR);
        struct stage *stage = stage_body(space, sizes[i], sizes[i], 262144, i);
        assert_int_equal(stage_finish(stage), STORAGE_OK);
        struct extent extent = *stage_extent(stage);
        stage_adopt(stage);
        check_extent(space, &extent, 0, sizes[i], true, i);
    }
}

static void no_space_fails_the_stage_only(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    static const size_t sizes[] = {600, 4096, 1 << 20, 3 << 20};
    static const int errors[] = {ENOSPC, EDQUOT};
    stage_discard(stage_body(space, 4096, 4096, 4096, 1)); /* so that there is a segment */
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++)
        for (int nth = 1; nth <= 3; nth++) {
            struct stage *stage = NULL;
            assert_int_equal(space_stage_open(space, sizes[i], &stage), STORAGE_OK);
            fail_call(CALL_PWRITE, nth, errors[nth % 2]);
            enum storage_err err = STORAGE_OK;
            char *bytes = calloc(1, sizes[i]);
            size_t half = sizes[i] / 2;
            err = stage_write(stage, span_of(bytes, half));
            if (err == STORAGE_OK)
                err = stage_write(stage, span_of(bytes + half, sizes[i] - half));
            enum storage_err end = stage_finish(stage);
            if (sizes[i] <= PACKED_MAX_BYTES && nth == 3) {
                assert_int_equal(end, STORAGE_OK); /* it takes but two writes */
            } else {
                assert_int_equal(end, STORAGE_NO_SPACE);
                assert_null(stage_extent(stage));
                assert_int_equal(stage_write(stage, SPAN("x")), STORAGE_NO_SPACE);
            }
            faults_reset();
            uint64_t file = stage->extent.segment_id;
            stage_discard(stage);
            if (sizes[i] > PACKED_MAX_BYTES)
                assert_false(file_exists(space, file, true));
            free(bytes);
        }
    fail_call(CALL_FALLOCATE, 1, ENOSPC);
    struct stage *stage = NULL;
    assert_int_equal(space_stage_open(space, 2 << 20, &stage), STORAGE_OK);
    assert_int_equal(stage_write(stage, SPAN("x")), STORAGE_NO_SPACE);
    stage_discard(stage);
    stage = stage_body(space, 2 << 20, 2 << 20, 262144, 5);
    assert_int_equal(stage_finish(stage), STORAGE_OK);
    check_extent(space, stage_extent(stage), 0, 2 << 20, true, 5);
    stage_discard(stage);
    assert_int_equal(atomic_load(&space->disk_promised), 0);
}

static void works_without_fallocate(void **state)
{
    struct fixture *fixture = *state;
    space_close(fixture->space);
    struct space *space = fixture_open(fixture, 4 << 20);
    faults.sticky = true;
    fail_call(CALL_FALLOCATE, 1, EOPNOTSUPP);
    fail_call(CALL_SYNC_RANGE, 1, ENOSYS);
    static const size_t sizes[] = {4096, 20 << 20};
    for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
        struct stage *stage = stage_body(space, sizes[i], sizes[i], 262144, i);
        assert_int_equal(stage_finish(stage), STORAGE_OK);
        struct extent extent = *stage_extent(stage);
        stage_adopt(stage);
        check_extent(space, &extent, 0, sizes[i], true, i);
        extent_release(space, &extent);
    }
    assert_int_equal(atomic_load(&space->disk_promised), 0);
}

struct doomed {
    struct fixture fixture;
    size_t size;
    enum call call;
    int error_number;
};

static void write_and_sync(void *ctx)
{
    struct doomed *doomed = ctx;
    struct space *space = fixture_open(&doomed->fixture, 4 << 20);
    stage_discard(stage_body(space, 4096, 4096, 4096, 1));
    fail_call(doomed->call, 1, doomed->error_number);
    struct stage *stage = stage_body(space, doomed->size, doomed->size, 262144, 1);
    if (stage_finish(stage) != STORAGE_OK)
        _exit(1);
    const struct extent *extent = stage_extent(stage);
    if (!extent->own_file)
        space_sync(space, &extent->segment_id, 1);
}

/* Nothing may be acknowledged after these. */
static void io_errors_are_fatal(void **state)
{
    struct fixture *fixture = *state;
    space_close(fixture->space); /* so that its threads are not forked */
    fixture->space = NULL;
    static const struct {
        size_t size;
        enum call call;
        int error_number;
    } cases[] = {
        {4096, CALL_PWRITE, EIO},
        {4096, CALL_FDATASYNC, EIO},
        {4096, CALL_FDATASYNC, ENOSPC},
        {16 << 20, CALL_PWRITE, EIO},
        {16 << 20, CALL_SYNC_RANGE, EIO},
        {16 << 20, CALL_FSYNC, EIO},
        {16 << 20, CALL_FALLOCATE, EIO},
        {16 << 20, CALL_OPEN, EIO},
        {16 << 20, CALL_MKDIR, EROFS},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct doomed doomed = {
            .size = cases[i].size, .call = cases[i].call, .error_number = cases[i].error_number};
        snprintf(
            doomed.fixture.dir, sizeof doomed.fixture.dir, "%.40s/doomed-%zu", fixture->dir, i);
        assert_int_equal(mkdir(doomed.fixture.dir, 0700), 0);
        assert_int_equal(in_child(write_and_sync, &doomed), FATAL_STATUS);
    }
    struct doomed fine = {.size = 16 << 20, .call = CALL_OPEN, .error_number = 0};
    snprintf(fine.fixture.dir, sizeof fine.fixture.dir, "%.40s/fine", fixture->dir);
    assert_int_equal(mkdir(fine.fixture.dir, 0700), 0);
    assert_int_equal(in_child(write_and_sync, &fine), 0);
}

struct async {
    atomic_int left;
    atomic_int failed;
};

static void async_done(void *ctx, enum storage_err err)
{
    struct async *async = ctx;
    if (err != STORAGE_OK)
        async->failed++;
    async->left--;
}

static void many_async_writes(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    enum { STAGES = 300, SIZE = 20000, STEPS = 2 };
    struct async async = {0};
    static char bytes[STAGES][SIZE];
    struct stage *stages[STAGES];
    int busy = 0;
    for (size_t i = 0; i < STAGES; i++) {
        pattern(bytes[i], SIZE, 0, i);
        assert_int_equal(space_stage_open(space, SIZE, &stages[i]), STORAGE_OK);
    }
    for (size_t step = 0; step < STEPS; step++) {
        for (size_t i = 0; i < STAGES; i++) {
            struct span half = span_of(bytes[i] + step * (SIZE / STEPS), SIZE / STEPS);
            async.left++;
            while (stage_write_async(stages[i], half, async_done, &async) != STORAGE_OK) {
                busy++;
                usleep(100);
            }
        }
        while (async.left > 0)
            usleep(100);
    }
    assert_int_equal(async.failed, 0);
    for (size_t i = 0; i < STAGES; i++) {
        assert_int_equal(stage_finish(stages[i]), STORAGE_OK);
        check_extent(space, stage_extent(stages[i]), 0, SIZE, true, i);
        stage_adopt(stages[i]);
    }
}

static atomic_bool hold_writes;

static ssize_t slow_pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
    while (atomic_load(&hold_writes))
        usleep(100);
    return pwritev(fd, parts, count, offset);
}

static void full_queue_is_busy(void **state)
{
    struct space *space = ((struct fixture *)*state)->space;
    enum { STAGES = WRITERS_QUEUE + WRITERS_DEFAULT + 20 };
    static char bytes[1024];
    struct stage *stages[STAGES];
    struct async async = {0};
    faulty.pwritev = slow_pwritev;
    atomic_store(&hold_writes, true);
    int busy = 0;
    for (size_t i = 0; i < STAGES; i++) {
        assert_int_equal(space_stage_open(space, sizeof bytes, &stages[i]), STORAGE_OK);
        async.left++;
        enum storage_err err =
            stage_write_async(stages[i], span_of(bytes, sizeof bytes), async_done, &async);
        if (err != STORAGE_OK) {
            assert_int_equal(err, STORAGE_BUSY);
            async.left--;
            busy++;
        }
    }
    assert_in_range(busy, 20, 20 + WRITERS_DEFAULT);
    atomic_store(&hold_writes, false);
    while (async.left > 0)
        usleep(100);
    for (size_t i = 0; i < STAGES; i++)
        stage_discard(stages[i]);
}

static void the_reserve_is_refused_early(void **state)
{
    struct fixture *fixture = *state;
    struct space *space = fixture->space;
    uint64_t free_bytes, total_bytes;
    space_disk(space, &free_bytes, &total_bytes);
    assert_true(free_bytes > 0 && total_bytes >= free_bytes);
    space_close(space);
    fixture->reserve_bytes = free_bytes - (100 << 20);
    space = fixture_open(fixture, 4 << 20);
    assert_false(space_short(space, 50 << 20));
    assert_true(space_short(space, 200 << 20));
    /* What was declared counts before anything was written, whatever the disk said a second ago. */
    struct stage *stages[4];
    int opened = 0;
    while (opened < 4 && space_stage_open(space, 40 << 20, &stages[opened]) == STORAGE_OK)
        opened++;
    assert_in_range(opened, 1, 3);
    while (opened > 0)
        stage_discard(stages[--opened]);
    assert_int_equal(atomic_load(&space->disk_promised), 0);
    space_close(space);
    fixture->reserve_bytes = UINT64_MAX / 2;
    space = fixture_open(fixture, 4 << 20);
    assert_int_equal(space_stage_open(space, 1, &stages[0]), STORAGE_NO_SPACE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sizes_at_every_boundary, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(nothing_takes_no_space, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(wrong_lengths_are_refused, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(whole_body_is_one_write, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            lent_bodies_are_written_together, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(lent_bodies_fail_alone, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(lending_has_bounds, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(short_writes_go_on, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            no_space_fails_the_stage_only, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(works_without_fallocate, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(io_errors_are_fatal, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(many_async_writes, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(full_queue_is_busy, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(
            the_reserve_is_refused_early, fixture_setup, fixture_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
