#include "daemon/config.h"

#include "daemon/config_table.h"
#include "libs3proto/sigv4.h"

#include <ctype.h>
#include <errno.h>

/* Where a value came from; the later wins. */
enum source { FROM_DEFAULT, FROM_FILE, FROM_ENV, FROM_FLAG };

struct loader {
    struct config *config;
    enum source *sources; /* by setting */
    char *error;
};

static bool fail(struct loader *loader, const char *where, const char *name, const char *what)
{
    snprintf(loader->error, CONFIG_ERROR_BYTES, "%s: %s %s", where, name, what);
    return false;
}

static void *field(struct config *config, const struct setting *setting)
{
    return (char *)config + setting->offset;
}

static bool parse_bool(struct span text, bool *ret_value)
{
    static const struct {
        struct span text;
        bool value;
    } words[] = {{SPAN("on"), true}, {SPAN("off"), false}, {SPAN("true"), true},
        {SPAN("false"), false}, {SPAN("yes"), true}, {SPAN("no"), false}, {SPAN("1"), true},
        {SPAN("0"), false}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (span_eq_nocase(text, words[i].text)) {
            *ret_value = words[i].value;
            return true;
        }
    return false;
}

/* Digits, and for sizes one of K M G T with or without "B" or "iB" after it. */
static bool parse_number(struct span text, bool is_size, uint64_t *ret_value)
{
    unsigned shift = 0;
    if (is_size) {
        if (span_ends(text, SPAN("iB")))
            text.len -= 2;
        else if (span_ends(text, SPAN("B")))
            text.len -= 1;
        static const char units[] = "KMGT";
        for (unsigned i = 0; i < 4; i++)
            if (text.len > 0 && toupper((unsigned char)text.ptr[text.len - 1]) == units[i]) {
                shift = 10 * (i + 1);
                text.len--;
                break;
            }
    }
    uint64_t value;
    if (!span_to_u64(span_trim(text), &value) || value > (UINT64_MAX >> shift))
        return false;
    *ret_value = value << shift;
    return true;
}

static bool parse_choice(struct span text, const char *choices, int *ret_value)
{
    struct span rest = span_str(choices), choice;
    for (int i = 0; span_split(&rest, '|', &choice); i++)
        if (span_eq(choice, text)) {
            *ret_value = i;
            return true;
        }
    return false;
}

static bool add_to_list(
    struct loader *loader, const struct setting *setting, struct span text, const char *where)
{
    struct config_list *list = field(loader->config, setting);
    struct span item;
    while (span_split(&text, ',', &item)) {
        item = span_trim(item);
        if (item.len == 0)
            continue;
        if (list->count == CONFIG_LIST_MAX)
            return fail(loader, where, setting->name, "has too many values: 16 are the most");
        list->items[list->count] = arena_copy(&loader->config->arena, item).ptr;
        if (list->items[list->count++] == NULL)
            return fail(loader, where, setting->name, "does not fit in memory");
    }
    return true;
}

static bool set_number(
    struct loader *loader, const struct setting *setting, struct span text, const char *where)
{
    uint64_t value;
    bool is_size = setting->type == SETTING_SIZE;
    if (!parse_number(text, is_size, &value))
        return fail(loader, where, setting->name,
            is_size ? "must be a size such as 64M" : "must be a whole number");
    if (value < setting->min || value > setting->max) {
        char bounds[96];
        snprintf(bounds, sizeof(bounds), "must be from %llu to %llu",
            (unsigned long long)setting->min, (unsigned long long)setting->max);
        return fail(loader, where, setting->name, bounds);
    }
    *(uint64_t *)field(loader->config, setting) = value;
    return true;
}

static bool set_value(
    struct loader *loader, const struct setting *setting, struct span text, const char *where)
{
    struct config *config = loader->config;
    if (span_find_char(text, '\0', 0) != SIZE_MAX)
        return fail(loader, where, setting->name, "must not hold a NUL");
    switch (setting->type) {
    case SETTING_TEXT: {
        struct span copy = arena_copy(&config->arena, text);
        if (!span_present(copy))
            return fail(loader, where, setting->name, "does not fit in memory");
        *(const char **)field(config, setting) = copy.ptr;
        return true;
    }
    case SETTING_LIST:
        return add_to_list(loader, setting, text, where);
    case SETTING_COUNT:
    case SETTING_SIZE:
    case SETTING_SECONDS:
        return set_number(loader, setting, text, where);
    case SETTING_BOOL:
        return parse_bool(text, field(config, setting)) ||
               fail(loader, where, setting->name, "must be on or off");
    case SETTING_CHOICE:
        return parse_choice(text, setting->choices, field(config, setting)) ||
               fail(loader, where, setting->name, "has no such choice");
    }
    return false;
}

static bool apply(struct loader *loader, const struct setting *setting, struct span text,
    enum source source, const char *where)
{
    enum source *had = &loader->sources[setting - settings_table];
    if (source < *had)
        return true;
    if (source > *had && setting->type == SETTING_LIST)
        ((struct config_list *)field(loader->config, setting))->count = 0;
    *had = source;
    return set_value(loader, setting, text, where);
}

/* By name; dashes count as underscores where the name is a flag. */
static const struct setting *find_setting(struct span name, bool dashes)
{
    for (size_t i = 0; i < settings_count; i++) {
        struct span own = span_str(settings_table[i].name);
        bool same = own.len == name.len;
        for (size_t k = 0; same && k < own.len; k++)
            same = own.ptr[k] == (dashes && name.ptr[k] == '-' ? '_' : name.ptr[k]);
        if (same)
            return &settings_table[i];
    }
    return NULL;
}

static bool read_line(struct loader *loader, struct span line, const char *where)
{
    line = span_trim(line);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r')
        line = span_trim(span_first(line, line.len - 1));
    if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == ';' ||
        span_eq(line, SPAN("[lakegate]")))
        return true;
    size_t equals = span_find_char(line, '=', 0);
    if (equals == SIZE_MAX)
        return fail(loader, where, "the line", "is not of the form NAME = VALUE");
    struct span name = span_trim(span_first(line, equals));
    struct span value = span_trim(span_from(line, equals + 1));
    const struct setting *setting = find_setting(name, false);
    if (setting == NULL) {
        char text[64];
        snprintf(text, sizeof(text), "%.*s", SPAN_ARG(span_first(name, 60)));
        return fail(loader, where, text, "is no setting; see lakegated --help");
    }
    return apply(loader, setting, value, FROM_FILE, where);
}

