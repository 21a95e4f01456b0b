/* In place of the console's files where lakegated is built with CONSOLE=0. */
#include "daemon/console_files.h"

const struct console_file console_files[] = {{.immutable = false}};
const size_t console_file_count = 0;
