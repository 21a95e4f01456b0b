/* The last words when the process dies of a fault: the index is a map of a file, so a page that the disk cannot
 * give back is a SIGBUS, and a damaged one may lead LMDB anywhere. */
#ifndef DAEMON_FAULT_H
#define DAEMON_FAULT_H

#include "base/span.h"

/* One line on stderr for SIGBUS, SIGSEGV, SIGFPE and SIGILL, then the process ends of the signal as it would have.
 * dir: the data folder, for the words. Once, before the store is opened. */
void fault_say(const char *dir);

#endif
