/* Public access block: four switches of a bucket and of its owner's account; a switch that is on at either
 * is on. Any thread; never blocks but for the change of an account's.
 * src: Amazon S3 User Guide, "Blocking public access to your Amazon S3 storage" */
#ifndef DAEMON_PUBLIC_ACCESS_H
#define DAEMON_PUBLIC_ACCESS_H

#include "daemon/request.h"

struct public_access {
    bool block_public_acls;       /* ACLs that would be public are refused when they are put */
    bool ignore_public_acls;      /* grants to everybody do not count */
    bool block_public_policy;     /* bucket policies that would be public are refused when put */
    bool restrict_public_buckets; /* a public policy serves only the bucket owner's account */
};

/* What holds for a bucket: its own and its owner's account's.
 * err: INTERNAL, the store's faults */
enum s3_err public_access_of(struct request *request, const struct bucket_info *bucket,
    struct public_access *ret_access) MUST_USE;

/* The two apart, for messages that say where a switch is and how to lift it. */
enum s3_err public_access_levels(struct request *request, const struct bucket_info *bucket,
    struct public_access *ret_bucket, struct public_access *ret_account) MUST_USE;

/* A bucket's own; NULL when it has no configuration.
 * err: INTERNAL, the store's faults */
enum s3_err public_access_of_bucket(struct request *request, const struct bucket_info *bucket,
    const struct public_access **ret_access) MUST_USE;

/* As it is kept, DOCUMENT_PUBLIC_ACCESS_BLOCK and the accounts' records: a character for each switch. */
enum { PUBLIC_ACCESS_TEXT_BYTES = 4 };
void public_access_text(
    const struct public_access *access, char ret_text[static PUBLIC_ACCESS_TEXT_BYTES]);
bool public_access_read(struct span text, struct public_access *ret_access) MUST_USE;

/* A PublicAccessBlockConfiguration; a switch that is left out is off.
 * err: MALFORMED_XML */
enum s3_err public_access_parse(
    struct arena *arena, struct span document, struct public_access *ret_access) MUST_USE;
/* of_account: as S3 Control answers it. */
void public_access_xml(struct buf *out, const struct public_access *access, bool of_account);

/* The accounts' switches (account_blocks.c): records of the store, mirrored in memory. */
struct account_blocks;
/* Reads the records. NULL: memory ran out, or the store could not be read. */
struct account_blocks *account_blocks_open(struct storage *storage);
/* Takes NULL. */
void account_blocks_free(struct account_blocks *blocks);
/* False: the account has no configuration. */
bool account_blocks_get(
    struct account_blocks *blocks, uint64_t account_id, struct public_access *ret_access);
/* access NULL: deletes. Commits: blocks on the disk. */
enum storage_err account_blocks_put(struct account_blocks *blocks, uint64_t account_id,
    const struct public_access *access) MUST_USE;

#endif
