/* An index that is made anew while bytes are missing: what was acknowledged is there again, or is told of. */
#include "salvage_support.h"

#include "storage/local/log.h"

#include <glob.h>

/* ---- what is lost is told of ---- */

/* Writes nonsense where these bytes are, in whichever segment or file. */
static void damage_bytes(struct span wanted)
{
    static char bytes[4 << 20];
    char command[600], path[300];
    snprintf(command, sizeof(command), "find %s/segments %s/files -type f", test_dir, test_dir);
    FILE *names = popen(command, "r");
    bool done = false;
    while (fgets(path, sizeof(path), names)) {
        path[strcspn(path, "\n")] = '\0';
        int fd = open(path, O_RDWR);
        ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
        size_t at = len > 0 ? span_find(span_of(bytes, (size_t)len), wanted, 0) : SIZE_MAX;
        if (at != SIZE_MAX) {
            assert_int_equal(pwrite(fd, "damage", 6, (off_t)at + 3), 6);
            done = true;
        }
        close(fd);
    }
    pclose(names);
    assert_true(done);
}

static void a_version_whose_bytes_are_damaged_is_left_out(void **state)
{
    (void)state;
    struct object_info info;
    put(versioned, SPAN("key"), body(3000, 1));
    put(versioned, SPAN("key"), body(3000, 2));
    put(plain, SPAN("large"), body(2000000, 3));
    put(plain, SPAN("other"), body(3000, 4));
    struct upload_id upload = begin_upload(plain, SPAN("upload"));
    put_part(plain, SPAN("upload"), upload, 1, body(3000, 5));
    put_part(plain, SPAN("upload"), upload, 2, body(3000, 6));
    put(plain, SPAN("last"), body(3000, 7));
    store_close();
    damage_bytes(span_first(body(3000, 2), 100));
    damage_bytes(span_first(body(2000000, 3), 100));
    damage_bytes(span_first(body(3000, 5), 100));
    lose_index();
    salvage();
    assert_int_equal(figures.unknown, 3);
    expect_told("object versioned/key (version ");
    expect_told("object plain/large (version null) is left out");
    expect_told("part 1 of an upload of plain/upload is left out");
    check_bytes(versioned, SPAN("key"), newest_version, body(3000, 1));
    check_bytes(plain, SPAN("other"), newest_version, body(3000, 4));
    assert_int_equal(get(plain, SPAN("large"), newest_version, &info), STORAGE_NO_SUCH_KEY);
    struct part_page page;
    uint64_t generation;
    assert_int_equal(storage_upload_parts(store, plain.id, SPAN("upload"), upload, 0, 10,
                         &test_arena, &page, &generation),
        STORAGE_OK);
    assert_int_equal(page.count, 1);
    assert_int_equal(page.items[0].number, 2);
}

