"""Linked buckets: names here for buckets elsewhere. The source is a second lakegated with a public bucket, or a server
that answers as no S3 server does; the gateway may reach both, and nothing else."""
import contextlib
import http.server
import json
import os
import socket
import threading
import urllib.error
import urllib.request

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError, ResponseStreamingError

import iam
import lakegated
from conftest import content, new_name, refused

BUCKET = "public-data"
KEYS = {f"trips/2024-{month:02}.parquet": content(1000 + month) for month in range(1, 13)}
OTHERS = {"a file +%ü.txt": b"odd", "empty": b"", "trips/": b"", "zones/lookup.csv": b"id,name\n1,x\n"}


def make_public(server, bucket, actions=("s3:GetObject", "s3:ListBucket")):
    s3 = lakegated.client(server)
    s3.create_bucket(Bucket=bucket)
    s3.delete_public_access_block(Bucket=bucket)
    resources = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": list(actions), "Resource": resources}]}))
    return s3


@pytest.fixture(scope="module")
def source():
    with lakegated.Lakegated(arguments=["--region", "eu-west-3"]) as server:
        session = make_public(server, BUCKET)
        for key, data in {**KEYS, **OTHERS}.items():
            session.put_object(Bucket=BUCKET, Key=key, Body=data, ContentType="text/x-test",
                               CacheControl="max-age=7", Metadata={"origin": "there"})
        yield server


class Answers:
    """What the odd server answers: for each path a function of the handler."""

    def __init__(self):
        self.paths, self.asked = {}, []


@pytest.fixture(scope="module")
def odd():
    """A server that says what it is told to."""
    answers = Answers()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            answers.asked.append((self.command, self.path, dict(self.headers)))
            self.close_connection = True
            for prefix, answer in answers.paths.items():
                if self.path.startswith(prefix):
                    with contextlib.suppress(OSError):
                        answer(self)
                    return
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    answers.endpoint = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield answers
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def silent_port():
    """One that never answers who connects: its queue is full."""
    with socket.socket() as listening, contextlib.ExitStack() as clients:
        listening.bind(("127.0.0.1", 0))
        listening.listen(0)
        for _ in range(64):
            client = clients.enter_context(socket.socket())
            client.settimeout(0.2)
            try:
                client.connect(listening.getsockname())
            except TimeoutError:
                break
        else:
            pytest.fail("the queue of a socket that accepts nobody does not become full")
        yield listening.getsockname()[1]


@pytest.fixture(scope="module")
def gateway(source, odd, silent_port):
    arguments = ["--remote-endpoints", "http://127.0.0.1:*", "--remote-endpoints", "http://localhost:*",
                 "--remote-endpoints", "https://127.0.0.1:*",
                 "--remote-addresses", f"127.0.0.1:{source.port}",
                 "--remote-addresses", f"127.0.0.1:{silent_port}",
                 "--remote-addresses", odd.endpoint.removeprefix("http://")]
    with lakegated.Lakegated(arguments=arguments) as server:
        yield server


def post(server, body, keys=None):
    """Status and answer of POST /-/links."""
    status, text = iam.send(server, "POST", "/-/links", body=json.dumps(body).encode(), keys=keys)
    return status, text.decode()


def link(server, endpoint, source="s3://" + BUCKET, name=None, **more):
    name = name or new_name("link")
    status, text = post(server, {"name": name, "source": source, "endpoint_url": endpoint, **more})
    assert status == 200, text
    return name


@pytest.fixture(scope="module")
def linked(gateway, source):
    return link(gateway, source.endpoint, name="public-data")


@pytest.fixture
def s3(gateway):
    return lakegated.client(gateway)


# ---- reading ----


def test_objects_are_read(s3, linked):
    for key, data in {**KEYS, **OTHERS}.items():
        got = s3.get_object(Bucket=linked, Key=key)
        assert got["Body"].read() == data
        assert (got["ContentLength"], got["ContentType"], got["CacheControl"]) == (len(data), "text/x-test", "max-age=7")
        assert got["Metadata"] == {"origin": "there"}
        head = s3.head_object(Bucket=linked, Key=key)
        assert (head["ETag"], head["ContentLength"], head["LastModified"]) == (
            got["ETag"], len(data), got["LastModified"])
    with refused("NoSuchKey", 404):
        s3.get_object(Bucket=linked, Key="nothing")
    with refused("404", 404):
        s3.head_object(Bucket=linked, Key="nothing")


@pytest.mark.parametrize("asked,first,last", [
    ("bytes=0-0", 0, 0), ("bytes=10-99", 10, 99), ("bytes=990-", 990, 1000), ("bytes=-7", 994, 1000),
    ("bytes=5-99999", 5, 1000)])
def test_ranges(s3, linked, asked, first, last):
    data = KEYS["trips/2024-01.parquet"]
    assert len(data) == 1001
    got = s3.get_object(Bucket=linked, Key="trips/2024-01.parquet", Range=asked)
    assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    assert got["ContentRange"] == f"bytes {first}-{last}/1001"
    assert got["Body"].read() == data[first:last + 1]


def test_ranges_that_are_none(s3, linked):
    for asked in ("bytes=1001-", "bytes=2000-3000", "bytes=-0"):
        with refused("InvalidRange", 416):
            s3.get_object(Bucket=linked, Key="trips/2024-01.parquet", Range=asked)
    assert s3.get_object(Bucket=linked, Key="trips/2024-01.parquet", Range="lines=1-2")["ContentLength"] == 1001


def test_conditions(s3, linked):
    key = "trips/2024-02.parquet"
    etag = s3.head_object(Bucket=linked, Key=key)["ETag"]
    assert s3.get_object(Bucket=linked, Key=key, IfMatch=etag)["Body"].read() == KEYS[key]
    with refused("PreconditionFailed", 412):
        s3.get_object(Bucket=linked, Key=key, IfMatch='"0123456789abcdef0123456789abcdef"')
    with refused("304", 304):
        s3.get_object(Bucket=linked, Key=key, IfNoneMatch=etag)


