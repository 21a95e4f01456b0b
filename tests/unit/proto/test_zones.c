#include "zones.h"

#include "cmocka_span.h"

enum { ARENA_BYTES = 1024 * 1024 };

static bool parse(struct arena *arena, const char *text, struct zones_document *document,
    char detail[static ZONES_DETAIL_BYTES])
{
    arena_init(arena, ARENA_BYTES);
    return zones_parse(arena, span_str(text), SPAN("lake"), document, detail);
}

static void reads_the_example(void **state)
{
    (void)state;
    struct arena arena CLEANUP(arena_free);
    struct zones_document document;
    char detail[ZONES_DETAIL_BYTES] = "";
    bool ok = parse(&arena,
        "{\"Version\": \"2026-11-01\",\n"
        " \"Zones\": [\n"
        "   {\"Name\": \"raw\", \"Prefix\": \"raw/\", \"WriteOnce\": true, \"Duplicates\": "
        "\"reject\","
        "    \"RetentionDays\": 30, \"Compress\": true},\n"
        "   {\"Name\": \"trusted\", \"Prefix\": \"trusted/\", \"PromoteFrom\": [\"raw\", "
        "\"ingest/raw\", \"*/raw\"],"
        "    \"Duplicates\": \"flag\"},\n"
        "   {\"Name\": \"refined\", \"Prefix\": \"refined/\", \"PromoteFrom\": [\"lake/trusted\"],"
        "    \"MaxBytes\": 5, \"MaxObjects\": 7, \"MinBytes\": 9, \"Except\": [\"a*\", \"b/\"]},\n"
        "   {\"Name\": \"own\", \"Prefix\": \"own/\", \"PromoteFrom\": [], \"Except\": []}]}",
        &document, detail);
    if (!ok)
        fail_msg("%s", detail);
    assert_int_equal(document.count, 4);
    const struct zones_zone *raw = &document.zones[0], *trusted = &document.zones[1],
                            *refined = &document.zones[2], *own = &document.zones[3];
    assert_span(raw->name, SPAN("raw"));
    assert_span(raw->prefix, SPAN("raw/"));
    assert_true(raw->write_once && raw->compress && !raw->limits_sources);
    assert_int_equal(raw->duplicates, ZONES_REJECT);
    assert_int_equal(raw->retention_days, 30);
    assert_int_equal(raw->min_bytes, 1);
    size_t defaults;
    (void)zones_default_except(&defaults);
    assert_int_equal(defaults, 12);
    assert_int_equal(raw->except_count, defaults);
    assert_true(!trusted->write_once && !trusted->compress && trusted->limits_sources);
    assert_int_equal(trusted->duplicates, ZONES_FLAG);
    assert_int_equal(trusted->source_count, 3);
    assert_false(span_present(trusted->sources[0].bucket));
    assert_span(trusted->sources[0].name, SPAN("raw"));
    assert_span(trusted->sources[1].bucket, SPAN("ingest"));
    assert_span(trusted->sources[2].bucket, SPAN("*"));
    assert_false(span_present(refined->sources[0].bucket)); /* its own name is no other bucket */
    assert_int_equal(refined->duplicates, ZONES_ALLOW);
    assert_int_equal(refined->max_bytes, 5);
    assert_int_equal(refined->max_objects, 7);
    assert_int_equal(refined->min_bytes, 9);
    assert_int_equal(refined->except_count, 2);
    assert_span(refined->except[1], SPAN("b/"));
    assert_true(own->limits_sources);
    assert_int_equal(own->source_count, 0);
    assert_int_equal(own->except_count, 0);
}

#define ZONES(zones) "{\"Version\":\"2026-11-01\",\"Zones\":[" zones "]}"
#define ZONE(members) ZONES("{\"Name\":\"a\",\"Prefix\":\"a/\"," members "}")

