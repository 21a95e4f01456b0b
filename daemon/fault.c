#include "daemon/fault.h"

#include <signal.h>
#include <unistd.h>

enum { FAULT_LINE_BYTES = 1024 };

/* A handler gets nothing handed over. */
static char bus_line[FAULT_LINE_BYTES], other_line[FAULT_LINE_BYTES];

static void on_fault(int number)
{
    const char *line = number == SIGBUS ? bus_line : other_line;
    ssize_t wrote = write(STDERR_FILENO, line, strlen(line));
    (void)wrote;
    /* The handler is gone by now: the same instruction faults again, and ends the process. */
}

void fault_say(const char *dir)
{
    snprintf(bus_line, sizeof(bus_line),
        "lakegated: a page of %s/index/data.mdb cannot be read (SIGBUS): the disk fails, or the "
        "file "
        "was cut; stopped. Check the disk; lakegate verify tells what is damaged, lakegate salvage "
        "rebuilds the index\n",
        dir);
    snprintf(other_line, sizeof(other_line),
        "lakegated: stopped by a fault in reading memory; a damaged index may do that. lakegate "
        "verify %s "
        "tells whether it is damaged, lakegate salvage rebuilds it\n",
        dir);
    static const int faults[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_LEN(faults); i++) {
        struct sigaction before;
        /* A sanitizer that is there already says more. */
        if (sigaction(faults[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
            sigaction(faults[i], &action, NULL);
    }
}