def test_checksums_and_parts(s3, linked):
    head = s3.head_object(Bucket=linked, Key="empty", ChecksumMode="ENABLED")
    assert head["ChecksumCRC32"] and head["ChecksumType"] == "FULL_OBJECT"
    key = "trips/2024-03.parquet"
    assert s3.get_object(Bucket=linked, Key=key, PartNumber=1)["Body"].read() == KEYS[key]


def test_large_objects_stream(s3, gateway, source, linked):
    data = content(40 << 20)
    lakegated.client(source).put_object(Bucket=BUCKET, Key="large", Body=data)
    before = gateway.memory_bytes()
    try:
        assert s3.get_object(Bucket=linked, Key="large")["Body"].read() == data
        assert gateway.memory_bytes() - before < 16 << 20
    finally:
        lakegated.client(source).delete_object(Bucket=BUCKET, Key="large")


def test_a_slow_client_pauses_the_transfer(gateway, source, linked):
    """The gateway takes no more from the source than its buffers hold."""
    size = 64 << 20
    lakegated.client(source).put_object(Bucket=BUCKET, Key="slow", Body=bytes(size))
    before = gateway.memory_bytes()
    with socket.create_connection(("127.0.0.1", gateway.port)) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * 1024)
        target = lakegated.presign(gateway, "GET", f"/{linked}/slow")
        client.sendall(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{gateway.port}\r\n\r\n".encode())
        assert client.recv(16).startswith(b"HTTP/1.1 200")
        # others are served meanwhile
        assert lakegated.client(gateway).get_object(Bucket=linked, Key="empty")["ContentLength"] == 0
        assert gateway.memory_bytes() - before < 16 << 20
        got = 16
        while got < size:
            piece = client.recv(1 << 20)
            assert piece
            got += len(piece)
    lakegated.client(source).delete_object(Bucket=BUCKET, Key="slow")


# ---- listing ----


def listed(pages):
    pages = list(pages)
    return ([entry["Key"] for page in pages for entry in page.get("Contents", [])],
            [group["Prefix"] for page in pages for group in page.get("CommonPrefixes", [])])


@pytest.mark.parametrize("operation", ["list_objects", "list_objects_v2"])
@pytest.mark.parametrize("arguments", [
    {}, {"Prefix": "trips/"}, {"Delimiter": "/"}, {"Prefix": "trips/", "Delimiter": "/"}, {"Prefix": "none"},
    {"Prefix": "trips/2024-0"}, {"Delimiter": "-"}])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_listings_are_the_source_s(s3, source, linked, operation, arguments, size):
    there = lakegated.client(source).get_paginator(operation)
    here = s3.get_paginator(operation)
    options = {"PaginationConfig": {"PageSize": size}, **arguments}
    expected = listed(there.paginate(Bucket=BUCKET, **options))
    assert listed(here.paginate(Bucket=linked, **options)) == expected


def test_a_listing_tells_what_heads_do(s3, linked):
    entries = {entry["Key"]: entry for entry in s3.list_objects_v2(Bucket=linked, FetchOwner=True)["Contents"]}
    assert sorted(entries) == sorted({**KEYS, **OTHERS})
    for key, entry in entries.items():
        head = s3.head_object(Bucket=linked, Key=key)
        assert (entry["ETag"], entry["Size"], entry["LastModified"].replace(microsecond=0)) == (
            head["ETag"], head["ContentLength"], head["LastModified"])
        assert entry["Owner"]["ID"] and entry["StorageClass"] == "STANDARD"
    first = s3.list_objects_v2(Bucket=linked, StartAfter="trips/2024-11.parquet")
    assert [entry["Key"] for entry in first["Contents"]] == ["trips/2024-12.parquet", "zones/lookup.csv"]
    assert s3.list_objects_v2(Bucket=linked, MaxKeys=0)["KeyCount"] == 0


def test_a_link_to_a_folder(s3, gateway, source):
    name = link(gateway, source.endpoint, f"s3://{BUCKET}/trips")
    keys, _ = listed([s3.list_objects_v2(Bucket=name)])
    assert keys == sorted(key.removeprefix("trips/") for key in KEYS)
    assert listed(s3.get_paginator("list_objects").paginate(Bucket=name, PaginationConfig={"PageSize": 2}))[0] == keys
    assert s3.get_object(Bucket=name, Key="2024-05.parquet")["Body"].read() == KEYS["trips/2024-05.parquet"]
    with refused("NoSuchKey"):
        s3.get_object(Bucket=name, Key="../zones/lookup.csv")
    with refused("NoSuchKey"):
        s3.get_object(Bucket=name, Key="k" * 1020)


# ---- the bucket ----


def test_a_link_is_a_bucket(s3, linked):
    assert linked in [entry["Name"] for entry in s3.list_buckets()["Buckets"]]
    assert s3.head_bucket(Bucket=linked)["BucketRegion"] == lakegated.REGION
    s3.get_bucket_location(Bucket=linked)
    assert "Status" not in s3.get_bucket_versioning(Bucket=linked)
    for read, code in (("policy", "NoSuchBucketPolicy"), ("cors", "NoSuchCORSConfiguration"), ("tagging", "NoSuchTagSet"),
                       ("website", "NoSuchWebsiteConfiguration")):
        with refused(code, 404):
            getattr(s3, f"get_bucket_{read}")(Bucket=linked)
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=linked)
    assert s3.get_object_tagging(Bucket=linked, Key="empty")["TagSet"] == []
    with refused("BucketAlreadyOwnedByYou"):
        s3.create_bucket(Bucket=linked)