/* Documents, and what must be in the detail. */
static const struct {
    const char *text, *detail;
} refused[] = {
    {"", "line 1, column 0"},
    {"[]", "the document must be an object"},
    {"{\"Version\":\"2026-11-01\",\"Zones\":[]} x", "line 1"},
    {"{\"Zones\":[]}", "Version: is missing"},
    {"{\"Version\":\"2012-10-17\",\"Zones\":[]}", "Version: must be \"2026-11-01\""},
    {"{\"Version\":1,\"Zones\":[]}", "Version: must be \"2026-11-01\""},
    {"{\"Version\":\"2026-11-01\"}", "Zones: is missing"},
    {"{\"Version\":\"2026-11-01\",\"Zones\":{}}", "Zones: must be an array"},
    {"{\"Version\":\"2026-11-01\",\"Zones\":[],\"zones\":[]}", "zones: unknown member"},
    {"{\"Version\":\"2026-11-01\",\"Zones\":[],\"From\":\"tag\"}", "From: unknown member"},
    {"{\"Version\":\"2026-11-01\",\"Zones\":[],\"Zones\":[]}", "duplicate"},
    {ZONES("1"), "Zones[0]: must be an object"},
    {ZONES("{\"Prefix\":\"\"}"), "Zones[0].Name: is missing"},
    {ZONES("{\"Name\":\"a\"}"), "Zones[0].Prefix: is missing"},
    {ZONES("{\"Name\":\"\",\"Prefix\":\"\"}"), "Zones[0].Name: must be 1 to 64 of"},
    {ZONES("{\"Name\":\"a/b\",\"Prefix\":\"\"}"), "Zones[0].Name: must be 1 to 64 of"},
    {ZONES("{\"Name\":\"caf\xc3\xa9\",\"Prefix\":\"\"}"), "Zones[0].Name: must be 1 to 64 of"},
    {ZONES("{\"Name\":7,\"Prefix\":\"\"}"), "Zones[0].Name: must be a string"},
    {ZONES("{\"Name\":\"a\",\"Prefix\":null}"), "Zones[0].Prefix: must be a string"},
    {ZONES("{\"Name\":\"a\",\"Prefix\":\"a\\u0000\"}"), "line 1"},
    {ZONES("{\"Name\":\"a\",\"Prefix\":\"\xff\"}"), "line 1"},
    {ZONE("\"WriteOnce\":\"true\""), "Zones[0].WriteOnce: must be true or false"},
    {ZONE("\"Compress\":1"), "Zones[0].Compress: must be true or false"},
    {ZONE("\"Duplicates\":\"Reject\""),
        "Zones[0].Duplicates: must be one of allow, flag, link, reject"},
    {ZONE("\"Duplicates\":true"), "Zones[0].Duplicates: must be one of"},
    {ZONE("\"MinBytes\":-1"), "Zones[0].MinBytes: must be an integer from 0 to"},
    {ZONE("\"MinBytes\":1.5"), "Zones[0].MinBytes: must be an integer from 0 to"},
    {ZONE("\"MaxBytes\":\"1\""), "Zones[0].MaxBytes: must be an integer from 0 to"},
    {ZONE("\"MaxObjects\":99999999999999999999"), "line 1"},
    {ZONE("\"RetentionDays\":36501"), "Zones[0].RetentionDays: must be an integer from 0 to 36500"},
    {ZONE("\"Except\":\"x\""), "Zones[0].Except: must be an array of strings"},
    {ZONE("\"Except\":[\"x\",1]"), "Zones[0].Except[1]: must be a string"},
    {ZONE("\"Except\":[\"\"]"), "Zones[0].Except[0]: must be 1 to 256 bytes"},
    {ZONE("\"PromoteFrom\":\"b\""), "Zones[0].PromoteFrom: must be an array of strings"},
    {ZONE("\"PromoteFrom\":[\"b\"]"), "Zones[0].PromoteFrom[0]: there is no zone \"b\""},
    {ZONE("\"PromoteFrom\":[\"lake/b\"]"), "Zones[0].PromoteFrom[0]: there is no zone \"b\""},
    {ZONE("\"PromoteFrom\":[\"x/y/z\"]"), "Zones[0].PromoteFrom[0]: must be"},
    {ZONE("\"PromoteFrom\":[\"Bucket/z\"]"), "Zones[0].PromoteFrom[0]: must be"},
    {ZONE("\"PromoteFrom\":[\"*\"]"), "Zones[0].PromoteFrom[0]: must be"},
    {ZONE("\"PromoteFrom\":[\"a\"]"), "Zones[0].PromoteFrom: a cycle: a <- a"},
    {ZONE("\"PromotesFrom\":[]"), "Zones[0].PromotesFrom: unknown member"},
    {ZONE("\"name\":\"b\""), "Zones[0].name: unknown member"},
    {ZONES("{\"Name\":\"a\",\"Prefix\":\"a/\"},{\"Name\":\"a\",\"Prefix\":\"b/\"}"),
        "Zones[1].Name: \"a\" is the name of Zones[0] too"},
    {ZONES("{\"Name\":\"a\",\"Prefix\":\"x/\"},{\"Name\":\"b\",\"Prefix\":\"x/\"}"),
        "Zones[1].Prefix: overlaps with that of Zones[0]"},
    {ZONES("{\"Name\":\"a\",\"Prefix\":\"x/y\"},{\"Name\":\"c\",\"Prefix\":\"z\"},"
           "{\"Name\":\"b\",\"Prefix\":\"x\"}"),
        "Zones[2].Prefix: overlaps with that of Zones[0]"},
    {ZONES("{\"Name\":\"a\",\"Prefix\":\"x/\"},{\"Name\":\"b\",\"Prefix\":\"\"}"),
        "Zones[1].Prefix: overlaps with that of Zones[0]"},
    {ZONES("{\"Name\":\"a\",\"Prefix\":\"a\",\"PromoteFrom\":[\"c\"]},"
           "{\"Name\":\"b\",\"Prefix\":\"b\",\"PromoteFrom\":[\"a\"]},"
           "{\"Name\":\"c\",\"Prefix\":\"c\",\"PromoteFrom\":[\"b\"]}"),
        "Zones[0].PromoteFrom: a cycle: a <- c <- b <- a"},
    {ZONES("{\"Name\":\"s\",\"Prefix\":\"s\",\"PromoteFrom\":[\"b\"]},"
           "{\"Name\":\"a\",\"Prefix\":\"a\",\"PromoteFrom\":[\"b\"]},"
           "{\"Name\":\"b\",\"Prefix\":\"b\",\"PromoteFrom\":[\"lake/a\"]}"),
        "Zones[2].PromoteFrom: a cycle: b <- a <- b"},
};

