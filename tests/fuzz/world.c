#include "tests/fuzz/world.h"

#include "headers.h"
#include "xml_read.h"

enum { INPUTS_OF_A_WORLD = 2000, LINES_MAX = 64, TEXT_MAX_BYTES = 64 * 1024 };

static struct world *world;
static unsigned inputs;
static char upload[200];

const char *fuzz_upload(void)
{
    return upload;
}

static void fill(void)
{
    char line[64];
    world_do(world, "PUT /lake", NULL, NULL);
    world_put(world, "lake", SPAN("key"), SPAN("abcdefghijklmnopqrstuvwxyz"));
    for (unsigned i = 0; i < 6; i++) {
        (void)snprintf(line, sizeof(line), "PUT /lake/many/%u/%u", i / 3, i);
        world_do(world, line, NULL, "some");
    }
    REPLY reply = world_send(world, "POST /lake/parts?uploads", NULL, SPAN(""));
    struct span id = reply_element(&reply, "UploadId", 0);
    CHECK(id.len > 0 && id.len < sizeof(upload));
    memcpy(upload, id.ptr, id.len);
    upload[id.len] = '\0';
    char part[300];
    (void)snprintf(part, sizeof(part), "PUT /lake/parts?partNumber=1&uploadId=%s", upload);
    world_do(world, part, NULL, "a part");
}

/* At the end of the run: the folder would stay, in memory. */
static void drop(void)
{
    CHECK(world_drop((void **)&world) == 0);
}

struct world *fuzz_world(void)
{
    void *state = NULL;
    if (world != NULL && ++inputs % INPUTS_OF_A_WORLD != 0)
        return world;
    if (world != NULL)
        drop();
    else
        CHECK(atexit(drop) == 0);
    CHECK(world_make(&state) == 0);
    world = state;
    world_add_identities(world);
    fill();
    return world;
}

/* The lines that a server could have read as headers. */
static void usable_lines(struct span headers, struct buf *out)
{
    struct span line;
    size_t count = 0;
    while (count < LINES_MAX && span_split(&headers, '\n', &line)) {
        size_t colon = span_find_char(line, ':', 0);
        if (colon == 0 || colon == SIZE_MAX || span_find_char(line, '\0', 0) != SIZE_MAX ||
            span_eq_nocase(span_first(line, colon), SPAN("content-length")))
            continue;
        buf_add(out, line);
        buf_add(out, SPAN("\n"));
        count++;
    }
    buf_add(out, span_of("", 1));
}

static void check_reply(const struct reply *reply)
{
    CHECK(reply->status >= 200 && reply->status < 600 && reply->status != 500);
    if (reply->err != S3_OK) {
        CHECK(reply->status >= 300 && span_starts(reply->body, SPAN("<Code>")));
        return;
    }
    struct span type = header_find(&reply->headers, SPAN("content-type"));
    if (reply->request->response.kind != RESPONSE_BUFFER || reply->body.len == 0 ||
        !span_eq(type, SPAN("application/xml")) ||
        span_find(reply->body, SPAN("&#"), 0) != SIZE_MAX) /* a character that XML cannot carry */
        return;
    struct arena arena;
    struct xml_node *root;
    arena_init(&arena, FUZZ_ARENA_BYTES);
    CHECK(xml_read(&arena, reply->body, &root) == S3_OK);
    arena_free(&arena);
}

void fuzz_send(const char *line, struct span headers, struct span body)
{
    struct buf lines;
    buf_init(&lines, TEXT_MAX_BYTES);
    usable_lines(headers, &lines);
    if (buf_ok(&lines)) {
        struct reply reply = world_send(fuzz_world(), line, lines.ptr, body);
        check_reply(&reply);
        reply_free(&reply);
    }
    buf_free(&lines);
}
