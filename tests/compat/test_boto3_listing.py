"""Listings through boto3, checked against what a plain sorted list says."""
import random

import pytest

import lakegated
from conftest import new_name, refused


@pytest.fixture(scope="module")
def tree(server):
    """A bucket with 400 keys of many shapes, in the order of their bytes."""
    s3, bucket = lakegated.client(server), new_name("tree")
    s3.create_bucket(Bucket=bucket)
    chance = random.Random(7)
    keys = {"a", "a/", "a/b", "a-b", "a//b", "b|c", "é/ü", "zz/" + "y" * 600 + "/x"}
    while len(keys) < 400:
        keys.add("/".join(chance.choice(["a", "b", "cc", "d d", "é", "f+g", "h%"]) + str(chance.randrange(9)) for _ in range(chance.randrange(1, 5))))
    for key in keys:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode()[:9])
    return bucket, sorted(keys, key=str.encode)


def expected(keys, prefix="", delimiter="", after=""):
    found, groups = [], []
    for key in keys:
        if not key.startswith(prefix) or (after and key.encode() <= after.encode()):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut < 0:
            found.append(key)
            continue
        group = key[: cut + len(delimiter)]
        if group not in groups and group != after:
            groups.append(group)
    return found, groups


CASES = [
    {}, {"Prefix": "a"}, {"Prefix": "a/"}, {"Delimiter": "/"}, {"Prefix": "a", "Delimiter": "/"}, {"Prefix": "b1/", "Delimiter": "/"},
    {"Delimiter": "1/"}, {"Delimiter": "é"}, {"Delimiter": "no such"}, {"Prefix": "no such"}, {"Prefix": "é"}, {"Delimiter": " "}, {"Delimiter": "|"},
]


@pytest.mark.parametrize("size", [3, 50, 1000])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_pages_of_both_listings(s3, tree, case, size):
    bucket, keys = tree
    want = expected(keys, case.get("Prefix", ""), case.get("Delimiter", ""))
    for operation in ("list_objects_v2", "list_objects"):
        found, groups = [], []
        for page in s3.get_paginator(operation).paginate(Bucket=bucket, PaginationConfig={"PageSize": size}, **case):
            assert len(page.get("Contents", [])) + len(page.get("CommonPrefixes", [])) <= size
            found += [o["Key"] for o in page.get("Contents", [])]
            groups += [g["Prefix"] for g in page.get("CommonPrefixes", [])]
        assert (found, groups) == want, operation


@pytest.mark.parametrize("after", ["a", "a/", "b", "d d3/", "é", "zzz", "a/b", "\u0001"])
@pytest.mark.parametrize("delimiter", ["", "/"])
def test_start_after(s3, tree, after, delimiter):
    bucket, keys = tree
    page = s3.list_objects_v2(Bucket=bucket, StartAfter=after, Delimiter=delimiter)
    found, groups = [o["Key"] for o in page.get("Contents", [])], [g["Prefix"] for g in page.get("CommonPrefixes", [])]
    assert (found, groups) == expected(keys, "", delimiter, after)
    assert page["StartAfter"] == after


def test_entries(s3, tree):
    bucket, keys = tree
    page = s3.list_objects_v2(Bucket=bucket, FetchOwner=True, MaxKeys=2)
    entry = page["Contents"][0]
    head = s3.head_object(Bucket=bucket, Key=entry["Key"])
    assert (entry["ETag"], entry["Size"], entry["StorageClass"]) == (head["ETag"], head["ContentLength"], "STANDARD")
    assert entry["LastModified"].replace(microsecond=0) == head["LastModified"]
    assert entry["Owner"]["ID"]
    assert (page["Name"], page["KeyCount"], page["MaxKeys"], page["IsTruncated"]) == (bucket, 2, 2, True)
    assert page["NextContinuationToken"]
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket, MaxKeys=1)["Contents"][0]
    assert "Owner" in s3.list_objects(Bucket=bucket, MaxKeys=1)["Contents"][0]


def test_max_keys(s3, tree):
    bucket, keys = tree
    none = s3.list_objects_v2(Bucket=bucket, MaxKeys=0)
    assert (none["KeyCount"], none["IsTruncated"]) == (0, False)
    many = s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)
    assert many["KeyCount"] == len(keys)
    with refused("InvalidArgument", 400):
        s3.list_objects_v2(Bucket=bucket, MaxKeys=-1)


def test_bad_token(s3, tree):
    with refused("InvalidArgument", 400):
        s3.list_objects_v2(Bucket=tree[0], ContinuationToken="no token of ours")


def test_page_of_a_thousand(server):
    s3, bucket = lakegated.client(server), new_name("many")
    s3.create_bucket(Bucket=bucket)
    import concurrent.futures

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: s3.put_object(Bucket=bucket, Key=f"{i:05d}", Body=b""), range(1501)))
    first = s3.list_objects_v2(Bucket=bucket, MaxKeys=5000)
    assert (first["KeyCount"], first["IsTruncated"]) == (1000, True)
    second = s3.list_objects_v2(Bucket=bucket, ContinuationToken=first["NextContinuationToken"])
    assert (second["KeyCount"], second["IsTruncated"]) == (501, False)
    assert second["Contents"][0]["Key"] == "01000"
    v1 = s3.list_objects(Bucket=bucket)
    assert v1["IsTruncated"] and "NextMarker" not in v1  # only with a delimiter, as AWS does
    grouped = s3.list_objects(Bucket=bucket, Delimiter="00", MaxKeys=1)
    assert grouped["NextMarker"]


@pytest.mark.parametrize("size", [3, 1000])
def test_versions_of_an_unversioned_bucket(s3, tree, size):
    bucket, keys = tree
    found = []
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket, PaginationConfig={"PageSize": size}):
        assert "DeleteMarkers" not in page
        for version in page["Versions"]:
            assert (version["VersionId"], version["IsLatest"]) == ("null", True)
            found.append(version["Key"])
    assert found == keys


def test_versions_with_delimiter(s3, tree):
    bucket, keys = tree
    page = s3.list_object_versions(Bucket=bucket, Delimiter="/")
    want = expected(keys, "", "/")
    assert ([v["Key"] for v in page["Versions"]], [g["Prefix"] for g in page["CommonPrefixes"]]) == want