static void names_the_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        struct arena arena CLEANUP(arena_free);
        struct zones_document document = {NULL, 77};
        char detail[ZONES_DETAIL_BYTES] = "";
        if (parse(&arena, refused[i].text, &document, detail))
            fail_msg("taken: %s", refused[i].text);
        if (strstr(detail, refused[i].detail) == NULL)
            fail_msg("%s: \"%s\" is not in \"%s\"", refused[i].text, refused[i].detail, detail);
        assert_int_equal(document.count, 77);
    }
}

/* Zones z0, z1 … each taking from the one before. */
static void add_chain(struct buf *out, size_t count)
{
    buf_add_lit(out, "{\"Version\":\"2026-11-01\",\"Zones\":[");
    for (size_t i = 0; i < count; i++) {
        buf_addf(
            out, "%s{\"Name\":\"z%zu\",\"Prefix\":\"z%zu/\",\"PromoteFrom\":[", i ? "," : "", i, i);
        if (i > 0)
            buf_addf(out, "\"z%zu\"", i - 1);
        buf_add_lit(out, "]}");
    }
    buf_add_lit(out, "]}");
}

static void keeps_its_bounds(void **state)
{
    (void)state;
    for (size_t count = ZONES_MAX; count <= ZONES_MAX + 1; count++) {
        struct arena arena CLEANUP(arena_free);
        struct buf text CLEANUP(buf_free);
        struct zones_document document;
        char detail[ZONES_DETAIL_BYTES] = "";
        buf_init(&text, ZONES_DOCUMENT_MAX_BYTES);
        add_chain(&text, count);
        buf_add_char(&text, '\0');
        assert_true(buf_ok(&text));
        bool ok = parse(&arena, text.ptr, &document, detail);
        assert_int_equal(ok, count == ZONES_MAX);
        if (!ok)
            assert_string_equal(detail, "Zones: more than 64 of them");
    }
    struct arena arena CLEANUP(arena_free);
    struct zones_document document;
    char detail[ZONES_DETAIL_BYTES] = "", *large = calloc(1, ZONES_DOCUMENT_MAX_BYTES + 2);
    assert_non_null(large);
    memset(large, ' ', ZONES_DOCUMENT_MAX_BYTES + 1);
    assert_false(parse(&arena, large, &document, detail));
    assert_non_null(strstr(detail, "65536"));
    memset(large, '[', ZONES_DOCUMENT_MAX_BYTES); /* far too deep */
    large[ZONES_DOCUMENT_MAX_BYTES] = '\0';
    arena_free(&arena);
    assert_false(parse(&arena, large, &document, detail));
    free(large);
}

static void keeps_the_bound_of_patterns(void **state)
{
    (void)state;
    for (size_t count = 16; count <= 17; count++) {
        struct arena arena CLEANUP(arena_free);
        struct buf text CLEANUP(buf_free);
        struct zones_document document;
        char detail[ZONES_DETAIL_BYTES] = "";
        buf_init(&text, ZONES_DOCUMENT_MAX_BYTES);
        buf_add_lit(&text, "{\"Version\":\"2026-11-01\",\"Zones\":[{\"Name\":\"a\",\"Prefix\":"
                           "\"\",\"Except\":[");
        for (size_t i = 0; i < count; i++)
            buf_addf(&text, "%s\"%0256zu\"", i > 0 ? "," : "", i);
        buf_add_lit(&text, "]}]}");
        buf_add_char(&text, '\0');
        bool ok = parse(&arena, text.ptr, &document, detail);
        assert_int_equal(ok, count == 16);
        if (!ok)
            assert_string_equal(detail, "Zones[0].Except: more than 4096 bytes together");
    }
}

