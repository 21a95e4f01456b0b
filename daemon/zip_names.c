#include "daemon/zip_names.h"

#include "base/digest.h"

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* Parts of dots alone mean folders, or nothing on some systems. */
static bool is_dots(struct span part)
{
    for (size_t i = 0; i < part.len; i++)
        if (part.ptr[i] != '.')
            return false;
    return part.len <= 2;
}

static bool add_part(struct span part, struct buf *out)
{
    bool dots = is_dots(part), changed = dots;
    for (size_t i = 0; i < part.len; i++) {
        unsigned char c = (unsigned char)part.ptr[i];
        bool bad = dots || c < 0x20 || c == 0x7f || c == '\\';
        /* "C:" at the very beginning is a drive. */
        bad |= c == ':' && i == 1 && out->len == 1 && is_letter(part.ptr[0]);
        buf_add_char(out, bad ? '_' : (char)c);
        changed |= bad;
    }
    return changed;
}

bool zip_name_safe(struct span name, struct buf *out)
{
    bool changed = false, folder = span_ends(name, SPAN("/"));
    struct span rest = folder ? span_first(name, name.len - 1) : name, part;
    buf_clear(out);
    while (span_split(&rest, '/', &part)) {
        if (part.len == 0) {
            changed = true;
            continue;
        }
        if (out->len > 0)
            buf_add_char(out, '/');
        changed |= add_part(part, out);
    }
    if (folder && out->len > 0)
        buf_add_char(out, '/');
    return changed || out->len != name.len;
}

static uint64_t hash_of(struct span bytes)
{
    uint8_t digest[SHA256_BYTES];
    uint64_t hash;
    sha256_of(bytes, digest);
    memcpy(&hash, digest, sizeof(hash));
    return hash;
}

/* "dir/name~mark.ext", "dir~mark/". */
static void add_mark(struct span key, struct buf *name)
{
    struct span text = buf_span(name);
    struct span tail = span_ends(text, SPAN("/")) ? span_from(text, text.len - 1) : SPAN("");
    for (size_t i = text.len; tail.len == 0 && i-- > 0 && text.ptr[i] != '/';)
        if (text.ptr[i] == '.') {
            if (i > 0 && text.ptr[i - 1] != '/')
                tail = span_from(text, i);
            break;
        }
    uint64_t hash = hash_of(key);
    struct buf marked CLEANUP(buf_free);
    buf_init(&marked, ZIP_NAME_BYTES);
    buf_add(&marked, span_first(text, text.len - tail.len));
    buf_add_char(&marked, '~');
    buf_add_hex(&marked, &hash, 4);
    buf_add(&marked, tail);
    buf_clear(name);
    buf_add(name, buf_span(&marked));
}

static bool remember(struct zip_names *names, struct span name)
{
    uint64_t hash = hash_of(name);
    for (size_t i = 0; i < names->count; i++)
        if (names->seen[i] == hash)
            return false;
    if (names->count == ZIP_NAMES_MAX)
        return false;
    names->seen[names->count++] = hash;
    return true;
}

void zip_name_of(struct zip_names *names, struct span key, struct span name,
    bool (*is_taken)(void *ctx, struct span name), void *ctx, struct buf *ret_name)
{
    if (!zip_name_safe(name, ret_name))
        return;
    if (ret_name->len == 0)
        buf_add_char(ret_name, '_');
    if ((is_taken != NULL && is_taken(ctx, buf_span(ret_name))) ||
        !remember(names, buf_span(ret_name)))
        add_mark(key, ret_name);
}

void zip_name_marked(struct span key, struct span name, struct buf *ret_name)
{
    zip_name_safe(name, ret_name);
    if (ret_name->len == 0)
        buf_add_char(ret_name, '_');
    add_mark(key, ret_name);
}
