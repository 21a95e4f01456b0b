/* `lakegate zones stat|duplicates|lineage`: answers as lines for people. */
#include "daemon/cli/zones.h"

static struct span text_of(const struct json_node *node, const char *member)
{
    return json_node_string(json_node_member(node, member), SPAN("-"));
}

static long long number_of(const struct json_node *node, const char *member)
{
    return (long long)json_node_integer(json_node_member(node, member), 0);
}

/* ---- stat ---- */

static void print_zone(const struct json_node *zone)
{
    static const struct {
        const char *member, *label;
    } numbers[] = {{"Objects", "objects"}, {"Bytes", "bytes"}, {"MaxObjects", "at most objects"},
        {"MaxBytes", "at most bytes"}, {"DuplicatesFound", "duplicates found"},
        {"BytesSaved", "bytes saved"}, {"Promotions", "promotions"}};
    cli_print_text(text_of(zone, "Name"));
    printf("  (");
    cli_print_text(text_of(zone, "Prefix"));
    puts(")");
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        bool is_limit = strncmp(numbers[i].member, "Max", 3) == 0;
        if (!is_limit || number_of(zone, numbers[i].member) > 0)
            printf("  %-18s %lld\n", numbers[i].label, number_of(zone, numbers[i].member));
    }
    printf("  %-18s ", "oldest, newest");
    cli_print_text(text_of(zone, "OldestObject"));
    printf(", ");
    cli_print_text(text_of(zone, "NewestObject"));
    putchar('\n');
    if (json_node_bool(json_node_member(zone, "Indexing"), false))
        printf("  %-18s %lld objects looked at so far\n", "being indexed",
            number_of(zone, "IndexedObjects"));
}

int zones_stat(struct zones_call *call)
{
    struct zones_place place;
    struct json_node *root;
    if (!zones_place_read(call->words[0], &place))
        return CLI_USAGE;
    int code = zones_get_json(call, zones_path(&call->arena, &place, "lakegate-zone-stats"), &root);
    if (root == NULL)
        return code;
    const struct json_node *zones = json_node_member(root, "Zones");
    for (size_t i = 0; json_node_item(zones, i) != NULL; i++)
        print_zone(json_node_item(zones, i));
    if (json_node_count(zones) == 0)
        puts("no zones");
    json_text_free(root);
    return CLI_OK;
}

/* ---- duplicates ---- */

static void print_group(const struct json_node *group)
{
    const struct json_node *keys = json_node_member(group, "Keys");
    long long more = number_of(group, "Count") - (long long)json_node_count(keys);
    printf(
        "%lld objects of %lld bytes\n", number_of(group, "Count"), number_of(group, "SizeBytes"));
    for (size_t i = 0; json_node_item(keys, i) != NULL; i++) {
        printf("  ");
        cli_print_text(json_node_string(json_node_item(keys, i), SPAN("")));
        putchar('\n');
    }
    if (more > 0)
        printf("  and %lld more\n", more);
}

int zones_duplicates(struct zones_call *call)
{
    struct zones_place place;
    if (!zones_place_read(call->words[0], &place))
        return CLI_USAGE;
    struct span token = SPAN_ABSENT;
    do {
        const char *zone = zones_encoded(&call->arena, call->words[1]);
        struct span query =
            span_present(token)
                ? arena_format(&call->arena, "lakegate-duplicates&zone=%s&continuation-token=%.*s",
                      zone, SPAN_ARG(token))
                : arena_format(&call->arena, "lakegate-duplicates&zone=%s", zone);
        struct json_node *root;
        int code = zones_get_json(call, zones_path(&call->arena, &place, query.ptr), &root);
        if (root == NULL)
            return code;
        const struct json_node *groups = json_node_member(root, "Groups");
        for (size_t i = 0; json_node_item(groups, i) != NULL; i++)
            print_group(json_node_item(groups, i));
        token = arena_copy(&call->arena,
            json_node_string(json_node_member(root, "NextContinuationToken"), SPAN_ABSENT));
        json_text_free(root);
    } while (span_present(token));
    return call->arena.overflow ? cli_fail("out of memory") : CLI_OK;
}

/* ---- lineage ---- */

static void print_version(const struct json_node *node)
{
    printf("s3://");
    cli_print_text(text_of(node, "Bucket"));
    putchar('/');
    cli_print_text(text_of(node, "Key"));
    if (!span_eq(text_of(node, "VersionId"), SPAN("null"))) {
        printf("  version ");
        cli_print_text(text_of(node, "VersionId"));
    }
    if (json_node_member(node, "Zone") != NULL) {
        printf("  in ");
        cli_print_text(text_of(node, "Zone"));
    }
}

static void print_edges(const struct json_node *edges, const char *arrow)
{
    for (size_t i = 0; json_node_item(edges, i) != NULL; i++) {
        const struct json_node *edge = json_node_item(edges, i);
        printf("%*s%s ", 2 * (int)number_of(edge, "Level"), "", arrow);
        if (json_node_bool(json_node_member(edge, "Hidden"), false)) {
            printf("something that you may not read");
        } else {
            print_version(edge);
            printf("  by ");
            cli_print_text(text_of(edge, "By"));
        }
        printf("  ");
        cli_print_text(text_of(edge, "Kind"));
        putchar(' ');
        cli_print_text(text_of(edge, "At"));
        puts(json_node_bool(json_node_member(edge, "Gone"), false) ? "  (gone)" : "");
    }
}

int zones_lineage(struct zones_call *call)
{
    struct zones_place place;
    struct json_node *root;
    if (!zones_place_read(call->words[0], &place))
        return CLI_USAGE;
    if (!span_present(place.key)) {
        cli_fail("say which object: s3://BUCKET/KEY");
        return CLI_USAGE;
    }
    struct span query = SPAN("lakegate-lineage");
    if (call->version_id != NULL)
        query = arena_format(&call->arena, "lakegate-lineage&versionId=%s",
            zones_encoded(&call->arena, span_str(call->version_id)));
    int code = zones_get_json(call, zones_path(&call->arena, &place, query.ptr), &root);
    if (root == NULL)
        return code;
    print_version(root);
    putchar('\n');
    print_edges(json_node_member(root, "Sources"), "<-");
    print_edges(json_node_member(root, "Derived"), "->");
    if (json_node_bool(json_node_member(root, "IsTruncated"), false))
        puts("and more");
    json_text_free(root);
    return CLI_OK;
}
