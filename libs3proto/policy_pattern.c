#include "policy_internal.h"

enum { STEP_BYTES = 16 }; /* compared in about the time of a step */

/* Bytes of the character at the front of text, which is not empty. A byte that is no UTF-8 is a character. */
static size_t character_bytes(struct span text)
{
    unsigned char lead = (unsigned char)text.ptr[0];
    size_t max = lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 1;
    size_t bytes = 1;
    while (bytes < max && bytes < text.len && ((unsigned char)text.ptr[bytes] & 0xc0) == 0x80)
        bytes++;
    return bytes;
}

/* The bytes from offset on, which is not past the end. */
static struct span rest_of(struct span text, size_t offset)
{
    return span_of(text.ptr + offset, text.len - offset);
}

static bool starts(struct span text, struct span prefix, bool ignore_case)
{
    return ignore_case ? span_starts_nocase(text, prefix) : span_starts(text, prefix);
}

/* Only the last "*" is ever returned to: an earlier one could take no more than it gave up. */
bool policy_glob(struct span pattern, struct span text, bool ignore_case)
{
    size_t p = 0, t = 0, star = SIZE_MAX, star_t = 0;
    if (!span_present(text))
        text = SPAN("");
    for (;;) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = ++p;
            star_t = t;
        } else if (t == text.len) {
            return p == pattern.len;
        } else if (p < pattern.len && pattern.ptr[p] == '?') {
            t += character_bytes(rest_of(text, t));
            p++;
        } else if (p < pattern.len &&
                   starts(rest_of(text, t), span_of(pattern.ptr + p, 1), ignore_case)) {
            t++;
            p++;
        } else if (star != SIZE_MAX) {
            if (star == pattern.len)
                return true;
            star_t += character_bytes(rest_of(text, star_t));
            t = star_t;
            p = star;
        } else {
            return false;
        }
    }
}

/* ---- matching compiled patterns ---- */

/* False when nothing is left of them. */
static bool take_steps(struct evaluation *evaluation, size_t count)
{
    evaluation->steps -= evaluation->steps < count ? evaluation->steps : count;
    return evaluation->steps > 0;
}

/* Where to go on after part has taken what it matches of text; SIZE_MAX: it does not match. */
static size_t take_part(const struct part *part, struct span text, size_t at,
    struct evaluation *evaluation, bool ignore_case)
{
    struct span rest = rest_of(text, at);
    if (part->kind == PART_ONE) {
        for (size_t i = 0; i < part->count; i++) {
            if (rest.len == 0)
                return SIZE_MAX;
            rest = rest_of(rest, character_bytes(rest));
        }
        return text.len - rest.len;
    }
    struct span literal = part->text;
    struct policy_scratch scratch;
    if (part->kind == PART_KEY) {
        struct policy_values values = policy_lookup(evaluation->context, &part->key, &scratch);
        if (values.count > 0)
            literal = values.items[0];
        else if (!span_present(literal)) {
            evaluation->unresolved = true;
            return SIZE_MAX;
        }
    }
    /* A variable is as long as the request makes it, and compared anew at each place. */
    if (part->kind == PART_KEY && !take_steps(evaluation, literal.len / STEP_BYTES))
        return SIZE_MAX;
    return starts(rest, literal, ignore_case) ? at + literal.len : SIZE_MAX;
}

/* The next place from at on where a run that begins with part may match; SIZE_MAX: none. */
static size_t next_place(
    const struct part *part, bool last, struct span text, size_t at, bool ignore_case)
{
    if (part->kind != PART_TEXT || ignore_case)
        return at <= text.len ? at : SIZE_MAX;
    if (!last)
        return span_find(text, part->text, at);
    bool fits = text.len >= part->text.len && text.len - part->text.len >= at &&
                span_ends(text, part->text);
    return fits ? text.len - part->text.len : SIZE_MAX;
}

