#include "storage/local/child.h"

#include "base/span.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void child_let_faults_end(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    for (size_t i = 0; i < ARRAY_LEN(faults); i++)
        signal(faults[i], SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
}

void child_keep_only(int *fd)
{
    if (*fd != 3 && dup2(*fd, 3) == 3)
        *fd = 3;
    if (syscall(SYS_close_range, (unsigned)*fd + 1U, ~0U, 0) == 0)
        return;
    long max = sysconf(_SC_OPEN_MAX);
    for (long other = *fd + 1; other < max; other++)
        close((int)other);
}
