#include "daemon/iam.h"

#include "daemon/iam_records.h"
#include "daemon/iam_uses.h"
#include "daemon/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct iam *iam_new(struct storage *storage, struct vault *vault, struct log *log)
{
    struct iam *iam = calloc(1, sizeof(*iam));
    if (iam == NULL)
        return NULL;
    iam->storage = storage;
    iam->vault = vault;
    iam->log = log;
    atomic_init(&iam->generation, 1);
    iam->uses = iam_uses_new();
    if (iam->uses == NULL) {
        free(iam);
        return NULL;
    }
    if (pthread_mutex_init(&iam->lock, NULL) != 0 || pthread_mutex_init(&iam->rotating, NULL) != 0)
        abort(); /* without memory to take, only a bug can do this */
    return iam;
}

void iam_free(struct iam *iam)
{
    if (iam == NULL)
        return;
    iam_uses_free(iam->uses);
    pthread_mutex_destroy(&iam->rotating);
    pthread_mutex_destroy(&iam->lock);
    free(iam);
}

uint64_t iam_generation(const struct iam *iam)
{
    return atomic_load(&iam->generation);
}

enum iam_err iam_fail(struct iam_call *call, enum iam_err err, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t kept = len < 0 ? 0 : (size_t)len;
    kept = kept < sizeof(text) ? kept : sizeof(text) - 1;
    call->detail = arena_copy(call->arena, span_of(text, kept));
    return err;
}

enum iam_err iam_no_memory(struct iam_call *call)
{
    call->detail = SPAN_ABSENT;
    log_message(call->iam->log, LOG_ERROR, "identities: not enough memory");
    return IAM_FAILED;
}

enum iam_err iam_storage_fail(struct iam_call *call, enum storage_err err)
{
    call->detail = SPAN_ABSENT;
    if (err == STORAGE_BUSY)
        return IAM_BUSY;
    if (err == STORAGE_NO_SPACE)
        return IAM_NO_SPACE;
    if (err == STORAGE_CHANGED || err == STORAGE_RECORD_EXISTS || err == STORAGE_NO_SUCH_RECORD)
        return iam_fail(call, IAM_CONCURRENT_CHANGE,
            "The request was rejected because multiple requests to change this object were "
            "submitted simultaneously. Wait a few minutes and submit your request again.");
    log_message(call->iam->log, LOG_ERROR, "identities: %s", storage_err_text(err));
    return IAM_FAILED;
}

void iam_change_add(struct iam_changes *changes, struct span key, struct span value)
{
    changes->items[changes->count++] =
        (struct record_change){.key = key, .value = value, .expect = RECORD_ABSENT};
}

void iam_change_set(
    struct iam_changes *changes, struct span key, struct span value, uint64_t generation)
{
    changes->items[changes->count++] = (struct record_change){
        .key = key, .value = value, .expect = RECORD_UNCHANGED, .generation = generation};
}

void iam_change_any(struct iam_changes *changes, struct span key, struct span value)
{
    changes->items[changes->count++] =
        (struct record_change){.key = key, .value = value, .expect = RECORD_ANY};
}

enum iam_err iam_changes_commit(struct iam_call *call, struct iam_changes *changes)
{
    for (size_t i = 0; i < changes->count; i++)
        if (changes->items[i].value.len > STORAGE_RECORD_VALUE_MAX_BYTES)
            return iam_fail(
                call, IAM_LIMIT_EXCEEDED, "Cannot exceed quota for the size of a record");
    if (call->arena->overflow)
        return iam_no_memory(call);
    struct mutation mutation = {.kind = MUTATION_CHANGE_RECORDS,
        .records = {.changes = changes->items, .count = changes->count}};
    enum storage_err err = storage_commit(call->iam->storage, &mutation);
    if (err != STORAGE_OK)
        return iam_storage_fail(call, err);
    atomic_fetch_add(&call->iam->generation, 1);
    return IAM_OK;
}

/* ---- ARNs ---- */

struct span iam_arn(
    struct arena *arena, uint64_t account, const char *type, struct span path, struct span name)
{
    return arena_format(arena, "arn:aws:iam::%012llu:%s%.*s%.*s", (unsigned long long)account, type,
        SPAN_ARG(path), SPAN_ARG(name));
}

bool iam_arn_split(struct span arn, struct iam_arn_parts *ret_parts)
{
    static const struct span head = {"arn:aws:iam::", 13};
    enum { DIGITS = 12 };
    struct iam_arn_parts parts = {0};
    if (!span_starts(arn, head) || arn.len > IAM_ARN_MAX_BYTES || arn.len < head.len + DIGITS + 2 ||
        arn.ptr[head.len + DIGITS] != ':')
        return false;
    struct span digits = span_first(span_from(arn, head.len), DIGITS);
    bool of_aws = span_starts(digits, SPAN("aws:"));
    if (of_aws || !span_to_u64(digits, &parts.account))
        return false;
    struct span rest = span_from(arn, head.len + DIGITS + 1);
    size_t slash = span_find_char(rest, '/', 0);
    if (slash == SIZE_MAX) {
        parts.type = rest;
        *ret_parts = parts;
        return span_eq(rest, SPAN("root"));
    }
    parts.type = span_first(rest, slash);
    size_t last = rest.len;
    while (rest.ptr[last - 1] != '/')
        last--;
    parts.path = span_of(rest.ptr + slash, last - slash);
    parts.name = span_from(rest, last);
    if (parts.name.len == 0 || parts.type.len == 0)
        return false;
    *ret_parts = parts;
    return true;
}
