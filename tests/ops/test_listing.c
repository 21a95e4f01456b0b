/* The listings' XML, element by element, and their arguments. Paging has tests of its own. */
#include "tests/ops/support.h"

#define XML_HEAD "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define XMLNS " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""
#define ID "21b64d07f8c0933ae81b157b61ef7ed828bd4b5d8e664ed60cef4fa5e664b7ce"
#define ACCOUNT(element) "<" element "><ID>" ID "</ID><DisplayName>root</DisplayName></" element ">"
/* MD5 of "content" */
#define ETAG "<ETag>&quot;9a0364b9e99bb480dd25e1f0284c8555&quot;</ETag>"
#define CHECKSUM                                                                                   \
    "<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
#define ENTRY(key, owner)                                                                          \
    "<Contents><Key>" key "</Key><LastModified>*</LastModified>" ETAG CHECKSUM                     \
    "<Size>7</Size>" owner "<StorageClass>STANDARD</StorageClass></Contents>"
#define GROUP(prefix) "<CommonPrefixes><Prefix>" prefix "</Prefix></CommonPrefixes>"
#define V1(head, contents)                                                                         \
    XML_HEAD "<ListBucketResult" XMLNS "><Name>lake</Name>" head contents "</ListBucketResult>"

static const char *const keys[] = {"a", "a/b", "a/b/c", "b c&d~", "dir/", "dir/x", "z<>\"'"};

/* Times and upload ids, which no test can know, become "*". */
static struct span normal(const struct reply *reply)
{
    static const char *const unknown[] = {"LastModified", "Initiated", "UploadId",
        "NextUploadIdMarker", "UploadIdMarker", "CreationDate", "NextContinuationToken",
        "ContinuationToken"};
    struct arena *arena = &reply->request->arena;
    struct span text = reply->body;
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        struct span open = arena_format(arena, "<%s>", unknown[i]);
        struct span close = arena_format(arena, "</%s>", unknown[i]);
        for (size_t at = span_find(text, open, 0); at != SIZE_MAX;
             at = span_find(text, open, at + 1)) {
            size_t from = at + open.len, to = span_find(text, close, from);
            assert_true(to != SIZE_MAX);
            if (to > from)
                text = arena_format(arena, "%.*s*%.*s", SPAN_ARG(span_first(text, from)),
                    SPAN_ARG(span_from(text, to)));
        }
    }
    return text;
}

