#include "daemon/source_ip.h"

#include "daemon/daemon.h"

static bool is_trusted(const struct source_networks *networks, struct span text)
{
    uint8_t address[ADDRESS_BYTES];
    bool is_v4;
    if (!address_parse(text, address, &is_v4))
        return false;
    for (size_t i = 0; i < networks->count; i++)
        if (network_holds(&networks->items[i], address))
            return true;
    return false;
}

/* Some proxies write a port: 192.0.2.1:50000, [2001:db8::1]:50000. */
static struct span without_port(struct span text)
{
    if (span_starts(text, SPAN("["))) {
        size_t end = span_find_char(text, ']', 0);
        return end == SIZE_MAX ? text : span_of(text.ptr + 1, end - 1);
    }
    size_t colon = span_find_char(text, ':', 0);
    bool one = colon != SIZE_MAX && span_find_char(text, ':', colon + 1) == SIZE_MAX;
    return one ? span_first(text, colon) : text;
}

/* ::ffff:192.0.2.1 is what proxies on dual-stack sockets write for version 4. */
static struct span without_mapping(struct span text)
{
    static const struct span mapped = {"::ffff:", 7};
    bool is_mapped = span_starts_nocase(text, mapped) && span_find_char(text, '.', 0) != SIZE_MAX;
    return is_mapped ? span_from(text, mapped.len) : text;
}

/* Takes the last item off a list. */
static struct span take_last(struct span *list)
{
    size_t at = list->len;
    while (at > 0 && list->ptr[at - 1] != ',')
        at--;
    struct span item = span_trim(span_from(*list, at));
    *list = at > 0 ? span_first(*list, at - 1) : SPAN_ABSENT;
    return without_mapping(without_port(item));
}

struct span source_ip(const struct request *request)
{
    const struct source_networks *trusted = request->daemon->trusted_proxies;
    struct span found = request->peer;
    uint8_t address[ADDRESS_BYTES];
    bool is_v4;
    if (!address_parse(found, address, &is_v4))
        return SPAN_ABSENT;
    if (trusted == NULL || !is_trusted(trusted, found))
        return found;
    for (size_t i = request->headers.count; i-- > 0;) {
        const struct header *header = &request->headers.items[i];
        if (!span_eq_nocase(header->name, SPAN("x-forwarded-for")))
            continue;
        struct span rest = header->value;
        while (span_present(rest)) {
            found = take_last(&rest);
            if (!address_parse(found, address, &is_v4))
                return SPAN_ABSENT;
            if (!is_trusted(trusted, found))
                return found;
        }
    }
    return found;
}
