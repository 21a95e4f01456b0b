/* Are the records of a ZIP as its specification has them, also past 4 GiB and 65,535 entries, and do no two keys
 * come to one name, or any to one outside of the folder? */
#include "daemon/zip_format.h"
#include "daemon/zip_names.h"

#include <setjmp.h>
#include <stdarg.h>
// clang-format off
#include <cmocka.h>
// clang-format on

#define GIB (1024ull * 1024 * 1024)

static void assert_hex(struct buf *buf, const char *expected)
{
    struct buf hex CLEANUP(buf_free);
    buf_init(&hex, 64 * 1024);
    buf_add_hex(&hex, buf->ptr, buf->len);
    buf_add_char(&hex, '\0');
    assert_string_equal(hex.ptr, expected);
    buf_clear(buf);
}

/* What an entry's records are, field by field; a descriptor only where the header leaves the CRC to it. */
static const struct {
    const char *what;
    struct zip_entry entry;
    const char *header, *descriptor, *directory;
} records[] = {
    {"a small one of 2024-02-29 12:34:56 UTC",
        {.name = {"a/b", 3},
            .size_bytes = 0x1234,
            .crc32 = 0xdeadbeef,
            .modified_ms = 1709210096789,
            .offset_bytes = 0x55},
        "504b0304 1400 0008 0000 5c645d58 efbeadde 34120000 34120000 0300 0900 612f62 5554 0500 01 "
        "f079e065",
        NULL,
        "504b0102 2d03 1400 0008 0000 5c645d58 efbeadde 34120000 34120000 0300 0900 0000 0000 0000 "
        "0000a481 "
        "55000000 612f62 5554 0500 01 f079e065"},
    {"the same, its CRC behind it",
        {.name = {"a/b", 3},
            .size_bytes = 0x1234,
            .crc_follows = true,
            .crc32 = 0xdeadbeef,
            .modified_ms = 1709210096789},
        NULL, "504b0708 efbeadde 34120000 34120000", NULL},
    {"a large one far behind",
        {.name = {"k", 1},
            .size_bytes = 5 * GIB,
            .crc_follows = true,
            .crc32 = 1,
            .modified_ms = -1,
            .offset_bytes = 6 * GIB},
        "504b0304 2d00 0808 0000 00002100 00000000 ffffffff ffffffff 0100 1400 6b 0100 1000 "
        "0000004001000000 "
        "0000004001000000",
        "504b0708 01000000 0000004001000000 0000004001000000",
        "504b0102 2d03 2d00 0808 0000 00002100 01000000 ffffffff ffffffff 0100 1c00 0000 0000 0000 "
        "0000a481 "
        "ffffffff 6b 0100 1800 0000004001000000 0000004001000000 0000008001000000"},
    {"a folder far behind",
        {.name = {"k", 1},
            .size_bytes = 1,
            .crc_follows = true,
            .crc32 = 1,
            .modified_ms = -1,
            .offset_bytes = 6 * GIB,
            .is_folder = true},
        NULL, NULL,
        "504b0102 2d03 2d00 0808 0000 00002100 01000000 01000000 01000000 0100 0c00 0000 0000 0000 "
        "1000ed41 "
        "ffffffff 6b 0100 0800 0000008001000000"},
};

static void assert_record(void (*write)(struct buf *out, const struct zip_entry *entry),
    const struct zip_entry *entry, const char *fields)
{
    struct buf out CLEANUP(buf_free), wanted CLEANUP(buf_free);
    buf_init(&out, 4096);
    buf_init(&wanted, 4096);
    for (; fields != NULL && *fields != '\0'; fields++)
        if (*fields != ' ')
            buf_add_char(&wanted, *fields);
    buf_add_char(&wanted, '\0');
    if (fields == NULL)
        return;
    write(&out, entry);
    assert_hex(&out, wanted.ptr);
}

static void test_records_of_entries(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        print_message("%s\n", records[i].what);
        assert_record(zip_local_header, &records[i].entry, records[i].header);
        assert_record(zip_descriptor, &records[i].entry, records[i].descriptor);
        assert_record(zip_directory_record, &records[i].entry, records[i].directory);
    }
}

static void test_sizes_at_the_edge_of_32_bits(void **state)
{
    (void)state;
    struct buf out CLEANUP(buf_free);
    buf_init(&out, 4096);
    struct zip_entry entry = {.name = SPAN("k"), .size_bytes = 0xfffffffe, .modified_ms = -1};
    zip_local_header(&out, &entry);
    assert_int_equal(out.len, 30 + 1);
    buf_clear(&out);
    entry.size_bytes++; /* this very number means "see the extra field" */
    zip_local_header(&out, &entry);
    assert_int_equal(out.len, 30 + 1 + 20);
}

