#include "daemon/md5_group.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

/* On its thread's stack, gone as soon as it was called. */
struct turn {
    struct md5_run run;
    struct turn *next;
    bool leads; /* else another has done it */
    sem_t called;
};

struct md5_group {
    pthread_mutex_t lock;
    size_t at_once, leaders;
    struct turn *first, **end; /* who waits, in the order of coming */
};

struct md5_group *md5_group_new(size_t at_once)
{
    struct md5_group *group = calloc(1, sizeof(*group));
    if (group == NULL)
        return NULL;
    pthread_mutex_init(&group->lock, NULL);
    group->at_once = at_once;
    group->end = &group->first;
    return group;
}

void md5_group_free(struct md5_group *group)
{
    if (group == NULL)
        return;
    pthread_mutex_destroy(&group->lock);
    free(group);
}

/* Under the lock. */
static struct turn *take_turn(struct md5_group *group)
{
    struct turn *turn = group->first;
    if (turn != NULL && (group->first = turn->next) == NULL)
        group->end = &group->first;
    return turn;
}

/* True when the caller is to compute, false when it was done for it. */
static bool wait_turn(struct md5_group *group, struct turn *turn)
{
    pthread_mutex_lock(&group->lock);
    if (group->leaders < group->at_once) {
        group->leaders++;
        return true;
    }
    sem_init(&turn->called, 0, 0);
    *group->end = turn;
    group->end = &turn->next;
    pthread_mutex_unlock(&group->lock);
    while (sem_wait(&turn->called) != 0 && errno == EINTR)
        continue;
    sem_destroy(&turn->called);
    if (turn->leads)
        pthread_mutex_lock(&group->lock);
    return turn->leads;
}

static void call(struct turn *turn, bool leads)
{
    turn->leads = leads;
    sem_post(&turn->called);
}

void md5_group_update(struct md5_group *group, struct md5 *md5, struct span bytes)
{
    struct turn mine = {.run = {md5, bytes}}, *others[MD5_LANES - 1];
    struct md5_run runs[MD5_LANES] = {mine.run};
    size_t count = 0;
    if (group == NULL) {
        md5_update(md5, bytes);
        return;
    }
    if (!wait_turn(group, &mine))
        return;
    while (count < ARRAY_LEN(others) && (others[count] = take_turn(group)) != NULL) {
        runs[count + 1] = others[count]->run;
        count++;
    }
    pthread_mutex_unlock(&group->lock);
    md5_update_many(runs, count + 1);
    for (size_t i = 0; i < count; i++)
        call(others[i], false);
    pthread_mutex_lock(&group->lock);
    struct turn *next = take_turn(group); /* leads in the place of this one */
    group->leaders -= next == NULL;
    pthread_mutex_unlock(&group->lock);
    if (next != NULL)
        call(next, true);
}
