"""Bulk copy: jobs that fetch what lies elsewhere, and what lies here. The source is a second lakegated."""
import io
import json
import random

import boto3.s3.transfer
import copying
import iam
import lakegated
import pytest
from conftest import new_name

MIB = 1 << 20
PARTS = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)


def content(seed, size):
    return random.Random(seed).randbytes(size)


@pytest.fixture(scope="module")
def source():
    with lakegated.Lakegated() as server:
        yield server


@pytest.fixture(scope="module")
def target(source):
    with lakegated.Lakegated(arguments=copying.allowing(source.port)) as server:
        yield server


@pytest.fixture
def there(source):
    return lakegated.client(source)


@pytest.fixture(scope="module")
def public(source):
    """200 small objects, and some others, in a public bucket elsewhere."""
    client = lakegated.client(source)
    name = new_name("public")
    copying.make_public(client, name)
    copying.fill(source, name, ((f"data/{i % 10}/{i:04}.csv", b"%d," % i * 50) for i in range(200)))
    client.put_object(Bucket=name, Key="data/", Body=b"")
    client.put_object(Bucket=name, Key="data/plain.bin", Body=content(1, 20 * MIB), ContentType="image/x-storm",
                      Metadata={"who": "me"}, CacheControl="max-age=60")
    client.upload_fileobj(io.BytesIO(content(2, 12 * MIB + 17)), name, "data/parts.bin",
                          ExtraArgs={"ContentType": "image/x-parts", "Metadata": {"in": "parts"}}, Config=PARTS)
    client.put_object(Bucket=name, Key="data/ä b+c%2F&.txt", Body=b"odd")
    return name


def of(source, bucket, prefix="data/"):
    return {"bucket": bucket, "prefix": prefix, "endpoint": source.endpoint}


def test_all_comes_with_its_etags_and_metadata(source, public, there, here, lake, copies):
    job = copies.create(of(source, public), f"{lake}/raw/")
    assert (job["exists"], job["dry_run"]) == ("skip", False)
    assert job["created_by"].endswith(":root")
    done = copies.until(job)
    assert done["state"] == "done", done
    expected = {"raw/" + key[len("data/"):]: value for key, value in copying.listing(there, public).items()}
    assert copying.listing(here, lake) == expected
    progress = done["progress"]
    assert progress["copied_objects"] == progress["listed_objects"] == len(expected) == done["total"]["objects"]
    assert progress["copied_bytes"] == done["total"]["bytes"] == sum(size for _, size in expected.values())
    assert done["total"]["complete"] and progress["failed_objects"] == 0
    assert sum(progress["verified"].values()) == len(expected) and progress["verified"]["none"] == 0
    for key in "plain.bin", "parts.bin", "ä b+c%2F&.txt":
        for client, bucket, prefix in (there, public, "data/"), (here, lake, "raw/"):
            found = client.get_object(Bucket=bucket, Key=prefix + key, ChecksumMode="ENABLED")
            answer = {name: found.get(name) for name in (
                "ETag", "ContentType", "Metadata", "CacheControl", "ChecksumCRC32", "ChecksumType")}
            answer["body"] = found["Body"].read()
            if client is there:
                wanted = answer
        assert answer == wanted, key
    part = here.head_object(Bucket=lake, Key="raw/parts.bin", PartNumber=3)
    assert (part["PartsCount"], part["ContentLength"]) == (3, 2 * MIB + 17)


def test_the_same_is_skipped_and_what_changed_is_copied(source, there, here, lake, copies):
    name = new_name("public")
    copying.make_public(there, name)
    copying.fill(source, name, ((f"k{i}", b"%d" % i) for i in range(20)), 2)
    there.upload_fileobj(io.BytesIO(content(3, 6 * MIB)), name, "parts", Config=PARTS)
    assert copies.until(copies.create(of(source, name, ""), lake))["progress"]["copied_objects"] == 21
    there.put_object(Bucket=name, Key="k3", Body=b"another")
    progress = copies.until(copies.create(of(source, name, ""), lake))["progress"]
    assert (progress["copied_objects"], progress["skipped_objects"]) == (1, 20)
    assert here.get_object(Bucket=lake, Key="k3")["Body"].read() == b"another"


def test_what_is_here_is_copied_without_moving_bytes(source, public, here, lake, copies):
    copies.until(copies.create(of(source, public), f"{lake}/raw/"))
    done = copies.until(copies.create({"bucket": lake, "prefix": "raw/", "endpoint": "local"}, f"{lake}/copy/"))
    assert done["progress"]["received_bytes"] == 0
    raw, copy = copying.listing(here, lake, "raw/"), copying.listing(here, lake, "copy/")
    assert {"raw/" + key[len("copy/"):]: value for key, value in copy.items()} == raw
    assert done["progress"]["copied_objects"] == len(raw)


TAGS = [{"Key": "a", "Value": "1"}, {"Key": "team name", "Value": "+ = \u00e9"}]


