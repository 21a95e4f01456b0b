/* When access keys were last used: kept in memory, and written to the store in batches now and then, so that
 * using a key costs no commit. What is not written yet is lost in a crash. Thread-safe, never blocks but for
 * iam_uses_flush. */
#ifndef DAEMON_IAM_USES_H
#define DAEMON_IAM_USES_H

#include "storage/storage.h"

struct iam_uses;

enum {
    IAM_USES_MAX = 200, /* not written yet; the batch is written when there are as many */
    IAM_USES_WRITE_MS = 60 * 1000,
    IAM_USE_TEXT_BYTES = 64, /* of service and region; more is cut off */
};

struct iam_use {
    int64_t used_ms;
    char service[IAM_USE_TEXT_BYTES + 1], region[IAM_USE_TEXT_BYTES + 1];
};

struct iam_uses *iam_uses_new(void);
/* Takes NULL. */
void iam_uses_free(struct iam_uses *uses);

/* Notes it; hands a batch to the store when one is due. access_key has IAM_ACCESS_KEY_BYTES. */
void iam_uses_note(struct iam_uses *uses, struct storage *storage, struct span access_key,
    int64_t now_ms, struct span service, struct span region);
/* What is not written yet. False: nothing. */
bool iam_uses_get(struct iam_uses *uses, struct span access_key, struct iam_use *ret_use) MUST_USE;
/* The key goes. */
void iam_uses_forget(struct iam_uses *uses, struct span access_key);
/* Writes what there is, and waits for it and for what is under way. */
void iam_uses_flush(struct iam_uses *uses, struct storage *storage);

#endif
