/* A limit of bytes a second over all that a job fetches: who finds nothing left pauses, and the job's thread lets it
 * go on when time has passed. */
#include "daemon/jobs/copy_pace.h"
#include "base/clock.h"
#include "daemon/jobs/copy_fetch.h"

void copy_pace_init(struct copy_pace *pace, uint64_t bytes_per_second)
{
    *pace =
        (struct copy_pace){.bytes_per_second = bytes_per_second, .filled_ns = clock_monotonic_ns()};
    if (pthread_mutex_init(&pace->lock, NULL) != 0)
        abort();
}

void copy_pace_free(struct copy_pace *pace)
{
    pthread_mutex_destroy(&pace->lock);
}

bool copy_pace_may(struct copy_pace *pace, struct copy_fetch *fetch)
{
    if (pace == NULL || pace->bytes_per_second == 0)
        return true;
    pthread_mutex_lock(&pace->lock);
    bool may = pace->allowance > 0;
    if (!may && !fetch->is_paced) {
        fetch->is_paced = true;
        fetch->next_paced = pace->waiting;
        pace->waiting = fetch;
    }
    pthread_mutex_unlock(&pace->lock);
    return may;
}

void copy_pace_took(struct copy_pace *pace, size_t bytes)
{
    if (pace == NULL || pace->bytes_per_second == 0)
        return;
    pthread_mutex_lock(&pace->lock);
    pace->allowance -= (int64_t)bytes;
    pthread_mutex_unlock(&pace->lock);
}

void copy_pace_leave(struct copy_pace *pace, struct copy_fetch *fetch)
{
    if (pace == NULL || pace->bytes_per_second == 0)
        return;
    pthread_mutex_lock(&pace->lock);
    for (struct copy_fetch **at = &pace->waiting; *at != NULL; at = &(*at)->next_paced)
        if (*at == fetch) {
            *at = fetch->next_paced;
            break;
        }
    fetch->is_paced = false;
    pthread_mutex_unlock(&pace->lock);
}

void copy_pace_tick(struct copy_pace *pace)
{
    if (pace->bytes_per_second == 0)
        return;
    pthread_mutex_lock(&pace->lock);
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t ms = (now_ns - pace->filled_ns) / 1000000;
    if (ms > 1000)
        ms = 1000; /* what was not used is not saved up */
    if (ms > 0) {
        int64_t most = (int64_t)pace->bytes_per_second;
        uint64_t part =
            pace->bytes_per_second / 1000 * ms + pace->bytes_per_second % 1000 * ms / 1000;
        pace->allowance += (int64_t)part;
        if (pace->allowance > most)
            pace->allowance = most;
        if (part > 0)
            pace->filled_ns = now_ns;
    }
    while (pace->allowance > 0 && pace->waiting != NULL) {
        struct copy_fetch *fetch = pace->waiting;
        pace->waiting = fetch->next_paced;
        fetch->is_paced = false;
        remote_read_resume(fetch->read);
    }
    pthread_mutex_unlock(&pace->lock);
}