static int make_lake(void **state)
{
    world_make(state);
    struct world *world = *state;
    world_do(world, "PUT /lake", NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        world_put(world, "lake", span_str(keys[i]), SPAN("content"));
    return 0;
}

static const struct {
    const char *line;
    const char *document;
} exact_cases[] = {
    {"GET /lake?prefix=a",
        V1("<Prefix>a</Prefix><Marker></Marker><MaxKeys>1000</MaxKeys><IsTruncated>false"
           "</IsTruncated>",
            ENTRY("a", ACCOUNT("Owner")) ENTRY("a/b", ACCOUNT("Owner"))
                ENTRY("a/b/c", ACCOUNT("Owner")))},
    {"GET /lake?delimiter=/&max-keys=3",
        V1("<Prefix></Prefix><Marker></Marker><NextMarker>b c&amp;d~</NextMarker>"
           "<MaxKeys>3</MaxKeys><Delimiter>/</Delimiter><IsTruncated>true</IsTruncated>",
            ENTRY("a", ACCOUNT("Owner")) ENTRY("b c&amp;d~", ACCOUNT("Owner")) GROUP("a/"))},
    {"GET /lake?marker=dir/",
        V1("<Prefix></Prefix><Marker>dir/</Marker><MaxKeys>1000</MaxKeys>"
           "<IsTruncated>false</IsTruncated>",
            ENTRY("dir/x", ACCOUNT("Owner")) ENTRY("z&lt;&gt;&quot;'", ACCOUNT("Owner")))},
    /* A marker in a group stands for the group. */
    {"GET /lake?marker=a/b&delimiter=/&prefix=",
        V1("<Prefix></Prefix><Marker>a/b</Marker><MaxKeys>1000</MaxKeys>"
           "<Delimiter>/</Delimiter><IsTruncated>false</IsTruncated>",
            ENTRY("b c&amp;d~", ACCOUNT("Owner")) ENTRY("z&lt;&gt;&quot;'", ACCOUNT("Owner"))
                GROUP("dir/"))},
    {"GET /lake?max-keys=1",
        V1("<Prefix></Prefix><Marker></Marker><MaxKeys>1</MaxKeys><IsTruncated>true</IsTruncated>",
            ENTRY("a", ACCOUNT("Owner")))},
    {"GET /lake?max-keys=0",
        V1("<Prefix></Prefix><Marker></Marker><MaxKeys>0</MaxKeys><IsTruncated>false</IsTruncated>",
            "")},
    {"GET /lake?encoding-type=url&prefix=b%20c&delimiter=~&marker=b%20",
        V1("<Prefix>b+c</Prefix><Marker>b+</Marker><MaxKeys>1000</MaxKeys>"
           "<Delimiter>%7E</Delimiter><EncodingType>url</EncodingType><IsTruncated>false"
           "</IsTruncated>",
            GROUP("b+c%26d%7E"))},
    {"GET /lake?list-type=2&prefix=dir/&delimiter=/",
        V1("<Prefix>dir/</Prefix><KeyCount>2</KeyCount><MaxKeys>1000</MaxKeys>"
           "<Delimiter>/</Delimiter><IsTruncated>false</IsTruncated>",
            ENTRY("dir/", "") ENTRY("dir/x", ""))},
    {"GET /lake?list-type=2&fetch-owner=true&max-keys=1&start-after=a/b/c",
        V1("<Prefix></Prefix><StartAfter>a/b/c</StartAfter>"
           "<NextContinuationToken>*</NextContinuationToken><KeyCount>1</KeyCount>"
           "<MaxKeys>1</MaxKeys><IsTruncated>true</IsTruncated>",
            ENTRY("b c&amp;d~", ACCOUNT("Owner")))},
    /* A start-after in a group leaves the group in when a key of it comes later. */
    {"GET /lake?list-type=2&delimiter=/&start-after=a/b",
        V1("<Prefix></Prefix><StartAfter>a/b</StartAfter><KeyCount>4</KeyCount>"
           "<MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><IsTruncated>false</IsTruncated>",
            ENTRY("b c&amp;d~", "") ENTRY("z&lt;&gt;&quot;'", "") GROUP("a/") GROUP("dir/"))},
    {"GET /lake?list-type=2&fetch-owner=TRUE&max-keys=5000&prefix=z&start-after=",
        V1("<Prefix>z</Prefix><StartAfter></StartAfter><KeyCount>1</KeyCount>"
           "<MaxKeys>5000</MaxKeys><IsTruncated>false</IsTruncated>",
            ENTRY("z&lt;&gt;&quot;'", ""))},
    {"GET /lake?list-type=2&max-keys=0&delimiter=/",
        V1("<Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>0</MaxKeys><Delimiter>/</Delimiter>"
           "<IsTruncated>false</IsTruncated>",
            "")},
    {"GET /lake?list-type=2&delimiter=/&encoding-type=URL&start-after=b%20c",
        V1("<Prefix></Prefix><StartAfter>b+c</StartAfter><KeyCount>3</KeyCount>"
           "<MaxKeys>1000</MaxKeys><Delimiter>/</Delimiter><EncodingType>URL</EncodingType>"
           "<IsTruncated>false</IsTruncated>",
            ENTRY("b+c%26d%7E", "") ENTRY("z%3C%3E%22%27", "") GROUP("dir/"))},
    {"GET /lake?list-type=2&prefix=none",
        V1("<Prefix>none</Prefix><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>"
           "<IsTruncated>false</IsTruncated>",
            "")},
    {"GET /lake?list-type=2&prefix=dir/&delimiter=&max-keys=0007",
        V1("<Prefix>dir/</Prefix><KeyCount>2</KeyCount><MaxKeys>7</MaxKeys>"
           "<IsTruncated>false</IsTruncated>",
            ENTRY("dir/", "") ENTRY("dir/x", ""))},
};

static void test_exact(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(exact_cases); i++) {
        REPLY reply = world_send(world, exact_cases[i].line, NULL, SPAN(""));
        assert_status(reply, 200);
        print_message("%s\n", exact_cases[i].line);
        assert_span(normal(&reply), exact_cases[i].document);
    }
}

