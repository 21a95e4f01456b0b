#include "daemon/cli/cli.h"

#include "storage/storage_care.h"

#include <inttypes.h>
#include <sys/stat.h>

static void print_line(void *ctx, const char *line)
{
    (void)ctx;
    puts(line);
    fflush(stdout); /* it may take long */
}

static int done(const char *dir, const struct storage_salvage_figures *figures)
{
    printf("%" PRIu64 " segments with %" PRIu64 " bytes were read, %" PRIu64
           " changes done again\n",
        figures->segments, figures->bytes, figures->changes);
    printf("%s has %" PRIu64 " buckets with %" PRIu64 " versions of objects, and %" PRIu64
           " records of users and policies\n",
        dir, figures->buckets, figures->versions, figures->records);
    if (figures->unknown == 0) {
        puts("everything is known");
        return CLI_OK;
    }
    printf("%" PRIu64 " of the lines above tell%s of what is lost or not known\n", figures->unknown,
        figures->unknown == 1 ? "s" : "");
    return CLI_FOUND;
}

int cli_salvage(int count, char **arguments)
{
    struct storage_salvage order = {.report = print_line};
    struct storage_salvage_figures figures;
    const char *detail = "";
    struct stat info;
    bool ok = true;
    for (int i = 0; i < count; i++) {
        if (strcmp(arguments[i], "--to") == 0 && i + 1 < count && !order.to)
            order.to = arguments[++i];
        else if (arguments[i][0] != '-' && !order.dir)
            order.dir = arguments[i];
        else
            ok = false;
    }
    if (!ok || !order.dir) {
        (void)cli_fail("usage: lakegate salvage DIR [--to DIR]");
        return CLI_USAGE;
    }
    if (stat(order.dir, &info) != 0 || !S_ISDIR(info.st_mode))
        return cli_fail("there is no folder %s", order.dir);
    enum storage_err err = storage_salvage(&order, &figures, &detail);
    if (err == STORAGE_IN_USE)
        return cli_fail("%s is in use: stop lakegated first", order.dir);
    if (err != STORAGE_OK)
        return cli_fail("%s: %s (%s)", order.dir, detail, storage_err_text(err));
    if (order.to && !cli_copy_secrets(order.dir, order.to))
        return cli_fail("%s: the secrets could not be copied", order.to);
    return done(order.to ? order.to : order.dir, &figures);
}
