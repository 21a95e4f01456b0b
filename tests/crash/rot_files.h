/* The files of a store whose bits are flipped: read once, laid out anew for each flip. */
#ifndef TESTS_CRASH_ROT_FILES_H
#define TESTS_CRASH_ROT_FILES_H

#include "base/span.h"

enum { ROT_FILES_MAX = 64, ROT_PATH_BYTES = 200 };

enum place { PLACE_INDEX, PLACE_SEGMENT, PLACE_FILE, PLACES };
extern const char *const rot_place_names[PLACES];

struct rot_file {
    enum place place;
    char name[64]; /* below the data folder */
    char *bytes;
    size_t len, used;
};
extern struct rot_file rot_files[ROT_FILES_MAX];

struct rot_flip {
    size_t file; /* of rot_files; SIZE_MAX: nothing is flipped */
    size_t byte;
    unsigned bit;
};

/* Data folders: the store as it was made, and that of a flip. Set before all that follows. */
extern char rot_base[ROT_PATH_BYTES], rot_work[ROT_PATH_BYTES];

_Noreturn void rot_give_up(const char *what);
void rot_path_in(const char *dir, const char *name, char path[static ROT_PATH_BYTES]);
void rot_remove_folder(const char *path);

/* Of the closed store in rot_base. */
void rot_read_files(void);
/* The same for the same seed and number. */
struct rot_flip rot_any_flip(uint64_t seed, uint64_t number);
/* Makes rot_work with one bit flipped. Other files than the index are the base's own unless they are copied, for runs
 * that change them. */
void rot_lay_out(const struct rot_flip *flip, bool copy);

#endif
