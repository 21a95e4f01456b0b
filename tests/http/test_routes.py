"""Which operation a request is: what S3 knows and Lakegate has not yet must never become something else."""
import pytest

import raw
import sigv4

OBJECT_SUB_RESOURCES = ["retention", "legal-hold", "restore", "torrent", "select", "select&select-type=2", "attributes", "renameObject",
                        "encryption", "uploads"]


@pytest.mark.parametrize("query", OBJECT_SUB_RESOURCES)
def test_put_of_a_sub_resource_never_overwrites_the_object(server, present, query):
    """PUT /bucket/key?restore that falls through to PutObject replaces data by a few lines of XML."""
    reply = raw.request(server, "PUT", f"{present}?{query}", body=b"<RestoreRequest/>")
    assert (reply.status, reply.code) == (501, "NotImplemented"), reply
    assert raw.request(server, "GET", present).body == b"0123456789"


@pytest.mark.parametrize("query, code", [("acl", "MalformedACLError"), ("tagging", "MalformedXML")])
def test_put_of_what_is_there_never_overwrites_the_object(server, present, query, code):
    reply = raw.request(server, "PUT", f"{present}?{query}", body=b"<X/>")
    assert (reply.status, reply.code) == (400, code), reply
    assert raw.request(server, "GET", present).body == b"0123456789"


@pytest.mark.parametrize("query", ["restore&versionId=null", "tagging=", "tagging=x", "%74agging", "x=1&acl", "acl&uploadId=x&partNumber=1", "partNumber=1"])
def test_put_of_a_sub_resource_in_disguise(server, present, query):
    reply = raw.request(server, "PUT", f"{present}?{query}", body=b"<X/>")
    assert reply.status in (400, 404, 501), reply
    assert raw.request(server, "GET", present).body == b"0123456789"


@pytest.mark.parametrize("query", ["tagging", "restore", "acl", "retention", "legal-hold"])
@pytest.mark.parametrize("method", ["DELETE", "POST"])
def test_other_methods_of_a_sub_resource(server, present, method, query):
    reply = raw.request(server, method, f"{present}?{query}", body=b"<X/>" if method == "POST" else b"")
    if (method, query) == ("DELETE", "tagging"):
        assert reply.status == 204, reply
    else:
        assert reply.status in (405, 501) and reply.code in ("NotImplemented", "MethodNotAllowed"), reply
    assert raw.request(server, "GET", present).body == b"0123456789"


BUCKET_SUB_RESOURCES = ["acl", "policy", "website", "lifecycle", "replication", "encryption", "object-lock", "tagging", "publicAccessBlock",
                        "ownershipControls", "versioning", "accelerate", "logging", "notification", "requestPayment", "inventory&id=x", "metrics&id=x",
                        "analytics&id=x", "intelligent-tiering&id=x", "metadataTable", "abac"]


@pytest.mark.parametrize("query", BUCKET_SUB_RESOURCES)
def test_put_of_a_bucket_sub_resource(server, bucket, query):
    """What is there refuses this body, what is not there refuses everything."""
    reply = raw.request(server, "PUT", f"/{bucket}?{query}", body=b"<X/>")
    assert (reply.status, reply.code) in ((501, "NotImplemented"), (400, "MalformedXML"), (400, "MalformedPolicy"), (400, "AccessControlListNotSupported")), reply


@pytest.mark.parametrize("query", BUCKET_SUB_RESOURCES)
def test_delete_of_a_bucket_sub_resource_keeps_the_bucket(server, query, bucket):
    name = f"/sub-{bucket}"
    assert raw.request(server, "PUT", name).status == 200
    reply = raw.request(server, "DELETE", f"{name}?{query}")
    assert reply.status == 204 or (reply.status, reply.code) == (501, "NotImplemented"), reply
    assert raw.request(server, "HEAD", name).status == 200
    assert raw.request(server, "DELETE", name).status == 204


ABSENT = {
    "policy": "NoSuchBucketPolicy", "policyStatus": "NoSuchBucketPolicy", "cors": "NoSuchCORSConfiguration", "website": "NoSuchWebsiteConfiguration",
    "lifecycle": "NoSuchLifecycleConfiguration", "replication": "ReplicationConfigurationNotFoundError",
    "encryption": "ServerSideEncryptionConfigurationNotFoundError", "object-lock": "ObjectLockConfigurationNotFoundError", "tagging": "NoSuchTagSet",
}


