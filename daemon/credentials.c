#include "daemon/credentials.h"

#include "base/arena.h"
#include "base/digest.h"
#include "daemon/key_text.h"
#include "daemon/private_file.h"

#include <errno.h>

enum { ACCESS_KEY_MADE_BYTES = 20, SECRET_KEY_MADE_BYTES = 40 };

struct credentials {
    char access_key[ACCESS_KEY_MAX_BYTES + 1];
    char secret_key[SECRET_KEY_MAX_BYTES + 1];
    char path[PRIVATE_FILE_PATH_BYTES];
    bool from_file, made;
};

/* What an Authorization header and an INI file can carry without quoting. */
static bool is_key_text(struct span text, bool slash)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if (c <= ' ' || c > '~' || c == ',' || c == '=' || c == '"' || (!slash && c == '/'))
            return false;
    }
    return true;
}

static const char *what_is_wrong(struct span access_key, struct span secret_key)
{
    if (access_key.len < ACCESS_KEY_MIN_BYTES || access_key.len > ACCESS_KEY_MAX_BYTES)
        return "the root access key must have 3 to 128 characters";
    if (!is_key_text(access_key, false))
        return "the root access key must be printable ASCII without space, comma, '=', '\"' and "
               "'/'";
    if (secret_key.len < SECRET_KEY_MIN_BYTES || secret_key.len > SECRET_KEY_MAX_BYTES)
        return "the root secret key must have 8 to 128 characters";
    for (size_t i = 0; i < secret_key.len; i++)
        if (secret_key.ptr[i] < ' ' || secret_key.ptr[i] == 127)
            return "the root secret key must not hold control characters";
    return NULL;
}

static void keep(struct credentials *credentials, struct span access_key, struct span secret_key)
{
    if (access_key.len > 0)
        memcpy(credentials->access_key, access_key.ptr, access_key.len);
    if (secret_key.len > 0)
        memcpy(credentials->secret_key, secret_key.ptr, secret_key.len);
}

enum { CHECK_BYTES = 8 + 1 };

/* CRC32C of both keys: a flipped bit in one of them would make another key, and nobody could tell why it does not
 * work any more. */
static void check_text(
    struct span access_key, struct span secret_key, char ret_text[static CHECK_BYTES])
{
    uint32_t crc = crc32c_update(0, access_key);
    crc = crc32c_update(crc, SPAN("\n"));
    snprintf(ret_text, CHECK_BYTES, "%08x", crc32c_update(crc, secret_key));
}

/* "access_key = …", "secret_key = …" and "check = …", a line each; the last may be missing. */
static void parse_file(struct span text, struct span *ret_access_key, struct span *ret_secret_key,
    struct span *ret_check)
{
    struct span line;
    while (span_split(&text, '\n', &line)) {
        size_t equals = span_find_char(line, '=', 0);
        if (equals == SIZE_MAX)
            continue;
        struct span name = span_trim(span_first(line, equals));
        struct span value = span_trim(span_from(line, equals + 1));
        if (span_eq(name, SPAN("access_key")))
            *ret_access_key = value;
        else if (span_eq(name, SPAN("secret_key")))
            *ret_secret_key = value;
        else if (span_eq(name, SPAN("check")))
            *ret_check = value;
    }
}

static bool load(
    struct credentials *credentials, struct span text, char *ret_error, size_t error_bytes)
{
    struct span access_key = SPAN_ABSENT, secret_key = SPAN_ABSENT, check = SPAN_ABSENT;
    char expected[CHECK_BYTES];
    parse_file(text, &access_key, &secret_key, &check);
    const char *wrong = what_is_wrong(access_key, secret_key);
    check_text(access_key, secret_key, expected);
    if (wrong == NULL && span_present(check) && !span_eq(check, span_str(expected)))
        wrong = "the keys do not match their check: they are damaged, or were edited; if they are "
                "right, "
                "remove the line \"check\"";
    if (wrong == NULL)
        keep(credentials, access_key, secret_key);
    else
        snprintf(ret_error, error_bytes, "%s: %s; repair it, or remove it for new keys",
            credentials->path, wrong);
    return wrong == NULL;
}

static bool store(const struct credentials *credentials, const char *dir)
{
    char text[512], check[CHECK_BYTES];
    check_text(span_str(credentials->access_key), span_str(credentials->secret_key), check);
    int len = snprintf(text, sizeof(text),
        "# The root keys of this Lakegate. Keep them secret.\naccess_key = %s\nsecret_key = %s\n"
        "check = %s\n",
        credentials->access_key, credentials->secret_key, check);
    bool done = private_file_write(dir, credentials->path, span_of(text, (size_t)len));
    wipe(text, sizeof(text));
    return done;
}

static bool from_file(
    struct credentials *credentials, const char *dir, char *ret_error, size_t error_bytes)
{
    snprintf(credentials->path, sizeof(credentials->path), "%s/root-credentials", dir);
    credentials->from_file = true;
    char text[PRIVATE_FILE_MAX_BYTES];
    size_t len = 0;
    enum private_file found =
        private_file_read(credentials->path, true, text, &len, ret_error, error_bytes);
    if (found == PRIVATE_FILE_REFUSED)
        return false;
    if (found == PRIVATE_FILE_READ) {
        bool loaded = load(credentials, span_of(text, len), ret_error, error_bytes);
        wipe(text, sizeof(text));
        return loaded;
    }
    key_text_id(credentials->access_key, ACCESS_KEY_MADE_BYTES);
    key_text_secret(credentials->secret_key, SECRET_KEY_MADE_BYTES);
    credentials->made = true;
    if (store(credentials, dir))
        return true;
    snprintf(
        ret_error, error_bytes, "%s cannot be written: %s", credentials->path, strerror(errno));
    return false;
}

bool credentials_open(const char *dir, struct span access_key, struct span secret_key,
    struct credentials **ret_credentials, char *ret_error, size_t error_bytes)
{
    struct credentials *credentials = calloc(1, sizeof(*credentials));
    if (credentials == NULL) {
        snprintf(ret_error, error_bytes, "out of memory");
        return false;
    }
    bool done;
    if (access_key.len == 0 && secret_key.len == 0) {
        done = from_file(credentials, dir, ret_error, error_bytes);
    } else {
        const char *wrong =
            access_key.len == 0 || secret_key.len == 0
                ? "the root access key and the root secret key must be given together"
                : what_is_wrong(access_key, secret_key);
        done = wrong == NULL;
        if (done)
            keep(credentials, access_key, secret_key);
        else
            snprintf(ret_error, error_bytes, "%s", wrong);
    }
    if (done)
        *ret_credentials = credentials;
    else
        credentials_free(credentials);
    return done;
}

void credentials_free(struct credentials *credentials)
{
    if (credentials == NULL)
        return;
    wipe(credentials, sizeof(*credentials));
    free(credentials);
}

struct span credentials_access_key(const struct credentials *credentials)
{
    return span_str(credentials->access_key);
}

struct span credentials_secret_key(const struct credentials *credentials)
{
    return span_str(credentials->secret_key);
}

bool credentials_are_new(const struct credentials *credentials)
{
    return credentials->made;
}

struct span credentials_file(const struct credentials *credentials)
{
    return credentials->from_file ? span_str(credentials->path) : SPAN_ABSENT;
}

struct span credentials_find(const struct credentials *credentials, struct span access_key)
{
    if (span_eq_constant_time(access_key, credentials_access_key(credentials)))
        return credentials_secret_key(credentials);
    return SPAN_ABSENT;
}