static bool match_parts(const struct pattern *pattern, struct span text,
    struct evaluation *evaluation, bool ignore_case)
{
    const struct part *parts = pattern->parts;
    size_t p = 0, t = 0, star = SIZE_MAX, star_t = 0;
    if (text.len < pattern->min_bytes)
        return false;
    for (;;) {
        if (p < pattern->count && parts[p].kind == PART_ANY) {
            if (++p == pattern->count)
                return true;
            star = p;
            star_t = next_place(&parts[p], p + 1 == pattern->count, text, t, ignore_case);
            if (star_t == SIZE_MAX)
                return false;
            t = star_t;
        }
        size_t after = SIZE_MAX;
        if (!take_steps(evaluation, p < pattern->count ? 1 + parts[p].count : 1))
            return false;
        if (p < pattern->count)
            after = take_part(&parts[p], text, t, evaluation, ignore_case);
        else if (t == text.len)
            return true;
        if (after != SIZE_MAX) {
            t = after;
            p++;
            continue;
        }
        if (star == SIZE_MAX || star_t >= text.len)
            return false;
        star_t += character_bytes(rest_of(text, star_t));
        star_t = next_place(&parts[star], star + 1 == pattern->count, text, star_t, ignore_case);
        if (star_t == SIZE_MAX)
            return false;
        t = star_t;
        p = star;
    }
}

bool policy_match(const struct pattern *pattern, struct span text, struct evaluation *evaluation,
    bool ignore_case)
{
    if (!span_present(text))
        text = SPAN("");
    if (!pattern->components)
        return match_parts(pattern, text, evaluation, ignore_case);
    struct span components[6];
    if (policy_arn_components(text, false, components) < 6)
        return false;
    for (size_t i = 0; i < 6; i++)
        if (!match_parts(&pattern->components[i], components[i], evaluation, ignore_case))
            return false;
    return true;
}

/* ---- compiling ---- */

size_t policy_arn_components(struct span arn, bool variables, struct span ret_components[static 6])
{
    size_t count = 0, from = 0;
    bool inside = false;
    for (size_t i = 0; i < arn.len && count < 5; i++) {
        if (variables && arn.ptr[i] == '$' && i + 1 < arn.len && arn.ptr[i + 1] == '{')
            inside = true;
        else if (arn.ptr[i] == '}')
            inside = false;
        else if (arn.ptr[i] == ':' && !inside) {
            ret_components[count++] = span_of(arn.ptr + from, i - from);
            from = i + 1;
        }
    }
    ret_components[count++] = span_from(arn, from);
    return count;
}

struct builder {
    struct compiler *compiler;
    struct part *parts;
    size_t count;
    size_t min_bytes;
    char *text; /* room for as many bytes as the pattern has */
    size_t text_len;
};

static void add_text(struct builder *builder, struct span text)
{
    struct part *part = &builder->parts[builder->count];
    if (text.len == 0)
        return;
    char *to = builder->text + builder->text_len;
    memcpy(to, text.ptr, text.len);
    builder->text_len += text.len;
    builder->min_bytes += text.len;
    if (builder->count > 0 && part[-1].kind == PART_TEXT) {
        part[-1].text.len += text.len;
        return;
    }
    *part = (struct part){.kind = PART_TEXT, .text = span_of(to, text.len)};
    builder->count++;
}

static void add_wildcard(struct builder *builder, char c)
{
    enum part_kind kind = c == '*' ? PART_ANY : PART_ONE;
    struct part *part = &builder->parts[builder->count];
    builder->min_bytes += kind == PART_ONE;
    if (builder->count > 0 && part[-1].kind == kind) {
        part[-1].count++;
        return;
    }
    *part = (struct part){.kind = kind, .count = 1};
    builder->count++;
}

