/* Random text for ids and secrets, every character as likely as the other. Thread-safe. */
#ifndef DAEMON_KEY_TEXT_H
#define DAEMON_KEY_TEXT_H

#include <stddef.h>

/* A-Z 2-7, as AWS's ids. out: len characters and a NUL */
void key_text_id(char *ret_text, size_t len);
/* Letters and digits: nothing that a shell, a URL or an INI file minds. out: len characters and a NUL */
void key_text_secret(char *ret_text, size_t len);

#endif
