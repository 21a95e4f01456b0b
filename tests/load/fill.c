/* Fills a bucket through storage.h, with nobody else in the store: a million objects in a minute.
 *
 * usage: fill DIR BUCKET COUNT [THREADS]
 * Keys are soak/00000000 and so on. A third of the bodies lie inside the index, the others are packed. */
#include "base/digest.h"
#include "storage/storage.h"

#include <pthread.h>
#include <stdatomic.h>

enum { BATCH = 1000, KEY_BYTES = 32, THREADS_DEFAULT = 4, THREADS_MAX = 32, BODY_MAX_BYTES = 2600 };

static struct {
    struct storage *storage;
    struct bucket_info bucket;
    uint64_t count;
    atomic_uint_fast64_t next; /* batch */
} fill;

static void must(enum storage_err err, const char *what)
{
    if (err == STORAGE_OK)
        return;
    fprintf(stderr, "%s: %s\n", what, storage_err_text(err));
    exit(1);
}

static size_t size_of(uint64_t number)
{
    return number % 3 == 0 ? 40 + number % 160 : 600 + number * 7919 % 2000;
}

static void make_one(struct mutation *m, char *key, uint64_t number)
{
    char body[BODY_MAX_BYTES];
    size_t size = size_of(number);
    for (size_t i = 0; i < size; i++)
        body[i] = (char)('a' + (number + i) % 26);
    struct span bytes = span_of(body, size);
    uint8_t md5[DIGEST_MAX_BYTES];
    struct digest digest;
    if (!digest_init(&digest, DIGEST_MD5))
        must(STORAGE_NO_MEMORY, "digest");
    digest_update(&digest, bytes);
    digest_final(&digest, md5);
    digest_free(&digest);
    int len = snprintf(key, KEY_BYTES, "soak/%08llu", (unsigned long long)number);
    *m = (struct mutation){.kind = MUTATION_PUT_OBJECT,
        .bucket = {fill.bucket.id, fill.bucket.name},
        .key = span_of(key, (size_t)len)};
    memcpy(m->put.attributes.etag.md5, md5, MD5_BYTES);
    m->put.attributes.crc64nvme = crc64nvme_update(0, bytes);
    m->put.attributes.owner_id = fill.bucket.owner_id;
    must(storage_stage_open(fill.storage, size, &m->put.stage), "stage");
    must(stage_write(m->put.stage, bytes), "write");
    must(stage_finish(m->put.stage), "finish");
}

static void *work(void *ctx)
{
    struct mutation *mutations = calloc(BATCH, sizeof(*mutations));
    char(*keys)[KEY_BYTES] = calloc(BATCH, sizeof(*keys));
    (void)ctx;
    if (!mutations || !keys)
        must(STORAGE_NO_MEMORY, "fill");
    for (;;) {
        uint64_t from = atomic_fetch_add(&fill.next, 1) * BATCH;
        size_t count = 0;
        for (; count < BATCH && from + count < fill.count; count++)
            make_one(&mutations[count], keys[count], from + count);
        if (count == 0)
            break;
        storage_commit_all(fill.storage, mutations, count);
        for (size_t i = 0; i < count; i++)
            must(mutations[i].err, "commit");
    }
    free(mutations);
    free(keys);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS_MAX];
    const char *detail = "";
    struct arena arena;
    if (argc < 4)
        return 2;
    unsigned count = argc > 4 ? (unsigned)strtoul(argv[4], NULL, 10) : THREADS_DEFAULT;
    count = count < 1 ? 1 : count > THREADS_MAX ? THREADS_MAX : count;
    fill.count = strtoull(argv[3], NULL, 10);
    struct storage_options options = {.dir = argv[1]};
    must(storage_open(&options, &fill.storage, &detail), detail);
    arena_init(&arena, 65536);
    must(storage_bucket_get(fill.storage, span_str(argv[2]), &arena, &fill.bucket), argv[2]);
    fill.bucket.name = span_str(argv[2]);
    for (unsigned i = 0; i < count; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            must(STORAGE_NO_MEMORY, "threads");
    for (unsigned i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    arena_free(&arena);
    storage_close(fill.storage);
    printf("%llu objects\n", (unsigned long long)fill.count);
    return 0;
}
