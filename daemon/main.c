/* lakegated: builds the world, serves until a signal, takes it down again. */
#include "base/clock.h"
#include "base/encode.h"
#include "daemon/accounts.h"
#include "daemon/body_head.h"
#include "daemon/bucket_documents.h"
#include "daemon/config.h"
#include "daemon/connections.h"
#include "daemon/console_files.h"
#include "daemon/credentials.h"
#include "daemon/daemon.h"
#include "daemon/fault.h"
#include "daemon/identities.h"
#include "daemon/jobs/copy_jobs.h"
#include "daemon/jobs/scrub.h"
#include "daemon/links.h"
#include "daemon/log.h"
#include "daemon/md5_group.h"
#include "daemon/metrics.h"
#include "daemon/metrics_history.h"
#include "daemon/notify.h"
#include "daemon/public_access.h"
#include "daemon/remote.h"
#include "daemon/revoked_sessions.h"
#include "daemon/server.h"
#include "daemon/server_tls.h"
#include "daemon/source_ip.h"
#include "daemon/staging.h"
#include "daemon/vault.h"
#include "daemon/workers.h"
#include "sigv4.h"

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    EXIT_USAGE = 2,
    EXIT_FATAL = 70,
    MALLOC_ARENAS_MAX = 4,
    MALLOC_MMAP_BYTES = 2 * 1024 * 1024,
    MALLOC_KEPT_BYTES = 4 * 1024 * 1024, /* of each arena */
};

struct world {
    struct config config;
    struct daemon daemon;
    struct credentials *credentials;
    struct server *server;
    struct span domains[CONFIG_LIST_MAX];
    struct source_networks trusted_proxies;
};

/* One line that says what is wrong, and no more. */
static bool refuse(const char *what)
{
    fprintf(stderr, "lakegated: %s\n", what);
    return false;
}

static bool refuse_storage(const char *dir, enum storage_err err, const char *detail, int error)
{
    const char *what = "it cannot be opened";
    if (err == STORAGE_IN_USE)
        what = "another lakegated has it open; stop that one, or choose another folder with --data";
    else if (err == STORAGE_NEWER_FORMAT)
        what = "it was written by a newer release of Lakegate; start that release";
    else if (err == STORAGE_NO_SPACE)
        what = "the disk is full; make room and start again";
    else if (err == STORAGE_CORRUPT)
        what = "it is damaged; lakegate verify tells what, lakegate salvage rebuilds the index";
    else if (err == STORAGE_NO_MEMORY)
        what =
            "memory or address space for it is short; the index needs 1 GiB of ulimit -v at least";
    else if (err == STORAGE_UNUSABLE)
        what = error != 0 ? strerror(error) : "it cannot be read and written";
    if (err == STORAGE_UNUSABLE && (error == EACCES || error == EROFS || error == EPERM))
        what = "it cannot be written; give this user the right to, or choose another with --data";
    fprintf(stderr, "lakegated: data folder %s: %s%s%s%s\n", dir, what, detail ? " (" : "",
        detail ? detail : "", detail ? ")" : "");
    return false;
}

/* The store may acknowledge nothing more: neither may we. */
static void on_fatal(void *ctx, const char *what, int error_number)
{
    (void)ctx;
    if (error_number == EUCLEAN) {
        fprintf(stderr,
            "lakegated: the index is damaged (%s); stopped. lakegate verify tells what, lakegate "
            "salvage "
            "rebuilds it\n",
            what);
        _exit(EXIT_FATAL);
    }
    fprintf(stderr,
        "lakegated: %s failed: %s; stopped, since nothing could be acknowledged after it. Check "
        "the "
        "disk, then start again\n",
        what, strerror(error_number));
    _exit(EXIT_FATAL);
}

static const char *choose_data(const char *configured)
{
    if (configured[0] != '\0')
        return configured;
    return access("/var/lib/lakegate", R_OK | W_OK | X_OK) == 0 ? "/var/lib/lakegate"
                                                                : "./lakegate-data";
}

/* As many descriptors as the hard limit gives: connections and blobs need them. */
static void raise_limits(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    mallopt(M_ARENA_MAX, MALLOC_ARENAS_MAX);
    /* The buffers of a request are kept for the next one: fetched from the kernel each time, their
     * page faults are half of what a listing of 1000 keys costs. */
    mallopt(M_MMAP_THRESHOLD, MALLOC_MMAP_BYTES);
    mallopt(M_TRIM_THRESHOLD, MALLOC_KEPT_BYTES);
}

