#include "daemon/cli/form.h"

/* ---- which form is meant ---- */

/* How many of the arguments are the form's words; 0: they are others. */
static int words_match(const struct cli_form *form, int count, char **arguments)
{
    struct span words = span_str(form->words), word;
    int taken = 0;
    while (span_split(&words, ' ', &word)) {
        if (taken == count || !span_eq(word, span_str(arguments[taken])))
            return 0;
        taken++;
    }
    return taken;
}

bool cli_form_known(const char *word)
{
    struct span wanted = span_str(word);
    for (size_t i = 0; i < cli_form_count; i++) {
        struct span words = span_str(cli_forms[i].words);
        if (span_eq(span_first(words, span_find_char(words, ' ', 0)), wanted))
            return true;
    }
    return false;
}

static bool is_option(const struct form_value *value)
{
    return value->word[0] == '-';
}

static void print_usage(FILE *out, const struct cli_form *form)
{
    int width = fprintf(out, "  lakegate %s", form->words);
    for (size_t i = 0; i < FORM_VALUES_MAX && form->values[i].word; i++) {
        const struct form_value *value = &form->values[i];
        const char *argument = value->kind == FORM_FLAG   ? ""
                               : value->kind == FORM_TAG  ? " KEY=VALUE"
                               : value->kind == FORM_FILE ? " FILE"
                                                          : " VALUE";
        if (!is_option(value))
            width += fprintf(out, " %s", value->word);
        else
            width += fprintf(out, value->required ? " %s%s" : " [%s%s]", value->word, argument);
        if (value->kind == FORM_TAG || value->kind == FORM_ITEM)
            width += fprintf(out, "...");
    }
    if (width >= 46)
        width = fprintf(out, "\n") - 1;
    fprintf(out, "%*s%s\n", 48 - width, "", form->says);
}

/* Do the words begin with the arguments, or the arguments with the words? */
static bool is_about(const struct cli_form *form, int count, char **arguments)
{
    struct span words = span_str(form->words), word;
    for (int i = 0; i < count && span_split(&words, ' ', &word); i++)
        if (!span_eq(word, span_str(arguments[i])))
            return false;
    return true;
}

static void print_usages(FILE *out, int count, char **arguments)
{
    size_t printed = 0;
    for (size_t i = 0; i < cli_form_count; i++)
        if (is_about(&cli_forms[i], count, arguments)) {
            print_usage(out, &cli_forms[i]);
            printed++;
        }
    if (count > 0 && strcmp(arguments[0], "policy") == 0 && count < 2)
        fputs("  lakegate policy test --help                   may they?\n", out);
    if (printed == 0 && count > 1)
        print_usages(out, 1, arguments);
}

void cli_form_help(FILE *out)
{
    for (size_t i = 0; i < cli_form_count; i++)
        print_usage(out, &cli_forms[i]);
}

/* ---- arguments ---- */

/* What was given for each value of a form, by the form's order. */
struct given {
    const struct cli_form *form;
    struct buf body;
    size_t counts[FORM_VALUES_MAX];
};

static void given_free(struct given *given)
{
    buf_free(&given->body);
}

/* Name.member.N, or Name.member.N.Field. */
static struct span item_name(
    struct arena *arena, const char *param, size_t number, const char *field)
{
    struct span name = arena_format(
        arena, field ? "%s.member.%zu.%s" : "%s.member.%zu", param, number, field ? field : "");
    return span_present(name) ? name : SPAN("");
}

