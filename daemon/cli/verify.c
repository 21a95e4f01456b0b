#include "daemon/cli/cli.h"

#include "storage/storage_care.h"

#include <sys/stat.h>

static void print_finding(void *ctx, const char *line)
{
    (void)ctx;
    puts(line);
}

int cli_verify(int count, char **arguments)
{
    if (count != 1 || arguments[0][0] == '-') {
        cli_fail("usage: lakegate verify DIR");
        return CLI_USAGE;
    }
    const char *dir = arguments[0];
    struct stat status;
    if (stat(dir, &status) != 0 || !S_ISDIR(status.st_mode))
        return cli_fail("there is no folder %s", dir);
    uint64_t findings = 0;
    enum storage_err err = storage_verify(dir, print_finding, NULL, &findings);
    if (err == STORAGE_IN_USE)
        return cli_fail("%s is in use: stop lakegated first", dir);
    if (err != STORAGE_OK)
        return cli_fail("cannot check %s: %s", dir, storage_err_text(err));
    if (findings == 0) {
        printf("%s is clean\n", dir);
        return CLI_OK;
    }
    printf("%llu finding%s in %s\n", (unsigned long long)findings, findings == 1 ? "" : "s", dir);
    return CLI_FOUND;
}