/* Signals come to sigwait in the main thread alone; threads inherit the mask. */
static void block_signals(sigset_t *ret_wanted)
{
    sigemptyset(ret_wanted);
    sigaddset(ret_wanted, SIGTERM);
    sigaddset(ret_wanted, SIGINT);
    sigaddset(ret_wanted, SIGHUP);
    pthread_sigmask(SIG_BLOCK, ret_wanted, NULL);
    signal(SIGPIPE, SIG_IGN);
}

static bool open_store(struct world *world)
{
    struct config *config = &world->config;
    struct storage_options options = {.dir = choose_data(config->data),
        .map_bytes = config->index_map_bytes,
        .reserve_bytes = config->reserve_bytes,
        .lineage_ms = (int64_t)config->lineage_days * 24 * 3600 * 1000,
        .snapshots = (uint32_t)config->snapshots,
        .snapshot_interval_ms = (int64_t)config->snapshot_interval_s * 1000,
        .on_fatal = on_fatal};
    config->data = options.dir;
    fault_say(config->data);
    const char *detail = NULL;
    errno = 0;
    enum storage_err err = storage_open(&options, &world->daemon.store, &detail);
    return err == STORAGE_OK || refuse_storage(options.dir, err, detail, errno);
}

static bool open_scrubber(struct world *world)
{
    world->daemon.scrubber = scrubber_new(&world->daemon);
    return world->daemon.scrubber != NULL ||
           refuse("what scrubs have found cannot be read; run lakegate verify");
}

static bool open_account_blocks(struct world *world)
{
    world->daemon.account_blocks = account_blocks_open(world->daemon.store);
    return world->daemon.account_blocks != NULL ||
           refuse("the accounts' public access blocks cannot be read; run lakegate verify");
}

static bool open_keys(struct world *world)
{
    char error[CONFIG_ERROR_BYTES];
    const struct config *config = &world->config;
    if (!credentials_open(config->data, span_str(config->root_access_key),
            span_str(config->root_secret_key), &world->credentials, error, sizeof(error)))
        return refuse(error);
    world->daemon.credentials = world->credentials;
    return true;
}

/* Who may ask: accounts, users and their keys, which the vault opens. */
static bool open_identities(struct world *world)
{
    struct daemon *daemon = &world->daemon;
    char error[VAULT_ERROR_BYTES];
    if (!vault_open(world->config.data, span_str(world->config.secrets_key), &daemon->vault, error))
        return refuse(error);
    daemon->iam = iam_new(daemon->store, daemon->vault, daemon->log);
    if (daemon->iam == NULL)
        return refuse("not enough memory");
    if (!iam_check_vault(daemon->iam, world->config.forget_secrets))
        return refuse(
            "the secrets key is not the one that this data folder's secrets are sealed "
            "with: hand that one in again, or, if it is lost, start with forget_secrets = on");
    daemon->accounts = accounts_open(daemon->store, daemon->iam);
    daemon->identities =
        identities_new(daemon->iam, daemon->vault, daemon->credentials, daemon->log);
    daemon->revoked_sessions = revoked_sessions_open(daemon->store);
    if (daemon->accounts == NULL || daemon->identities == NULL || daemon->revoked_sessions == NULL)
        return refuse("the accounts cannot be read; run lakegate verify on the data folder");
    identities_set_revoked(daemon->identities, daemon->revoked_sessions);
    return true;
}

static void close_identities(struct daemon *daemon)
{
    if (daemon->iam != NULL)
        iam_flush(daemon->iam);
    identities_free(daemon->identities);
    revoked_sessions_free(daemon->revoked_sessions);
    accounts_free(daemon->accounts);
    iam_free(daemon->iam);
    vault_free(daemon->vault);
}

static void set_identity(struct world *world)
{
    struct daemon *daemon = &world->daemon;
    const struct config *config = &world->config;
    uint64_t random[3];
    random_bytes(random, sizeof(random));
    hex_encode(&random[0], sizeof(random[0]), daemon->host_id);
    atomic_store(&daemon->request_counter, random[1]);
    daemon->client_seed = random[2];
    daemon->config = config;
    daemon->region = span_str(config->region);
    daemon->verify_reads = config->verify_reads;
    daemon->compare_bytes = config->compare_bytes;
    daemon->started_ns = clock_monotonic_ns();
    for (size_t i = 0; i < config->domain.count; i++)
        world->domains[i] = span_str(config->domain.items[i]);
    daemon->domains = world->domains;
    daemon->domain_count = config->domain.count;
}

