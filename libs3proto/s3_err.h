/* S3's errors: one table (errors.def) makes the enum and the text. Pure and thread-safe. */
#ifndef S3PROTO_S3_ERR_H
#define S3PROTO_S3_ERR_H

#include "base/span.h"

enum s3_err {
    S3_OK = 0,
#define S3_ERROR(name, code, status, message) S3_ERR_##name,
#include "errors.def"
#undef S3_ERROR
    S3_ERR_COUNT
};

struct s3_err_info {
    const char *code;
    int status; /* HTTP */
    const char *message;
};

/* The row of an error; S3_OK gives {"", 200, ""}. */
const struct s3_err_info *s3_err_info(enum s3_err err);

/* Hands an error on. */
#define TRY(expr)                                                                                  \
    do {                                                                                           \
        enum s3_err try_err_ = (expr);                                                             \
        if (try_err_ != S3_OK)                                                                     \
            return try_err_;                                                                       \
    } while (0)

#endif