static void test_ends(void **state)
{
    (void)state;
    struct buf out CLEANUP(buf_free);
    buf_init(&out, 4096);
    zip_end(&out, 0, 0, 0);
    assert_hex(&out, "504b0506"
                     "00000000"
                     "0000"
                     "0000"
                     "00000000"
                     "00000000"
                     "0000");
    zip_end(&out, 65534, 0xfffffffe, 0x11);
    assert_hex(&out, "504b0506"
                     "00000000"
                     "feff"
                     "feff"
                     "11000000"
                     "feffffff"
                     "0000");
    zip_end(&out, 70000, 5 * GIB, 0x11);
    assert_hex(&out, "504b0606"
                     "2c00000000000000"
                     "2d03"
                     "2d00"
                     "00000000"
                     "00000000"
                     "7011010000000000"
                     "7011010000000000"
                     "1100000000000000"
                     "0000004001000000"
                     "504b0607"
                     "00000000"
                     "1100004001000000"
                     "01000000"
                     "504b0506"
                     "00000000"
                     "ffff"
                     "ffff"
                     "11000000"
                     "ffffffff"
                     "0000");
}

static void test_names(void **state)
{
    static const struct {
        const char *key, *name;
    } cases[] = {
        {"a", "a"},
        {"a/b c/d.csv", "a/b c/d.csv"},
        {"a/", "a/"},
        {"é/ü", "é/ü"},
        {"...", "..."},
        {"a/...", "a/..."},
        {".hidden/..x", ".hidden/..x"},
        {"2024-01-01T10:00", "2024-01-01T10:00"},
        {"a/C:", "a/C:"},
        {"CC:", "CC:"},
        {"/", ""},
        {"//", ""},
        {"/etc/passwd", "etc/passwd"},
        {"a//b", "a/b"},
        {"a//", "a/"},
        {"..", "__"},
        {"../x", "__/x"},
        {"a/../../x", "a/__/__/x"},
        {"./x", "_/x"},
        {"a/./b", "a/_/b"},
        {"..\\x", ".._x"},
        {"a\\..\\b", "a_.._b"},
        {"C:/x", "C_/x"},
        {"c:x", "c_x"},
        {"\\\\host\\x", "__host_x"},
        {"a\nb\x7f", "a_b_"},
        {"/../", "__/"},
        {"/C:/x", "C_/x"},
    };
    (void)state;
    struct buf out CLEANUP(buf_free);
    buf_init(&out, ZIP_NAME_BYTES);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        bool changed = zip_name_safe(span_str(cases[i].key), &out);
        if (!span_eq(buf_span(&out), span_str(cases[i].name)))
            fail_msg("%s: %.*s, not %s", cases[i].key, SPAN_ARG(buf_span(&out)), cases[i].name);
        assert_int_equal(changed, strcmp(cases[i].key, cases[i].name) != 0);
    }
}

static bool has_name(void *ctx, struct span name)
{
    return span_eq(name, span_str(ctx));
}

static void assert_named(struct zip_names *names, const char *key, char *taken, const char *pattern)
{
    struct buf out CLEANUP(buf_free);
    buf_init(&out, ZIP_NAME_BYTES);
    zip_name_of(names, span_str(key), span_str(key), has_name, taken, &out);
    struct span name = buf_span(&out), wanted = span_str(pattern);
    bool same = name.len == wanted.len;
    for (size_t i = 0; same && i < name.len; i++) /* '#': a digit of the mark */
        same = wanted.ptr[i] == '#' ? strchr("0123456789abcdef", name.ptr[i]) != NULL
                                    : wanted.ptr[i] == name.ptr[i];
    if (!same)
        fail_msg("%s: %.*s, not %s", key, SPAN_ARG(name), pattern);
}

static void test_names_that_become_alike_are_told_apart(void **state)
{
    (void)state;
    static struct zip_names names;
    char none[] = "", taken[] = "x/y.csv";
    assert_named(&names, "a//b", none, "a/b");
    assert_named(&names, "a///b", none, "a/b~########");
    assert_named(&names, "/a/b", none, "a/b~########");
    assert_named(&names, "x//y.csv", taken, "x/y~########.csv");
    assert_named(&names, "x/y.csv", taken, "x/y.csv"); /* the one that has it by right */
    assert_named(&names, "d//", none, "d/");
    assert_named(&names, "d///", none, "d~########/");
    assert_named(&names, "q.d//.hidden", none, "q.d/.hidden");
    assert_named(&names, "q.d///.hidden", none, "q.d/.hidden~########");
    assert_named(&names, "//", none, "_");
    assert_named(&names, "///", none, "_~########");
    char key[32];
    for (int i = 0; names.count < ZIP_NAMES_MAX; i++) {
        snprintf(key, sizeof(key), "n//%d", i);
        struct buf out CLEANUP(buf_free);
        buf_init(&out, ZIP_NAME_BYTES);
        zip_name_of(&names, span_str(key), span_str(key), NULL, NULL, &out);
    }
    assert_named(
        &names, "last//one", none, "last/one~########"); /* no memory of it: marked at once */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_of_entries),
        cmocka_unit_test(test_sizes_at_the_edge_of_32_bits),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_names_that_become_alike_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
