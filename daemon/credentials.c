#include "daemon/credentials.h"

#include "base/arena.h"
#include "base/digest.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX_BYTES = 4096, ACCESS_KEY_MADE_BYTES = 20, SECRET_KEY_MADE_BYTES = 40 };

struct credentials {
    char access_key[ACCESS_KEY_MAX_BYTES + 1];
    char secret_key[SECRET_KEY_MAX_BYTES + 1];
    char path[4096];
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

/* Letters of equal likelihood: bytes past the last whole multiple of the alphabet are thrown away.
 */
static void make_key(const char *alphabet, size_t alphabet_len, char *ret_text, size_t len)
{
    size_t filled = 0;
    while (filled < len) {
        uint8_t random;
        random_bytes(&random, 1);
        if (random < 256 / alphabet_len * alphabet_len)
            ret_text[filled++] = alphabet[random % alphabet_len];
    }
    ret_text[len] = '\0';
}

/* "access_key = …" and "secret_key = …", a line each. */
static void parse_file(struct span text, struct span *ret_access_key, struct span *ret_secret_key)
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
    }
}

static bool read_file(int fd, char *ret_text, size_t size, size_t *ret_len)
{
    size_t len = 0;
    while (len < size) {
        ssize_t got = read(fd, ret_text + len, size - len);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return false;
        if (got == 0)
            break;
        len += (size_t)got;
    }
    *ret_len = len;
    return true;
}

static bool load(struct credentials *credentials, int fd, char *ret_error, size_t error_bytes)
{
    struct stat status;
    char text[FILE_MAX_BYTES];
    size_t len = 0;
    if (fstat(fd, &status) != 0 || !read_file(fd, text, sizeof(text), &len)) {
        snprintf(
            ret_error, error_bytes, "%s cannot be read: %s", credentials->path, strerror(errno));
        return false;
    }
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
        wipe(text, sizeof(text));
        snprintf(ret_error, error_bytes,
            "%s can be read by others: run chmod 600 on it, or remove it for new keys",
            credentials->path);
        return false;
    }
    struct span access_key = SPAN_ABSENT, secret_key = SPAN_ABSENT;
    parse_file(span_of(text, len), &access_key, &secret_key);
    const char *wrong = what_is_wrong(access_key, secret_key);
    if (wrong == NULL)
        keep(credentials, access_key, secret_key);
    else
        snprintf(ret_error, error_bytes, "%s: %s; repair it, or remove it for new keys",
            credentials->path, wrong);
    wipe(text, sizeof(text));
    return wrong == NULL;
}

static bool write_all(int fd, const char *text, size_t len)
{
    while (len > 0) {
        ssize_t put = write(fd, text, len);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return false;
        text += put;
        len -= (size_t)put;
    }
    return true;
}

/* On disk under another name first: a crash leaves the whole file or none. */
static bool store(const struct credentials *credentials, const char *dir)
{
    char temporary[sizeof(credentials->path) + 8], text[512];
    snprintf(temporary, sizeof(temporary), "%s.new", credentials->path);
    int len = snprintf(text, sizeof(text),
        "# The root keys of this Lakegate. Keep them secret.\naccess_key = %s\nsecret_key = %s\n",
        credentials->access_key, credentials->secret_key);
    unlink(temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    bool done = write_all(fd, text, (size_t)len) && fsync(fd) == 0;
    wipe(text, sizeof(text));
    done = close(fd) == 0 && done;
    done = done && rename(temporary, credentials->path) == 0;
    if (!done) {
        unlink(temporary);
        return false;
    }
    int dir_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return false;
    done = fsync(dir_fd) == 0;
    close(dir_fd);
    return done;
}

static bool from_file(
    struct credentials *credentials, const char *dir, char *ret_error, size_t error_bytes)
{
    snprintf(credentials->path, sizeof(credentials->path), "%s/root-credentials", dir);
    credentials->from_file = true;
    int fd = open(credentials->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0) {
        bool loaded = load(credentials, fd, ret_error, error_bytes);
        close(fd);
        return loaded;
    }
    if (errno != ENOENT) {
        snprintf(
            ret_error, error_bytes, "%s cannot be read: %s", credentials->path, strerror(errno));
        return false;
    }
    static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    static const char mixed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    make_key(upper, sizeof(upper) - 1, credentials->access_key, ACCESS_KEY_MADE_BYTES);
    make_key(mixed, sizeof(mixed) - 1, credentials->secret_key, SECRET_KEY_MADE_BYTES);
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