@pytest.mark.parametrize("query", ABSENT)
def test_get_of_what_a_bucket_has_not(server, bucket, query):
    reply = raw.request(server, "GET", f"/{bucket}?{query}")
    assert (reply.status, reply.code) == (404, ABSENT[query]), reply
    reply = raw.request(server, "GET", f"/no-{bucket}?{query}")
    assert (reply.status, reply.code) == (404, "NoSuchBucket"), reply


PRESENT = {"versioning": b"VersioningConfiguration", "accelerate": b"AccelerateConfiguration", "requestPayment": b"<Payer>BucketOwner</Payer>",
           "logging": b"BucketLoggingStatus", "notification": b"NotificationConfiguration", "acl": b"FULL_CONTROL", "location": b"LocationConstraint"}


@pytest.mark.parametrize("query", PRESENT)
def test_get_of_what_every_bucket_has(server, bucket, query):
    reply = raw.request(server, "GET", f"/{bucket}?{query}")
    assert reply.status == 200 and PRESENT[query] in reply.body, reply


@pytest.mark.parametrize("query", ["inventory", "metrics", "analytics", "intelligent-tiering", "metadataTable", "torrent", "events=s3:ObjectCreated:*"])
def test_get_of_a_sub_resource_that_is_not_there_is_no_listing(server, bucket, query):
    reply = raw.request(server, "GET", f"/{bucket}?{query}")
    assert (reply.status, reply.code) == (501, "NotImplemented"), reply


def test_get_of_object_sub_resources(server, present, key):
    assert b"<TagSet" in raw.request(server, "GET", present + "?tagging").body
    assert b"FULL_CONTROL" in raw.request(server, "GET", present + "?acl").body
    for query in ("retention", "legal-hold"):
        assert raw.request(server, "GET", f"{present}?{query}").code == "InvalidRequest"
    for query in ("torrent", "restore", "select"):
        assert raw.request(server, "GET", f"{present}?{query}").code == "NotImplemented"
    for query in ("tagging", "acl", "retention", "legal-hold", "attributes"):
        reply = raw.request(server, "GET", f"{present}-not?{query}", [("x-amz-object-attributes", "ETag")])
        assert (reply.status, reply.code) == (404, "NoSuchKey"), (query, reply)


@pytest.mark.parametrize("query", ["x-id=GetObject", "foo", "foo=bar&foo=baz", "=", "&&&", "%20=%20", "Tagging", "ACL", "list-type=2", "aclx", "0"])
def test_unknown_parameters_are_ignored(server, present, query):
    assert raw.request(server, "GET", f"{present}?{query}").body == b"0123456789"
    assert raw.request(server, "PUT", f"{present}?{query}", body=b"0123456789").status == 200


@pytest.mark.parametrize("target,status", [("/no-such-bucket-here", 404), ("/no-such-bucket-here/k", 404), ("/{bucket}/no-such-key", 404), ("/{bucket}/" + "k" * 1025, 400),
                                           ("/{bucket}/%ff", 400), ("/{bucket}/k?versionId=garbage", 400), ("/{bucket}/k?partNumber=abc", 400)])
def test_head_errors_have_no_body(server, bucket, target, status):
    with raw.Connection(server) as connection:
        reply = connection.request("HEAD", target.format(bucket=bucket))
        assert reply.status == status and reply.header("x-amz-request-id"), reply
        assert reply.header("content-length") in (None, "0") or int(reply.header("content-length")) >= 0
        # Were there a body, the next response would begin with it.
        assert connection.request("GET", f"/{bucket}").status == 200


def test_head_of_everything_unsigned_has_no_body(server, bucket):
    with raw.Connection(server) as connection:
        for target, status in (("/", 405), (f"/{bucket}", 403), (f"/{bucket}/k", 403)):
            connection.send(raw.head("HEAD", target, [("Host", connection.host)]))
            assert connection.reply("HEAD").status == status
        assert connection.request("GET", f"/{bucket}").status == 200


def test_refused_head_of_a_bucket_tells_its_region(server, bucket):
    """Clients ask so for it, before they sign: without a body there is no other place to tell it."""
    with raw.Connection(server) as connection:
        for target, status, region in ((f"/{bucket}", 403, "us-east-1"), ("/no-such-bucket-here", 404, None), (f"/{bucket}/k", 403, None)):
            connection.send(raw.head("HEAD", target, [("Host", connection.host)]))
            reply = connection.reply("HEAD")
            assert (reply.status, reply.header("x-amz-bucket-region")) == (status, region), reply