static const struct {
    const char *query;
    const char *argument; /* NULL: not named */
    const char *message;
} refused_cases[] = {
    {"max-keys=abc", "max-keys", "Provided max-keys not an integer or within integer range"},
    {"max-keys=%205", "max-keys", "Provided max-keys not an integer or within integer range"},
    {"max-keys=%2B5", "max-keys", "Provided max-keys not an integer or within integer range"},
    {"max-keys=2147483648", "max-keys", "Provided max-keys not an integer or within integer range"},
    {"max-keys=99999999999999999999", "max-keys", "not an integer or within integer range"},
    {"max-keys=-2147483649", "max-keys", "Provided max-keys not an integer or within"},
    {"max-keys=-", "max-keys", "Provided max-keys not an integer or within integer range"},
    {"max-keys=-01", "maxKeys",
        "Argument maxKeys must be an integer between 0 and 2147483647</Message>"
        "<ArgumentName>maxKeys</ArgumentName><ArgumentValue>-1</ArgumentValue>"},
    {"list-type=2&max-keys=-1", "maxKeys", "must be an integer between 0 and 2147483647"},
    {"encoding-type=", "encoding-type", "Invalid Encoding Method specified in Request"},
    {"encoding-type=xml", "encoding-type", "Invalid Encoding Method specified in Request"},
    {"continuation-token=x", "continuation-token", "only supported in REST.GET.BUCKET"},
    {"start-after=x", "start-after", "startAfter only supported in REST.GET.BUCKET"},
    {"list-type=2&marker=x", "marker", "Marker unsupported with REST.GET.BUCKET in list-type=2"},
    {"list-type=2&continuation-token=", "continuation-token", "token provided is incorrect"},
    {"list-type=2&continuation-token=%01", "continuation-token", "token provided is incorrect"},
    {"prefix=a%00b", "prefix", "Value must be a sequence of Unicode characters"},
    {"list-type=2&delimiter=%00", "delimiter", "Value must be a sequence of Unicode characters"},
    {"list-type=2&start-after=%00", "start-after", "cannot include Null."},
    {"marker=%00", "marker", "cannot include Null."},
    {"versions&max-keys=abc&version-id-marker=&encoding-type=x", "max-keys", "not an integer"},
    {"versions&version-id-marker=&encoding-type=x", "version-id-marker",
        "A version-id marker cannot be specified without a key marker."},
    {"versions&key-marker=&version-id-marker=null", "version-id-marker",
        "A version-id marker cannot be specified without a key marker."},
    {"versions&key-marker=k&version-id-marker=&encoding-type=x", "version-id-marker",
        "A version-id marker cannot be empty."},
    {"versions&key-marker=k&version-id-marker=bad&encoding-type=x", "version-id-marker",
        "Invalid version id specified</Message><ArgumentName>version-id-marker</ArgumentName>"
        "<ArgumentValue>bad</ArgumentValue>"},
    {"versions&key-marker=k&encoding-type=x", "encoding-type", "Invalid Encoding Method"},
    {"versions&max-keys=-1", "max-keys", "max-keys cannot be negative"},
    {"uploads&max-uploads=abc", "max-uploads", "Provided max-uploads not an integer or within"},
    {"uploads&max-uploads=-1", "max-uploads",
        "Argument max-uploads must be an integer between 0 and 2147483647"},
    {"uploads&key-marker=k&upload-id-marker=bad", "upload-id-marker", "Invalid uploadId marker"},
    {"uploads&encoding-type=x", "encoding-type", "Invalid Encoding Method"},
};