static int add_value(struct arena *arena, const struct cli_options *options, struct given *given,
    size_t index, const char *text)
{
    const struct form_value *value = &given->form->values[index];
    struct span param = span_str(value->param), content = span_str(text), key;
    size_t number = ++given->counts[index];
    int code = CLI_OK;
    switch (value->kind) {
    case FORM_TEXT:
        form_param(&given->body, param, content);
        break;
    case FORM_FLAG:
        form_param(&given->body, param, SPAN("true"));
        break;
    case FORM_FILE:
        content = form_file(arena, text);
        if (!span_present(content))
            return CLI_FAILED;
        form_param(&given->body, param, content);
        break;
    case FORM_POLICY:
        code = form_policy_arn(arena, options, content, &content);
        if (code == CLI_OK)
            form_param(&given->body, param, content);
        break;
    case FORM_ITEM:
        form_param(&given->body, item_name(arena, value->param, number, NULL), content);
        break;
    case FORM_TAG:
        if (!span_split(&content, '=', &key) || !span_present(content)) {
            cli_fail("a tag is KEY=VALUE");
            return CLI_USAGE;
        }
        form_param(&given->body, item_name(arena, value->param, number, "Key"), key);
        form_param(&given->body, item_name(arena, value->param, number, "Value"), content);
        break;
    }
    return code;
}

/* The value that an argument is: the option of its name, else the next without a name that is not there yet.
 * FORM_VALUES_MAX: none. */
static size_t value_of(const struct given *given, const char *argument)
{
    bool option = argument[0] == '-' && argument[1] == '-';
    struct span name = span_str(argument);
    name = span_first(name, span_find_char(name, '=', 0));
    for (size_t i = 0; i < FORM_VALUES_MAX && given->form->values[i].word; i++) {
        const struct form_value *value = &given->form->values[i];
        if (option ? span_eq(span_str(value->word), name)
                   : !is_option(value) && given->counts[i] == 0)
            return i;
    }
    return FORM_VALUES_MAX;
}

/* Where the arguments of a form stand; its values are read after all options of the connection are known,
 * since reading may ask the daemon. */
struct placed {
    size_t value;
    const char *text;
};
enum { PLACED_MAX = 128 };

/* CLI_OK, CLI_FAILED: they are not this form's, quietly unless loud; CLI_USAGE: a line was printed. */
static int place(struct given *given, int count, char **arguments, struct cli_options *options,
    bool loud, struct placed placed[static PLACED_MAX], size_t *ret_placed)
{
    size_t taken = 0;
    for (int at = 0; at < count;) {
        const char *argument = arguments[at];
        size_t value = value_of(given, argument);
        if (value == FORM_VALUES_MAX) {
            enum cli_taken option = cli_option_take(options, count, arguments, &at);
            if (option == CLI_TAKEN)
                continue;
            if (loud && option == CLI_NOT_TAKEN)
                cli_fail("'%s' does not belong there", argument);
            return option == CLI_WRONG ? CLI_USAGE : CLI_FAILED;
        }
        const struct form_value *shape = &given->form->values[value];
        const char *text = argument;
        if (is_option(shape) && shape->kind != FORM_FLAG) {
            const char *equals = strchr(argument, '=');
            text = equals ? equals + 1 : at + 1 < count ? arguments[++at] : NULL;
        }
        bool repeats = shape->kind == FORM_TAG || shape->kind == FORM_ITEM;
        if (!text || taken == PLACED_MAX || (given->counts[value] > 0 && !repeats)) {
            if (loud)
                cli_fail(!text ? "%s needs a value" : "%s was given too often", argument);
            return CLI_FAILED;
        }
        given->counts[value]++;
        placed[taken++] = (struct placed){value, text};
        at++;
    }
    for (size_t i = 0; i < FORM_VALUES_MAX && given->form->values[i].word; i++)
        if (given->form->values[i].required && given->counts[i] == 0) {
            if (loud)
                cli_fail("%s is missing", given->form->values[i].word);
            return CLI_FAILED;
        }
    *ret_placed = taken;
    return CLI_OK;
}

/* ---- running it ---- */

/* Of this name, or the only element's child of this name. */
static struct span text_in(const struct xml_node *result, const char *name)
{
    struct span text = xml_child_text(result, span_str(name));
    return span_present(text) || !result->first_child
               ? text
               : xml_child_text(result->first_child, span_str(name));
}

