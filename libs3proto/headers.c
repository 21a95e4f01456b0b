#include "headers.h"

struct span header_find(const struct header_list *headers, struct span name)
{
    for (size_t i = 0; i < headers->count; i++)
        if (span_eq_nocase(headers->items[i].name, name))
            return headers->items[i].value;
    return SPAN_ABSENT;
}

size_t header_count(const struct header_list *headers, struct span name)
{
    size_t count = 0;
    for (size_t i = 0; i < headers->count; i++)
        count += span_eq_nocase(headers->items[i].name, name);
    return count;
}

bool header_conflicts(const struct header_list *headers, struct span name)
{
    const struct header *first = NULL;
    for (size_t i = 0; i < headers->count; i++) {
        const struct header *item = &headers->items[i];
        if (!span_eq_nocase(item->name, name))
            continue;
        if (first == NULL)
            first = item;
        else if (!span_eq(first->value, item->value))
            return true;
    }
    return false;
}
