#include "daemon/jobs/copy_plan.h"

#include "names.h"

#define MIB (UINT64_C(1) << 20)

/* Bytes of the UTF-8 character at the front; 1 for what is none. */
static size_t character_bytes(struct span text)
{
    size_t len = 1;
    while (len < text.len && len < 4 && ((unsigned char)text.ptr[len] & 0xc0) == 0x80)
        len++;
    return (unsigned char)text.ptr[0] >= 0xc0 ? len : 1;
}

/* "[…]" at the front of glob. False: it is none, but a plain '['. out: *ret_len of glob, *ret_in */
static bool read_set(struct span glob, unsigned char byte, size_t *ret_len, bool *ret_in)
{
    size_t at = 1;
    bool negated = at < glob.len && (glob.ptr[at] == '!' || glob.ptr[at] == '^'), in = false;
    at += negated;
    for (size_t first = at; at < glob.len && (glob.ptr[at] != ']' || at == first); at++) {
        unsigned char low = (unsigned char)glob.ptr[at], high = low;
        if (at + 2 < glob.len && glob.ptr[at + 1] == '-' && glob.ptr[at + 2] != ']') {
            high = (unsigned char)glob.ptr[at + 2];
            at += 2;
        }
        in |= low <= byte && byte <= high;
    }
    if (at >= glob.len)
        return false;
    *ret_len = at + 1;
    *ret_in = in != negated;
    return true;
}

/* One element of glob against the front of text. False: they differ. */
static bool step(struct span *glob, struct span *text)
{
    size_t glob_len = 1, text_len = 1;
    bool in = false;
    char c = glob->ptr[0];
    if (c == '?') {
        text_len = character_bytes(*text);
        in = true;
    } else if (c != '[' || !read_set(*glob, (unsigned char)text->ptr[0], &glob_len, &in)) {
        in = c == text->ptr[0];
    }
    *glob = span_from(*glob, glob_len);
    *text = span_from(*text, text_len);
    return in;
}

bool copy_glob_matches(struct span glob, struct span text)
{
    /* Only the last '*' needs to be taken back: what an earlier one could match, a later one can as well. */
    struct span after_star = SPAN_ABSENT, retry = SPAN_ABSENT;
    if (!span_present(glob) || !span_present(text))
        return glob.len == text.len;
    for (;;) {
        if (glob.len > 0 && glob.ptr[0] == '*') {
            after_star = glob = span_from(glob, 1);
            retry = text;
            continue;
        }
        if (text.len == 0)
            return glob.len == 0;
        if (glob.len > 0 && step(&glob, &text))
            continue;
        if (!span_present(after_star) || retry.len == 0)
            return false;
        retry = span_from(retry, 1);
        glob = after_star;
        text = retry;
    }
}

size_t copy_taken_off(struct span source_prefix)
{
    size_t len = span_present(source_prefix) ? source_prefix.len : 0;
    while (len > 0 && source_prefix.ptr[len - 1] != '/')
        len--;
    return len;
}

static bool matches_any(const struct copy_globs *globs, struct span name)
{
    for (size_t i = 0; i < globs->count; i++)
        if (copy_glob_matches(globs->items[i], name))
            return true;
    return false;
}

bool copy_wanted(
    const struct copy_spec *spec, struct span key, uint64_t size_bytes, int64_t modified_ms)
{
    const struct copy_filters *filters = &spec->filters;
    struct span name = span_from(key, copy_taken_off(spec->source_prefix));
    return size_bytes >= filters->min_bytes && size_bytes <= filters->max_bytes &&
           modified_ms >= filters->modified_since_ms &&
           (filters->include.count == 0 || matches_any(&filters->include, name)) &&
           !matches_any(&filters->exclude, name);
}

struct span copy_key(struct arena *arena, const struct copy_spec *spec, struct span key)
{
    struct span name = span_from(key, copy_taken_off(spec->source_prefix));
    size_t len = spec->prefix.len + name.len;
    char *text = len <= KEY_MAX_BYTES ? arena_alloc(arena, len + 1) : NULL;
    if (text == NULL)
        return SPAN_ABSENT;
    if (span_present(spec->prefix) && spec->prefix.len > 0)
        memcpy(text, spec->prefix.ptr, spec->prefix.len);
    if (span_present(name) && name.len > 0)
        memcpy(text + spec->prefix.len, name.ptr, name.len);
    struct span made = span_of(text, len);
    return key_check(made) == S3_OK ? made : SPAN_ABSENT;
}

bool copy_parts_fit(uint64_t size_bytes, uint64_t part_bytes, uint32_t part_count)
{
    if (part_bytes == 0 || part_count == 0)
        return false;
    uint64_t whole = size_bytes / part_bytes, rest = size_bytes % part_bytes;
    return whole + (rest > 0) == part_count || (size_bytes == 0 && part_count == 1);
}

uint64_t copy_guess_part_bytes(uint64_t size_bytes, uint32_t part_count)
{
    if (part_count == 0)
        return 0;
    uint64_t least = size_bytes / part_count + (size_bytes % part_count > 0);
    uint64_t part_bytes = (least + MIB - 1) / MIB * MIB;
    if (part_bytes < 5 * MIB) /* the smallest that S3 takes */
        part_bytes = 5 * MIB;
    return copy_parts_fit(size_bytes, part_bytes, part_count) ? part_bytes : 0;
}
