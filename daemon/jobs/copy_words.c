/* The names of states, reasons and counters. */
#include "daemon/jobs/copy_job.h"

static const char *const states[COPY_STATES] = {
    [COPY_QUEUED] = "queued",
    [COPY_RUNNING] = "running",
    [COPY_PAUSED] = "paused",
    [COPY_DONE] = "done",
    [COPY_FAILED] = "failed",
    [COPY_CANCELED] = "canceled",
};

const char *copy_state_text(enum copy_state state)
{
    return states[state];
}

bool copy_state_parse(struct span text, enum copy_state *ret_state)
{
    for (size_t i = 0; i < COPY_STATES; i++)
        if (span_eq(text, span_str(states[i]))) {
            *ret_state = (enum copy_state)i;
            return true;
        }
    return false;
}

static const char *const reasons[COPY_REASONS] = {
    [COPY_NO_REASON] = NULL,
    [COPY_REQUESTED] = "Requested",
    [COPY_PRINCIPAL_GONE] = "PrincipalGone",
    [COPY_SESSION_EXPIRED] = "SessionExpired",
    [COPY_DISK_FULL] = "DiskFull",
    [COPY_SOURCE_UNAVAILABLE] = "SourceUnavailable",
    [COPY_SOURCE_NOT_ALLOWED] = "SourceNotAllowed",
    [COPY_SOURCE_NOT_FOUND] = "SourceNotFound",
    [COPY_SOURCE_DENIED] = "SourceDenied",
    [COPY_SOURCE_NONSENSE] = "SourceNonsense",
    [COPY_DESTINATION_GONE] = "DestinationGone",
    [COPY_SECRETS_GONE] = "SecretsGone",
    [COPY_INTERNAL] = "Internal",
};

const char *copy_reason_text(enum copy_reason reason)
{
    return reasons[reason];
}

bool copy_reason_passes(enum copy_reason reason)
{
    return reason == COPY_DISK_FULL || reason == COPY_SOURCE_UNAVAILABLE;
}

#define COUNTER(name)                                                                              \
    {                                                                                              \
#name, offsetof(struct copy_counters, name)                                                \
    }
#define VERIFIED(name, i)                                                                          \
    {                                                                                              \
        name, offsetof(struct copy_counters, verified) + (i) * sizeof(uint64_t)                    \
    }
const struct copy_counter_name copy_counter_names[] = {
    COUNTER(copied_objects),
    COUNTER(copied_bytes),
    COUNTER(skipped_objects),
    COUNTER(skipped_bytes),
    COUNTER(filtered_objects),
    COUNTER(duplicate_objects),
    COUNTER(failed_objects),
    COUNTER(received_bytes),
    COUNTER(retries),
    COUNTER(tags_left_out),
    COUNTER(failures_not_listed),
    VERIFIED("checksum", COPY_BY_CHECKSUM),
    VERIFIED("md5", COPY_BY_MD5),
    VERIFIED("etag", COPY_BY_ETAG),
    VERIFIED("none", COPY_BY_NOTHING),
};
const size_t copy_counter_count = ARRAY_LEN(copy_counter_names);

void copy_counters_add(struct copy_counters *counters, const struct copy_counters *more)
{
    struct copy_counters added = *more;
    for (size_t i = 0; i < copy_counter_count; i++)
        *copy_counter_at(counters, i) += *copy_counter_at(&added, i);
}
