#include "s3_err.h"

const struct s3_err_info *s3_err_info(enum s3_err err)
{
    static const struct s3_err_info table[] = {
        [S3_OK] = {"", 200, ""},
#define S3_ERROR(name, code, status, message) [S3_ERR_##name] = {code, status, message},
#include "errors.def"
#undef S3_ERROR
    };
    _Static_assert(ARRAY_LEN(table) == S3_ERR_COUNT, "a row for each error");
    return (size_t)err < ARRAY_LEN(table) ? &table[err] : &table[S3_ERR_INTERNAL];
}
