/* Tags of the source's objects. A GET's head says how many there are, so they are asked for when there are any, and the
 * object once more; behind an object with tags the next is asked for its tags first. They come along as
 * x-amz-tagging. What the source does not tell, and what may not be put here, is left out and counted. */
#include "daemon/jobs/copy_run.h"

enum { TAGS_ARENA_BYTES = 512 * 1024 };

bool copy_tags_wanted(struct copy_object *object)
{
    object->tags.needed = true;
    object->due_ns = 0;
    object->then = COPY_RETRY;
    return true;
}

bool copy_tags_leave_out(struct copy_object *object)
{
    struct copy_tags *tags = &object->tags;
    if (tags->left_out || (!object->run->job->spec.local && !span_present(tags->text)))
        return false;
    tags->text = SPAN_ABSENT;
    tags->left_out = true;
    object->due_ns = 0;
    return true;
}

void copy_tags_told(struct copy_object *object, uint64_t tag_count)
{
    object->run->tagged = tag_count > 0;
    if (tag_count > 0 && !span_present(object->tags.text))
        object->tags.left_out = true;
}

/* False: memory */
static bool read_document(struct copy_object *object, struct span document)
{
    struct arena arena CLEANUP(arena_free);
    struct buf text CLEANUP(buf_free);
    struct tags tags = {NULL, 0};
    arena_init(&arena, TAGS_ARENA_BYTES);
    buf_init(&text, COPY_OBJECT_ARENA_BYTES);
    enum remote_err err = remote_tags_parse(&arena, document, &tags);
    tags_write_query(&text, &tags);
    if (tags.count > 0)
        object->tags.text = arena_copy(&object->arena, buf_span(&text));
    return err != REMOTE_NO_MEMORY && buf_ok(&text) && !object->arena.overflow;
}

/* Whether the object is there at all its GET will tell. */
static bool is_refused(const struct copy_fetch *fetch)
{
    return !buf_ok(&fetch->tags) || fetch->failure.err == REMOTE_DENIED ||
           fetch->failure.err == REMOTE_REFUSED || fetch->failure.err == REMOTE_NOT_FOUND;
}

static bool step(struct copy_object *object)
{
    struct copy_fetch *fetch = &object->task->fetch;
    if (!copy_fetch_step(fetch))
        return false;
    if (fetch->end != COPY_FETCH_OK && !is_refused(fetch))
        return copy_object_fetch_failed(object, fetch);
    if (fetch->end == COPY_FETCH_OK && !read_document(object, buf_span(&fetch->tags)))
        return copy_object_failed(object, SPAN("Internal"), SPAN("not enough memory"));
    object->run->tagged = span_present(object->tags.text);
    object->tags.known = true;
    object->tags.needed = false;
    object->due_ns = 0;
    object->then = COPY_RETRY;
    return true;
}

void copy_tags_start(struct copy_object *object)
{
    copy_object_prepare(object);
    object->task->fetch.of_tags = true;
    object->step = step;
    if (!copy_fetch_start(&object->task->fetch))
        copy_object_wake(object);
}
