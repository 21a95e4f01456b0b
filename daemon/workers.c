#include "daemon/workers.h"

#include <pthread.h>

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct job *first, *last;
    size_t queued, queue_max;
    struct shares running, waiting; /* jobs of each client */
    size_t busy;
    size_t sleeping;
    size_t waking; /* called, but not awake yet */
    bool stopping;
    size_t thread_count;
    pthread_t threads[];
};

/* One sleeper at a time is called; once awake it calls the next if there is still work. Jobs are short
 * beside a call, so those who are awake take most of them, and a burst does not wake the whole pool. */
static void call_one(struct workers *workers)
{
    if (workers->waking > 0 || workers->sleeping == 0)
        return;
    workers->waking++;
    pthread_cond_signal(&workers->work);
}

/* May another thread work for the client? */
static bool may_run(const struct workers *workers, uint32_t client)
{
    return workers->stopping ||
           shares_has_room(&workers->running, client, 1, workers->thread_count);
}

/* The first whose client has no more than its share of the threads. */
static struct job *take_job(struct workers *workers)
{
    struct job **link = &workers->first, *before = NULL;
    while (*link != NULL && !may_run(workers, (*link)->client)) {
        before = *link;
        link = &before->next;
    }
    struct job *job = *link;
    if (job == NULL)
        return NULL;
    *link = job->next;
    if (workers->last == job)
        workers->last = before;
    workers->queued--;
    workers->busy++;
    shares_give(&workers->waiting, job->client, 1);
    shares_take(&workers->running, job->client, 1);
    return job;
}

static void put_job(struct workers *workers, struct job *job)
{
    job->next = NULL;
    if (workers->last != NULL)
        workers->last->next = job;
    else
        workers->first = job;
    workers->last = job;
    workers->queued++;
    shares_take(&workers->waiting, job->client, 1);
    if (may_run(workers, job->client))
        call_one(workers);
}

static void *worker_main(void *ctx)
{
    struct workers *workers = ctx;
    pthread_mutex_lock(&workers->lock);
    for (;;) {
        struct job *job = take_job(workers);
        if (job != NULL) {
            if (workers->first != NULL)
                call_one(workers);
            pthread_mutex_unlock(&workers->lock);
            uint32_t client = job->client;
            job->run(job); /* which may free it */
            pthread_mutex_lock(&workers->lock);
            workers->busy--;
            shares_give(&workers->running, client, 1);
        } else if (workers->stopping) {
            break;
        } else {
            workers->sleeping++;
            pthread_cond_wait(&workers->work, &workers->lock);
            workers->sleeping--;
            if (workers->waking > 0)
                workers->waking--;
        }
    }
    pthread_mutex_unlock(&workers->lock);
    return NULL;
}

struct workers *workers_new(size_t thread_count, size_t queue_max)
{
    struct workers *workers = calloc(1, sizeof(*workers) + thread_count * sizeof(pthread_t));
    if (workers == NULL)
        return NULL;
    pthread_mutex_init(&workers->lock, NULL);
    pthread_cond_init(&workers->work, NULL);
    workers->queue_max = queue_max;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, WORKER_STACK_BYTES);
    for (size_t i = 0; i < thread_count; i++) {
        if (pthread_create(&workers->threads[i], &attributes, worker_main, workers) != 0)
            break;
        workers->thread_count++;
    }
    pthread_attr_destroy(&attributes);
    if (workers->thread_count == thread_count)
        return workers;
    workers_free(workers);
    return NULL;
}

void workers_free(struct workers *workers)
{
    if (workers == NULL)
        return;
    pthread_mutex_lock(&workers->lock);
    workers->stopping = true;
    pthread_cond_broadcast(&workers->work);
    pthread_mutex_unlock(&workers->lock);
    for (size_t i = 0; i < workers->thread_count; i++)
        pthread_join(workers->threads[i], NULL);
    pthread_cond_destroy(&workers->work);
    pthread_mutex_destroy(&workers->lock);
    free(workers);
}

bool workers_submit(struct workers *workers, struct job *job)
{
    pthread_mutex_lock(&workers->lock);
    bool accepted = !workers->stopping && workers->queued < workers->queue_max &&
                    shares_has_room(&workers->waiting, job->client, 1, workers->queue_max);
    if (accepted)
        put_job(workers, job);
    pthread_mutex_unlock(&workers->lock);
    return accepted;
}

bool workers_give_way(struct workers *workers, struct job *job)
{
    pthread_mutex_lock(&workers->lock);
    bool gives_way = !workers->stopping && workers->first != NULL;
    if (gives_way)
        put_job(workers, job);
    pthread_mutex_unlock(&workers->lock);
    return gives_way;
}

void workers_stats(struct workers *workers, struct workers_stats *ret_stats)
{
    pthread_mutex_lock(&workers->lock);
    *ret_stats = (struct workers_stats){
        .threads = workers->thread_count, .busy = workers->busy, .queued = workers->queued};
    pthread_mutex_unlock(&workers->lock);
}