static bool read_config_file(struct loader *loader, const char *path)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return fail(loader, path, "cannot be read:", strerror(errno));
    char *text = malloc(CONFIG_FILE_MAX_BYTES);
    size_t len = text != NULL ? fread(text, 1, CONFIG_FILE_MAX_BYTES, file) : 0;
    bool done = text != NULL && ferror(file) == 0 && len < CONFIG_FILE_MAX_BYTES;
    if (!done)
        fail(loader, path, "the file", "cannot be read or is over 256 KiB");
    fclose(file);
    struct span rest = span_of(text, len), line;
    for (size_t number = 1; done && span_split(&rest, '\n', &line); number++) {
        char where[CONFIG_ERROR_BYTES / 2];
        snprintf(where, sizeof(where), "%s, line %zu", path, number);
        done = read_line(loader, line, where);
    }
    free(text);
    return done;
}

static bool read_env(struct loader *loader, char *(*get_env)(const char *name))
{
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];
        char name[64] = "LAKEGATE_";
        size_t len = strlen(name);
        for (const char *c = setting->name; *c != '\0' && len + 1 < sizeof(name); c++)
            name[len++] = (char)toupper((unsigned char)*c);
        name[len] = '\0';
        const char *where = name;
        const char *value = get_env(name);
        if (value == NULL && setting->also_env != NULL) {
            where = setting->also_env;
            value = get_env(where);
        }
        if (value != NULL && !apply(loader, setting, span_str(value), FROM_ENV, where))
            return false;
    }
    return true;
}

static bool own_flag(struct config *config, struct span flag)
{
    const struct {
        struct span name;
        bool *value;
    } flags[] = {
        {SPAN("--help"), &config->help},
        {SPAN("-h"), &config->help},
        {SPAN("--version"), &config->version},
        {SPAN("--print-credentials"), &config->print_credentials},
        {SPAN("--print-manual"), &config->print_manual},
    };
    for (size_t i = 0; i < ARRAY_LEN(flags); i++)
        if (span_eq(flag, flags[i].name))
            return *flags[i].value = true;
    return false;
}

/* "--name value" or "--name=value". config_path: only look for --config; else apply all but it. */
static bool read_flags(
    struct loader *loader, int argc, const char *const *argv, const char **config_path)
{
    for (int i = 1; i < argc; i++) {
        struct span arg = span_str(argv[i]);
        if (own_flag(loader->config, arg))
            continue;
        size_t equals = span_find_char(arg, '=', 0);
        struct span name = span_first(arg, equals);
        const struct setting *setting =
            span_starts(name, SPAN("--")) ? find_setting(span_from(name, 2), true) : NULL;
        bool is_config = span_eq(name, SPAN("--config"));
        if (!is_config && (setting == NULL || !setting->flag))
            return fail(loader, "lakegated", argv[i], "is no option; see lakegated --help");
        const char *value = equals != SIZE_MAX ? argv[i] + equals + 1 : NULL;
        if (value == NULL) {
            if (i + 1 == argc)
                return fail(loader, "lakegated", argv[i], "wants a value");
            value = argv[++i];
        }
        if (is_config && config_path != NULL)
            *config_path = value;
        else if (!is_config && config_path == NULL &&
                 !apply(loader, setting, span_str(value), FROM_FLAG, "lakegated"))
            return false;
    }
    return true;
}

