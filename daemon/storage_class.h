/* S3's storage classes by number, as the store keeps them. Lakegate keeps every object in one way;
 * a class is a label that clients set and read back. Pure and thread-safe.
 *
 * src: Amazon S3 API
 * Reference, "PutObject", x-amz-storage-class */
#ifndef DAEMON_STORAGE_CLASS_H
#define DAEMON_STORAGE_CLASS_H

#include "base/span.h"

enum storage_class {
    STORAGE_CLASS_STANDARD = 0, /* the numbers are stored in the index: never change them */
    STORAGE_CLASS_REDUCED_REDUNDANCY = 1,
    STORAGE_CLASS_STANDARD_IA = 2,
    STORAGE_CLASS_ONEZONE_IA = 3,
    STORAGE_CLASS_INTELLIGENT_TIERING = 4,
    STORAGE_CLASS_GLACIER = 5,
    STORAGE_CLASS_DEEP_ARCHIVE = 6,
    STORAGE_CLASS_GLACIER_IR = 7,
    STORAGE_CLASS_OUTPOSTS = 8,
    STORAGE_CLASS_SNOW = 9,
    STORAGE_CLASS_EXPRESS_ONEZONE = 10,
};

/* "STANDARD" …; a number that has no name reads as STANDARD. */
struct span storage_class_name(uint8_t number);
/* False, output untouched, when S3 has no such class. An absent name is STANDARD. */
bool storage_class_by_name(struct span name, uint8_t *ret_number) MUST_USE;

#endif
