/* The index is read by a child process, since LMDB may assert, loop or fault on damage, and the daemon shall not
 * die of looking. It is asked for a step at a time: SCRUB_ROWS records of a table in a read transaction of its
 * own, each checked and looked up from the root, and added up. That the sums are those of the commits,
 * whatever was written in between, index_scan.c sees to. */
#include "storage/local/scrub.h"

#include "storage/local/child.h"
#include "storage/local/index_pages.h"
#include "storage/local/index_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGES_TRIES = 10 };

enum ask_kind { ASK_PAGES, ASK_END_OF_STEP, ASK_RECORDS };
struct ask {
    enum ask_kind kind;
    enum table table;
    bool to_the_end;
    struct scan_key from, to;
};

struct reply {
    enum {
        REPLY_LAST,
        REPLY_FINDING,
        REPLY_ALIVE
    } kind; /* others follow those that are not the last */
    enum storage_err err;
    uint64_t txn, bytes;
    struct tally tally;
    bool at_end;
    struct scan_key key;
    char line[SCRUB_LINE_BYTES];
};

/* ---- the child ---- */

struct child {
    int peer;
    const char *dir;
    struct index *index;
};

static void say(struct child *child, const struct reply *reply)
{
    if (send(child->peer, reply, sizeof(*reply), MSG_NOSIGNAL) != (ssize_t)sizeof(*reply))
        _exit(0); /* nobody listens any more */
}

static void child_finding(void *ctx, const char *line)
{
    struct reply reply = {.kind = REPLY_FINDING};
    snprintf(reply.line, sizeof(reply.line), "%s", line);
    say(ctx, &reply);
}

static void table_finding(struct child *child, enum table table, struct span key, const char *what)
{
    char line[SCRUB_LINE_BYTES], text[2 * 24 + 1] = "";
    for (size_t i = 0; i < key.len && i < 24; i++)
        snprintf(text + 2 * i, 3, "%02x", (unsigned)(uint8_t)key.ptr[i]);
    snprintf(line, sizeof(line), "index: table %s: the record with key %s%s %s",
        index_table_name(table), text, key.len > 24 ? "..." : "", what);
    child_finding(child, line);
}

static struct span key_span(const struct scan_key *key)
{
    return span_of(key->bytes, key->len);
}

static void key_set(struct scan_key *key, struct span bytes)
{
    key->len = bytes.len;
    if (bytes.len > 0)
        memcpy(key->bytes, bytes.ptr, bytes.len);
}

static enum storage_err seek_behind(struct index_cursor *cursor, const struct scan_key *from,
    struct span *ret_key, struct span *ret_value)
{
    enum storage_err err = index_seek(cursor, key_span(from), ret_key, ret_value);
    if (err == STORAGE_OK && from->len > 0 && span_eq(*ret_key, key_span(from)))
        err = index_next(cursor, ret_key, ret_value);
    return err;
}

/* The key SCRUB_ROWS further on. */
static void answer_end(struct index_txn *txn, const struct ask *ask, struct reply *reply)
{
    struct index_cursor *cursor = NULL;
    struct span key, value;
    reply->err = index_cursor_open(txn, ask->table, &cursor);
    if (reply->err == STORAGE_OK)
        reply->err = seek_behind(cursor, &ask->from, &key, &value);
    for (size_t i = 1; reply->err == STORAGE_OK && i < SCRUB_ROWS; i++)
        reply->err = index_next(cursor, &key, &value);
    reply->at_end = reply->err == STORAGE_NO_SUCH_KEY;
    if (reply->err == STORAGE_OK && key.len <= INDEX_KEY_MAX_BYTES)
        key_set(&reply->key, key);
    if (reply->at_end)
        reply->err = STORAGE_OK;
    index_cursor_close(cursor);
}

static void check_record(struct child *child, struct index_txn *txn, enum table table,
    struct span key, struct span value)
{
    struct span found, body;
    if (schema_decode_bytes(key, value, &body) != STORAGE_OK)
        table_finding(child, table, key, "is damaged");
    if (index_get(txn, table, key, &found) != STORAGE_OK || !span_eq(found, value))
        table_finding(child, table, key, "is not found by its key");
}

static void answer_records(
    struct child *child, struct index_txn *txn, const struct ask *ask, struct reply *reply)
{
    struct index_cursor *cursor = NULL;
    struct scan_key last = ask->from;
    struct span key, value;
    reply->err = index_cursor_open(txn, ask->table, &cursor);
    if (reply->err == STORAGE_OK)
        reply->err = seek_behind(cursor, &ask->from, &key, &value);
    for (; reply->err == STORAGE_OK; reply->err = index_next(cursor, &key, &value)) {
        if (key.len > INDEX_KEY_MAX_BYTES ||
            (last.len > 0 && span_cmp(key_span(&last), key) >= 0)) {
            table_finding(child, ask->table, key, "is out of order");
            reply->err = STORAGE_CORRUPT; /* keys that do not ascend may go round for ever */
            break;
        }
        if (!ask->to_the_end && span_cmp(key, key_span(&ask->to)) > 0)
            break;
        key_set(&last, key);
        check_record(child, txn, ask->table, key, value);
        tally_add(&reply->tally, key, value);
        reply->bytes += key.len + value.len;
    }
    if (reply->err == STORAGE_NO_SUCH_KEY)
        reply->err = STORAGE_OK;
    index_cursor_close(cursor);
}

