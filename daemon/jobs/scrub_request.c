#include "daemon/jobs/scrub_request.h"

#include "daemon/daemon.h"
#include "daemon/jobs/scrub.h"
#include "daemon/ops/json_answer.h"

static enum s3_err scrubber_of(struct request *request, struct scrubber **ret_scrubber)
{
    *ret_scrubber = request->daemon->scrubber;
    return *ret_scrubber != NULL ? S3_OK : FAIL(request, SERVICE_UNAVAILABLE, NULL);
}

enum s3_err scrub_get(struct request *request)
{
    struct scrubber *scrubber = NULL;
    TRY(scrubber_of(request, &scrubber));
    scrubber_write(scrubber, json_answer(request));
    return S3_OK;
}

enum s3_err scrub_start(struct request *request)
{
    struct scrubber *scrubber = NULL;
    uint64_t rate = UINT64_MAX;
    struct span text = request_query(request, SPAN("rate"));
    TRY(scrubber_of(request, &scrubber));
    if (span_present(text) && (!span_to_u64(text, &rate) || rate == UINT64_MAX))
        return FAIL(request, INVALID_ARGUMENT, "rate must be bytes a second; 0: as fast as it can");
    scrubber_start(scrubber, rate);
    return scrub_get(request);
}

enum s3_err scrub_stop(struct request *request)
{
    struct scrubber *scrubber = NULL;
    TRY(scrubber_of(request, &scrubber));
    scrubber_cancel(scrubber);
    return scrub_get(request);
}