static bool read_proxies(struct world *world)
{
    const struct config_list *list = &world->config.trusted_proxies;
    for (size_t i = 0; i < list->count; i++)
        if (!network_parse(span_str(list->items[i]), &world->trusted_proxies.items[i])) {
            fprintf(stderr, "lakegated: trusted_proxies: %s is no address or network\n",
                list->items[i]);
            return false;
        }
    world->trusted_proxies.count = list->count;
    world->daemon.trusted_proxies = &world->trusted_proxies;
    return true;
}

/* Half of the processors: what the others receive and write meanwhile is the next ones' company. */
static struct md5_group *new_md5_group(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return md5_group_new(processors > 1 ? (size_t)processors / 2 : 1);
}

static bool start_parts(struct world *world)
{
    struct daemon *daemon = &world->daemon;
    const struct config *config = &world->config;
    daemon->key_cache = sigv4_key_cache_new();
    daemon->documents = bucket_documents_new();
    daemon->staging = staging_new(config->staging_bytes);
    daemon->heads = body_heads_new();
    daemon->workers = workers_new(config->workers, config->worker_queue);
    daemon->md5_group = new_md5_group();
    daemon->connections =
        connections_new(config->connections, config->header_timeout_s, config->min_rate);
    daemon->metrics = metrics_new(config->metrics_buckets);
    if (daemon->key_cache == NULL || daemon->documents == NULL || daemon->staging == NULL ||
        daemon->heads == NULL || daemon->workers == NULL || daemon->md5_group == NULL ||
        daemon->connections == NULL || daemon->metrics == NULL ||
        (daemon->history = metrics_history_new(daemon)) == NULL ||
        !metrics_history_start(daemon->history))
        return refuse(
            "not enough memory or threads; lower workers, or raise the limits of this user");
    return true;
}

/* The way to S3 servers elsewhere; open once it is known what is listened on. */
static bool open_remote(struct world *world)
{
    char error[REMOTE_ERROR_BYTES];
    struct daemon *daemon = &world->daemon;
    daemon->remote = remote_new(&world->config, daemon->log, error);
    if (daemon->remote == NULL)
        return refuse(error);
    /* Whoever waits for an answer holds a worker: half of them are left to the rest. */
    daemon->links = links_open(daemon->store, daemon->vault, daemon->remote, daemon->log,
        (size_t)(world->config.workers + 1) / 2);
    return daemon->links != NULL ||
           refuse("the links cannot be read; run lakegate verify on the data folder");
}

static bool start(struct world *world)
{
    char error[SERVER_ERROR_BYTES];
    const struct config *config = &world->config;
    set_identity(world);
    if (!read_proxies(world))
        return false;
    if (config->tls_cert[0] != '\0' &&
        !server_tls_load(config->tls_cert, config->tls_key, error, sizeof(error)))
        return refuse(error);
    world->daemon.log = log_open(config->log, config->access_log);
    if (world->daemon.log == NULL) {
        snprintf(
            error, sizeof(error), "log %s cannot be written: %s", config->log, strerror(errno));
        return refuse(error);
    }
    if (!open_store(world) || !open_account_blocks(world) || !open_keys(world) ||
        !open_identities(world) || !open_scrubber(world) || !open_remote(world) ||
        !start_parts(world))
        return false;
    world->daemon.copies = copy_jobs_open(&world->daemon);
    if (world->daemon.copies == NULL)
        return refuse("the copy jobs cannot be read; run lakegate verify on the data folder");
    if (!server_start(&world->daemon, &world->server, error))
        return refuse(error);
    return copy_jobs_start(world->daemon.copies) || refuse("not enough threads");
}

static void stop(struct world *world)
{
    struct daemon *daemon = &world->daemon;
    copy_jobs_halt(daemon->copies);
    if (world->server != NULL)
        server_stop(world->server, world->config.drain_timeout_s);
    copy_jobs_free(daemon->copies);
    workers_free(daemon->workers);
    links_free(daemon->links);
    remote_free(daemon->remote);
    close_identities(daemon);
    scrubber_free(daemon->scrubber);
    metrics_history_free(daemon->history);
    storage_close(daemon->store);
    md5_group_free(daemon->md5_group);
    connections_free(daemon->connections);
    body_heads_free(daemon->heads);
    staging_free(daemon->staging);
    bucket_documents_free(daemon->documents);
    account_blocks_free(daemon->account_blocks);
    sigv4_key_cache_free(daemon->key_cache);
    credentials_free(world->credentials);
    metrics_free(daemon->metrics);
    log_close(daemon->log);
    server_tls_free();
    config_free(&world->config);
}

