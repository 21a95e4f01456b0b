#include "base/encode.h"
#include "daemon/cli/form.h"

enum { COLUMNS_MAX = 8, PRINT_DEPTH_MAX = 8, NAME_MAX_BYTES = 200, NAME_WIDTH = 30 };

static bool is_document(struct span name)
{
    return span_eq(name, SPAN("PolicyDocument")) || span_eq(name, SPAN("Document")) ||
           span_eq(name, SPAN("AssumeRolePolicyDocument"));
}

/* What ends a page is not part of what was asked for. */
static bool is_paging(struct span name)
{
    return span_eq(name, SPAN("IsTruncated")) || span_eq(name, SPAN("Marker"));
}

static bool is_list(const struct xml_node *node)
{
    struct span first = node->first_child ? node->first_child->name : SPAN("");
    return span_eq(first, SPAN("member")) || span_eq(first, SPAN("entry"));
}

/* ---- tables ---- */

static size_t width_of(struct span text)
{
    size_t width = 0;
    for (size_t i = 0; i < text.len; i++)
        width += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
    return width;
}

static size_t split_columns(const char *columns, struct span names[static COLUMNS_MAX])
{
    struct span rest = span_str(columns);
    size_t count = 0;
    while (count < COLUMNS_MAX && span_split(&rest, ' ', &names[count]))
        count++;
    return count;
}

static void print_cell(struct span text, size_t width, bool last)
{
    cli_print_text(text);
    for (size_t at = width_of(text); !last && at < width + 2; at++)
        putchar(' ');
}

void form_print_table(const struct xml_node *list, const char *columns)
{
    struct span names[COLUMNS_MAX];
    size_t widths[COLUMNS_MAX] = {0};
    size_t count = columns ? split_columns(columns, names) : 0;
    for (size_t i = 0; i < count; i++) {
        widths[i] = names[i].len;
        for (const struct xml_node *item = list->first_child; item; item = item->next) {
            size_t width = width_of(xml_child_text(item, names[i]));
            widths[i] = width > widths[i] ? width : widths[i];
        }
    }
    for (size_t i = 0; i < count && list->first_child; i++)
        print_cell(names[i], widths[i], i + 1 == count);
    if (count > 0 && list->first_child)
        putchar('\n');
    for (const struct xml_node *item = list->first_child; item; item = item->next) {
        if (count == 0)
            cli_print_text(item->text);
        for (size_t i = 0; i < count; i++)
            print_cell(xml_child_text(item, names[i]), widths[i], i + 1 == count);
        putchar('\n');
    }
}

/* ---- names and values ---- */

void form_print_document(struct arena *arena, struct span encoded)
{
    struct span text = percent_decode(arena, encoded);
    if (!span_present(text))
        text = encoded;
    /* Lines and tabs are the author's; nothing else of what a terminal obeys gets there. */
    while (text.len > 0) {
        size_t run = 0;
        while (run < text.len && text.ptr[run] != '\n' && text.ptr[run] != '\t')
            run++;
        cli_print_text(span_first(text, run));
        if (run < text.len)
            putchar(text.ptr[run]);
        text = span_from(text, run + 1);
    }
    putchar('\n');
}

static void print_leaf(struct arena *arena, const char *name, const struct xml_node *node)
{
    size_t width = strlen(name);
    cli_print_text(span_str(name));
    do {
        putchar(' ');
    } while (++width < NAME_WIDTH);
    if (is_document(node->name)) {
        putchar('\n');
        form_print_document(arena, node->text);
        return;
    }
    cli_print_text(span_trim(node->text));
    putchar('\n');
}

/* A tag, or an entry of a summary, is a name and a value of its own. */
static bool as_pair(
    const struct xml_node *node, struct span *ret_name, const struct xml_node **ret_value)
{
    const struct xml_node *name = node->first_child, *value = name ? name->next : NULL;
    if (!value || value->next || value->first_child || !span_eq_nocase(name->name, SPAN("key")) ||
        !span_eq_nocase(value->name, SPAN("value")))
        return false;
    *ret_name = name->text;
    *ret_value = value;
    return true;
}

static void print_children(
    struct arena *arena, char name[static NAME_MAX_BYTES], const struct xml_node *node, int depth)
{
    size_t outer = strlen(name), index = 0;
    for (const struct xml_node *child = node->first_child; child; child = child->next) {
        const struct xml_node *value = child;
        struct span inner = child->name;
        char number[24];
        bool empty = !child->first_child && child->text.len == 0;
        if (is_paging(inner) || empty || depth == PRINT_DEPTH_MAX)
            continue;
        if (!as_pair(child, &inner, &value) && is_list(node)) {
            snprintf(number, sizeof(number), "%zu", index++);
            inner = span_str(number);
        }
        snprintf(name + outer, NAME_MAX_BYTES - outer, "%s%.*s", outer ? "." : "", SPAN_ARG(inner));
        if (value->first_child)
            print_children(arena, name, value, depth + 1);
        else
            print_leaf(arena, name, value);
        name[outer] = '\0';
    }
}

void form_print_all(struct arena *arena, const struct xml_node *result)
{
    char name[NAME_MAX_BYTES] = "";
    /* "User" around everything says nothing new. */
    const struct xml_node *only = result->first_child;
    bool wrapped = only && !only->next && only->first_child && !is_list(only);
    if (only && !span_eq(only->name, SPAN("ResponseMetadata")))
        print_children(arena, name, wrapped ? only : result, 0);
}

/* ---- JSON ---- */

/* src: RFC 8259, section 7 */
static void print_json_text(struct span text)
{
    putchar('"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c == '"' || c == '\\')
            printf("\\%c", c);
        else if (c < 0x20)
            printf("\\u%04x", c);
        else
            putchar(c);
    }
    putchar('"');
}

/* An empty list looks like an empty text: lists have names in the plural. */
static bool is_empty_list(const struct xml_node *node)
{
    return !node->first_child && node->text.len == 0 && span_ends(node->name, SPAN("s"));
}

static void print_json_value(struct arena *arena, const struct xml_node *node, int depth)
{
    if (is_empty_list(node)) {
        fputs("[]", stdout);
        return;
    }
    if (!node->first_child || depth == PRINT_DEPTH_MAX) {
        struct span text = is_document(node->name) ? percent_decode(arena, node->text) : node->text;
        print_json_text(span_present(text) ? text : SPAN(""));
        return;
    }
    bool list = is_list(node);
    putchar(list ? '[' : '{');
    for (const struct xml_node *child = node->first_child; child; child = child->next) {
        if (child != node->first_child)
            fputs(", ", stdout);
        if (!list) {
            print_json_text(child->name);
            fputs(": ", stdout);
        }
        print_json_value(arena, child, depth + 1);
    }
    putchar(list ? ']' : '}');
}

void form_print_json(struct arena *arena, struct xml_node *const *results, size_t count)
{
    bool first = true;
    putchar('{');
    for (size_t i = 0; i < count; i++)
        for (const struct xml_node *child = results[i]->first_child; child; child = child->next) {
            if (is_paging(child->name) || span_eq(child->name, SPAN("ResponseMetadata")))
                continue;
            fputs(first ? "" : ", ", stdout);
            first = false;
            print_json_text(child->name);
            fputs(": ", stdout);
            print_json_value(arena, child, 0);
        }
    puts("}");
}
