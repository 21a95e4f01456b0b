/* The web console's files, as scripts/build-console embeds them: constant, and part of the program. */
#ifndef DAEMON_CONSOLE_FILES_H
#define DAEMON_CONSOLE_FILES_H

#include "base/span.h"

struct console_file {
    struct span path; /* "index.html", "assets/…", without a first slash */
    struct span type; /* Content-Type */
    struct span etag; /* W/"…", of the content, whatever it is sent as */
    bool immutable;   /* the name has a hash of the content in it */
    struct span content;
    struct span gzip; /* absent where it would not be smaller */
};

extern const struct console_file console_files[];
/* 0: built without the console */
extern const size_t console_file_count;

#endif
