/* The web console: static files that are part of the program, below /-/console/, and the settings that its script
 * asks for. It is an S3 client like any other; nothing here knows who asks. */
#ifndef DAEMON_CONSOLE_H
#define DAEMON_CONSOLE_H

#include "daemon/request.h"

/* The operation for one of the console's paths, and for a browser that opens "/" unsigned; NULL when it is neither. */
const struct op *console_route(const struct request *request) MUST_USE;

/* Does its response bring a Content-Security-Policy of its own? */
bool console_has_policy(const struct request *request);

#endif
