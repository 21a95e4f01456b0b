/* Certificates, through GnuTLS, which can be read again while connections go on. One set a process,
 * since the library's callback carries no context. Thread-safe. */
#ifndef DAEMON_SERVER_TLS_H
#define DAEMON_SERVER_TLS_H

#include "base/span.h"

/* Reads both files and, when they are right and belong together, serves them to handshakes from now
 * on. False leaves what was. ret_error: a line for the user. Blocks on the disk. */
bool server_tls_load(
    const char *cert_path, const char *key_path, char *ret_error, size_t error_bytes) MUST_USE;
void server_tls_free(void);

/* "1.2", "1.3" for a gnutls_protocol_t; absent for others. A literal. */
struct span server_tls_version(int protocol);

/* What MHD_OPTION_HTTPS_CERT_CALLBACK wants: a gnutls_certificate_retrieve_function2. */
typedef void server_tls_callback(void);
server_tls_callback *server_tls_retrieve(void);

#endif
