#include "daemon/config_table.h"

#include <ctype.h>

static const char *value_word(const struct setting *setting)
{
    switch (setting->type) {
    case SETTING_TEXT:
        return "TEXT";
    case SETTING_LIST:
        return "TEXT";
    case SETTING_COUNT:
        return "NUMBER";
    case SETTING_SIZE:
        return "SIZE";
    case SETTING_SECONDS:
        return "SECONDS";
    case SETTING_BOOL:
        return "on|off";
    case SETTING_CHOICE:
        return setting->choices;
    }
    return "";
}

/* Breaks text at spaces, each line after the first indented. */
static void print_wrapped(FILE *out, const char *text, size_t indent, size_t width)
{
    struct span rest = span_str(text), word;
    size_t column = 0;
    while (span_split(&rest, ' ', &word)) {
        if (column > 0 && column + 1 + word.len > width) {
            fprintf(out, "\n%*s", (int)indent, "");
            column = 0;
        } else if (column > 0) {
            fputc(' ', out);
            column++;
        }
        fprintf(out, "%.*s", SPAN_ARG(word));
        column += word.len;
    }
    fputc('\n', out);
}

static void print_upper(FILE *out, const char *name)
{
    for (; *name != '\0'; name++)
        fputc(toupper((unsigned char)*name), out);
}

static void print_flag(FILE *out, const char *name)
{
    fputs("--", out);
    for (; *name != '\0'; name++)
        fputc(*name == '_' ? '-' : *name, out);
}

void config_help(FILE *out)
{
    fputs("lakegated serves S3 from a folder on local disk.\n\n"
          "usage: lakegated [--config FILE] [--SETTING VALUE ...]\n\n"
          "  --config FILE         read settings from FILE, lines of NAME = VALUE\n"
          "  --print-credentials   print the root keys at start\n"
          "  --version, --help     say so and end\n\n"
          "Every setting below may stand in the file under its name and in the environment as\n"
          "LAKEGATE_NAME; those with dashes before them are options too. An option wins over the\n"
          "environment, and that over the file.\n\n",
        out);
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];
        fputs("  ", out);
        if (setting->flag)
            print_flag(out, setting->name);
        else
            fputs(setting->name, out);
        fprintf(out, " %s", value_word(setting));
        if (setting->by_default[0] != '\0')
            fprintf(out, "   [%s]", setting->by_default);
        fprintf(out, "\n      ");
        print_wrapped(out, setting->help, 6, 90);
    }
}

void config_manual(FILE *out)
{
    fputs(
        ".TH LAKEGATE.CONF 5 \"\" \"Lakegate " LAKEGATE_VERSION "\" \"Lakegate\"\n"
        ".SH NAME\nlakegate.conf \\- settings of lakegated\n"
        ".SH DESCRIPTION\n"
        "A line of the file is\n.I NAME\n=\n.IR VALUE ;\n"
        "empty lines and lines that begin with # or ; say nothing. Every setting may also be given "
        "in "
        "the environment, as\n.B LAKEGATE_\nand its name in capitals, and those with an option on "
        "the command line. The command line wins over the environment, and that over the file.\n"
        ".SH SETTINGS\n",
        out);
    for (size_t i = 0; i < settings_count; i++) {
        const struct setting *setting = &settings_table[i];
        fprintf(
            out, ".TP\n.BR %s \" = %s\"\n%s\n", setting->name, value_word(setting), setting->help);
        if (setting->by_default[0] != '\0')
            fprintf(out, "Default: %s.\n", setting->by_default);
        if (setting->max != 0)
            fprintf(out, "From %llu to %llu.\n", (unsigned long long)setting->min,
                (unsigned long long)setting->max);
        fputs("Environment: LAKEGATE_", out);
        print_upper(out, setting->name);
        if (setting->also_env != NULL)
            fprintf(out, ", or %s", setting->also_env);
        fputs(".\n", out);
        if (setting->flag) {
            fputs("Option: ", out);
            print_flag(out, setting->name);
            fputs(".\n", out);
        }
    }
    fputs(".SH SEE ALSO\n.BR lakegated (8),\n.BR lakegate (1)\n", out);
}
