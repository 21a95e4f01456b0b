/* A request: its first line (method and target), headers, an empty line, a body. What it names is all that a server
 * is asked for: keys, ranges, copy sources, markers and tokens, conditions, versions, uploads. */
#include "tests/fuzz/world.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size), line = fuzz_line(&input), body = SPAN("");
    char text[2048];
    if (line.len == 0 || line.len >= sizeof(text) || span_find_char(line, ' ', 0) == SIZE_MAX ||
        span_find_char(line, '\0', 0) != SIZE_MAX)
        return 0;
    memcpy(text, line.ptr, line.len);
    text[line.len] = '\0';
    size_t end = span_present(input) ? span_find(input, SPAN("\n\n"), 0) : SIZE_MAX;
    struct span headers = span_present(input) ? input : SPAN("");
    if (end != SIZE_MAX) {
        headers = span_first(input, end);
        body = span_from(input, end + 2);
    }
    fuzz_send(text, headers, body);
    return 0;
}
