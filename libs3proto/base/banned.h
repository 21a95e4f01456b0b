/* Functions that this project does not use, so that a use fails at compile time and names it. Included by
 * span.h, and so by everything. The standard headers come first: they declare what is banned. Programs that
 * use the installed library keep their functions: its pkg-config file defines S3PROTO_BAN_NOTHING. */
#ifndef BASE_BANNED_H
#define BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifndef S3PROTO_BAN_NOTHING

#define BANNED(function) sorry_##function##_is_a_banned_function

#undef strcpy
#define strcpy(to, from) BANNED(strcpy)
#undef strcat
#define strcat(to, from) BANNED(strcat)
#undef strncpy
#define strncpy(to, from, len) BANNED(strncpy)
#undef strncat
#define strncat(to, from, len) BANNED(strncat)
#undef sprintf
#define sprintf(...) BANNED(sprintf)
#undef vsprintf
#define vsprintf(...) BANNED(vsprintf)
#undef strtok
#define strtok(text, separators) BANNED(strtok)
#undef atoi
#define atoi(text) BANNED(atoi)
#undef gmtime
#define gmtime(time) BANNED(gmtime)
#undef localtime
#define localtime(time) BANNED(localtime)

#endif

#endif
