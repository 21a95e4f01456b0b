#include "storage/zone.h"

#include <assert.h>

/* ---- patterns ---- */

static size_t character_bytes(struct span text, size_t at)
{
    size_t end = at + 1;
    assert(text.ptr);
    while (end < text.len && ((uint8_t)text.ptr[end] & 0xc0) == 0x80)
        end++;
    return end - at;
}

/* On a mismatch the last `*` takes one byte more: those before it never need to be tried again. */
static bool glob_matches(struct span pattern, struct span text)
{
    size_t p = 0, t = 0, star = SIZE_MAX, retry = 0;
    if (!pattern.ptr || !text.ptr)
        return pattern.len == text.len;
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            retry = t;
        } else if (p < pattern.len && pattern.ptr[p] == '?') {
            p++;
            t += character_bytes(text, t);
        } else if (p < pattern.len && pattern.ptr[p] == text.ptr[t]) {
            p++;
            t++;
        } else if (star != SIZE_MAX) {
            p = star + 1;
            t = ++retry;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*')
        p++;
    return p == pattern.len;
}

static bool any_segment_matches(struct span pattern, struct span rest)
{
    for (size_t at = 0; at <= rest.len;) {
        size_t end = span_find_char(rest, '/', at);
        if (end == SIZE_MAX)
            end = rest.len;
        if (glob_matches(pattern, span_first(span_from(rest, at), end - at)))
            return true;
        at = end + 1;
    }
    return false;
}

bool zone_excepts(const struct zone_rule *rule, struct span key)
{
    struct span rest = span_from(key, rule->prefix.len);
    for (size_t i = 0; i < rule->except_count; i++) {
        struct span pattern = rule->except[i];
        bool whole = span_find_char(pattern, '/', 0) != SIZE_MAX;
        if (whole ? glob_matches(pattern, rest) : any_segment_matches(pattern, rest))
            return true;
    }
    return false;
}

/* ---- prefixes ---- */

/* Where prefixes do not overlap, the greatest that is not above the key is the only one it can begin with. */
const struct zone_rule *zone_of_key(const struct zone_set *set, struct span key)
{
    size_t low = 0, high = set ? set->count : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (span_cmp(set->rules[middle].prefix, key) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0 || !span_starts(key, set->rules[low - 1].prefix))
        return NULL;
    return &set->rules[low - 1];
}

/* ---- bounds ---- */

static bool rule_valid(const struct zone_rule *rule)
{
    size_t total = 0;
    if (rule->name.len == 0 || rule->name.len > ZONE_NAME_MAX_BYTES ||
        rule->prefix.len > ZONE_PREFIX_MAX_BYTES || rule->except_count > ZONE_EXCEPT_MAX ||
        rule->duplicates > DUPLICATES_REJECT || rule->retention_ms < 0 ||
        rule->retention_ms > INT64_MAX / 4 || span_find_char(rule->prefix, '\0', 0) != SIZE_MAX)
        return false;
    for (size_t i = 0; i < rule->except_count; i++) {
        if (rule->except[i].len == 0 || rule->except[i].len > ZONE_EXCEPT_MAX_BYTES)
            return false;
        total += rule->except[i].len;
    }
    return total <= ZONE_EXCEPT_TOTAL_MAX_BYTES;
}

bool zone_rules_valid(const struct zone_rule *rules, size_t count)
{
    if (count > ZONE_RULES_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!rule_valid(&rules[i]))
            return false;
        for (size_t j = 0; j < i; j++)
            if (span_eq(rules[i].name, rules[j].name) ||
                span_starts(rules[i].prefix, rules[j].prefix) ||
                span_starts(rules[j].prefix, rules[i].prefix))
                return false;
    }
    return true;
}