static void page_finding(void *ctx, const char *line)
{
    char text[SCRUB_LINE_BYTES];
    snprintf(text, sizeof(text), "index: %s", line);
    child_finding(ctx, text);
}

static void page_tick(void *ctx)
{
    struct reply reply = {.kind = REPLY_ALIVE};
    say(ctx, &reply);
}

/* Pages of a snapshot stay as they are while the transaction is open. */
static enum storage_err answer_pages(struct child *child, uint64_t txn_id)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/index/data.mdb", child->dir);
    struct pages_check check = {.fd = open(path, O_RDONLY | O_CLOEXEC),
        .txn_id = txn_id,
        .shallow = true,
        .report = page_finding,
        .tick = page_tick,
        .ctx = child};
    if (check.fd < 0)
        return STORAGE_IO;
    enum storage_err err = index_pages_check(&check);
    close(check.fd);
    return err;
}

static void answer(struct child *child, const struct ask *ask, struct reply *reply)
{
    struct index_txn *txn = NULL;
    for (int i = 0; i < PAGES_TRIES; i++) {
        reply->err = index_read_begin(child->index, &txn);
        if (reply->err != STORAGE_OK)
            return;
        reply->txn = index_txn_id(txn);
        if (ask->kind == ASK_PAGES)
            reply->err = answer_pages(child, reply->txn);
        else if (ask->kind == ASK_END_OF_STEP)
            answer_end(txn, ask, reply);
        else
            answer_records(child, txn, ask, reply);
        index_read_end(txn);
        if (reply->err != STORAGE_CHANGED)
            return;
    }
    reply->err = STORAGE_OK; /* commits came too fast: the next pass looks again */
}

_Noreturn static void child_main(const char *dir, int peer)
{
    struct ask ask;
    child_let_faults_end();
    signal(SIGTERM, SIG_DFL);
    child_keep_only(&peer);
    struct child child = {.peer = peer, .dir = dir};
    setpriority(PRIO_PROCESS, 0, SCRUB_NICE);
    enum storage_err opened = engine_open_index(dir, true, 0, &child.index);
    while (recv(child.peer, &ask, sizeof(ask), 0) == (ssize_t)sizeof(ask)) {
        struct reply reply = {.err = opened};
        if (opened == STORAGE_OK)
            answer(&child, &ask, &reply);
        say(&child, &reply);
    }
    _exit(0);
}

/* ---- the parent ---- */

struct helper {
    struct scrub *scrub;
    pid_t pid; /* 0: none */
    int peer;
    bool given_up; /* by who asked for the step */
};

static enum storage_err helper_start(struct helper *helper)
{
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return STORAGE_NO_MEMORY;
    helper->pid = fork();
    if (helper->pid == 0)
        child_main(helper->scrub->storage->dir, ends[1]);
    close(ends[1]);
    helper->peer = ends[0];
    if (helper->pid > 0)
        return STORAGE_OK;
    close(ends[0]);
    helper->pid = 0;
    return STORAGE_NO_MEMORY;
}