def test_writes_are_405(s3, gateway, linked, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    writes = [
        lambda: s3.put_object(Bucket=linked, Key="k", Body=b"x"),
        lambda: s3.put_object(Bucket=linked, Key="k", Body=content(9 << 20)),
        lambda: s3.copy_object(Bucket=linked, Key="k", CopySource=f"{bucket}/k"),
        lambda: s3.delete_object(Bucket=linked, Key="empty"),
        lambda: s3.delete_objects(Bucket=linked, Delete={"Objects": [{"Key": "empty"}]}),
        lambda: s3.create_multipart_upload(Bucket=linked, Key="k"),
        lambda: s3.delete_bucket(Bucket=linked),
        lambda: s3.put_bucket_policy(Bucket=linked, Policy=policy),
        lambda: s3.put_bucket_tagging(Bucket=linked, Tagging={"TagSet": []}),
        lambda: s3.put_bucket_acl(Bucket=linked, ACL="public-read"),
        lambda: s3.delete_public_access_block(Bucket=linked),
    ]
    for write in writes:
        with refused("MethodNotAllowed", 405):
            write()
    status, text = iam.send(gateway, "GET", f"/{linked}?lakegate-zip=")
    assert status == 501 and b"NotImplemented" in text
    for read in (lambda: s3.list_object_versions(Bucket=linked), lambda: s3.get_object_acl(Bucket=linked, Key="empty")):
        with refused("NotImplemented", 501):
            read()
    assert s3.get_object(Bucket=linked, Key="empty")["ContentLength"] == 0


# ---- copying out ----


@pytest.fixture
def bucket(s3):
    name = new_name()
    s3.create_bucket(Bucket=name)
    return name


def test_copy_object(s3, linked, bucket, source):
    for key, data in {**KEYS, **OTHERS}.items():
        there = s3.head_object(Bucket=linked, Key=key)
        copied = s3.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": linked, "Key": key})
        assert copied["CopyObjectResult"]["ETag"] == there["ETag"]
        got = s3.get_object(Bucket=bucket, Key=key)
        assert got["Body"].read() == data
        assert (got["ContentType"], got["CacheControl"], got["Metadata"]) == (
            "text/x-test", "max-age=7", {"origin": "there"})
    s3.copy_object(Bucket=bucket, Key="replaced", CopySource=f"{linked}/empty", MetadataDirective="REPLACE",
                   ContentType="text/plain", Metadata={"mine": "1"}, ChecksumAlgorithm="SHA256")
    head = s3.head_object(Bucket=bucket, Key="replaced", ChecksumMode="ENABLED")
    assert (head["ContentType"], head["Metadata"]) == ("text/plain", {"mine": "1"}) and head["ChecksumSHA256"]
    with refused("NoSuchKey", 404):
        s3.copy_object(Bucket=bucket, Key="x", CopySource=f"{linked}/nothing")


def test_tags_pass_through_and_come_along(s3, gateway, source, linked, bucket):
    """To who reads as the owner does; the anonymous link is told of none."""
    there, anonymous = lakegated.client(source), linked
    linked = link(gateway, source.endpoint, access_key=lakegated.ACCESS_KEY, secret_key=lakegated.SECRET_KEY)
    there.put_object(Bucket=BUCKET, Key="tagged", Body=b"tagged", Tagging="a=1&b=%2B")
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "+"}]
    try:
        assert s3.head_object(Bucket=linked, Key="tagged")["ResponseMetadata"]["HTTPHeaders"]["x-amz-tagging-count"] == "2"
        assert s3.get_object(Bucket=linked, Key="tagged")["TagCount"] == 2
        assert s3.get_object_tagging(Bucket=linked, Key="tagged")["TagSet"] == tags
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{linked}/tagged")
        assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == tags
        s3.copy_object(Bucket=bucket, Key="bare", CopySource=f"{anonymous}/tagged")
        assert s3.get_object_tagging(Bucket=bucket, Key="bare")["TagSet"] == []
        s3.copy_object(Bucket=bucket, Key="copy", CopySource=f"{linked}/tagged", TaggingDirective="REPLACE", Tagging="c=3")
        assert s3.get_object_tagging(Bucket=bucket, Key="copy")["TagSet"] == [{"Key": "c", "Value": "3"}]
        with refused("MethodNotAllowed", 405):
            s3.put_object_tagging(Bucket=linked, Key="tagged", Tagging={"TagSet": tags})
        user = iam.make_user(gateway, iam.policy(("Allow", ["s3:GetObject", "s3:PutObject"], "*")))
        with refused("AccessDenied", 403):
            user.s3.copy_object(Bucket=bucket, Key="theirs", CopySource=f"{linked}/tagged")
        assert "TagCount" not in user.s3.get_object(Bucket=linked, Key="tagged")
    finally:
        there.delete_object(Bucket=BUCKET, Key="tagged")


@pytest.mark.parametrize("tags, expected", [
    (b"<Tagging><TagSet><Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>", [{"Key": "a", "Value": "1"}]),
    (b"<Tagging><TagSet>" + b"<Tag><Key>a</Key><Value>1</Value></Tag>" * 11 + b"</TagSet></Tagging>", None),
    (b"<Tagging><TagSet><Tag><Key>aws:a</Key><Value>1</Value></Tag></TagSet></Tagging>", None),
    (b"<Tagging>", None),
    (b"x" * 70_000, None),
])
def test_tags_from_elsewhere_are_checked(s3, odd, lying, bucket, tags, expected):
    object_is(odd, lambda handler: answer(handler, b"hello", x_amz_tagging_count="1"))
    odd.paths = {"/odd-bucket/k?tagging": lambda handler: answer(handler, tags), **odd.paths}
    if expected is None:
        with refused("ServiceUnavailable", 503):
            s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{lying}/k")
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
    else:
        s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{lying}/k")
        assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == expected


