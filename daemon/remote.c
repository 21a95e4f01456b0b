#include "base/digest.h"
#include "daemon/config.h"
#include "daemon/http_client.h"
#include "daemon/log.h"
#include "daemon/remote_internal.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 256,
    CONNECTIONS_PER_HOST_MAX = 128,
    BUCKET_ARENA_BYTES = 16 * 1024,
};

/* Only an address of this machine can be bound to. */
static bool is_local(const uint8_t address[static ADDRESS_BYTES])
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct sockaddr_in in = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    bool v4 = memcmp(address, mapped, sizeof(mapped)) == 0;
    if (v4)
        memcpy(&in.sin_addr, address + sizeof(mapped), sizeof(in.sin_addr));
    else
        memcpy(&in6.sin6_addr, address, ADDRESS_BYTES);
    int fd = socket(v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return true; /* nobody can tell: rather not */
    int bound = v4 ? bind(fd, (const struct sockaddr *)&in, sizeof(in))
                   : bind(fd, (const struct sockaddr *)&in6, sizeof(in6));
    close(fd);
    return bound == 0;
}

static bool may_connect(void *ctx, const struct sockaddr *address)
{
    struct remote *remote = ctx;
    const char *why = atomic_load(&remote->open) ? reach_refuses(&remote->reach, address)
                                                 : "the daemon is starting";
    if (why == NULL)
        return true;
    log_message(remote->log, LOG_WARNING,
        "a connection to an S3 server elsewhere was refused by remote_addresses: %s", why);
    return false;
}

struct remote *remote_new(
    const struct config *config, struct log *log, char ret_error[static REMOTE_ERROR_BYTES])
{
    struct remote *remote = calloc(1, sizeof(*remote));
    if (remote == NULL || !http_client_init()) {
        snprintf(ret_error, REMOTE_ERROR_BYTES, "not enough memory");
        free(remote);
        return NULL;
    }
    remote->log = log;
    atomic_init(&remote->open, false);
    if (!reach_parse(
            &config->remote_endpoints, &config->remote_addresses, &remote->reach, ret_error)) {
        remote_free(remote);
        return NULL;
    }
    remote->reach.is_local = is_local;
    struct http_engine_options options = {
        .connections_max = CONNECTIONS_MAX,
        .connections_per_host_max = CONNECTIONS_PER_HOST_MAX,
        .ca_file = config->remote_ca_file[0] != '\0' ? config->remote_ca_file : NULL,
        .may_connect = may_connect,
        .ctx = remote,
    };
    remote->engine = http_engine_new(&options);
    if (remote->engine == NULL) {
        snprintf(ret_error, REMOTE_ERROR_BYTES, "not enough memory or threads");
        remote_free(remote);
        return NULL;
    }
    return remote;
}

void remote_listening(struct remote *remote, const struct span *addresses, size_t count)
{
    bool known = true;
    for (size_t i = 0; i < count; i++)
        known = reach_add_own(&remote->reach, addresses[i]) && known;
    if (known)
        atomic_store(&remote->open, true);
    else
        log_message(remote->log, LOG_ERROR,
            "the addresses that are listened on are too many: no S3 server elsewhere is asked");
}

void remote_halt(struct remote *remote)
{
    if (remote != NULL)
        http_engine_halt(remote->engine);
}

void remote_free(struct remote *remote)
{
    if (remote == NULL)
        return;
    http_engine_free(remote->engine);
    http_client_exit();
    free(remote);
}

/* Absent where there is nothing. */
static struct span keep(struct arena *arena, struct span text)
{
    return text.len == 0 ? SPAN_ABSENT : arena_copy(arena, text);
}

enum remote_err remote_bucket_open(
    struct remote *remote, const struct remote_source *source, struct remote_bucket **ret_bucket)
{
    char region[REMOTE_REGION_BYTES];
    struct remote_endpoint endpoint;
    if (!remote_bucket_valid(source->bucket) ||
        !remote_endpoint_parse(source->endpoint_url, &endpoint, region) ||
        (source->region.len > 0 && !remote_region_valid(source->region, endpoint.is_aws)))
        return REMOTE_NOT_ALLOWED;
    struct span wanted = source->region.len > 0 ? source->region : span_str(region);
    if (wanted.len == 0)
        wanted = SPAN("us-east-1");
    remote_endpoint_regional(&endpoint, wanted);
    if (!reach_allows_endpoint(&remote->reach, &endpoint)) {
        log_message(remote->log, LOG_WARNING, "remote_endpoints does not name %s://%s:%u",
            endpoint.secure ? "https" : "http", endpoint.host, (unsigned)endpoint.port);
        return REMOTE_NOT_ALLOWED;
    }
    struct remote_bucket *bucket = calloc(1, sizeof(*bucket));
    if (bucket == NULL)
        return REMOTE_NO_MEMORY;
    arena_init(&bucket->arena, BUCKET_ARENA_BYTES);
    bucket->remote = remote;
    atomic_init(&bucket->references, 1);
    bucket->endpoint = endpoint;
    memcpy(bucket->region, wanted.ptr, wanted.len);
    bucket->name = arena_copy(&bucket->arena, source->bucket);
    bucket->access_key = keep(&bucket->arena, source->access_key);
    bucket->secret_key = keep(&bucket->arena, source->secret_key);
    bucket->session_token = keep(&bucket->arena, source->session_token);
    if (bucket->arena.overflow || pthread_mutex_init(&bucket->lock, NULL) != 0) {
        arena_free(&bucket->arena);
        free(bucket);
        return REMOTE_NO_MEMORY;
    }
    *ret_bucket = bucket;
    return REMOTE_OK;
}

static void wipe_span(struct span text)
{
    if (text.len > 0)
        wipe((char *)text.ptr, text.len);
}

void remote_bucket_close(struct remote_bucket *bucket)
{
    if (bucket == NULL || atomic_fetch_sub(&bucket->references, 1) != 1)
        return;
    wipe_span(bucket->secret_key);
    wipe_span(bucket->session_token);
    pthread_mutex_destroy(&bucket->lock);
    arena_free(&bucket->arena);
    free(bucket);
}

struct span remote_bucket_region(struct remote_bucket *bucket, struct arena *arena)
{
    pthread_mutex_lock(&bucket->lock);
    struct span region = arena_copy(arena, span_str(bucket->region));
    pthread_mutex_unlock(&bucket->lock);
    return region;
}