def tags_of(client, bucket, key):
    return client.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]


def test_tags_come_along(source, there, here, lake, copies):
    name = new_name("public")
    copying.make_public(there, name)
    there.put_object(Bucket=name, Key="small", Body=b"1", Tagging="a=1&team+name=%2B+%3D+%C3%A9")
    there.put_object(Bucket=name, Key="empty", Body=b"", Tagging="a=1")
    there.put_object(Bucket=name, Key="none", Body=b"1")
    there.upload_fileobj(io.BytesIO(content(4, 6 * MIB)), name, "parts", Config=PARTS)
    there.put_object_tagging(Bucket=name, Key="parts", Tagging={"TagSet": TAGS})
    done = copies.until(copies.create(of(source, name, ""), f"{lake}/raw/"))
    assert (done["progress"]["copied_objects"], done["warnings"]["tags_left_out"]) == (4, 0), copies.failures(done)
    assert here.head_object(Bucket=lake, Key="raw/parts")["ETag"] == there.head_object(Bucket=name, Key="parts")["ETag"]
    assert tags_of(here, lake, "raw/small") == tags_of(here, lake, "raw/parts") == TAGS
    assert tags_of(here, lake, "raw/empty") == TAGS[:1] and tags_of(here, lake, "raw/none") == []
    done = copies.until(copies.create({"bucket": lake, "prefix": "raw/", "endpoint": "local"}, f"{lake}/copy/"))
    assert (done["progress"]["copied_objects"], done["warnings"]["tags_left_out"]) == (4, 0)
    assert tags_of(here, lake, "copy/small") == tags_of(here, lake, "copy/parts") == TAGS


def test_who_may_not_tag_copies_without_tags(source, target, there, here, lake):
    name = new_name("public")
    copying.make_public(there, name)
    there.put_object(Bucket=name, Key="tagged", Body=b"1", Tagging="a=1")
    there.put_object(Bucket=name, Key="none", Body=b"2")
    here.put_object(Bucket=lake, Key="local/tagged", Body=b"1", Tagging="a=1")
    here.put_object(Bucket=lake, Key="local/none", Body=b"2")
    user = iam.make_user(target, iam.policy(("Allow", ["s3:GetObject", "s3:PutObject", "s3:ListBucket", "lakegate:*"], "*")))
    theirs = copying.Copies(target, *user.keys)
    for job in (of(source, name, ""), {"bucket": lake, "prefix": "local/", "endpoint": "local"}):
        done = theirs.until(theirs.create(job, f"{lake}/copy/"))
        assert done["progress"]["copied_objects"] == 2, theirs.failures(done)
        assert done["warnings"]["tags_left_out"] == 1
        assert tags_of(here, lake, "copy/tagged") == []
        here.delete_object(Bucket=lake, Key="copy/tagged")
        here.delete_object(Bucket=lake, Key="copy/none")


def test_a_dry_run_counts_and_copies_nothing(source, public, here, lake, copies):
    done = copies.until(copies.create(of(source, public), lake, dry_run=True,
                                      filters={"include": ["*.csv"], "exclude": ["3/*"]}))
    progress = done["progress"]
    assert (progress["copied_objects"], progress["filtered_objects"]) == (180, 24)
    assert (done["total"]["objects"], done["total"]["complete"]) == (180, True)
    assert copying.listing(here, lake) == {}


def test_requests_that_cannot_be(source, public, lake, copies):
    for job, status, text in (
        ({"source": {"bucket": "b"}}, 400, "destination.bucket"),
        ({"source": {"bucket": "b"}, "destination": {"bucket": lake}, "colour": 1}, 400, "colour"),
        ({"source": {"bucket": "b"}, "destination": {"bucket": "no-such-bucket-here"}}, 404, "NoSuchBucket"),
        ({"source": {"bucket": lake, "endpoint": "local"}, "destination": {"bucket": lake, "prefix": "x/"}}, 400, "within"),
    ):
        with pytest.raises(copying.Refused) as refused:
            copies.call("POST", "/-/copies", json.dumps(job).encode())
        assert refused.value.status == status and text in refused.value.text
    for body in b"", b"{", b"[]", b"\xff":
        with pytest.raises(copying.Refused) as refused:
            copies.call("POST", "/-/copies", body)
        assert refused.value.status == 400
    with pytest.raises(copying.Refused) as refused:
        copies.call("POST", "/-/copies", b"{}", signed=False)
    assert refused.value.status == 403


def test_a_job_that_is_gone(copies):
    for path in "/-/copies/0123456789abcdef", "/-/copies/x", "/-/copies/0123456789abcdef/events", "/-/copies/0123456789abcdef/failures":
        with pytest.raises(copying.Refused) as refused:
            copies.call("GET", path)
        assert refused.value.status == 404 and "NoSuchCopyJob" in refused.value.text
    with pytest.raises(copying.Refused) as refused:
        copies.cancel("0123456789abcdef")
    assert refused.value.status == 404