def test_copy_conditions(s3, linked, bucket):
    etag = s3.head_object(Bucket=linked, Key="empty")["ETag"]
    copy = lambda **more: s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{linked}/empty", **more)  # noqa: E731
    copy(CopySourceIfMatch=etag)
    with refused("PreconditionFailed", 412):
        copy(CopySourceIfMatch='"0123456789abcdef0123456789abcdef"')
    with refused("PreconditionFailed", 412):
        copy(CopySourceIfNoneMatch=etag)
    with refused("PreconditionFailed", 412):  # the target is there
        copy(IfNoneMatch="*")


def test_copy_by_parts(s3, linked, bucket, source):
    key = "trips/2024-07.parquet"
    data = KEYS[key]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts")["UploadId"]
    part = lambda number, **more: s3.upload_part_copy(  # noqa: E731
        Bucket=bucket, Key="parts", UploadId=upload, PartNumber=number, CopySource=f"{linked}/{key}", **more)
    with refused("InvalidArgument", 400):
        part(1, CopySourceRange="bytes=1000-1007")
    with refused("InvalidArgument", 400):
        part(1, CopySourceRange="bytes=7")
    got = part(1, CopySourceRange="bytes=500-1006")["CopyPartResult"]["ETag"]
    s3.complete_multipart_upload(Bucket=bucket, Key="parts", UploadId=upload,
                                 MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": got}]})
    assert s3.get_object(Bucket=bucket, Key="parts")["Body"].read() == data[500:]


def test_zone_rules_hold_for_what_is_copied(s3, gateway, linked, bucket):
    """Duplicates in a raw zone are refused, wherever they come from."""
    document = {"Version": "2026-11-01", "Zones": [{"Name": "raw", "Prefix": "raw/", "Duplicates": "reject"}]}
    assert iam.send(gateway, "PUT", f"/{bucket}?lakegate-zones", body=json.dumps(document).encode())[0] == 204
    s3.copy_object(Bucket=bucket, Key="raw/one", CopySource=f"{linked}/zones/lookup.csv")
    with pytest.raises(ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="raw/two", CopySource=f"{linked}/zones/lookup.csv")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409


def test_compressing_zones_compress_what_is_copied(s3, gateway, source, linked, bucket):
    text = b"the same line again\n" * 50_000
    lakegated.client(source).put_object(Bucket=BUCKET, Key="text.csv", Body=text, ContentType="text/csv")
    document = {"Version": "2026-11-01", "Zones": [{"Name": "raw", "Prefix": "raw/", "Compress": True}]}
    assert iam.send(gateway, "PUT", f"/{bucket}?lakegate-zones", body=json.dumps(document).encode())[0] == 204
    stored = lambda: sum(  # noqa: E731
        json.loads(iam.send(gateway, "GET", "/-/status")[1])["store"][name] for name in ("segment_live_bytes", "file_bytes"))
    before = stored()
    s3.copy_object(Bucket=bucket, Key="raw/text.csv", CopySource=f"{linked}/text.csv")
    assert stored() - before < len(text) // 10
    assert s3.get_object(Bucket=bucket, Key="raw/text.csv")["Body"].read() == text
    lakegated.client(source).delete_object(Bucket=BUCKET, Key="text.csv")


def test_lineage_tells_where_it_came_from(s3, gateway, source, linked, bucket):
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{linked}/zones/lookup.csv")
    _, text = iam.send(gateway, "GET", f"/{bucket}/k?lakegate-lineage")
    assert f"{source.endpoint}/{BUCKET}/zones/lookup.csv" in text.decode()


def test_a_copy_job_does_not_take_a_link_for_an_empty_bucket(gateway, linked, bucket):
    job = {"source": {"endpoint": "local", "bucket": linked}, "destination": {"bucket": bucket}}
    status, text = iam.send(gateway, "POST", "/-/copies", body=json.dumps(job).encode())
    assert status == 400 and b"is a link" in text


# ---- the pipeline's own command ----


def run_aws(server, *arguments, code=0):
    import pathlib
    import sys

    from conftest import Client, find_program

    program = find_program("aws", pathlib.Path(sys.executable).parent / "aws")
    client = Client(program, {
        "AWS_ACCESS_KEY_ID": lakegated.ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": lakegated.SECRET_KEY,
        "AWS_DEFAULT_REGION": lakegated.REGION, "AWS_EC2_METADATA_DISABLED": "true",
    }, ["--endpoint-url", server.endpoint])
    return client.run(*arguments, code=code)


def test_aws_s3_cp_from_public_data(s3, gateway, linked, bucket):
    run_aws(gateway, "s3", "cp", f"s3://{linked}/trips/", f"s3://{bucket}/data/raw/green/", "--recursive")
    keys, _ = listed([s3.list_objects_v2(Bucket=bucket, Prefix="data/raw/green/2024")])
    assert keys == sorted("data/raw/green/" + key.removeprefix("trips/") for key in KEYS)
    assert "2024-01.parquet" in run_aws(gateway, "s3", "ls", f"s3://{linked}/trips/")
    run_aws(gateway, "s3", "sync", f"s3://{linked}/trips/", f"s3://{bucket}/data/raw/green/")


def test_aws_s3_cp_of_a_large_object(s3, gateway, source, linked, bucket):
    """Over 8 MB it goes by parts."""
    data = content(20 << 20)
    lakegated.client(source).put_object(Bucket=BUCKET, Key="big", Body=data)
    run_aws(gateway, "s3", "cp", f"s3://{linked}/big", f"s3://{bucket}/big")
    got = s3.get_object(Bucket=bucket, Key="big")
    assert got["Body"].read() == data and got["ETag"].endswith('-3"')
    lakegated.client(source).delete_object(Bucket=BUCKET, Key="big")


# ---- who may ----


def test_policies_decide(gateway, linked, bucket):
    resource = [f"arn:aws:s3:::{linked}", f"arn:aws:s3:::{linked}/*"]
    reader = iam.make_user(gateway, iam.policy(("Allow", ["s3:GetObject", "s3:ListBucket"], resource)))
    assert reader.s3.get_object(Bucket=linked, Key="empty")["ContentLength"] == 0
    assert reader.s3.list_objects_v2(Bucket=linked)["KeyCount"] > 0
    other = iam.make_user(gateway, iam.policy(("Allow", ["s3:GetObject"], [f"arn:aws:s3:::{linked}/zones/*"])))
    assert other.s3.get_object(Bucket=linked, Key="zones/lookup.csv")["Body"].read()
    for denied in (lambda: other.s3.get_object(Bucket=linked, Key="empty"),
                   lambda: other.s3.list_objects_v2(Bucket=linked),
                   lambda: other.s3.put_object(Bucket=linked, Key="zones/x", Body=b"")):
        with refused("AccessDenied", 403):
            denied()
    with pytest.raises(urllib.error.HTTPError) as error:  # anonymous: nothing of a link is public
        urllib.request.urlopen(f"{gateway.endpoint}/{linked}/empty")
    assert error.value.code == 403


def test_a_copy_needs_to_be_allowed_to_read_the_link(gateway, linked, bucket):
    writer = iam.make_user(gateway, iam.policy(("Allow", "s3:*", [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])))
    with refused("AccessDenied", 403):
        writer.s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{linked}/empty")


def test_links_need_their_actions(gateway, source):
    body = {"name": new_name("link"), "source": f"s3://{BUCKET}", "endpoint_url": source.endpoint}
    nobody = iam.make_user(gateway, iam.ALL_OF_S3)
    assert post(gateway, body, nobody.keys)[0] == 403
    assert iam.send(gateway, "GET", "/-/links", keys=nobody.keys)[0] == 403
    maker = iam.make_user(gateway, iam.policy(("Allow", ["lakegate:CreateLink", "lakegate:GetLink"], "*")))
    assert post(gateway, body, maker.keys)[0] == 200
    status, text = iam.send(gateway, "GET", f"/-/links/{body['name']}", keys=maker.keys)
    assert status == 200 and json.loads(text)["created_by"] == maker.arn
    assert iam.send(gateway, "DELETE", f"/-/links/{body['name']}", keys=maker.keys)[0] == 403
    assert iam.send(gateway, "DELETE", f"/-/links/{body['name']}")[0] == 204


def test_each_account_has_its_own(gateway, source, linked):
    owner = iam.make_account(gateway)
    name = new_name("link")
    body = {"name": name, "source": f"s3://{BUCKET}", "endpoint_url": source.endpoint}
    assert post(gateway, body, owner.keys)[0] == 200
    names = [entry["name"] for entry in json.loads(iam.send(gateway, "GET", "/-/links", keys=owner.keys)[1])["links"]]
    assert names == [name]
    assert iam.send(gateway, "GET", f"/-/links/{linked}", keys=owner.keys)[0] == 404
    assert iam.send(gateway, "DELETE", f"/-/links/{linked}", keys=owner.keys)[0] == 404
    with refused("AccessDenied", 403):
        owner.s3.get_object(Bucket=linked, Key="empty")


# ---- making and removing ----


def test_what_is_no_link_is_refused(gateway, source, bucket):
    good = {"name": new_name("link"), "source": f"s3://{BUCKET}", "endpoint_url": source.endpoint}
    for change, code in (
        ({"name": "X"}, "InvalidBucketName"), ({"name": bucket}, "BucketAlreadyExists"), ({"source": BUCKET}, "InvalidArgument"),
        ({"source": "s3://"}, "InvalidArgument"), ({"source": "s3://../x"}, "InvalidArgument"),
        ({"source": f"s3://{BUCKET}/" + "p" * 600}, "InvalidArgument"), ({"endpoint_url": "file:///etc"}, "InvalidArgument"),
        ({"region": "a/b"}, "InvalidArgument"), ({"access_key": "only"}, "InvalidArgument"), ({"typo": "x"}, "InvalidArgument"),
        ({"endpoint_url": ""}, "InvalidArgument"), ({"endpoint_url": "https://s3.amazonaws.com"}, "InvalidArgument"),
        ({"source": 7}, "InvalidArgument"), ({"source": "s3://no-such-bucket-there"}, "NoSuchBucket"),
    ):
        status, text = post(gateway, {**good, **change})
        assert status >= 400 and f"<Code>{code}</Code>" in text, (change, text)
    for body in (b"", b"[]", b"{", b"x" * 3000):
        assert iam.send(gateway, "POST", "/-/links", body=body)[0] == 400


def test_removing_leaves_nothing(s3, gateway, source):
    name = link(gateway, source.endpoint)
    assert iam.send(gateway, "DELETE", f"/-/links/{name}")[0] == 204
    assert iam.send(gateway, "DELETE", f"/-/links/{name}")[0] == 404
    with refused("NoSuchBucket"):
        s3.list_objects_v2(Bucket=name)
    s3.create_bucket(Bucket=name)
    s3.put_object(Bucket=name, Key="k", Body=b"mine")
    assert s3.get_object(Bucket=name, Key="k")["Body"].read() == b"mine"


def test_pages_of_links(gateway, source, linked):
    made = sorted(link(gateway, source.endpoint, name=new_name("paged")) for _ in range(3))
    seen, after = [], ""
    while True:
        page = json.loads(iam.send(gateway, "GET", f"/-/links?max=2&after={after}")[1])
        seen += [entry["name"] for entry in page["links"]]
        if not page["truncated"]:
            break
        after = seen[-1]
    assert seen == sorted(seen) and set(made) < set(seen) and linked in seen


def test_credentials_are_sealed_and_outlive_restarts(source, tmp_path):
    """A private bucket is read by the link's keys, which lie nowhere in the clear."""
    lakegated.client(source).create_bucket(Bucket="private-data")
    lakegated.client(source).put_object(Bucket="private-data", Key="k", Body=b"secret content")
    reader = iam.make_user(source, iam.policy(("Allow", "s3:*", "*")))
    arguments = ["--remote-endpoints", "http://127.0.0.1:*", "--remote-addresses", f"127.0.0.1:{source.port}"]
    with lakegated.Lakegated(data=tmp_path / "data", arguments=arguments) as server:
        name = link(server, source.endpoint, "s3://private-data", access_key=reader.keys[0], secret_key=reader.keys[1])
        read = lambda: lakegated.client(server).get_object(Bucket=name, Key="k")["Body"].read()  # noqa: E731
        assert read() == b"secret content"
        answer = json.loads(iam.send(server, "GET", f"/-/links/{name}")[1])
        assert answer["access_key"] == reader.keys[0] and reader.keys[1] not in json.dumps(answer)
        assert answer["region"] == "eu-west-3"  # learnt from the refusal
        assert iam.send(server, "POST", "/-/secrets/rotate")[0] == 200
        assert read() == b"secret content"
        server.stop()
        for folder, _, files in os.walk(tmp_path / "data"):
            for file in files:
                with open(os.path.join(folder, file), "rb") as stored:
                    assert reader.keys[1].encode() not in stored.read()
        server.start()
        assert read() == b"secret content"
        server.stop()
        server.arguments = []  # the settings do not allow it any more
        server.start()
        with refused("ServiceUnavailable", 503):
            read()
        assert not json.loads(iam.send(server, "GET", f"/-/links/{name}")[1])["usable"]
        assert iam.send(server, "DELETE", f"/-/links/{name}")[0] == 204


# ---- where it may not go ----


def closed_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_refusals_look_alike(gateway, source, odd, silent_port):
    """A closed port, an address that may not be reached, the daemon's own, a name without an address, a time-out."""
    answers = set()
    for endpoint in (f"http://127.0.0.1:{closed_port()}", f"http://localhost:{source.port + 1}", gateway.endpoint,
                     f"http://127.0.0.1:{silent_port}",
                     f"http://localhost:{gateway.port}", f"https://127.0.0.1:{source.port}"):
        status, text = post(gateway, {"name": "unreachable", "source": "s3://some-bucket", "endpoint_url": endpoint})
        code, message = (text.split(f"<{tag}>")[1].split("<")[0] for tag in ("Code", "Message"))
        answers.add((status, code, message))
    assert answers == {(503, "ServiceUnavailable", "the source cannot be reached")}
    assert "refused by remote_addresses" in gateway.log_tail(200)


def test_redirects_are_not_followed(gateway, source, odd):
    def redirect(handler):
        handler.send_response(302)
        handler.send_header("Location", f"{source.endpoint}/{BUCKET}/?list-type=2")
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    odd.paths = {"/": redirect}
    odd.asked.clear()
    status, text = post(gateway, {"name": "moved", "source": "s3://some-bucket", "endpoint_url": odd.endpoint})
    assert status == 400 and len(odd.asked) == 1, text


# ---- sources that lie ----

LISTING = (b'<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>k</Key><Size>5</Size>'
           b'<ETag>"5d41402abc4b2a76b9719d911017c592"</ETag></Contents></ListBucketResult>')


def answer(handler, body, status=200, length=None, **headers):
    handler.send_response(status)
    handler.send_header("Content-Length", str(len(body) if length is None else length))
    for name, value in {"ETag": '"5d41402abc4b2a76b9719d911017c592"', **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    if handler.command == "GET":
        handler.wfile.write(body)


@pytest.fixture
def lying(gateway, odd):
    """A link to the odd server; its objects' paths are still to be set."""
    odd.paths = {"/odd-bucket?": lambda handler: answer(handler, LISTING)}
    name = new_name("odd")
    link(gateway, odd.endpoint, "s3://odd-bucket", name=name)
    return name


def object_is(odd, serve):
    odd.paths["/odd-bucket/k"] = serve


def test_an_object_that_breaks_off_breaks_the_answer_off(s3, odd, lying, bucket):
    object_is(odd, lambda handler: answer(handler, b"x" * 700_000, length=1_000_000))
    with pytest.raises((ResponseStreamingError, ConnectionClosedError)):
        s3.get_object(Bucket=lying, Key="k")["Body"].read()
    with refused("ServiceUnavailable", 503):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{lying}/k")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")


def test_bytes_pass_as_they_come(gateway, odd, lying):
    """The beginning is here before the source sends the rest."""
    go_on = threading.Event()

    def slow(handler):
        answer(handler, b"first", length=10)
        handler.wfile.flush()
        assert go_on.wait(60)
        handler.wfile.write(b"later")

    object_is(odd, slow)
    target = lakegated.presign(gateway, "GET", f"/{lying}/k")
    with urllib.request.urlopen(gateway.endpoint + target, timeout=60) as reply:
        assert reply.read(5) == b"first"
        go_on.set()
        assert reply.read() == b"later"


def test_requests_that_wait_for_a_source_leave_workers_to_others(odd):
    go_on, waiting = threading.Event(), threading.Event()

    def silent(handler):
        waiting.set()
        assert go_on.wait(60)
        answer(handler, b"hello")

    odd.paths = {"/odd-bucket?": lambda handler: answer(handler, LISTING), "/odd-bucket/k": silent}
    arguments = ["--workers", "2", "--remote-endpoints", "http://127.0.0.1:*",
                 "--remote-addresses", odd.endpoint.removeprefix("http://")]
    with lakegated.Lakegated(arguments=arguments) as server:
        name = link(server, odd.endpoint, "s3://odd-bucket")
        s3 = lakegated.client(server)
        got = []
        thread = threading.Thread(target=lambda: got.append(s3.get_object(Bucket=name, Key="k")["Body"].read()))
        thread.start()
        assert waiting.wait(60)
        with refused("SlowDown", 503):
            s3.list_objects_v2(Bucket=name)
        s3.create_bucket(Bucket="others-work")
        s3.put_object(Bucket="others-work", Key="k", Body=b"x")
        go_on.set()
        thread.join()
        assert got == [b"hello"]
        assert s3.list_objects_v2(Bucket=name)["KeyCount"] == 1


def test_a_stop_waits_for_no_source(odd):
    """Neither a request that waits for a head nor a copy under way holds a stopping daemon up."""
    go_on, waiting = threading.Event(), threading.Semaphore(0)

    def silent(handler):
        if handler.path.startswith("/odd-bucket/k1"):
            answer(handler, b"x" * 1000, length=1 << 20)
            handler.wfile.flush()
        waiting.release()
        go_on.wait(60)

    odd.paths = {"/odd-bucket?": lambda handler: answer(handler, LISTING), "/odd-bucket/k": silent}
    arguments = ["--remote-endpoints", "http://127.0.0.1:*", "--remote-addresses", odd.endpoint.removeprefix("http://")]
    with lakegated.Lakegated(arguments=arguments, environment={"LAKEGATE_DRAIN_TIMEOUT": "0"}) as server:
        name = link(server, odd.endpoint, "s3://odd-bucket")
        s3 = lakegated.client(server)
        s3.create_bucket(Bucket="mine")

        def attempt(call):
            with contextlib.suppress(Exception):
                call()

        threads = [threading.Thread(target=attempt, args=(call,)) for call in (
            lambda: s3.copy_object(Bucket="mine", Key="k", CopySource=f"{name}/k1"),
            lambda: s3.get_object(Bucket=name, Key="k2"))]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert waiting.acquire(timeout=60)
        assert server.stop(120) == 0
        assert "broke off" not in server.log_tail(200)  # it was not a time-out that ended them
        go_on.set()
        for thread in threads:
            thread.join()


def test_bytes_that_are_not_the_etag_s_are_not_kept(s3, odd, lying, bucket):
    object_is(odd, lambda handler: answer(handler, b"hullo"))
    with refused("ServiceUnavailable", 503):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{lying}/k")
    object_is(odd, lambda handler: answer(handler, b"hello", x_amz_checksum_crc32c="AAAAAA=="))
    with refused("ServiceUnavailable", 503):
        s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{lying}/k")
    with refused("404", 404):
        s3.head_object(Bucket=bucket, Key="k")
    object_is(odd, lambda handler: answer(handler, b"hello"))
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{lying}/k")
    # an ETag that is no MD5 says nothing of the bytes
    object_is(odd, lambda handler: answer(handler, b"hullo", x_amz_server_side_encryption="aws:kms"))
    s3.copy_object(Bucket=bucket, Key="k", CopySource=f"{lying}/k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"hullo"


def test_a_source_that_changes_during_a_copy(s3, source, linked, bucket):
    """Parts are asked for with If-Match, as clients do: the second one fails."""
    there = lakegated.client(source)
    there.put_object(Bucket=BUCKET, Key="changing", Body=content(6 << 20))
    etag = s3.head_object(Bucket=linked, Key="changing")["ETag"]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="c")["UploadId"]
    part = {"Bucket": bucket, "Key": "c", "UploadId": upload, "CopySource": f"{linked}/changing", "CopySourceIfMatch": etag}
    s3.upload_part_copy(PartNumber=1, CopySourceRange=f"bytes=0-{(5 << 20) - 1}", **part)
    there.put_object(Bucket=BUCKET, Key="changing", Body=content(6 << 20, 1))
    with refused("PreconditionFailed", 412):
        s3.upload_part_copy(PartNumber=2, CopySourceRange=f"bytes={5 << 20}-{(6 << 20) - 1}", **part)
    there.delete_object(Bucket=BUCKET, Key="changing")


@pytest.mark.parametrize("page", [
    b"", b"nonsense", b"<html></html>", b"<!DOCTYPE a []><ListBucketResult/>",
    LISTING.replace(b"<Key>k</Key>", b"<Key></Key>"), LISTING.replace(b"<Size>5", b"<Size>-5"),
    LISTING.replace(b"<IsTruncated>false", b"<IsTruncated>true"),
    LISTING.replace(b"<Contents>", b"<Contents><Key>z</Key><Size>1</Size></Contents><Contents>"),
    b"<ListBucketResult>" + b"<a>" * 1000, b"<ListBucketResult>" + b" " * (9 << 20)])
def test_listings_that_make_no_sense(s3, odd, lying, page):
    odd.paths["/odd-bucket?"] = lambda handler: answer(handler, page)
    with refused("ServiceUnavailable", 503):
        s3.list_objects_v2(Bucket=lying)


def test_a_listing_that_does_not_go_forward(s3, odd, lying):
    """Page after page, each with a token of its own and the same key."""
    tokens = iter(range(10_000))

    def page(handler):
        answer(handler, LISTING.replace(b"false", b"true").replace(
            b"<Contents>", b"<NextContinuationToken>%d</NextContinuationToken><Contents>" % next(tokens)))

    odd.paths["/odd-bucket?"] = page
    first = s3.list_objects_v2(Bucket=lying)
    assert first["IsTruncated"]
    with refused("ServiceUnavailable", 503):
        s3.list_objects_v2(Bucket=lying, ContinuationToken=first["NextContinuationToken"])
    odd.paths["/odd-bucket?"] = lambda handler: answer(
        handler, b"<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>%d</NextContinuationToken>"
                 b"</ListBucketResult>" % next(tokens))
    with refused("ServiceUnavailable", 503):  # and pages with nothing on them
        s3.list_objects_v2(Bucket=lying)


def test_headers_from_elsewhere_do_not_pass(s3, gateway, odd, lying):
    object_is(odd, lambda handler: answer(
        handler, b"<script>", Content_Type="text/html", Set_Cookie="a=b", Access_Control_Allow_Origin="*",
        Content_Security_Policy="none", Strict_Transport_Security="max-age=1", x_amz_meta_a="b"))
    target = lakegated.presign(gateway, "GET", f"/{lying}/k")
    with urllib.request.urlopen(gateway.endpoint + target) as reply:
        headers = {name.lower(): value for name, value in reply.headers.items()}
        assert reply.read() == b"<script>"
    assert headers["content-type"] == "text/html" and headers["x-amz-meta-a"] == "b"
    assert headers["content-security-policy"] == "sandbox"
    assert not {"set-cookie", "access-control-allow-origin", "strict-transport-security"} & headers.keys()


def test_the_source_is_gone(gateway, s3):
    with lakegated.Lakegated() as there:
        make_public(there, "leaving")
        lakegated.client(there).put_object(Bucket="leaving", Key="k", Body=b"x")
        arguments = ["--remote-endpoints", "http://127.0.0.1:*", "--remote-addresses", f"127.0.0.1:{there.port}"]
        with lakegated.Lakegated(arguments=arguments) as server:
            name = link(server, there.endpoint, "s3://leaving")
            here = lakegated.client(server)
            assert here.get_object(Bucket=name, Key="k")["Body"].read() == b"x"
            lakegated.client(there).delete_object(Bucket="leaving", Key="k")
            lakegated.client(there).delete_bucket_policy(Bucket="leaving")
            with refused("AccessDenied", 403):
                here.list_objects_v2(Bucket=name)
            lakegated.client(there).delete_bucket(Bucket="leaving")
            with refused("NoSuchBucket", 404):
                here.list_objects_v2(Bucket=name)
            there.stop()
            for read in (lambda: here.list_objects_v2(Bucket=name), lambda: here.get_object(Bucket=name, Key="k")):
                with refused("ServiceUnavailable", 503):
                    read()
            assert iam.send(server, "DELETE", f"/-/links/{name}")[0] == 204


# ---- TLS, and the command ----


def test_certificates_are_verified(tls_server, tmp_path):
    make_public(tls_server, "over-tls")
    lakegated.client(tls_server).put_object(Bucket="over-tls", Key="k", Body=b"x")
    allowed = ["--remote-endpoints", "https://127.0.0.1:*", "--remote-addresses", f"127.0.0.1:{tls_server.port}"]
    with lakegated.Lakegated(arguments=allowed) as server:  # the system's authorities do not know it
        status, text = post(server, {"name": "tls", "source": "s3://over-tls", "endpoint_url": tls_server.endpoint})
        assert status == 503 and "cannot be reached" in text
    with lakegated.Lakegated(arguments=[*allowed, "--remote-ca-file", tls_server.tls[2]]) as server:
        name = link(server, tls_server.endpoint, "s3://over-tls")
        assert lakegated.client(server).get_object(Bucket=name, Key="k")["Body"].read() == b"x"


def test_the_command(gateway, source, bucket):
    from conftest import Client

    lakegate = Client(lakegated.program("lakegate"), {
        "LAKEGATE_ROOT_ACCESS_KEY": lakegated.ACCESS_KEY, "LAKEGATE_ROOT_SECRET_KEY": lakegated.SECRET_KEY,
        "LAKEGATE_ENDPOINT_URL": gateway.endpoint})
    name = new_name("command")
    add = ["link", "add", name, "--source", f"s3://{BUCKET}/trips", "--source-endpoint-url", source.endpoint]
    lakegate.run(*add, code=2)
    assert "--no-sign-request" in lakegate.stderr
    lakegate.run(*add, "--no-sign-request")
    line = next(line for line in lakegate.run("link", "list").splitlines() if line.startswith(name))
    assert line.startswith(f"{name}  s3://{BUCKET}/trips/  {source.endpoint}  ") and line.endswith("  anonymous")
    assert name in lakegate.run("link", "list", "--json")
    lakegate.run(*add, "--no-sign-request", code=3)
    assert "BucketAlreadyExists" in lakegate.stderr
    # As one writes it who knows aws-cli: where no option is the source's own, these are.
    short = new_name("command")
    lakegate.run("link", "add", short, "--source", f"s3://{BUCKET}/trips", "--endpoint-url", source.endpoint, "--region", "eu-west-3",
                 "--no-sign-request")
    line = next(line for line in lakegate.run("link", "list").splitlines() if line.startswith(short))
    assert line == f"{short}  s3://{BUCKET}/trips/  {source.endpoint}  eu-west-3  anonymous"
    run_aws(gateway, "s3", "cp", f"s3://{name}/2024-01.parquet", f"s3://{bucket}/data/raw/green/")
    lakegate.run("link", "remove", name)
    lakegate.run("link", "remove", name, code=3)
    signed = new_name("command")
    lakegate.run("link", "add", signed, f"--source=s3://{BUCKET}", f"--source-endpoint-url={source.endpoint}",
                 environment={"LAKEGATE_SOURCE_ACCESS_KEY": lakegated.ACCESS_KEY,
                              "LAKEGATE_SOURCE_SECRET_KEY": lakegated.SECRET_KEY})
    assert f"eu-west-3  {lakegated.ACCESS_KEY}" in lakegate.run("link", "list")
    for wrong in ([], ["add"], ["list", "x"], ["remove", "a/b"], ["add", "a", "--source"], ["add", "a", "--typo=1"],
                  ["add", "a", "b"], ["add", "a", "--no-sign-request"]):
        lakegate.run("link", *wrong, code=2)
