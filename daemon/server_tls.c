#include "daemon/server_tls.h"

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <pthread.h>

enum { CHAIN_MAX = 16 };

struct identity {
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned chain_len;
    gnutls_privkey_t key;
    struct identity *older; /* a handshake may still use it */
};

/* GnuTLS hands the callback a session and nothing of ours. */
static struct {
    pthread_mutex_t lock;
    struct identity *current;
} store = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void identity_free(struct identity *identity)
{
    if (identity == NULL)
        return;
    for (unsigned i = 0; i < identity->chain_len; i++)
        gnutls_pcert_deinit(&identity->chain[i]);
    if (identity->key != NULL)
        gnutls_privkey_deinit(identity->key);
    free(identity);
}

static bool failed(char *ret_error, size_t error_bytes, const char *path, const char *what)
{
    snprintf(ret_error, error_bytes, "%s: %s", path, what);
    return false;
}

static bool load_chain(
    struct identity *identity, const char *path, char *ret_error, size_t error_bytes)
{
    gnutls_datum_t text;
    int err = gnutls_load_file(path, &text);
    if (err < 0)
        return failed(ret_error, error_bytes, path, "the certificate cannot be read");
    identity->chain_len = CHAIN_MAX;
    err = gnutls_pcert_list_import_x509_raw(
        identity->chain, &identity->chain_len, &text, GNUTLS_X509_FMT_PEM, 0);
    gnutls_free(text.data);
    if (err == GNUTLS_E_SUCCESS && identity->chain_len > 0)
        return true;
    identity->chain_len = 0;
    return failed(ret_error, error_bytes, path, "is no certificate chain in PEM form");
}

static bool load_key(
    struct identity *identity, const char *path, char *ret_error, size_t error_bytes)
{
    gnutls_datum_t text;
    if (gnutls_load_file(path, &text) < 0)
        return failed(ret_error, error_bytes, path, "the private key cannot be read");
    int err = gnutls_privkey_init(&identity->key);
    if (err == GNUTLS_E_SUCCESS)
        err = gnutls_privkey_import_x509_raw(identity->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    gnutls_memset(text.data, 0, text.size);
    gnutls_free(text.data);
    return err == GNUTLS_E_SUCCESS ||
           failed(ret_error, error_bytes, path, "is no private key in PEM form without a password");
}

/* Has the key the public half that the certificate shows? */
static bool belong_together(struct identity *identity)
{
    unsigned char of_key[64], of_cert[64];
    size_t key_len = sizeof(of_key), cert_len = sizeof(of_cert);
    gnutls_pubkey_t public_half;
    if (gnutls_pubkey_init(&public_half) < 0)
        return false;
    bool same = gnutls_pubkey_import_privkey(public_half, identity->key, 0, 0) >= 0 &&
                gnutls_pubkey_get_key_id(public_half, 0, of_key, &key_len) >= 0 &&
                gnutls_pubkey_get_key_id(identity->chain[0].pubkey, 0, of_cert, &cert_len) >= 0 &&
                key_len == cert_len && memcmp(of_key, of_cert, key_len) == 0;
    gnutls_pubkey_deinit(public_half);
    return same;
}

bool server_tls_load(
    const char *cert_path, const char *key_path, char *ret_error, size_t error_bytes)
{
    struct identity *identity = calloc(1, sizeof(*identity));
    if (identity == NULL)
        return failed(ret_error, error_bytes, cert_path, "out of memory");
    if (!load_chain(identity, cert_path, ret_error, error_bytes) ||
        !load_key(identity, key_path, ret_error, error_bytes) ||
        (!belong_together(identity) &&
            !failed(ret_error, error_bytes, key_path, "does not belong to the certificate"))) {
        identity_free(identity);
        return false;
    }
    pthread_mutex_lock(&store.lock);
    identity->older = store.current;
    store.current = identity;
    pthread_mutex_unlock(&store.lock);
    return true;
}

struct span server_tls_version(int protocol)
{
    switch (protocol) {
    case GNUTLS_TLS1_0:
        return SPAN("1.0");
    case GNUTLS_TLS1_1:
        return SPAN("1.1");
    case GNUTLS_TLS1_2:
        return SPAN("1.2");
    case GNUTLS_TLS1_3:
        return SPAN("1.3");
    default:
        return SPAN_ABSENT;
    }
}

void server_tls_free(void)
{
    pthread_mutex_lock(&store.lock);
    while (store.current != NULL) {
        struct identity *older = store.current->older;
        identity_free(store.current);
        store.current = older;
    }
    pthread_mutex_unlock(&store.lock);
}

static int retrieve(gnutls_session_t session, const gnutls_datum_t *request_names, int name_count,
    const gnutls_pk_algorithm_t *algorithms, int algorithm_count, gnutls_pcert_st **ret_chain,
    unsigned *ret_chain_len, gnutls_privkey_t *ret_key)
{
    (void)session, (void)request_names, (void)name_count, (void)algorithms, (void)algorithm_count;
    pthread_mutex_lock(&store.lock);
    struct identity *identity = store.current;
    pthread_mutex_unlock(&store.lock);
    if (identity == NULL)
        return -1;
    *ret_chain = identity->chain;
    *ret_chain_len = identity->chain_len;
    *ret_key = identity->key;
    return 0;
}

server_tls_callback *server_tls_retrieve(void)
{
    return (server_tls_callback *)retrieve;
}