static void test_refused(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < ARRAY_LEN(refused_cases); i++) {
        char line[256], argument[128];
        snprintf(line, sizeof(line), "GET /lake?%s", refused_cases[i].query);
        REPLY reply = world_send(world, line, NULL, SPAN(""));
        print_message("%s\n", line);
        assert_code(reply, 400, "InvalidArgument");
        assert_has(reply, refused_cases[i].message);
        snprintf(argument, sizeof(argument), "<ArgumentName>%s</ArgumentName>",
            refused_cases[i].argument);
        assert_has(reply, argument);
    }
    REPLY missing = world_send(world, "GET /no-lake?list-type=2", NULL, SPAN(""));
    assert_code(missing, 404, "NoSuchBucket");
}

/* What XML 1.0 cannot carry is written as S3 writes it, and encoded when asked. */
static void test_control_characters(void **state)
{
    struct world *world = *state;
    world_put(world, "lake", SPAN("y\x01\r\n\x7f"), SPAN("content"));
    REPLY plain = world_send(world, "GET /lake?list-type=2&prefix=y", NULL, SPAN(""));
    assert_has(plain, "<Key>y&#1;&#13;\n\x7f</Key>");
    REPLY url =
        world_send(world, "GET /lake?list-type=2&prefix=y&encoding-type=url", NULL, SPAN(""));
    assert_has(url, "<Key>y%01%0D%0A%7F</Key>");
}

static void test_checksum_and_class(void **state)
{
    struct world *world = *state;
    world_do(world, "PUT /lake/x",
        "x-amz-checksum-crc32: /sUwqQ==\nx-amz-storage-class: STANDARD_IA", "content");
    REPLY reply = world_send(world, "GET /lake?list-type=2&prefix=x", NULL, SPAN(""));
    assert_span(normal(&reply),
        V1("<Prefix>x</Prefix><KeyCount>1</KeyCount><MaxKeys>1000</MaxKeys>"
           "<IsTruncated>false</IsTruncated>",
            "<Contents><Key>x</Key><LastModified>*</LastModified>" ETAG
            "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"
            "<Size>7</Size><StorageClass>STANDARD_IA</StorageClass></Contents>"));
}

static void test_versions(void **state)
{
    struct world *world = *state;
    REPLY off =
        world_send(world, "GET /lake?versions&prefix=a/&delimiter=/&max-keys=2000", NULL, SPAN(""));
#define VERSION(key)                                                                               \
    "<Version><Key>" key "</Key><VersionId>null</VersionId><IsLatest>true</IsLatest>"              \
    "<LastModified>*</LastModified>" ETAG CHECKSUM                                                 \
    "<Size>7</Size>" ACCOUNT("Owner") "<StorageClass>STANDARD</StorageClass></Version>"
    assert_span(normal(&off),
        XML_HEAD "<ListVersionsResult" XMLNS "><Name>lake</Name><Prefix>a/</Prefix>"
                 "<KeyMarker></KeyMarker><VersionIdMarker></VersionIdMarker><MaxKeys>2000</MaxKeys>"
                 "<Delimiter>/</Delimiter><IsTruncated>false</IsTruncated>" VERSION("a/b")
                     GROUP("a/b/") "</ListVersionsResult>");
    REPLY empty = world_send(world, "GET /lake?versions&delimiter=&max-keys=0", NULL, SPAN(""));
    assert_has(empty, "<MaxKeys>0</MaxKeys><Delimiter></Delimiter><IsTruncated>false");
    REPLY page = world_send(
        world, "GET /lake?versions&max-keys=1&encoding-type=url&key-marker=a/b/c", NULL, SPAN(""));
    assert_has(page, "<KeyMarker>a/b/c</KeyMarker><VersionIdMarker></VersionIdMarker>"
                     "<NextKeyMarker>b+c%26d%7E</NextKeyMarker>"
                     "<NextVersionIdMarker>null</NextVersionIdMarker>");
    REPLY next = world_send(world,
        "GET /lake?versions&max-keys=1&key-marker=b%20c%26d~&version-id-marker=null", NULL,
        SPAN(""));
    assert_span(reply_element(&next, "Key", 0), "dir/");
    REPLY group = world_send(world, "GET /lake?versions&max-keys=2&delimiter=/", NULL, SPAN(""));
    assert_has(group, "<NextKeyMarker>a/</NextKeyMarker><MaxKeys>");
}