/* Where browsers find the console; not where a Unix socket is all there is. */
static void greet_console(const struct world *world, const char *scheme)
{
    const struct config *config = &world->config;
    if (!config->console || console_file_count == 0)
        return;
    if (config->console_host[0] != '\0' || config->public_url[0] != '\0') {
        bool by_host = config->console_host[0] != '\0';
        printf("console     %s%s%s%s/-/console/\n", by_host ? scheme : "", by_host ? "://" : "",
            by_host ? config->console_host : config->public_url,
            by_host ? config->path_prefix : "");
        return;
    }
    struct span address = server_address(world->server, 0);
    if (!span_starts(address, SPAN("unix:")))
        printf(
            "console     %s://%.*s%s/-/console/\n", scheme, SPAN_ARG(address), config->path_prefix);
}

/* The secret is printed when it was just made and a person looks on, or when it is asked for. */
static void greet(const struct world *world)
{
    const struct credentials *credentials = world->credentials;
    const char *scheme = world->config.tls_cert[0] != '\0' ? "https" : "http";
    bool show = world->config.print_credentials ||
                (credentials_are_new(credentials) && isatty(STDOUT_FILENO));
    printf("Lakegate " LAKEGATE_VERSION ", data in %s\n", world->config.data);
    for (size_t i = 0; span_present(server_address(world->server, i)); i++) {
        struct span address = server_address(world->server, i);
        bool is_unix = span_starts(address, SPAN("unix:"));
        printf("endpoint    %s%s%.*s\n", is_unix ? "" : scheme, is_unix ? "" : "://",
            SPAN_ARG(address));
    }
    greet_console(world, scheme);
    printf("region      %s\n", world->config.region);
    printf("access key  %.*s\n", SPAN_ARG(credentials_access_key(credentials)));
    if (show)
        printf("secret key  %.*s\n", SPAN_ARG(credentials_secret_key(credentials)));
    else if (span_present(credentials_file(credentials)))
        printf("secret key  in %.*s\n", SPAN_ARG(credentials_file(credentials)));
    else
        printf("secret key  as configured\n");
    fflush(stdout);
}

static void reload(struct world *world)
{
    char error[CONFIG_ERROR_BYTES];
    const struct config *config = &world->config;
    struct log *log = world->daemon.log;
    if (!log_reopen(log))
        log_message(
            log, LOG_ERROR, "log %s cannot be opened again: %s", config->log, strerror(errno));
    if (config->tls_cert[0] == '\0')
        return;
    if (server_tls_load(config->tls_cert, config->tls_key, error, sizeof(error)))
        log_message(log, LOG_INFO, "read %s again", config->tls_cert);
    else
        log_message(log, LOG_ERROR, "the old certificate stays: %s", error);
}

static void serve_until_told(struct world *world, const sigset_t *signals)
{
    for (;;) {
        int number = 0;
        if (sigwait(signals, &number) != 0)
            continue;
        if (number == SIGHUP) {
            reload(world);
            continue;
        }
        log_message(world->daemon.log, LOG_INFO, "stopping");
        notify_state("STOPPING=1");
        return;
    }
}

int main(int argc, char **argv)
{
    char error[CONFIG_ERROR_BYTES];
    struct world world = {0};
    if (!config_load(&world.config, argc, (const char *const *)argv, getenv, error)) {
        config_free(&world.config);
        fprintf(stderr, "%s\n", error);
        return EXIT_USAGE;
    }
    if (world.config.help || world.config.version || world.config.print_manual) {
        if (world.config.help)
            config_help(stdout);
        else if (world.config.print_manual)
            config_manual(stdout);
        else
            puts("lakegated " LAKEGATE_VERSION);
        config_free(&world.config);
        return EXIT_SUCCESS;
    }
    sigset_t signals;
    raise_limits();
    block_signals(&signals);
    bool started = start(&world);
    if (started) {
        greet(&world);
        log_message(world.daemon.log, LOG_INFO, "lakegated " LAKEGATE_VERSION " is ready");
        notify_state("READY=1");
        serve_until_told(&world, &signals);
    }
    stop(&world);
    return started ? EXIT_SUCCESS : EXIT_FAILURE;
}
