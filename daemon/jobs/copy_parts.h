/* An object that is copied part by part: its parts (copy_parts.c), those under way (copy_slots.c), and the upload that they
 * go to (copy_large.c). Private to these. */
#ifndef DAEMON_JOBS_COPY_PARTS_H
#define DAEMON_JOBS_COPY_PARTS_H

#include "daemon/jobs/copy_object.h"
#include "daemon/upload_id.h"

enum copy_part_state { COPY_PART_TO_DO, COPY_PART_RUNS, COPY_PART_DONE };

struct copy_part {
    uint8_t md5[MD5_BYTES];
    uint64_t size_bytes;
    enum copy_part_state state;
};

struct copy_part_slot {
    struct copy_fetch fetch;
    struct arena arena;
    uint32_t number; /* 0: free */
};

struct copy_parts {
    enum {
        COPY_PARTS_BEGIN,
        COPY_PARTS_HEAD,
        COPY_PARTS_CREATE,
        COPY_PARTS_COPY,
        COPY_PARTS_COMPLETE
    } stage;
    struct copy_part *parts;
    uint32_t count, done;
    bool by_number, probed;
    uint64_t part_bytes; /* of ranges */
    struct copy_part_slot slots[COPY_PARTS_AT_ONCE];
    struct checksum checksum; /* of the whole, as the source says */
    bool etag_fits;           /* the source's ETag can be rebuilt */
    uint64_t received_bytes;  /* of parts that have ended */
    struct buf complete;
    size_t complete_at;
    char upload[UPLOAD_ID_TEXT_BYTES];
};

/* What the job's record has of it. */
static inline struct copy_large *copy_upload_record(struct copy_object *object)
{
    return object->slot >= 0 ? &object->run->job->progress.large[object->slot] : &object->own;
}

/* Decides on the parts: by_number the source's own; else ranges, of the size that the source's parts probably had,
 * or of a size of our own, and then the ETag will be another (etag_fits is false). False: memory */
bool copy_parts_choose(struct copy_object *object, bool by_number) MUST_USE;
/* Of a range: how long it is. */
uint64_t copy_parts_range_bytes(const struct copy_object *object, uint32_t number);
void copy_parts_done(
    struct copy_parts *parts, uint32_t number, const uint8_t *md5, uint64_t size_bytes);
/* The ETag that the parts make, and their size together. */
uint64_t copy_parts_rebuilt(const struct copy_parts *parts, struct etag *ret_etag);
/* The body of Complete, into parts->complete. */
void copy_parts_write(struct copy_parts *parts);

/* Goes on with what is under way and begins more. True: the object has ended, as of copy_object_step.
 * out: *ret_all  all parts are there */
bool copy_slots_step(struct copy_object *object, bool *ret_all) MUST_USE;
void copy_slots_cancel(struct copy_parts *parts);
bool copy_slots_in_line(const struct copy_parts *parts);
/* Received so far, of parts that have ended, too. */
uint64_t copy_slots_bytes(struct copy_parts *parts);
/* False: not yet; an event tells. */
bool copy_slots_close(struct copy_parts *parts) MUST_USE;

void copy_upload_abort(struct copy_object *object, struct upload_id id);
/* A crash may have come between the upload's beginning and the record of it: one without parts, since the job
 * began, of this key. */
void copy_upload_abort_forgotten(struct copy_object *object);
/* The parts that are there already. False: the upload is gone
 * out: *ret_complete  it has become the object */
bool copy_upload_take_up(struct copy_object *object, bool *ret_complete) MUST_USE;
void copy_upload_forget(struct copy_object *object);

#endif