static void make_upload(
    struct world *world, const char *line, const char *headers, char ret_id[static 64])
{
    REPLY reply = world_send(world, line, headers, SPAN(""));
    assert_status(reply, 200);
    struct span id = reply_element(&reply, "UploadId", 0);
    assert_true(id.len == 32);
    memcpy(ret_id, id.ptr, id.len);
    ret_id[id.len] = '\0';
}

#define UPLOAD(key, checksum)                                                                      \
    "<Upload><Key>" key "</Key><UploadId>*</UploadId>" ACCOUNT("Initiator")                        \
        ACCOUNT("Owner") "<StorageClass>STANDARD</StorageClass><Initiated>*</Initiated>" checksum  \
                         "</Upload>"
#define UPLOADS(head, entries)                                                                     \
    XML_HEAD "<ListMultipartUploadsResult" XMLNS "><Bucket>lake</Bucket>" head entries             \
             "</ListMultipartUploadsResult>"

static void test_uploads(void **state)
{
    struct world *world = *state;
    char first[64], second[64], third[64], line[256];
    make_upload(world, "POST /lake/up/a?uploads", NULL, first);
    make_upload(world, "POST /lake/up/a?uploads", "x-amz-checksum-algorithm: SHA256", second);
    make_upload(world, "POST /lake/up%20b?uploads", NULL, third);
    REPLY all = world_send(world, "GET /lake?uploads&max-uploads=1001", NULL, SPAN(""));
    assert_span(normal(&all),
        UPLOADS("<KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker><NextKeyMarker>"
                "</NextKeyMarker><NextUploadIdMarker></NextUploadIdMarker><MaxUploads>1000"
                "</MaxUploads><IsTruncated>false</IsTruncated>",
            UPLOAD("up b", "") UPLOAD("up/a", "")
                UPLOAD("up/a", "<ChecksumAlgorithm>SHA256</ChecksumAlgorithm>"
                               "<ChecksumType>COMPOSITE</ChecksumType>")));
    assert_span(reply_element(&all, "UploadId", 1), first);
    assert_span(reply_element(&all, "UploadId", 2), second);
    REPLY group = world_send(world,
        "GET /lake?uploads&delimiter=/&prefix=up&encoding-type=url&max-uploads=1", NULL, SPAN(""));
    assert_span(normal(&group),
        UPLOADS("<KeyMarker></KeyMarker><UploadIdMarker></UploadIdMarker><NextKeyMarker>up+b"
                "</NextKeyMarker><NextUploadIdMarker>*</NextUploadIdMarker><Delimiter>/"
                "</Delimiter><Prefix>up</Prefix><MaxUploads>1</MaxUploads><EncodingType>url"
                "</EncodingType><IsTruncated>true</IsTruncated>",
            UPLOAD("up+b", "")));
    /* Between the two uploads of one key. */
    snprintf(line, sizeof(line), "GET /lake?uploads&key-marker=up/a&upload-id-marker=%s", first);
    REPLY behind = world_send(world, line, NULL, SPAN(""));
    assert_int_equal(reply_count(&behind, "Upload"), 1);
    assert_span(reply_element(&behind, "UploadId", 0), second);
    /* In a group, and without a key: the upload marker does not count. */
    snprintf(line, sizeof(line),
        "GET /lake?uploads&delimiter=/&key-marker=up/a&upload-id-marker=%s", first);
    REPLY in_group = world_send(world, line, NULL, SPAN(""));
    assert_int_equal(
        reply_count(&in_group, "Upload") + reply_count(&in_group, "CommonPrefixes"), 0);
    REPLY no_key = world_send(world, "GET /lake?uploads&upload-id-marker=bad", NULL, SPAN(""));
    assert_int_equal(reply_count(&no_key, "Upload"), 3);
    assert_has(no_key, "<UploadIdMarker></UploadIdMarker>");
    snprintf(line, sizeof(line), "DELETE /lake/up/a?uploadId=%s", first);
    world_do(world, line, NULL, NULL);
    REPLY left = world_send(world, "GET /lake?uploads", NULL, SPAN(""));
    assert_int_equal(reply_count(&left, "Upload"), 2);
    REPLY none = world_send(world, "GET /lake?uploads&max-uploads=0", NULL, SPAN(""));
    assert_has(none, "<MaxUploads>0</MaxUploads><IsTruncated>false</IsTruncated></List");
}