static void says_when_memory_ends(void **state)
{
    (void)state;
    struct arena arena CLEANUP(arena_free);
    struct zones_document document;
    char detail[ZONES_DETAIL_BYTES] = "";
    arena_init(&arena, 64);
    assert_false(zones_parse(
        &arena, SPAN(ZONES("{\"Name\":\"a\",\"Prefix\":\"a\"}")), SPAN("lake"), &document, detail));
    assert_string_equal(detail, "out of memory");
}

static void knows_the_templates(void **state)
{
    (void)state;
    static const struct {
        const char *names[5];
        bool write_once;
        enum zones_duplicates duplicates;
        const char *sources[6];
    } stages[] = {
        {{"raw", "landing", "bronze"}, true, ZONES_REJECT, {NULL}},
        {{"trusted", "staging", "processed", "silver"}, false, ZONES_FLAG,
            {"raw", "landing", "bronze"}},
        {{"refined", "final", "aggregated", "gold"}, false, ZONES_ALLOW,
            {"trusted", "staging", "processed", "silver"}},
    };
    size_t index = 0;
    for (size_t stage = 0; stage < ARRAY_LEN(stages); stage++)
        for (size_t i = 0; stages[stage].names[i] != NULL; i++) {
            struct zones_zone zone;
            struct span name = span_str(stages[stage].names[i]);
            assert_span(zones_template_name(index++), name);
            assert_true(zones_template(name, &zone));
            assert_span(zone.name, name);
            assert_int_equal(zone.prefix.len, 0);
            assert_true(span_present(zone.prefix));
            assert_int_equal(zone.write_once, stages[stage].write_once);
            assert_int_equal(zone.duplicates, stages[stage].duplicates);
            assert_int_equal(zone.retention_days, 0);
            assert_int_equal(zone.min_bytes, 1);
            assert_int_equal(zone.limits_sources, stage > 0);
            size_t sources = 0;
            for (; stages[stage].sources[sources] != NULL; sources++) {
                assert_span(zone.sources[sources].bucket, SPAN("*"));
                assert_span(zone.sources[sources].name, span_str(stages[stage].sources[sources]));
            }
            assert_int_equal(zone.source_count, sources);
        }
    struct zones_zone zone;
    assert_false(span_present(zones_template_name(index)));
    assert_false(zones_template(SPAN("Raw"), &zone));
    assert_false(zones_template(SPAN(""), &zone));
    assert_false(zones_template(SPAN("platinum"), &zone));
}

static void writes_what_it_reads(void **state)
{
    (void)state;
    static const char *const names[] = {"raw", "silver", "gold"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct zones_zone zone;
        assert_true(zones_template(span_str(names[i]), &zone));
        struct buf text CLEANUP(buf_free), again CLEANUP(buf_free);
        buf_init(&text, ZONES_DOCUMENT_MAX_BYTES);
        buf_init(&again, ZONES_DOCUMENT_MAX_BYTES);
        zones_write(&text, &(struct zones_document){&zone, 1}, NULL);
        struct arena arena CLEANUP(arena_free);
        struct zones_document document;
        char detail[ZONES_DETAIL_BYTES] = "";
        arena_init(&arena, ARENA_BYTES);
        if (!zones_parse(&arena, buf_span(&text), SPAN("lake"), &document, detail))
            fail_msg("%s", detail);
        zones_write(&again, &document, NULL);
        assert_span(buf_span(&again), buf_span(&text));
    }
    struct zones_zone zone;
    assert_true(zones_template(SPAN("bronze"), &zone));
    struct buf text CLEANUP(buf_free);
    buf_init(&text, ZONES_DOCUMENT_MAX_BYTES);
    zones_write(&text, &(struct zones_document){&zone, 1}, "tag");
    assert_span(buf_span(&text),
        SPAN("{\"Version\": \"2026-11-01\", \"From\": \"tag\", \"Zones\": [\n"
             "  {\"Name\": \"bronze\", \"Prefix\": \"\", \"WriteOnce\": true, \"Duplicates\": "
             "\"reject\"}]}\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_the_example),
        cmocka_unit_test(names_the_place),
        cmocka_unit_test(keeps_its_bounds),
        cmocka_unit_test(keeps_the_bound_of_patterns),
        cmocka_unit_test(says_when_memory_ends),
        cmocka_unit_test(knows_the_templates),
        cmocka_unit_test(writes_what_it_reads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
