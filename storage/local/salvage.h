/* storage_salvage's parts: salvage.c is the way through, salvage_scan.c reads the packed segments for footers and log
 * frames, salvage_log.c finds which frames were committed and does them again (redo.h), salvage_mend.c finds extents
 * where they are now, takes out what lacks bytes, and makes the rows of segments. One process, one thread. */
#ifndef STORAGE_LOCAL_SALVAGE_H
#define STORAGE_LOCAL_SALVAGE_H

#include "storage/local/batch.h"
#include "storage/local/verify.h"

#include <limits.h>

enum {
    SALVAGE_STORES_MAX = 8,   /* ids of stores met in the log; frames of more are passed over */
    SALVAGE_CHANGES = 4096,   /* done again in one go */
    SALVAGE_BYTES = 16 << 20, /* of frames, at once in memory */
};

/* A frame that was found in a segment. */
struct salvage_frame {
    uint64_t id, previous_id;
    int64_t time_ms;
    uint64_t segment_id, offset_bytes;
    uint32_t size_bytes; /* header included */
    uint8_t store;       /* index in stores */
    bool torn;           /* the header alone is whole */
    bool committed;
    bool uncertain; /* nothing behind it says that its commit went well */
};

/* A packed segment. */
struct salvage_segment {
    uint64_t id, size_bytes, tail_bytes, log_bytes;
};

struct salvage {
    const struct storage_salvage *order;
    struct storage_salvage_figures figures;
    const char *detail;  /* why it cannot go on */
    char work[PATH_MAX]; /* folder of what is being made */
    char index_dir[PATH_MAX];
    struct storage store; /* as much of one as commits need */
    struct batch *batch;
    struct index *found; /* TABLE_EXTENTS: extent id, segment id → where a whole extent is */
    struct salvage_segment *segments; /* ascending ids */
    size_t segment_count, segment_capacity;
    struct salvage_frame *frames;
    size_t frame_count, frame_capacity;
    uint8_t stores[SALVAGE_STORES_MAX][16];
    uint64_t store_frames[SALVAGE_STORES_MAX];
    size_t store_count;
    bool has_base;       /* a snapshot was begun with */
    uint64_t base_frame; /* that it has already; 0: none */
    uint64_t last_frame; /* done again, or the base's */
    uint64_t boot;       /* the highest that was met */
    bool log_incomplete;
};

void salvage_tell(struct salvage *salvage, const char *format, ...) PRINTF_LIKE(2, 3);
/* The same for what is lost or not known. */
void salvage_lost(struct salvage *salvage, const char *format, ...) PRINTF_LIKE(2, 3);
enum storage_err salvage_refuse(
    struct salvage *salvage, const char *detail, enum storage_err err) MUST_USE;

enum { SALVAGE_TIME_BYTES = 24, SALVAGE_KEY_BYTES = 1100 };
const char *salvage_time(int64_t ms, char text[static SALVAGE_TIME_BYTES]);
/* Printable. */
const char *salvage_key(struct span key, char text[static SALVAGE_KEY_BYTES]);

/* Work in a commit of its own. err: what apply said, or why it cannot be committed */
enum storage_err salvage_commit(struct salvage *salvage, struct engine_work *work) MUST_USE;

/* salvage_scan.c: all packed segments → found, segments, frames, boot. */
enum storage_err salvage_scan(struct salvage *salvage) MUST_USE;
/* A place where this packed extent is whole. */
bool salvage_find_extent(
    struct salvage *salvage, const struct extent *extent, struct extent *ret_place) MUST_USE;
/* Is an extent with a file of its own whole? */
bool salvage_file_whole(struct salvage *salvage, const struct extent *extent) MUST_USE;

/* salvage_log.c: marks what was committed behind base_frame, tells of gaps; then does it again. */
void salvage_choose_store(struct salvage *salvage);
void salvage_follow(struct salvage *salvage);
enum storage_err salvage_replay(struct salvage *salvage) MUST_USE;

/* salvage_mend.c */
enum storage_err salvage_mend(struct salvage *salvage) MUST_USE;
/* Lists of ids that come in ascending order. */
bool salvage_lists(const struct id_list *list, uint64_t id);
enum storage_err salvage_add_id(struct id_list *list, uint64_t id) MUST_USE;

/* salvage_loss.c: versions and parts that have one of these extents, or whose pieces do not add up, go. */
enum storage_err salvage_take_losses(
    struct salvage *salvage, const struct id_list *bad_extents) MUST_USE;

#endif
