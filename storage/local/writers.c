#include "storage/local/space_internal.h"

static void *writer_main(void *arg)
{
    struct writers *writers = arg;
    pthread_mutex_lock(&writers->lock);
    for (;;) {
        while (writers->queued == 0 && !writers->stop)
            pthread_cond_wait(&writers->wake, &writers->lock);
        if (writers->queued == 0)
            break;
        struct write_job job = writers->jobs[writers->first];
        writers->first = (writers->first + 1) % WRITERS_QUEUE;
        writers->queued--;
        pthread_mutex_unlock(&writers->lock);
        enum storage_err err = stage_write(job.stage, job.bytes);
        atomic_store(&job.stage->writing, false);
        job.done(job.ctx, err);
        pthread_mutex_lock(&writers->lock);
    }
    pthread_mutex_unlock(&writers->lock);
    return NULL;
}

bool writers_start(struct writers *writers, uint32_t count)
{
    for (; writers->count < count; writers->count++)
        if (pthread_create(&writers->threads[writers->count], NULL, writer_main, writers) != 0)
            return false;
    return true;
}

void writers_stop(struct writers *writers)
{
    pthread_mutex_lock(&writers->lock);
    writers->stop = true;
    pthread_cond_broadcast(&writers->wake);
    pthread_mutex_unlock(&writers->lock);
    for (uint32_t i = 0; i < writers->count; i++)
        pthread_join(writers->threads[i], NULL);
    writers->count = 0;
}

enum storage_err writers_add(struct writers *writers, const struct write_job *job)
{
    pthread_mutex_lock(&writers->lock);
    bool full = writers->queued == WRITERS_QUEUE || writers->stop;
    if (!full) {
        writers->jobs[(writers->first + writers->queued) % WRITERS_QUEUE] = *job;
        writers->queued++;
        pthread_cond_signal(&writers->wake);
    }
    pthread_mutex_unlock(&writers->lock);
    return full ? STORAGE_BUSY : STORAGE_OK;
}
