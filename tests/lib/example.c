/* A program as somebody outside this project would write it: it signs a request and checks it. */
#include <s3_err.h>
#include <sigv4.h>
#include <xml_write.h>

static enum s3_err sign_and_check(struct arena *arena)
{
    struct span secret = SPAN("secret"), canonical, to_sign;
    struct header items[] = {{SPAN("host"), SPAN("localhost")},
        {SPAN("x-amz-content-sha256"), SPAN("UNSIGNED-PAYLOAD")},
        {SPAN("x-amz-date"), SPAN("20130524T000000Z")}, {SPAN("authorization"), SPAN_ABSENT}};
    struct header_list headers = {items, 3};
    struct target target;
    struct sigv4_auth auth;
    const char *detail;
    uint8_t key[SHA256_BYTES];
    TRY(target_parse(arena, SPAN("/bucket/key"), SPAN("localhost"), NULL, 0, &target));
    items[3].value = sigv4_authorization(arena, SPAN("GET"), &target, &headers, SPAN("AKEXAMPLE"),
        secret, SPAN("us-east-1"), SPAN("s3"));
    headers.count = 4;
    TRY(sigv4_parse(&target, &headers, &auth, &detail));
    return sigv4_verify(
        arena, NULL, SPAN("GET"), &target, &headers, &auth, secret, key, &canonical, &to_sign);
}

int main(void)
{
    struct arena arena;
    char copied[16];
    arena_init(&arena, 65536);
    enum s3_err err = sign_and_check(&arena);
    strcpy(copied, err == S3_OK ? "signed" : "refused"); /* a user's own functions stay his own */
    printf("%s %s\n", copied, s3_err_info(err)->code);
    arena_free(&arena);
    return err != S3_OK;
}
