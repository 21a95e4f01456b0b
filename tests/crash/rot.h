/* What the files of rot share: a small store with something of everything, and all questions that can be asked
 * of it. rot.c flips bits and compares the answers. */
#ifndef TESTS_CRASH_ROT_H
#define TESTS_CRASH_ROT_H

#include "storage/storage_lineage.h"
#include "storage/storage_records.h"
#include "storage/storage_uploads.h"
#include "storage/storage_zones.h"

enum { QUESTIONS_MAX = 4000 };

enum question_kind {
    ASK_BUCKETS,
    ASK_BUCKET,
    ASK_OBJECT,
    ASK_LIST,
    ASK_UPLOAD,
    ASK_UPLOADS,
    ASK_DOCUMENT,
    ASK_RECORD,
    ASK_RECORDS,
    ASK_LINEAGE,
    ASK_ZONES,
    ASK_DUPLICATES,
    ASK_CONTENT,
};

struct question {
    enum question_kind kind;
    uint64_t bucket_id;
    struct span bucket, key; /* key: also prefix, record */
    struct span delimiter;
    struct version_ref version;
    struct upload_id upload;
    uint64_t number; /* document kind, zone id, size */
    uint64_t crc64nvme;
    bool flag; /* all versions; derived */
};

/* told: everything that was said but an object's bytes; bytes: those. */
struct answer {
    enum storage_err err;
    uint64_t told, bytes;
};

/* Fills an open store: 2 MiB segments, no background. Ends the process when something fails. */
void rot_fill(struct storage *store);
/* Some more changes of all kinds; whatever comes of them. */
void rot_change(struct storage *store);
/* All that can be asked of the store as it is now. Memory: of arena. */
size_t rot_questions(struct storage *store, struct arena *arena, struct question *ret_questions);
struct answer rot_ask(struct storage *store, const struct question *question);
/* For messages. */
void rot_describe(const struct question *question, char *text, size_t capacity);

#endif
