/* The table of settings, for config.c and its tests. */
#ifndef DAEMON_CONFIG_TABLE_H
#define DAEMON_CONFIG_TABLE_H

#include "daemon/config.h"

enum setting_type {
    SETTING_TEXT,
    SETTING_LIST, /* repeatable; in the environment separated by commas */
    SETTING_COUNT,
    SETTING_SIZE, /* bytes; K, M, G and T are powers of 1024 */
    SETTING_SECONDS,
    SETTING_BOOL, /* on, off */
    SETTING_CHOICE,
};

struct setting {
    const char *name;
    enum setting_type type;
    size_t offset; /* in struct config */
    const char *by_default;
    uint64_t min, max;
    bool flag;
    const char *also_env; /* the name that another server has for it; may be NULL */
    const char *choices;  /* SETTING_CHOICE: "a|b", numbered from 0 */
    const char *help;
};

extern const struct setting settings_table[];
extern const size_t settings_count;

#endif
