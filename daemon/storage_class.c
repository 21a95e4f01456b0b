#include "daemon/storage_class.h"

static const struct span names[] = {
    [STORAGE_CLASS_STANDARD] = {"STANDARD", sizeof("STANDARD") - 1},
    [STORAGE_CLASS_REDUCED_REDUNDANCY] = {"REDUCED_REDUNDANCY", sizeof("REDUCED_REDUNDANCY") - 1},
    [STORAGE_CLASS_STANDARD_IA] = {"STANDARD_IA", sizeof("STANDARD_IA") - 1},
    [STORAGE_CLASS_ONEZONE_IA] = {"ONEZONE_IA", sizeof("ONEZONE_IA") - 1},
    [STORAGE_CLASS_INTELLIGENT_TIERING] = {"INTELLIGENT_TIERING",
        sizeof("INTELLIGENT_TIERING") - 1},
    [STORAGE_CLASS_GLACIER] = {"GLACIER", sizeof("GLACIER") - 1},
    [STORAGE_CLASS_DEEP_ARCHIVE] = {"DEEP_ARCHIVE", sizeof("DEEP_ARCHIVE") - 1},
    [STORAGE_CLASS_GLACIER_IR] = {"GLACIER_IR", sizeof("GLACIER_IR") - 1},
    [STORAGE_CLASS_OUTPOSTS] = {"OUTPOSTS", sizeof("OUTPOSTS") - 1},
    [STORAGE_CLASS_SNOW] = {"SNOW", sizeof("SNOW") - 1},
    [STORAGE_CLASS_EXPRESS_ONEZONE] = {"EXPRESS_ONEZONE", sizeof("EXPRESS_ONEZONE") - 1},
};

struct span storage_class_name(uint8_t number)
{
    return names[number < ARRAY_LEN(names) ? number : STORAGE_CLASS_STANDARD];
}

bool storage_class_by_name(struct span name, uint8_t *ret_number)
{
    if (!span_present(name)) {
        *ret_number = STORAGE_CLASS_STANDARD;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (span_eq(name, names[i])) {
            *ret_number = (uint8_t)i;
            return true;
        }
    return false;
}
