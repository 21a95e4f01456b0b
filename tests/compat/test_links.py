"""Linked buckets: names here for buckets elsewhere. What they are to clients, who may use, make and remove them."""
import json
import os
import socket
import urllib.error
import urllib.request

import pytest

import iam
import lakegated
from conftest import content, new_name, refused
from linking import bucket, gateway, linked, odd, s3, silent_port, source  # noqa: F401
from linking import BUCKET, KEYS, OTHERS, link, listed, make_public, post, run_aws


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
