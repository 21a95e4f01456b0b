#include "daemon/config_table.h"

#define KIB 1024ull
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define AT(field) offsetof(struct config, field)

// clang-format off
const struct setting settings_table[] = {
    {"data", SETTING_TEXT, AT(data), "", 0, 0, true, NULL, NULL,
        "Folder that holds everything. Without it: /var/lib/lakegate where that exists and can be written, else ./lakegate-data."},
    {"listen", SETTING_LIST, AT(listen), "127.0.0.1:9000", 0, 0, true, NULL, NULL,
        "ADDRESS:PORT, [IPV6]:PORT, or unix:/PATH of a socket. Repeatable."},
    {"domain", SETTING_LIST, AT(domain), "", 0, 0, true, "MINIO_DOMAIN", NULL,
        "Domain under which BUCKET.DOMAIN names a bucket (virtual-host style). Repeatable."},
    {"region", SETTING_TEXT, AT(region), "us-east-1", 0, 0, true, "MINIO_REGION", NULL,
        "Region that signatures must name."},
    {"tls_cert", SETTING_TEXT, AT(tls_cert), "", 0, 0, true, NULL, NULL,
        "Certificate chain (PEM). With it every address but Unix sockets speaks TLS. Read again on SIGHUP."},
    {"tls_key", SETTING_TEXT, AT(tls_key), "", 0, 0, true, NULL, NULL,
        "Private key (PEM) of tls_cert."},
    {"root_access_key", SETTING_TEXT, AT(root_access_key), "", 0, 0, false, "MINIO_ROOT_USER", NULL,
        "Root access key. Without it one is made at the first start and kept in DATA/root-credentials."},
    {"root_secret_key", SETTING_TEXT, AT(root_secret_key), "", 0, 0, false, "MINIO_ROOT_PASSWORD", NULL,
        "Root secret key, given together with root_access_key."},
    {"connections", SETTING_COUNT, AT(connections), "4096", 8, 200000, true, NULL, NULL,
        "Connections that are served at once. Above it requests are answered 503 SlowDown."},
    {"io_threads", SETTING_COUNT, AT(io_threads), "0", 0, 64, true, NULL, NULL,
        "Threads that speak HTTP on each address. 0: one a processor, at most 16."},
    {"workers", SETTING_COUNT, AT(workers), "64", 1, 1024, true, NULL, NULL,
        "Threads that run operations which commit."},
    {"worker_queue", SETTING_COUNT, AT(worker_queue), "4096", 1, 1000000, false, NULL, NULL,
        "Operations that may wait for a worker. Above it requests are answered 503 SlowDown."},
    {"staging", SETTING_SIZE, AT(staging_bytes), "64M", 8 * MIB, 64 * GIB, true, NULL, NULL,
        "Memory for bodies on their way in, all connections together. Uploads wait while it is used up."},
    {"read_buffers", SETTING_SIZE, AT(read_bytes), "64M", 1 * MIB, 64 * GIB, false, NULL, NULL,
        "Memory for bodies on their way out. Above it large reads go on in smaller blocks."},
    {"header_memory", SETTING_SIZE, AT(header_bytes), "32K", 16 * KIB, 1 * MIB, false, NULL, NULL,
        "Memory of one connection for its request head and network buffers. Bounds the size of headers."},
    {"header_timeout", SETTING_SECONDS, AT(header_timeout_s), "15", 1, 3600, false, NULL, NULL,
        "Time in which the head of a request must have come, once it began."},
    {"idle_timeout", SETTING_SECONDS, AT(idle_timeout_s), "60", 1, 3600, false, NULL, NULL,
        "Time after which a connection without any traffic is closed."},
    {"min_rate", SETTING_SIZE, AT(min_rate), "1K", 0, 1 * GIB, false, NULL, NULL,
        "Bytes a second below which, over 30 seconds, a connection that sends or receives a body is closed. 0: no bound."},
    {"drain_timeout", SETTING_SECONDS, AT(drain_timeout_s), "30", 0, 3600, false, NULL, NULL,
        "Time that SIGTERM gives requests under way to end."},
    {"verify_reads", SETTING_BOOL, AT(verify_reads), "on", 0, 0, true, NULL, NULL,
        "Check the CRC32C of every block that is read. Off: large objects go out by sendfile."},
    {"reserve", SETTING_SIZE, AT(reserve_bytes), "64M", 0, 1024 * GIB, false, NULL, NULL,
        "Free disk space that uploads leave untouched, so that deletes always fit."},
    {"index_map", SETTING_SIZE, AT(index_map_bytes), "0", 0, 1024 * 1024 * GIB, false, NULL, NULL,
        "First size of the index's memory map. It grows by itself. 0: the store's default."},
    {"log", SETTING_TEXT, AT(log), "", 0, 0, true, NULL, NULL,
        "File for messages and the access log, opened again on SIGHUP. Without it: standard error."},
    {"access_log", SETTING_BOOL, AT(access_log), "on", 0, 0, true, NULL, NULL,
        "Write a line of JSON for every request."},
    {"metrics", SETTING_CHOICE, AT(metrics), "public", 0, 0, true, NULL, "public|signed",
        "Who may read /-/metrics: anyone, or requests signed with the root keys."},
};
// clang-format on
const size_t settings_count = ARRAY_LEN(settings_table);