def test_304_does_not_say_that_the_object_is_empty(server, bucket):
    """A Content-Length there is the object's, and caches take it over. src: RFC 9110, section 8.6"""
    with raw.Connection(server) as connection:
        for size in (0, 10, 400_000):
            etag = connection.request("PUT", f"/{bucket}/o{size}", body=b"x" * size).header("etag")
            for method in ("GET", "HEAD"):
                for range_header in ([], [("Range", "bytes=0-1")]):
                    reply = connection.request(method, f"/{bucket}/o{size}", [("If-None-Match", etag), *range_header])
                    assert (reply.status, reply.body, reply.header("content-length")) == (304, b"", str(size)), reply


def test_304_has_no_body(server, present):
    with raw.Connection(server) as connection:
        etag = connection.request("GET", present).header("etag")
        reply = connection.request("GET", present, [("If-None-Match", etag)])
        assert reply.status == 304 and reply.header("etag") == etag, reply
        assert connection.request("GET", present).body == b"0123456789"


def test_204_has_no_body(server, present):
    with raw.Connection(server) as connection:
        assert connection.request("DELETE", present).status == 204
        assert connection.request("DELETE", present).status == 204
        assert connection.request("GET", present).code == "NoSuchKey"


@pytest.mark.parametrize("method,target", [("POST", "/"), ("PUT", "/"), ("DELETE", "/"), ("POST", "/{bucket}"), ("POST", "/{bucket}/k")])
def test_methods_that_a_resource_has_not(server, bucket, method, target):
    reply = raw.request(server, method, target.format(bucket=bucket))
    assert reply.status in (400, 405, 411, 412, 501) and reply.code, reply


def test_every_error_is_s3_xml(server, bucket):
    reply = raw.request(server, "GET", f"/{bucket}/no-such-key")
    assert reply.header("content-type") == "application/xml" and reply.body.startswith(b"<?xml")
    assert reply.field("Code") == "NoSuchKey" and reply.field("Key") == "no-such-key" and reply.field("Resource") == f"/{bucket}/no-such-key"
    assert reply.field("RequestId") == reply.header("x-amz-request-id")


def test_errors_escape_what_they_repeat(server, bucket):
    reply = raw.request(server, "GET", f"/{bucket}/%3C%2FKey%3E%3Cscript%3E%26%22%01%0d%0a")
    assert reply.status == 404 and b"<script>" not in reply.body and b"&lt;script&gt;" in reply.body, reply
    import xml.etree.ElementTree
    xml.etree.ElementTree.fromstring(raw.request(server, "GET", f"/{bucket}/%3C%2FKey%3E%26%22%0d%0a").body)


def test_conditions_on_writes_that_mean_nothing(server, present):
    for headers in ([("If-None-Match", '"abc"')], [("If-Match", "*")], [("If-Match", '"a"'), ("If-None-Match", "*")]):
        reply = raw.request(server, "PUT", present, headers, b"new")
        assert reply.status in (412, 501), reply
    reply = raw.request(server, "PUT", present, [("If-Match", ", ".join(f'"{i:032x}"' for i in range(100)))], b"new")
    assert reply.status in (400, 412), reply
    assert raw.request(server, "GET", present).body == b"0123456789"


def test_what_mc_admin_asks_is_told_apart_from_a_bucket_called_minio(server):
    """MinIO's administration is signed for no region, which no S3 client does."""
    with raw.Connection(server) as connection:
        assert connection.request("PUT", "/minio").status == 200
        assert connection.request("PUT", "/minio/admin/v3/info", body=b"an object").status == 200
        assert connection.request("GET", "/minio/admin/v3/info").body == b"an object"
        for path, status in (("/minio/admin/v3/info", 501), ("/minio/admin/v4/info", 426)):
            reply = connection.request("GET", path, signer=sigv4.Signer(region=""))
            assert reply.status == status and b'"NotImplemented"' in reply.body, reply
        assert connection.request("PUT", "/minio/admin/v3/add-user", body=b"x" * 1000, signer=sigv4.Signer(region="")).status == 501
        assert connection.request("GET", "/minio/admin/v3/add-user").code == "NoSuchKey"
    assert raw.exchange(server, raw.head("GET", "/minio/admin/v3/info", [("Host", "h")])).code == "AccessDenied"
