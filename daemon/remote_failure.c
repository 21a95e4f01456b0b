#include "base/clock.h"
#include "base/digest.h"
#include "daemon/remote_internal.h"
#include "http_time.h"

enum { BACKOFF_FIRST_MS = 200, BACKOFF_MAX_MS = 20 * 1000 };

bool remote_retryable(enum remote_err err)
{
    return err == REMOTE_UNREACHABLE || err == REMOTE_BROKEN || err == REMOTE_BUSY;
}

const char *remote_text(enum remote_err err)
{
    switch (err) {
    case REMOTE_OK:
        return "done";
    case REMOTE_NOT_ALLOWED:
        return "the source is none that this server's settings allow";
    case REMOTE_UNREACHABLE:
        return "the source cannot be reached";
    case REMOTE_BROKEN:
        return "the source's answer broke off";
    case REMOTE_BUSY:
        return "the source is busy";
    case REMOTE_NOT_FOUND:
        return "the source does not have it";
    case REMOTE_DENIED:
        return "the source denies it";
    case REMOTE_CHANGED:
        return "the source has changed it";
    case REMOTE_NOT_MODIFIED:
        return "the source has not changed it";
    case REMOTE_RANGE:
        return "the source does not have that range";
    case REMOTE_REFUSED:
        return "the source refuses the request";
    case REMOTE_NONSENSE:
        return "the source's answer makes no sense";
    case REMOTE_CANCELLED:
        return "cancelled";
    case REMOTE_NO_MEMORY:
        return "not enough memory";
    }
    return "unknown";
}

static enum remote_err by_status(int status)
{
    switch (status) {
    case 304:
        return REMOTE_NOT_MODIFIED;
    case 401:
    case 403:
        return REMOTE_DENIED;
    case 404:
        return REMOTE_NOT_FOUND;
    case 412:
        return REMOTE_CHANGED;
    case 416:
        return REMOTE_RANGE;
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return REMOTE_BUSY;
    default:
        return REMOTE_REFUSED;
    }
}

/* Seconds, or a date. src: RFC 9110, section 10.2.3 */
static uint64_t retry_after_ms(struct span value)
{
    uint64_t seconds = 0;
    int64_t at_s = 0;
    if (!span_present(value))
        return 0;
    if (!span_to_u64(value, &seconds)) {
        int64_t now_s = clock_unix_ms() / 1000;
        if (!http_time_parse(value, &at_s) || at_s <= now_s)
            return 0;
        seconds = (uint64_t)(at_s - now_s);
    }
    return seconds < REMOTE_RETRY_AFTER_MAX_MS / 1000 ? seconds * 1000 : REMOTE_RETRY_AFTER_MAX_MS;
}

void remote_failure_of(const struct http_head *head, struct remote_failure *ret_failure)
{
    *ret_failure = (struct remote_failure){
        .err = by_status(head->status),
        .status = head->status,
        .retry_after_ms = retry_after_ms(header_find(&head->headers, SPAN("retry-after"))),
    };
}

bool remote_backoff_next(struct remote_backoff *backoff, const struct remote_failure *failure,
    unsigned tries_max, uint64_t *ret_wait_ms)
{
    if (!remote_retryable(failure->err) || backoff->failures + 1 >= tries_max)
        return false;
    uint64_t wait_ms = BACKOFF_FIRST_MS;
    for (unsigned i = 0; i < backoff->failures && wait_ms < BACKOFF_MAX_MS; i++)
        wait_ms *= 2;
    if (wait_ms > BACKOFF_MAX_MS)
        wait_ms = BACKOFF_MAX_MS;
    uint64_t random;
    random_bytes(&random, sizeof(random));
    wait_ms = wait_ms / 2 + random % (wait_ms / 2 + 1);
    backoff->failures++;
    *ret_wait_ms = failure->retry_after_ms > wait_ms ? failure->retry_after_ms : wait_ms;
    return true;
}
