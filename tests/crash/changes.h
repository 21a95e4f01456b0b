/* Changes of a small store, made on the model and on the store alike, for the programs that try what becomes of
 * them: each says how it commits. The model's first bucket must exist. */
#ifndef TESTS_CRASH_CHANGES_H
#define TESTS_CRASH_CHANGES_H

#include "random.h"

struct change {
    const char *name;
    void (*run)(void);
};
enum { CHANGES = 18 };
extern const struct change changes[CHANGES];

/* Makes the first bucket, and some objects in it. */
void change_begin(void);

/* ---- what the program does ---- */

/* shared->model is as it is to be when this is committed. False: it was refused, and the model is as before. */
bool commit_change(struct mutation *m);
/* The last commit's ids are in the model now. */
void change_learnt(void);
/* Something else than a commit did not work; returns when the change is simply not made then. */
void change_failed(const char *what);
void change_reopen(void);

#endif