/* "key", or "key, 'default'" */
static bool add_variable(struct builder *builder, struct span inside)
{
    struct compiler *compiler = builder->compiler;
    if (inside.len == 1 && (*inside.ptr == '*' || *inside.ptr == '?' || *inside.ptr == '$')) {
        add_text(builder, inside);
        return true;
    }
    struct part part = {.kind = PART_KEY};
    size_t comma = span_find_char(inside, ',', 0);
    struct span name = span_trim(span_first(inside, comma));
    if (comma != SIZE_MAX) {
        struct span fallback = span_trim(span_from(inside, comma + 1));
        if (fallback.len < 2 || *fallback.ptr != '\'' || fallback.ptr[fallback.len - 1] != '\'')
            return policy_fail(compiler, "Invalid default value of a policy variable");
        part.text =
            arena_copy(&compiler->policy->arena, span_of(fallback.ptr + 1, fallback.len - 2));
    }
    if (!policy_compile_key(compiler, name, &part.key))
        return false;
    if (policy_key_is_list(&part.key))
        return policy_fail(compiler, "A condition key with several values is no policy variable");
    builder->parts[builder->count++] = part;
    return true;
}

/* At most one part comes from each byte, and text never grows. */
static bool build(struct builder *builder, struct span text, bool wildcards)
{
    size_t from = 0;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        bool variable =
            builder->compiler->variables && c == '$' && i + 1 < text.len && text.ptr[i + 1] == '{';
        if (!variable && !(wildcards && (c == '*' || c == '?')))
            continue;
        add_text(builder, span_of(text.ptr + from, i - from));
        if (variable) {
            size_t end = span_find_char(text, '}', i);
            if (end == SIZE_MAX)
                return policy_fail(builder->compiler, "Invalid policy variable");
            if (!add_variable(builder, span_of(text.ptr + i + 2, end - i - 2)))
                return false;
            i = end;
        } else {
            add_wildcard(builder, c);
        }
        from = i + 1;
    }
    add_text(builder, span_from(text, from));
    return true;
}

/* What build() will make at most: so that a long literal takes one part. */
static size_t parts_max(struct span text)
{
    size_t count = 1;
    for (size_t i = 0; i < text.len; i++)
        if (text.ptr[i] == '*' || text.ptr[i] == '?' || text.ptr[i] == '$')
            count += 2;
    return count;
}

bool policy_compile_pattern(
    struct compiler *compiler, struct span text, bool wildcards, struct pattern *ret_pattern)
{
    struct arena *arena = &compiler->policy->arena;
    struct builder builder = {.compiler = compiler};
    builder.parts = arena_array(arena, struct part, parts_max(text));
    builder.text = arena_alloc(arena, text.len);
    if (!builder.parts || !builder.text)
        return policy_fail(compiler, "The policy is too large when compiled");
    if (!build(&builder, text, wildcards))
        return false;
    *ret_pattern = (struct pattern){
        .parts = builder.parts, .count = builder.count, .min_bytes = builder.min_bytes};
    return true;
}

static bool is_literal(struct span text)
{
    return span_find_char(text, '*', 0) == SIZE_MAX && span_find_char(text, '?', 0) == SIZE_MAX &&
           span_find_char(text, '$', 0) == SIZE_MAX;
}

bool policy_compile_arn(
    struct compiler *compiler, struct span text, struct pattern *ret_pattern, bool *ret_is_arn)
{
    struct span components[6];
    size_t count = policy_arn_components(text, compiler->variables, components), literal = 0;
    bool anything = text.len > 0;
    for (size_t i = 0; i < text.len; i++)
        anything = anything && text.ptr[i] == '*';
    *ret_is_arn = anything || count == 6;
    if (!*ret_is_arn)
        return false;
    while (literal < 5 && literal < count && is_literal(components[literal]))
        literal++;
    if (anything || literal == 5)
        return policy_compile_pattern(compiler, text, true, ret_pattern);
    struct pattern *patterns = arena_array(&compiler->policy->arena, struct pattern, 6);
    if (!patterns)
        return policy_fail(compiler, "The policy is too large when compiled");
    for (size_t i = 0; i < 6; i++)
        if (!policy_compile_pattern(compiler, components[i], true, &patterns[i]))
            return false;
    *ret_pattern = (struct pattern){.components = patterns};
    return true;
}
