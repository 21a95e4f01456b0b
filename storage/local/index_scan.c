#include "storage/local/index_scan.h"

#include "storage/local/index.h"

void scan_init(struct index_scan *scan)
{
    pthread_mutex_init(&scan->lock, NULL);
}

void scan_destroy(struct index_scan *scan)
{
    pthread_mutex_destroy(&scan->lock);
}

static void add(struct tally *sum, const struct tally *more)
{
    sum->count += more->count;
    sum->hash[0] += more->hash[0];
    sum->hash[1] += more->hash[1];
}

static struct span key_span(const struct scan_key *key)
{
    return span_of(key->bytes, key->len);
}

/* ---- the writer's ---- */

void scan_write_begin(struct index_scan *scan)
{
    pthread_mutex_lock(&scan->lock);
    scan->writing = true;
    scan->writer = scan->place;
    scan->below = scan->inside = (struct tally){0};
    pthread_mutex_unlock(&scan->lock);
}

void scan_note(
    struct index_scan *scan, enum table table, struct span key, struct span value, bool added)
{
    const struct scan_place *place = &scan->writer;
    struct tally *tally = NULL;
    if (!place->active || place->table != table)
        return;
    if (place->done.len > 0 && span_cmp(key, key_span(&place->done)) <= 0)
        tally = &scan->below;
    else if (place->announced && (place->to_the_end || span_cmp(key, key_span(&place->end)) <= 0))
        tally = &scan->inside;
    if (tally && added)
        tally_add(tally, key, value);
    else if (tally)
        tally_remove(tally, key, value);
}

void scan_write_end(struct index_scan *scan, bool committed, uint64_t txn)
{
    scan->writing = false;
    if (!committed || !scan->place.active)
        return;
    bool current = scan->writer.number == scan->place.number;
    if (!current)
        scan->unseen_txn = txn;
    if (!scan->writer.active || scan->writer.number < scan->first_number)
        return;
    add(&scan->sum, &scan->below);
    if (!current) {
        /* Its range was finished meanwhile, without what this commit makes of it. */
        add(&scan->sum, &scan->inside);
    } else if (scan->place.announced) {
        scan->too_many |= scan->within_count == SCAN_COMMITS_MAX;
        if (scan->within_count < SCAN_COMMITS_MAX) {
            scan->within[scan->within_count].txn = txn;
            scan->within[scan->within_count++].change = scan->inside;
        }
    }
}

/* ---- who scans ---- */

void scan_start(struct index_scan *scan, enum table table)
{
    pthread_mutex_lock(&scan->lock);
    scan->first_number = scan->place.number + 1;
    scan->place = (struct scan_place){.active = true, .table = table, .number = scan->first_number};
    scan->sum = (struct tally){0};
    pthread_mutex_unlock(&scan->lock);
}

void scan_announce(struct index_scan *scan, struct span end)
{
    pthread_mutex_lock(&scan->lock);
    struct scan_place *place = &scan->place;
    place->number++;
    place->announced = true;
    place->to_the_end = !span_present(end);
    place->end.len = end.len;
    if (end.len > 0)
        memcpy(place->end.bytes, end.ptr, end.len);
    scan->unseen_txn = 0;
    scan->within_count = 0;
    scan->too_many = false;
    pthread_mutex_unlock(&scan->lock);
}

bool scan_finish(struct index_scan *scan, uint64_t txn, const struct tally *tally)
{
    pthread_mutex_lock(&scan->lock);
    struct scan_place *place = &scan->place;
    bool unseen = scan->unseen_txn > txn || (scan->writing && scan->writer.number != place->number);
    bool whole = !unseen && !scan->too_many;
    if (whole) {
        add(&scan->sum, tally);
        for (size_t i = 0; i < scan->within_count; i++)
            if (scan->within[i].txn > txn)
                add(&scan->sum, &scan->within[i].change);
        place->number++;
        place->announced = false;
        place->done = place->end;
    }
    scan->within_count = 0;
    scan->too_many = false;
    pthread_mutex_unlock(&scan->lock);
    return whole;
}

void scan_stop(struct index_scan *scan)
{
    pthread_mutex_lock(&scan->lock);
    scan->place.active = scan->place.announced = false;
    scan->place.number++;
    pthread_mutex_unlock(&scan->lock);
}