/* *ret_signal: what it died of; 0: it ended as it should */
static void helper_stop(struct helper *helper, bool kills, int *ret_signal)
{
    int status = 0;
    *ret_signal = 0;
    if (helper->pid == 0)
        return;
    if (kills)
        kill(helper->pid, SIGKILL);
    close(helper->peer);
    while (waitpid(helper->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (WIFSIGNALED(status))
        *ret_signal = WTERMSIG(status);
    helper->pid = 0;
    index_forget_dead_readers(helper->scrub->storage->index);
}

enum heard { HEARD, HEARD_NOTHING, HEARD_DEATH };

static enum heard hear(struct helper *helper, struct reply *reply)
{
    struct pollfd fd = {.fd = helper->peer, .events = POLLIN};
    int ready;
    do
        ready = poll(&fd, 1, SCRUB_STUCK_MS);
    while (ready < 0 && errno == EINTR);
    if (ready == 0)
        return HEARD_NOTHING;
    ssize_t got = recv(helper->peer, reply, sizeof(*reply), 0);
    return got == (ssize_t)sizeof(*reply) ? HEARD : HEARD_DEATH;
}

/* What comes before the last word. False: the step is given up. */
static bool take_word(struct helper *helper, const struct reply *reply)
{
    if (reply->kind == REPLY_FINDING)
        scrub_report(helper->scrub, SCRUB_INDEX, "%s", reply->line);
    helper->given_up = reply->kind == REPLY_ALIVE && !scrub_go_on(helper->scrub, 0);
    return !helper->given_up;
}

/* False: the child is gone, which is told of unless the step was given up. */
static bool helper_ask(struct helper *helper, const struct ask *ask, struct reply *reply)
{
    struct scrub *scrub = helper->scrub;
    enum heard heard = HEARD_DEATH;
    bool sent = send(helper->peer, ask, sizeof(*ask), MSG_NOSIGNAL) == (ssize_t)sizeof(*ask);
    while (sent && (heard = hear(helper, reply)) == HEARD && reply->kind != REPLY_LAST)
        if (!take_word(helper, reply))
            break;
    if (heard == HEARD && !helper->given_up)
        return true;
    int number;
    helper_stop(helper, heard != HEARD_DEATH, &number);
    if (helper->given_up)
        return false;
    const char *of = ask->kind == ASK_PAGES ? "pages" : index_table_name(ask->table);
    if (heard == HEARD_NOTHING)
        scrub_report(scrub, SCRUB_INDEX, "index: the check of %s does not come to an end", of);
    else
        scrub_report(scrub, SCRUB_INDEX, "index: the check of %s died of signal %d", of, number);
    return false;
}

/* The child cannot read: is it the index, or has it no memory? */
static enum storage_err reply_err(
    struct helper *helper, const struct ask *ask, enum storage_err err)
{
    if (err == STORAGE_NO_MEMORY)
        return err;
    scrub_report(helper->scrub, SCRUB_INDEX, "index: %s cannot be read to its end",
        ask->kind == ASK_PAGES ? "its pages" : index_table_name(ask->table));
    return STORAGE_CORRUPT;
}

static void compare(struct helper *helper, enum table table)
{
    struct tally sum, kept;
    if (index_scan_matches(helper->scrub->storage->index, &sum, &kept))
        return;
    if (sum.count != kept.count)
        scrub_report(helper->scrub, SCRUB_INDEX,
            "index: table %s has %llu records, but there should be %llu", index_table_name(table),
            (unsigned long long)sum.count, (unsigned long long)kept.count);
    else
        scrub_report(helper->scrub, SCRUB_INDEX,
            "index: the records of table %s are not those that were written",
            index_table_name(table));
}

/* The range up to where the child's look ahead ended, until no commit was missed.
 * err: CORRUPT (told of), BUSY, NO_MEMORY */
static enum storage_err check_range(struct helper *helper, struct ask *ask, struct reply *reply)
{
    struct index_scan *scan = index_scan(helper->scrub->storage->index);
    struct scrub_position *position = helper->scrub->position;
    do {
        if (!helper_ask(helper, ask, reply))
            return STORAGE_CORRUPT;
        if (reply->err != STORAGE_OK)
            return reply_err(helper, ask, reply->err);
        if (!scrub_go_on(helper->scrub, reply->bytes))
            return STORAGE_BUSY;
    } while (ask->table != TABLE_META && !scan_finish(scan, reply->txn, &reply->tally));
    position->checked_records += reply->tally.count;
    return STORAGE_OK;
}

static enum storage_err check_table(struct helper *helper, enum table table)
{
    struct index_scan *scan = index_scan(helper->scrub->storage->index);
    struct ask ask = {.table = table};
    struct reply reply;
    enum storage_err err = STORAGE_OK;
    scan_start(scan, table);
    while (err == STORAGE_OK && !ask.to_the_end) {
        ask.kind = ASK_END_OF_STEP;
        if (!helper_ask(helper, &ask, &reply))
            err = STORAGE_CORRUPT;
        else if (reply.err != STORAGE_OK)
            err = reply_err(helper, &ask, reply.err);
        if (err != STORAGE_OK)
            break;
        ask.kind = ASK_RECORDS;
        ask.to_the_end = reply.at_end || reply.key.len == 0;
        ask.to = reply.key;
        scan_announce(scan, ask.to_the_end ? SPAN_ABSENT : key_span(&ask.to));
        err = check_range(helper, &ask, &reply);
        ask.from = ask.to;
    }
    if (err == STORAGE_OK && table != TABLE_META)
        compare(helper, table);
    scan_stop(scan);
    return err;
}

enum storage_err scrub_index(struct scrub *scrub)
{
    struct helper helper = {.scrub = scrub};
    struct ask pages = {.kind = ASK_PAGES};
    struct reply reply;
    enum storage_err err = helper_start(&helper);
    if (err == STORAGE_OK && helper_ask(&helper, &pages, &reply) && reply.err != STORAGE_OK)
        err = reply_err(&helper, &pages, reply.err);
    for (enum table table = TABLE_META; table < TABLE_COUNT; table++) {
        if (helper.given_up)
            err = STORAGE_BUSY;
        if (err == STORAGE_CORRUPT) /* told of: the others are looked at all the same */
            err = STORAGE_OK;
        if (err == STORAGE_OK && helper.pid == 0)
            err = helper_start(&helper);
        if (err == STORAGE_OK)
            err = check_table(&helper, table);
    }
    int number;
    helper_stop(&helper, false, &number);
    return err == STORAGE_CORRUPT ? STORAGE_OK : err;
}
