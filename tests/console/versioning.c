/* Turns versioning of a bucket on in the store of a stopped lakegated: no request does that yet, and what the console
 * shows of versions is to be real. usage: versioning STORE BUCKET */
#include "storage/storage.h"

#include <stdio.h>

int main(int count, char **arguments)
{
    struct storage *store = NULL;
    const char *detail = "";
    struct arena arena;
    struct bucket_info bucket;
    if (count != 3)
        return 2;
    struct storage_options options = {.dir = arguments[1], .no_background = true};
    if (storage_open(&options, &store, &detail) != STORAGE_OK) {
        fprintf(stderr, "%s does not open: %s\n", arguments[1], detail);
        return 1;
    }
    arena_init(&arena, 64 * 1024);
    enum storage_err err = storage_bucket_get(store, span_str(arguments[2]), &arena, &bucket);
    struct mutation mutation = {.kind = MUTATION_SET_VERSIONING, .versioning = VERSIONING_ON};
    if (err == STORAGE_OK) {
        mutation.bucket = (struct bucket_ref){bucket.id, bucket.name};
        err = storage_commit(store, &mutation);
    }
    storage_close(store);
    arena_free(&arena);
    if (err != STORAGE_OK)
        fprintf(stderr, "%s: %s\n", arguments[2], storage_err_text(err));
    return err == STORAGE_OK ? 0 : 1;
}
