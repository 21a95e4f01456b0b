"""`lakegate zones` against a running daemon."""
import json

import pytest

import lakegated
from conftest import Client, new_name, refused

KEYS = {"LAKEGATE_ROOT_ACCESS_KEY": lakegated.ACCESS_KEY, "LAKEGATE_ROOT_SECRET_KEY": lakegated.SECRET_KEY}


@pytest.fixture
def zones(server):
    client = Client(lakegated.program("lakegate"), {**KEYS, "LAKEGATE_ENDPOINT_URL": server.endpoint})
    return lambda *words, **options: client.run("zones", *words, **options)


def test_help_and_usage(zones):
    assert "usage: lakegate zones init" in zones("--help")
    for wrong in ([], ["fly"], ["show"], ["show", "bucket"], ["show", "s3://"], ["init", "s3://b", "platinum"], ["set", "s3://b"], ["set", "s3://b", "f", "g"],
                  ["duplicates", "s3://b"], ["lineage", "s3://b"], ["promote", "s3://b", "s3://c"], ["stat", "s3://b", "--colour"]):
        zones(*wrong, code=2)


def test_init_and_show(zones, bucket):
    text = zones("init", f"s3://{bucket}")
    assert zones("show", f"s3://{bucket}") == text
    shown = json.loads(text)["Zones"]
    assert [zone["Prefix"] for zone in shown] == ["raw/", "trusted/", "refined/"]
    assert shown[0]["WriteOnce"] and "PromoteFrom" not in shown[0] and shown[2]["PromoteFrom"] == ["trusted"]
    assert not any("RetentionDays" in zone for zone in shown)
    zones("init", f"s3://{bucket}", code=3)
    own = json.loads(zones("init", "s3://other", "bronze=in/", "gold", "--print"))["Zones"]
    assert [(zone["Name"], zone["Prefix"]) for zone in own] == [("bronze", "in/"), ("gold", "gold/")]
    zones("init", "s3://no-such-bucket-here", code=3)


def test_set(zones, bucket, tmp_path):
    path = tmp_path / "zones.json"
    path.write_text('{"Version": "2026-11-01", "Zones": [{"Name": "kept", "Prefix": "", "RetentionDays": 1}]}')
    zones("set", f"s3://{bucket}", path)
    assert json.loads(zones("show", f"s3://{bucket}"))["Zones"][0]["Name"] == "kept"
    zones("set", f"s3://{bucket}", "-", input=b'{"Version": "2026-11-01", "Zones": [{"Name": "a"}]}', code=3)
    zones("set", f"s3://{bucket}", "--none")
    zones("show", f"s3://{bucket}", code=3)
    zones("set", f"s3://{bucket}", tmp_path / "missing", code=3)


def test_bypass(zones, s3, bucket, tmp_path):
    path = tmp_path / "zones.json"
    path.write_text('{"Version": "2026-11-01", "Zones": [{"Name": "kept", "Prefix": "", "RetentionDays": 1}]}')
    zones("set", f"s3://{bucket}", path)
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    zones("set", f"s3://{bucket}", "--none", code=3)
    zones("set", f"s3://{bucket}", "--none", "--bypass-retention")


def test_promote_stat_duplicates_lineage(zones, s3, bucket):
    zones("init", f"s3://{bucket}")
    for key in ("raw/day 1/a", "raw/day 1/b", "raw/c"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    assert "raw/day 1/a -> trusted/x/a" in zones("promote", f"s3://{bucket}/raw/day 1/", f"s3://{bucket}/trusted/x/")
    assert s3.get_object(Bucket=bucket, Key="trusted/x/b")["Body"].read() == b"raw/day 1/b"
    zones("promote", f"s3://{bucket}/raw/c", f"s3://{bucket}/trusted/")
    zones("promote", f"s3://{bucket}/raw/c", f"s3://{bucket}/refined/c", code=3)
    text = zones("stat", f"s3://{bucket}")
    assert "trusted  (trusted/)" in text and "promotions         3" in text
    assert json.loads(zones("stat", f"s3://{bucket}", "--json"))["Bucket"] == bucket
    s3.put_object(Bucket=bucket, Key="trusted/again", Body=b"raw/c")
    assert "2 objects of 5 bytes\n  trusted/again\n  trusted/c\n" == "".join(sorted_keys(zones("duplicates", f"s3://{bucket}", "trusted")))
    text = zones("lineage", f"s3://{bucket}/trusted/c")
    assert f"<- s3://{bucket}/raw/c  in raw  by arn:aws:iam::000000000001:root  recorded" in text
    with refused("AccessDenied", 403):
        s3.copy_object(Bucket=bucket, Key="refined/c", CopySource={"Bucket": bucket, "Key": "raw/c"})


def sorted_keys(text):
    head, *keys = text.splitlines(keepends=True)
    return [head, *sorted(keys)]
