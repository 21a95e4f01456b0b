/* The settings: one table (config_table.c) of name, type, default, bounds, and what it is for. A
 * setting is taken from, the later winning: the default, the file (--config), the environment
 * (LAKEGATE_ and the name in capitals), the command line (-- and the name with dashes, for those
 * that have a flag). Read-only after start, so thread-safe. */
#ifndef DAEMON_CONFIG_H
#define DAEMON_CONFIG_H

#include "base/arena.h"

enum { CONFIG_LIST_MAX = 16, CONFIG_ERROR_BYTES = 512, CONFIG_FILE_MAX_BYTES = 256 * 1024 };

struct config_list {
    const char *items[CONFIG_LIST_MAX];
    size_t count;
};

enum metrics_access { METRICS_LOCAL, METRICS_PUBLIC, METRICS_SIGNED };

/* What a bucket has when it is made: AWS's defaults; no public access block; and ACLs, too. */
enum new_buckets { NEW_BUCKETS_AWS, NEW_BUCKETS_OPEN, NEW_BUCKETS_LEGACY };

struct config {
    struct arena arena;
    const char *data; /* "": to be chosen */
    struct config_list listen;
    struct config_list domain;
    const char *region;
    const char *tls_cert, *tls_key;
    const char *root_access_key, *root_secret_key;
    const char *secrets_key;
    bool forget_secrets;
    uint64_t connections;
    uint64_t io_threads; /* 0: one a processor */
    uint64_t workers, worker_queue;
    uint64_t staging_bytes, read_bytes, header_bytes;
    uint64_t header_timeout_s, idle_timeout_s, drain_timeout_s;
    uint64_t min_rate; /* bytes a second */
    uint64_t streams;  /* responses that are made while they are sent */
    bool verify_reads;
    uint64_t reserve_bytes, index_map_bytes;
    uint64_t compare_bytes, lineage_days;
    uint64_t snapshots, snapshot_interval_s;
    uint64_t scrub_rate, scrub_days;
    const char *log; /* "": standard error */
    bool access_log;
    int metrics;               /* enum metrics_access */
    const char *metrics_token; /* "": none */
    uint64_t metrics_buckets;
    int new_buckets; /* enum new_buckets */
    struct config_list trusted_proxies;
    bool console;
    const char *console_host; /* "": whatever the Host */
    bool object_sandbox;
    const char *path_prefix; /* "/lake"; "": none */
    const char *public_url;  /* without a last slash; "": as the client says */
    struct config_list remote_endpoints, remote_addresses; /* reach.h */
    const char *remote_ca_file;                            /* "": the system's */

    bool help, version, print_credentials, print_manual; /* the command line's own */
};

/* in:  get_env  getenv, or a test's own
 * out: ret_error  a line for the user
 * Prints nothing. Blocks on the disk for --config. */
bool config_load(struct config *config, int argc, const char *const *argv,
    char *(*get_env)(const char *name), char ret_error[static CONFIG_ERROR_BYTES]) MUST_USE;
void config_free(struct config *config);

/* The text of --help, and of the manual page lakegate.conf(5). */
void config_help(FILE *out);
void config_manual(FILE *out);

#endif