static void print_step(struct arena *arena, const struct form_step *step,
    const struct xml_node *result, size_t number, size_t count)
{
    if (step->text) {
        form_print_document(arena, text_in(result, step->text));
        return;
    }
    if (!step->list) {
        form_print_all(arena, result);
        return;
    }
    const struct xml_node *list = xml_child(result, span_str(step->list));
    if (!list || !list->first_child)
        return;
    if (count > 1)
        printf("%s%s\n", number > 0 ? "\n" : "", step->list);
    form_print_table(list, step->columns);
}

static int run_steps(struct arena *arena, const struct cli_options *options,
    const struct cli_form *form, struct span params)
{
    struct xml_node *results[FORM_STEPS_MAX];
    size_t count = 0;
    while (count < FORM_STEPS_MAX && form->steps[count].action) {
        const struct form_step *step = &form->steps[count];
        int code = step->list ? form_call_all(arena, options, step->action, params, step->list,
                                    &results[count])
                              : form_call(arena, options, step->action, params, &results[count]);
        if (code != CLI_OK)
            return code;
        count++;
    }
    if (options->json && !form->steps[0].text) {
        form_print_json(arena, results, count);
        return CLI_OK;
    }
    for (size_t i = 0; i < count; i++)
        print_step(arena, &form->steps[i], results[i], i, count);
    return CLI_OK;
}

static int run_form(struct arena *arena, struct cli_options options, struct given *given,
    const struct placed *placed, size_t count)
{
    memset(given->counts, 0, sizeof(given->counts));
    struct span fixed = span_str(given->form->fixed), name;
    if (span_split(&fixed, '=', &name))
        form_param(&given->body, name, fixed);
    for (size_t i = 0; i < count; i++) {
        int code = add_value(arena, &options, given, placed[i].value, placed[i].text);
        if (code != CLI_OK)
            return code;
    }
    if (!buf_ok(&given->body))
        return cli_fail("that is more than a call can hold");
    return run_steps(arena, &options, given->form, buf_span(&given->body));
}

/* Of forms with the same words the one whose values were given. */
static int find_and_run(struct arena *arena, int count, char **arguments)
{
    size_t same = 0;
    for (size_t i = 0; i < cli_form_count; i++)
        same += words_match(&cli_forms[i], count, arguments) > 0;
    for (size_t i = 0; i < cli_form_count; i++) {
        int words = words_match(&cli_forms[i], count, arguments);
        if (words == 0)
            continue;
        struct given given CLEANUP(given_free) = {.form = &cli_forms[i]};
        buf_init(&given.body, FORM_BODY_MAX_BYTES);
        struct cli_options options = {0};
        struct placed placed[PLACED_MAX];
        size_t placed_count = 0;
        int code = place(
            &given, count - words, arguments + words, &options, same == 1, placed, &placed_count);
        if (code == CLI_OK)
            return run_form(arena, cli_options_fill(arena, options), &given, placed, placed_count);
        if (code == CLI_USAGE)
            return code;
    }
    print_usages(stderr, count, arguments);
    return CLI_USAGE;
}

static bool asks_for_help(int count, char **arguments)
{
    for (int i = 0; i < count; i++)
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0)
            return true;
    return false;
}

int cli_form(int count, char **arguments)
{
    if (count >= 2 && strcmp(arguments[0], "policy") == 0 && strcmp(arguments[1], "test") == 0)
        return cli_policy_test(count - 2, arguments + 2);
    if (asks_for_help(count, arguments)) {
        int words = count - 1;
        print_usages(stdout, words > 0 && arguments[words][0] == '-' ? words : 1, arguments);
        return CLI_OK;
    }
    struct arena arena;
    arena_init(&arena, CLI_ARENA_BYTES);
    int code = CLI_FAILED;
    if (http_client_init()) {
        code = find_and_run(&arena, count, arguments);
        http_client_exit();
    } else {
        cli_fail("cannot start libcurl");
    }
    arena_free(&arena);
    return code;
}
