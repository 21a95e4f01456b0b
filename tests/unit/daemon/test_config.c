/* Does each source of a setting win where it should, and is what is wrong refused with its name? */
#include "daemon/config_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <unistd.h>
// clang-format off
#include <cmocka.h>
// clang-format on

static const char *env_name, *env_value;

static char *fake_env(const char *name)
{
    return env_name != NULL && strcmp(name, env_name) == 0 ? (char *)env_value : NULL;
}

static bool load(struct config *config, char *error, const char *first, ...)
{
    const char *argv[16] = {"lakegated"};
    int argc = 1;
    va_list args;
    va_start(args, first);
    for (const char *arg = first; arg != NULL && argc < 16; arg = va_arg(args, const char *))
        argv[argc++] = arg;
    va_end(args);
    return config_load(config, argc, argv, fake_env, error);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_BYTES];
    assert_true(load(&config, error, NULL));
    assert_int_equal(config.listen.count, 1);
    assert_string_equal(config.listen.items[0], "127.0.0.1:9000");
    assert_string_equal(config.region, "us-east-1");
    assert_int_equal(config.domain.count, 0);
    assert_true(config.verify_reads);
    assert_int_equal(config.staging_bytes, 64 * 1024 * 1024);
    assert_int_equal(config.metrics, METRICS_LOCAL);
    assert_string_equal(config.root_access_key, "");
    config_free(&config);
}

static void write_file(char *path, const char *text)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void test_the_later_source_wins(void **state)
{
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_BYTES], path[] = "/tmp/lakegate-config-XXXXXX";
    write_file(path,
        "# a comment\n[lakegate]\nregion = from-file\nworkers=7\nlisten = 127.0.0.1:1\n"
        "listen = [::1]:2\nverify_reads = off\nstaging = 16M\r\n");
    env_name = NULL;
    assert_true(load(&config, error, "--config", path, NULL));
    assert_string_equal(config.region, "from-file");
    assert_int_equal(config.workers, 7);
    assert_int_equal(config.listen.count, 2);
    assert_string_equal(config.listen.items[1], "[::1]:2");
    assert_false(config.verify_reads);
    assert_int_equal(config.staging_bytes, 16 * 1024 * 1024);
    config_free(&config);

    env_name = "LAKEGATE_REGION";
    env_value = "from-env";
    assert_true(load(&config, error, "--config", path, NULL));
    assert_string_equal(config.region, "from-env");
    config_free(&config);

    assert_true(
        load(&config, error, "--config", path, "--region=from-flag", "--listen", "unix:/x", NULL));
    assert_string_equal(config.region, "from-flag");
    assert_int_equal(config.listen.count, 1);
    assert_string_equal(config.listen.items[0], "unix:/x");
    config_free(&config);
    env_name = NULL;
    unlink(path);
}

static void test_names_of_other_servers(void **state)
{
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_BYTES];
    env_name = "MINIO_ROOT_USER";
    env_value = "someone";
    assert_true(load(&config, error, NULL));
    assert_string_equal(config.root_access_key, "someone");
    config_free(&config);
    env_name = "LAKEGATE_LISTEN";
    env_value = "127.0.0.1:1, 127.0.0.1:2";
    assert_true(load(&config, error, NULL));
    assert_int_equal(config.listen.count, 2);
    assert_string_equal(config.listen.items[1], "127.0.0.1:2");
    config_free(&config);
    env_name = NULL;
}