static void a_lost_segment_is_told_of(void **state)
{
    (void)state;
    char command[600];
    for (size_t i = 0; i < 60; i++)
        put(plain, key_number(i), body(i < 50 ? 100000 : 300, i));
    put(plain, SPAN("last"), body(100, 1));
    store_close();
    snprintf(command, sizeof(command), "%s/segments/*.seg", test_dir);
    glob_t found;
    assert_int_equal(glob(command, 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 2);
    assert_int_equal(unlink(found.gl_pathv[1]), 0);
    globfree(&found);
    lose_index();
    salvage();
    expect_told("the log lacks changes between");
    size_t there = 0;
    for (size_t i = 0; i < 60; i++) {
        struct object_info info;
        if (get(plain, key_number(i), newest_version, &info) != STORAGE_OK)
            continue;
        there++;
        check_bytes(plain, key_number(i), newest_version, body(i < 50 ? 100000 : 300, i));
    }
    assert_true(there > 10 && there < 60);
    check_bytes(plain, SPAN("last"), newest_version, body(100, 1));
}

static void buckets_of_a_lost_beginning_are_made_without_settings(void **state)
{
    (void)state;
    char path[300], command[600];
    put_many(plain, 0, 40, 100000); /* more than one segment */
    put(plain, SPAN("last"), body(100, 1));
    store_close();
    snprintf(command, sizeof(command), "ls %s/segments | sed -n 1p", test_dir);
    FILE *names = popen(command, "r");
    assert_non_null(fgets(path, sizeof(path), names));
    pclose(names);
    path[strcspn(path, "\n")] = '\0';
    snprintf(command, sizeof(command), "%s/segments/%s", test_dir, path);
    assert_int_equal(unlink(command), 0);
    lose_index();
    salvage();
    expect_told("the log begins at");
    expect_told("bucket plain: what made it is not in the log");
    check_bytes(plain, SPAN("last"), newest_version, body(100, 1));
}

/* ---- the end of the log ---- */

/* Where the last frame is. */
static void last_frame(char path[static 300], off_t *ret_offset, struct log_header *ret_header)
{
    static char bytes[4 << 20];
    char command[300];
    snprintf(command, sizeof(command), "ls %s/segments", test_dir);
    FILE *names = popen(command, "r");
    char name[64];
    *ret_header = (struct log_header){0};
    while (fgets(name, sizeof(name), names)) {
        char file[300];
        name[strcspn(name, "\n")] = '\0';
        snprintf(file, sizeof(file), "%s/segments/%s", test_dir, name);
        int fd = open(file, O_RDONLY);
        ssize_t len = pread(fd, bytes, sizeof(bytes), 0);
        close(fd);
        for (ssize_t at = 0; at < len; at += 8) {
            struct log_header header;
            if (log_frame_open(span_of(bytes + at, (size_t)(len - at)), &header) == STORAGE_OK &&
                header.frame_id > ret_header->frame_id) {
                *ret_header = header;
                *ret_offset = at;
                memcpy(path, file, sizeof(file));
            }
        }
    }
    pclose(names);
}

static void a_torn_end_of_the_log_is_told_of(void **state)
{
    (void)state;
    char path[300];
    off_t at;
    struct log_header header;
    put(plain, SPAN("first"), body(3000, 1));
    put(plain, SPAN("torn"), body(100, 2));
    store_close();
    last_frame(path, &at, &header);
    int fd = open(path, O_WRONLY);
    assert_int_equal(pwrite(fd, "torn", 4, at + 100), 4);
    close(fd);
    lose_index();
    salvage();
    expect_told("the log ends with a torn frame");
    check_bytes(plain, SPAN("first"), newest_version, body(3000, 1));
    struct object_info info;
    assert_int_equal(get(plain, SPAN("torn"), newest_version, &info), STORAGE_NO_SUCH_KEY);
}

/* A process that dies between its frame and its commit: no later frame names that one. */
static void a_frame_whose_commit_failed_is_left_out(void **state)
{
    (void)state;
    bool there[16];
    struct object_info info;
    size_t count = 0, died = 0;
    put(plain, SPAN("kept"), body(3000, 1));
    for (int calls = 1; count < ARRAY_LEN(there); calls++) {
        store_close();
        pid_t child = fork();
        if (child == 0) {
            mortal_open(calls);
            put(plain, key_number(count), body(3000, count));
            _exit(0);
        }
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        died += WEXITSTATUS(status) == DIED;
        store_open();
        there[count] = get(plain, key_number(count), newest_version, &info) == STORAGE_OK;
        put(plain, SPAN("after"), body(100, count++));
    }
    assert_true(died > 3);
    store_close();
    lose_index();
    salvage_all();
    check_bytes(plain, SPAN("kept"), newest_version, body(3000, 1));
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(get(plain, key_number(i), newest_version, &info) == STORAGE_OK, there[i]);
        if (there[i])
            check_bytes(plain, key_number(i), newest_version, body(3000, i));
    }
}

/* The last one may be of such a commit, whose bytes were given back. */
static void a_last_frame_without_its_bytes_is_left_out(void **state)
{
    (void)state;
    put(plain, SPAN("before"), body(3000, 1));
    put(plain, SPAN("last"), body(3000, 2));
    store_close();
    damage_bytes(span_first(body(3000, 2), 100));
    lose_index();
    salvage();
    expect_told("are left out: their bytes are not whole");
    struct object_info info;
    check_bytes(plain, SPAN("before"), newest_version, body(3000, 1));
    assert_int_equal(get(plain, SPAN("last"), newest_version, &info), STORAGE_NO_SUCH_KEY);
    put(plain, SPAN("more"), body(3000, 3)); /* and again, with what was left out in the log */
    store_close();
    lose_index();
    salvage_all();
    check_bytes(plain, SPAN("more"), newest_version, body(3000, 3));
}

/* What somebody has uploaded is no part of the log or the store, whatever it looks like. */
static void an_uploaded_copy_of_a_segment_deceives_nobody(void **state)
{
    (void)state;
    static char copy[900000];
    char path[300];
    off_t at;
    struct log_header header;
    put(plain, SPAN("kept"), body(3000, 1));
    put(plain, SPAN("gone"), body(3000, 2));
    last_frame(path, &at, &header);
    int fd = open(path, O_RDONLY);
    assert_int_equal(pread(fd, copy, sizeof(copy), 0), sizeof(copy));
    close(fd);
    remove_key(plain, SPAN("gone"));
    put(plain, SPAN("copy"), span_of(copy, sizeof(copy)));
    put(plain, SPAN("last"), body(10, 1));
    store_close();
    lose_index();
    salvage_all();
    struct object_info info;
    assert_int_equal(get(plain, SPAN("gone"), newest_version, &info), STORAGE_NO_SUCH_KEY);
    check_bytes(plain, SPAN("kept"), newest_version, body(3000, 1));
    check_bytes(plain, SPAN("copy"), newest_version, span_of(copy, sizeof(copy)));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, salvage_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_version_whose_bytes_are_damaged_is_left_out),
        TEST(a_lost_segment_is_told_of),
        TEST(buckets_of_a_lost_beginning_are_made_without_settings),
        TEST(a_torn_end_of_the_log_is_told_of),
        TEST(a_frame_whose_commit_failed_is_left_out),
        TEST(a_last_frame_without_its_bytes_is_left_out),
        TEST(an_uploaded_copy_of_a_segment_deceives_nobody),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
