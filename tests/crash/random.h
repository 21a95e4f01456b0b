/* What the files of random_ops share: see random_ops.c. One process at a time, one thread. */
#ifndef TESTS_CRASH_RANDOM_H
#define TESTS_CRASH_RANDOM_H

#include "model.h"
#include "storage/local/engine.h"

/* What outlives a process that dies in the middle of a step. */
struct shared {
    struct model model, before;
    unsigned next_step;
    unsigned reads_failed; /* disk_faults.c */
    bool in_step;          /* model: with the step's change; before: without it */
    char failure[600];
    char salvage_line[400]; /* the last one that salvage told */
    struct tried {          /* of all runs */
        unsigned long steps, refused, listings, deaths, reopenings, salvages;
    } tried;
};
extern struct shared *shared;
extern struct storage *store;
extern struct arena arena; /* of a step */
extern bool show;          /* tell of each step */
extern bool salvaging;     /* snapshots are taken, and now and then the index is lost */
extern bool breaking;      /* the model is wrong on purpose: that must be found */
extern char run_dir[64];   /* data folder of the run */

/* Ends the process: the run has failed. */
_Noreturn void fail(const char *format, ...) PRINTF_LIKE(1, 2);
void same_err(const char *what, enum storage_err got, enum storage_err wanted);
/* The step's own dice; the same whatever other steps are left out. */
uint64_t dice(uint64_t sides);
void open_store(void);
/* The process ends at so many changes of files. */
void die_after(int calls);

/* ---- comparing (random_compare.c) ---- */

/* What the store is told. mark: in ETag and CRC; writer: in owner, storage class, metadata. */
struct object_attributes attributes_of(
    uint64_t mark, uint64_t writer, uint32_t parts, uint32_t metadata_bytes);
/* The metadata that a mark stands for. Buffer: METADATA_MAX_BYTES */
enum { METADATA_MAX_BYTES = 4096 };
struct span metadata_text(uint64_t mark, uint32_t bytes, char *buffer);
/* What a version is to have. */
struct span metadata_of(const struct model_version *version, char *buffer);
bool info_same(const struct object_info *info, const struct model_version *version, bool metadata);
struct version_ref ref_of(const struct model_version *version);
struct span record_key(unsigned number, char buffer[static 16]);
extern const char *difference; /* the first one that all_same met */
/* learn: what an unfinished step has made gets its ids from the store. */
bool all_same(struct model *model, bool learn);
void check_all(void);

/* ---- steps (random_steps.c, random_set_metadata.c, random_uploads.c) ---- */

void run_step(void);
struct model_content new_content(void);
struct stage *stage_content(const struct model_content *content);
unsigned any_bucket(struct model_bucket **ret_bucket);
struct bucket_ref bucket_ref(unsigned number);
/* Some version that there is; NULL when the key has none. */
struct model_version *any_version(struct model_bucket *bucket, unsigned key);
void set_condition(
    struct mutation *m, enum model_condition condition, const struct model_version *current);
enum model_condition any_condition(void);
void learn_version(struct model_version *version, const struct mutation *m);
/* Commits, and compares with what the model said: true when that was OK. */
bool commit(const char *what, struct mutation *m, enum storage_err wanted);
void step_set_metadata(void);
void step_create_upload(void);
void step_put_part(void);
void step_copy_part(void);
void step_complete(void);
void step_abort(void);

/* ---- listings, with every parameter (random_lists.c) ---- */

void step_list(void);
void step_list_uploads(void);
void step_list_parts(void);
void step_list_buckets(void);
void step_list_records(void);
/* All of a completed upload's parts, in pages and one by one. */
void check_parts(struct blob_reader *reader, const struct model_version *version);

/* ---- random_salvage.c ---- */

void step_snapshot(void);
void step_salvage(void);
/* Writes a record, whatever it was. */
void step_record(unsigned number);

#endif