static void test_what_is_wrong_is_refused(void **state)
{
    (void)state;
    static const char *const cases[][3] = {
        {"--no-such-thing", "1", "--no-such-thing"},
        {"--workers", "0", "workers"},
        {"--workers", "many", "workers"},
        {"--workers", "1025", "workers"},
        {"--staging", "1G2", "staging"},
        {"--staging", "99999999999999999999T", "staging"},
        {"--verify-reads", "maybe", "verify_reads"},
        {"--metrics", "secret", "metrics"},
        {"--tls-cert", "a.pem", "tls_key"},
        {"--path-prefix", "lake", "path_prefix"},
        {"--path-prefix", "/lake/", "path_prefix"},
        {"--path-prefix", "/", "path_prefix"},
        {"--path-prefix", "/a//b", "path_prefix"},
        {"--path-prefix", "/l%61ke", "path_prefix"},
        {"--path-prefix", "/a b", "path_prefix"},
        {"--public-url", "lake.example.com", "public_url"},
        {"--public-url", "https://", "public_url"},
        {"--public-url", "https://lake.example.com/", "public_url"},
        {"--public-url", "https://lake.example.com/?x", "public_url"},
        {"--public-url", "javascript:alert(1)", "public_url"},
        {"--console-host", "lake.example.com/x", "console_host"},
        {"--object-sandbox", "off", "object_sandbox"},
        {"--listen", "", "listen"},
        {"--region", "", "region"},
        {"--region", "eu/west", "region"},
        {"--region", "a-region-of-sixty-five-characters-which-no-signature-can-ever-name",
            "region"},
        {"--domain", "https://s3.example.org", "domain"},
        {"--domain", "s3.example.org:9000", "domain"},
        {"--domain", "*.s3.example.org", "domain"},
        {"--domain", ".s3.example.org", "domain"},
        {"--domain", "s3.example.org, two words", "domain"},
        {"--config", "/no/such/file", "/no/such/file"},
        {"--root-secret-key", "abcdefgh", "--root-secret-key"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config config;
        char error[CONFIG_ERROR_BYTES] = "";
        assert_false(load(&config, error, cases[i][0], cases[i][1], NULL));
        assert_non_null(strstr(error, cases[i][2]));
        assert_null(strchr(error, '\n'));
        config_free(&config);
    }
    struct config config;
    char error[CONFIG_ERROR_BYTES];
    assert_false(load(&config, error, "--region", NULL));
    config_free(&config);
}

static void test_where_it_is_reached(void **state)
{
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_BYTES];
    assert_true(load(&config, error, "--path-prefix", "/data/lake-1", "--public-url",
        "https://[::1]:8443/data/lake-1", NULL));
    config_free(&config);
    assert_false(load(&config, error, "--path-prefix", "/lake", "--public-url",
        "https://lake.example.com", NULL));
    assert_non_null(strstr(error, "must end with path_prefix"));
    config_free(&config);
    assert_true(load(&config, error, "--console-host", "console.example.com:9000",
        "--object-sandbox", "off", NULL));
    config_free(&config);
    assert_true(load(&config, error, "--console", "off", "--object-sandbox", "off", NULL));
    config_free(&config);
}

static void test_too_many_values(void **state)
{
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_BYTES];
    assert_true(load(&config, error, "--domain", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", NULL));
    assert_int_equal(config.domain.count, CONFIG_LIST_MAX);
    config_free(&config);
    assert_false(
        load(&config, error, "--domain", "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", NULL));
    config_free(&config);
}

static void test_bad_file_names_the_line(void **state)
{
    (void)state;
    struct config config;
    char error[CONFIG_ERROR_BYTES], path[] = "/tmp/lakegate-config-XXXXXX";
    write_file(path, "region = x\n\nnonsense = 1\n");
    assert_false(load(&config, error, "--config", path, NULL));
    assert_non_null(strstr(error, "line 3"));
    assert_non_null(strstr(error, "nonsense"));
    config_free(&config);
    unlink(path);
}

/* The table is used by help, manual and loader alike. */
static void test_table_is_sound(void **state)
{
    (void)state;
    for (size_t i = 0; i < settings_count; i++) {
        assert_true(strlen(settings_table[i].help) > 10);
        for (size_t k = i + 1; k < settings_count; k++) {
            assert_string_not_equal(settings_table[i].name, settings_table[k].name);
            assert_int_not_equal(settings_table[i].offset, settings_table[k].offset);
        }
    }
}

static void test_help_and_manual_name_every_setting(void **state)
{
    (void)state;
    void (*const pages[])(FILE *) = {config_help, config_manual};
    for (size_t page = 0; page < ARRAY_LEN(pages); page++) {
        char *text = NULL;
        size_t len = 0;
        FILE *out = open_memstream(&text, &len);
        pages[page](out);
        fclose(out);
        for (size_t i = 0; i < settings_count; i++) {
            char name[64];
            snprintf(name, sizeof(name), "%s", settings_table[i].name);
            bool found = strstr(text, name) != NULL;
            for (char *c = name; *c != '\0'; c++)
                if (*c == '_')
                    *c = '-';
            assert_true(found || strstr(text, name) != NULL);
        }
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_the_later_source_wins),
        cmocka_unit_test(test_names_of_other_servers),
        cmocka_unit_test(test_what_is_wrong_is_refused),
        cmocka_unit_test(test_where_it_is_reached),
        cmocka_unit_test(test_too_many_values),
        cmocka_unit_test(test_bad_file_names_the_line),
        cmocka_unit_test(test_table_is_sound),
        cmocka_unit_test(test_help_and_manual_name_every_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