static void test_parts(void **state)
{
    struct world *world = *state;
    char id[64], line[256], document[2048];
    make_upload(world, "POST /lake/up%20a?uploads", "x-amz-checksum-algorithm: CRC32", id);
    for (int number = 2; number <= 6; number += 2) {
        snprintf(line, sizeof(line), "PUT /lake/up%%20a?uploadId=%s&partNumber=%d", id, number);
        world_do(world, line, "x-amz-checksum-crc32: /sUwqQ==", "content");
    }
    snprintf(line, sizeof(line), "GET /lake/up%%20a?uploadId=%s&max-parts=2&encoding-type=url", id);
    REPLY first = world_send(world, line, NULL, SPAN(""));
    assert_status(first, 200);
#define PART(number)                                                                               \
    "<Part><PartNumber>" number "</PartNumber><LastModified>*</LastModified>" ETAG                 \
    "<Size>7</Size><ChecksumCRC32>/sUwqQ==</ChecksumCRC32></Part>"
    snprintf(document, sizeof(document), "%s",
        XML_HEAD
        "<ListPartsResult" XMLNS "><Bucket>lake</Bucket><Key>up+a</Key>"
        "<UploadId>*</UploadId>" ACCOUNT("Initiator") ACCOUNT(
            "Owner") "<StorageClass>STANDARD</StorageClass><PartNumberMarker>0</PartNumberMarker>"
                     "<NextPartNumberMarker>4</NextPartNumberMarker><MaxParts>2</MaxParts>"
                     "<EncodingType>url</EncodingType><IsTruncated>true</IsTruncated>"
                     "<ChecksumAlgorithm>CRC32</ChecksumAlgorithm><ChecksumType>COMPOSITE</"
                     "ChecksumType>" PART("2") PART("4") "</ListPartsResult>");
    assert_span(normal(&first), document);
    snprintf(line, sizeof(line), "GET /lake/up%%20a?uploadId=%s&part-number-marker=4", id);
    REPLY second = world_send(world, line, NULL, SPAN(""));
    assert_int_equal(reply_count(&second, "Part"), 1);
    assert_span(reply_element(&second, "PartNumber", 0), "6");
    assert_span(reply_element(&second, "IsTruncated", 0), "false");
    snprintf(line, sizeof(line), "GET /lake/up%%20a?uploadId=%s&part-number-marker=2147483647", id);
    REPLY past = world_send(world, line, NULL, SPAN(""));
    assert_int_equal(reply_count(&past, "Part"), 0);
    snprintf(line, sizeof(line), "GET /lake/up%%20a?uploadId=%s&max-parts=-1", id);
    REPLY negative = world_send(world, line, NULL, SPAN(""));
    assert_code(negative, 400, "InvalidArgument");
    snprintf(line, sizeof(line), "GET /lake/up%%20a?uploadId=%s&part-number-marker=x", id);
    REPLY odd = world_send(world, line, NULL, SPAN(""));
    assert_has(odd, "Provided part-number-marker not an integer or within integer range");
    snprintf(line, sizeof(line), "GET /lake/other?uploadId=%s", id);
    REPLY other = world_send(world, line, NULL, SPAN(""));
    assert_code(other, 404, "NoSuchUpload");
    REPLY bad = world_send(world, "GET /lake/up%20a?uploadId=bad", NULL, SPAN(""));
    assert_code(bad, 404, "NoSuchUpload");
    assert_has(bad, "<UploadId>bad</UploadId>");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, make_lake, world_drop)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(exact), TEST(refused), TEST(control_characters),
        TEST(checksum_and_class), TEST(versions), TEST(uploads), TEST(parts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