/* Of names that need no encoding, so that a client's path, decoded or not, begins with it. */
static bool is_path_prefix(struct span path)
{
    bool after_slash = false;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.ptr[i];
        if (c == '/' ? after_slash : !isalnum((unsigned char)c) && strchr("-._~", c) == NULL)
            return false;
        after_slash = c == '/';
    }
    return path.len == 0 || (path.ptr[0] == '/' && !after_slash);
}

static bool is_url(struct span url)
{
    struct span rest = span_starts(url, SPAN("https://"))  ? span_from(url, 8)
                       : span_starts(url, SPAN("http://")) ? span_from(url, 7)
                                                           : SPAN_ABSENT;
    for (size_t i = 0; i < rest.len; i++)
        if (!isalnum((unsigned char)rest.ptr[i]) && strchr("-._~:/[]", rest.ptr[i]) == NULL)
            return false;
    return url.len == 0 || (rest.len > 0 && rest.ptr[0] != '/' && !span_ends(rest, SPAN("/")));
}

static bool is_host(struct span host)
{
    for (size_t i = 0; i < host.len; i++)
        if (!isalnum((unsigned char)host.ptr[i]) && strchr("-.:[]", host.ptr[i]) == NULL)
            return false;
    return true;
}

static bool check_web(struct loader *loader)
{
    const struct config *config = loader->config;
    struct span prefix = span_str(config->path_prefix), url = span_str(config->public_url);
    if (!is_path_prefix(prefix))
        return fail(loader, "lakegated", "path_prefix",
            "must be like /lake: letters, digits and -._~ between single slashes, none at its end");
    if (!is_url(url))
        return fail(loader, "lakegated", "public_url",
            "must be like https://lake.example.com, without a slash at its end");
    if (url.len > 0 && !span_ends(url, prefix))
        return fail(loader, "lakegated", "public_url", "must end with path_prefix");
    if (!is_host(span_str(config->console_host)))
        return fail(loader, "lakegated", "console_host", "must be HOST or HOST:PORT");
    if (!config->object_sandbox && config->console && config->console_host[0] == '\0')
        return fail(loader, "lakegated", "object_sandbox",
            "may be off only with console_host, or with console off: stored pages could act as the "
            "console");
    return true;
}

/* Letters, digits and what else is in names of hosts and regions; no dot at an end. */
static bool is_name(struct span name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!isalnum((unsigned char)name.ptr[i]) && strchr("-._", name.ptr[i]) == NULL)
            return false;
    return name.len > 0 && name.ptr[0] != '.' && name.ptr[name.len - 1] != '.';
}

/* A domain that no Host can end with, or a region that no signature can name, would be none. */
static bool check_names(struct loader *loader)
{
    const struct config *config = loader->config;
    for (size_t i = 0; i < config->domain.count; i++)
        if (!is_name(span_str(config->domain.items[i])))
            return fail(loader, "lakegated", "domain",
                "must be a name such as s3.example.org, without scheme, port or *");
    if (config->region[0] == '\0')
        return fail(loader, "lakegated", "region", "must not be empty");
    if (!is_name(span_str(config->region)) || strlen(config->region) > SIGV4_SCOPE_PART_MAX_BYTES)
        return fail(loader, "lakegated", "region", "must be of at most 64 letters, digits and -._");
    return true;
}

static bool check_together(struct loader *loader)
{
    const struct config *config = loader->config;
    if ((config->tls_cert[0] == '\0') != (config->tls_key[0] == '\0'))
        return fail(loader, "lakegated", "tls_cert and tls_key", "must be given together");
    if (config->listen.count == 0)
        return fail(loader, "lakegated", "listen", "names no address");
    if (!check_names(loader))
        return false;
    size_t token = strlen(config->metrics_token);
    if (token > 0 && token < 16)
        return fail(loader, "lakegated", "metrics_token", "must have at least 16 characters");
    return check_web(loader);
}

bool config_load(struct config *config, int argc, const char *const *argv,
    char *(*get_env)(const char *name), char ret_error[static CONFIG_ERROR_BYTES])
{
    *config = (struct config){0};
    arena_init(&config->arena, 4 * 1024 * 1024);
    enum source *sources = arena_array(&config->arena, enum source, settings_count);
    struct loader loader = {config, sources, ret_error};
    if (sources == NULL)
        return fail(&loader, "lakegated", "the settings", "do not fit in memory");
    for (size_t i = 0; i < settings_count; i++)
        if (!apply(&loader, &settings_table[i], span_str(settings_table[i].by_default),
                FROM_DEFAULT, "default"))
            return false;
    const char *path = NULL;
    if (!read_flags(&loader, argc, argv, &path))
        return false;
    if (path == NULL)
        path = get_env("LAKEGATE_CONFIG");
    if (path != NULL && !read_config_file(&loader, path))
        return false;
    return read_env(&loader, get_env) && read_flags(&loader, argc, argv, NULL) &&
           check_together(&loader);
}

void config_free(struct config *config)
{
    arena_free(&config->arena);
}
