"""Bulk copy that is interrupted: kills, principals that go, a full disk, cancels. The source is a second lakegated with
20,000 objects in a public bucket."""
import io
import json
import random

import boto3.s3.transfer
import copying
import lakegated
import pytest
from botocore.exceptions import ClientError
from conftest import new_name

MIB = 1 << 20
SMALL = 20000
PARTS = boto3.s3.transfer.TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=2)


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """Objects are made by copying one prefix onto others in the source itself: a copy job takes a second for what clients
    take minutes for."""
    with lakegated.Lakegated() as server:
        client = lakegated.client(server)
        copying.make_public(client, "public")
        copying.fill(server, "public", ((f"seed/{i:04}", b"%04d" % i * (1 + i % 200)) for i in range(1000)))
        copies = copying.Copies(server)
        jobs = [copies.create({"bucket": "public", "prefix": "seed/", "endpoint": "local"}, f"public/data/{i:02}/")
                for i in range(SMALL // 1000)]
        for job in jobs:
            assert copies.until(job)["progress"]["copied_objects"] == 1000
        for number in range(3):
            client.upload_fileobj(io.BytesIO(random.Random(number).randbytes(16 * MIB)), "public", f"large/{number}", Config=PARTS)
        yield server


@pytest.fixture
def target(source):
    with lakegated.Lakegated(arguments=copying.allowing(source.port)) as server:
        yield server


@pytest.fixture
def lake(target):
    lakegated.client(target).create_bucket(Bucket="lake")
    return "lake"


def of(source, prefix="data/"):
    return {"bucket": "public", "prefix": prefix, "endpoint": source.endpoint}


def stamps(target):
    """key -> when it was written, to the millisecond: another write shows."""
    found = {}
    for page in lakegated.client(target).get_paginator("list_objects_v2").paginate(Bucket="lake"):
        found.update((entry["Key"], entry["LastModified"]) for entry in page.get("Contents", []))
    return found


def check_all(source, target, prefix="data/"):
    """Every object is there, as it is at the source."""
    expected = {key.removeprefix(prefix[:prefix.rindex("/") + 1]): value for key, value in
                copying.listing(lakegated.client(source), "public", prefix).items()}
    assert copying.listing(lakegated.client(target), "lake") == expected
    return expected


@pytest.mark.parametrize("exists, prefix, kills", [
    ("skip", "data/0", [2000, 7000]), ("overwrite", "data/", [2000, 9000, 15000]), ("fail", "data/0", [2000, 7000])])
def test_kills_during_a_job_leave_nothing_out_and_do_nothing_twice(source, target, lake, exists, prefix, kills):
    copies = copying.Copies(target)
    job = copies.create(of(source, prefix), lake, exists=exists)
    written = {}
    for wanted in kills:
        copies.until(job, when=lambda shown: shown["progress"]["copied_objects"] >= wanted)
        written.update(stamps(target))
        target.kill9()
        target.start()
    done = copies.until(job)
    assert done["state"] == "done", done
    expected = check_all(source, target, prefix)
    last = stamps(target)
    assert len(written) >= 2000
    assert {key: (stamp, last[key]) for key, stamp in written.items() if stamp != last[key]} == {}
    progress = done["progress"]
    assert (progress["copied_objects"], progress["skipped_objects"], progress["failed_objects"]) == (len(expected), 0, 0)
    assert progress["copied_bytes"] == sum(size for _, size in expected.values()) == done["total"]["bytes"]


def test_twenty_thousand_of_which_some_are_large_some_fail_and_one_changes_meanwhile(source, target, lake):
    client, copies = lakegated.client(source), copying.Copies(target)
    policy = client.get_bucket_policy(Bucket="public")["Policy"]
    denial = {"Effect": "Deny", "Principal": "*", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::public/data/07/000*"}
    client.put_bucket_policy(Bucket="public", Policy=json.dumps(
        {"Version": "2012-10-17", "Statement": [denial, *json.loads(policy)["Statement"]]}))
    try:
        job = copies.create(of(source, ""), lake, limits={"bytes_per_second": 4 * MIB})
        small = sum(size for key, (_, size) in copying.listing(client, "public").items() if not key.startswith("large/"))
        # The large ones begin: one of them becomes another one while its parts are fetched.
        copies.until(job, when=lambda shown: shown["progress"]["received_bytes"] >= small + 4 * MIB)
        client.upload_fileobj(io.BytesIO(random.Random(99).randbytes(17 * MIB)), "public", "large/2", Config=PARTS)
        done = copies.until(job)
        failures = copies.failures(done)["failures"]
        assert {failure["reason"] for failure in failures} == {"SourceDenied"}, failures
        assert {failure["key"] for failure in failures} == {f"data/07/000{i}" for i in range(10)}
        expected = copying.listing(client, "public")
        there = {key: value for key, value in expected.items() if not key.startswith("data/07/000")}
        assert copying.listing(lakegated.client(target), lake) == there
        assert done["progress"]["copied_objects"] == len(there) and done["progress"]["verified"]["none"] == 0
    finally:
        client.put_bucket_policy(Bucket="public", Policy=policy)
    received = done["progress"]["received_bytes"]
    copies.change(done, "retry")
    done = copies.until(done)
    assert done["progress"]["failed_objects"] == 0 and done["progress"]["received_bytes"] < received + MIB, done
    assert copying.listing(lakegated.client(target), lake) == expected


def test_a_kill_during_large_objects_goes_on_with_the_parts_that_are_there(source, target, lake):
    copies = copying.Copies(target)
    job = copies.create(of(source, "large/"), lake, limits={"bytes_per_second": 12 * MIB})
    copies.until(job, when=lambda shown: shown["progress"]["received_bytes"] >= 30 * MIB)
    target.kill9()
    target.start()
    done = copies.until(job)
    assert done["state"] == "done" and done["progress"]["copied_objects"] == 3, done
    check_all(source, target, "large/")
    # 48 MiB in all; had it begun anew, at least 30 more would have come.
    assert done["progress"]["received_bytes"] < 48 * MIB, done
    assert "Uploads" not in lakegated.client(target).list_multipart_uploads(Bucket="lake")


def test_a_stop_and_a_start(source, target, lake):
    copies = copying.Copies(target)
    job = copies.create(of(source, "data/0"), lake)
    copies.until(job, when=lambda shown: shown["progress"]["copied_objects"] >= 1000)
    assert target.stop() == 0
    target.start()
    assert copies.until(job)["progress"]["copied_objects"] == SMALL // 2
    check_all(source, target, "data/0")


def test_pause_resume_and_cancel(source, target, lake):
    copies = copying.Copies(target)
    job = copies.create(of(source), lake, limits={"objects_at_once": 4})
    copies.until(job, when=lambda shown: shown["progress"]["copied_objects"] >= 500)
    copies.change(job, "pause")
    paused = copies.until(job, "paused")
    assert paused["reason"] == "Requested" and 500 <= paused["progress"]["copied_objects"] < SMALL
    with pytest.raises(copying.Refused) as refused:
        copies.change(job, "retry")
    assert refused.value.status == 409 and "InvalidCopyJobState" in refused.value.text
    copies.change(job, "resume")
    copies.until(job, when=lambda shown: shown["progress"]["copied_objects"] >= paused["progress"]["copied_objects"] + 500)
    copies.cancel(job)
    canceled = copies.until(job)
    assert canceled["state"] == "canceled" and canceled["finished"]
    count = len(copying.listing(lakegated.client(target), "lake"))
    assert count == canceled["progress"]["copied_objects"]
    copies.cancel(job)
    with pytest.raises(copying.Refused):
        copies.get(job)


def test_a_cancel_leaves_no_upload_behind(source, target, lake):
    copies = copying.Copies(target)
    job = copies.create(of(source, "large/"), lake, limits={"bytes_per_second": 8 * MIB})
    copies.until(job, when=lambda shown: shown["progress"]["received_bytes"] >= 12 * MIB)
    copies.cancel(job)
    assert copies.until(job)["state"] == "canceled"
    assert "Uploads" not in lakegated.client(target).list_multipart_uploads(Bucket="lake")


def make_user(target, name, *statements):
    iam = lakegated.connect(target, "iam")
    iam.create_user(UserName=name)
    iam.put_user_policy(UserName=name, PolicyName="may", PolicyDocument=json.dumps({
        "Version": "2012-10-17", "Statement": list(statements)}))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return iam, key["AccessKeyId"], key["SecretAccessKey"]


ALL = {"Effect": "Allow", "Action": ["s3:*", "lakegate:*"], "Resource": "*"}


def test_a_user_that_is_disabled_pauses_its_jobs(source, target, lake):
    iam, key, secret = make_user(target, "ann", ALL)
    copies = copying.Copies(target, key, secret)
    root = copying.Copies(target)
    job = copies.create(of(source), lake, limits={"objects_at_once": 2})
    assert job["created_by"].endswith(":user/ann")
    root.until(job, when=lambda shown: shown["progress"]["copied_objects"] >= 200)
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Inactive")
    paused = root.until(job, "paused")
    assert paused["reason"] == "PrincipalGone" and paused["progress"]["failed_objects"] == 0
    iam.update_access_key(UserName="ann", AccessKeyId=key, Status="Active")
    root.change(job, "resume")
    root.until(job, when=lambda shown: shown["progress"]["copied_objects"] >= paused["progress"]["copied_objects"] + 200)
    iam.delete_access_key(UserName="ann", AccessKeyId=key)
    iam.delete_user_policy(UserName="ann", PolicyName="may")
    iam.delete_user(UserName="ann")
    assert root.until(job, "paused")["reason"] == "PrincipalGone"
    # Another of the same name is somebody else.
    make_user(target, "ann", ALL)
    root.change(job, "resume")
    assert root.until(job, "paused")["reason"] == "PrincipalGone"
    root.cancel(job)


def test_each_write_is_asked_for_with_the_policies_of_the_moment(source, target, lake):
    _, key, secret = make_user(target, "bob", ALL, {
        "Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::lake/03/*"})
    copies = copying.Copies(target, key, secret)
    done = copies.until(copies.create(of(source, "data/0"), lake))
    assert done["progress"]["copied_objects"] == SMALL // 2 - 1000 and done["progress"]["failed_objects"] == 1000
    page = copies.failures(done, "?max=10")
    assert page["truncated"] and {failure["reason"] for failure in page["failures"]} == {"AccessDenied"}
    assert all(failure["destination"].startswith("03/") and "s3:PutObject" in failure["message"] for failure in page["failures"])
    # Failures alone are tried again, once the policy lets them.
    lakegated.connect(target, "iam").put_user_policy(UserName="bob", PolicyName="may", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [ALL]}))
    received = done["progress"]["received_bytes"]
    copies.change(done, "retry")
    done = copies.until(done)
    assert (done["progress"]["copied_objects"], done["progress"]["failed_objects"]) == (SMALL // 2, 0)
    assert done["progress"]["received_bytes"] < received * 1.2
    assert copies.failures(done)["failures"] == []
    check_all(source, target, "data/0")


def test_only_so_many_failures_are_listed_and_a_retry_finds_the_others(source, target, lake):
    """docs/LIMITS.md: 10,000 of a job."""
    _, key, secret = make_user(target, "dan", ALL, {"Effect": "Deny", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::lake/*"})
    copies = copying.Copies(target, key, secret)
    done = copies.until(copies.create(of(source), lake))
    assert (done["state"], done["progress"]["failed_objects"], done["warnings"]["failures_not_listed"]) == ("done", SMALL, SMALL - 10000)
    listed, after = [], 0
    while page := copies.failures(done, f"?max=1000&after={after}")["failures"]:
        listed += page
        after = page[-1]["n"]
    assert len(listed) == len({failure["key"] for failure in listed}) == 10000
    lakegated.connect(target, "iam").put_user_policy(UserName="dan", PolicyName="may", PolicyDocument=json.dumps(
        {"Version": "2012-10-17", "Statement": [ALL]}))
    copies.change(done, "retry")
    done = copies.until(done)
    assert (done["progress"]["copied_objects"], done["progress"]["failed_objects"], done["warnings"]["failures_not_listed"]) == (SMALL, 0, 0)
    check_all(source, target)


def test_who_may_not_write_or_compare_makes_no_job(source, target, lake):
    _, key, secret = make_user(target, "eve", {"Effect": "Allow", "Action": ["s3:PutObject", "lakegate:CreateCopyJob"], "Resource": "*"})
    copies = copying.Copies(target, key, secret)
    with pytest.raises(copying.Refused) as refused:
        copies.create(of(source), lake)
    assert refused.value.status == 403 and "s3:ListBucket" in refused.value.text
    job = copies.create(of(source), lake, exists="overwrite", dry_run=True)
    for ask in (lambda: copies.get(job), lambda: copies.cancel(job), lambda: copies.failures(job), lambda: copies.change(job, "pause")):
        with pytest.raises(copying.Refused) as refused:
            ask()
        assert refused.value.status == 403
    assert copies.list()["copies"] == []
    _, key, secret = make_user(target, "mallory", {"Effect": "Allow", "Action": "s3:*", "Resource": "*"})
    with pytest.raises(copying.Refused) as refused:
        copying.Copies(target, key, secret).create(of(source), lake)
    assert refused.value.status == 403 and "lakegate:CreateCopyJob" in refused.value.text


def test_a_role_acts_within_its_session_and_no_longer(source, target, lake):
    iam = lakegated.connect(target, "iam")
    iam.create_role(RoleName="copier", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}))
    iam.put_role_policy(RoleName="copier", PolicyName="may", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [ALL]}))
    _, key, secret = make_user(target, "carl", {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"})
    sts = lakegated.connect(target, "sts", (key, secret))

    def assume(policy=None):
        got = sts.assume_role(RoleArn="arn:aws:iam::000000000001:role/copier", RoleSessionName="session",
                              **({"Policy": json.dumps(policy)} if policy else {}))["Credentials"]
        return copying.Copies(target, got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])

    narrow = assume({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": ["s3:ListBucket", "lakegate:*"], "Resource": "*"},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::lake/00/*"}]})
    done = narrow.until(narrow.create(of(source, "data/00/00"), lake))
    assert done["progress"]["copied_objects"] == 0 and done["progress"]["failed_objects"] == 100
    done = narrow.until(narrow.create(of(source, "data/00/00"), lake + "/00/"))
    assert done["progress"]["copied_objects"] == 100 and done["progress"]["failed_objects"] == 0
    # After a restart it has its session still.
    copies = assume()
    job = copies.create(of(source, "data/01/"), lake + "/01/", limits={"objects_at_once": 2})
    copies.until(job, when=lambda shown: shown["progress"]["copied_objects"] >= 300)
    target.kill9()
    target.start()
    done = copies.until(job)
    assert (done["progress"]["copied_objects"], done["progress"]["failed_objects"]) == (1000, 0)


def test_credentials_for_the_source_are_sealed_and_go_with_the_job(source, target, lake):
    client = lakegated.client(source)
    client.create_bucket(Bucket="private") if "private" not in [b["Name"] for b in client.list_buckets()["Buckets"]] else None
    copying.fill(source, "private", ((f"k{i}", b"x%d" % i) for i in range(10)), 1)
    copies = copying.Copies(target)
    anonymous = copies.until(copies.create({"bucket": "private", "endpoint": source.endpoint}, lake))
    assert (anonymous["state"], anonymous["reason"]) == ("failed", "SourceDenied")
    credentials = {"access_key": lakegated.ACCESS_KEY, "secret_key": lakegated.SECRET_KEY}
    job = copies.create({"bucket": "private", "endpoint": source.endpoint, "credentials": credentials}, lake,
                        limits={"bytes_per_second": 1})
    assert lakegated.SECRET_KEY not in json.dumps(copies.get(job)) and job["source"]["anonymous"] is False
    copies.until(job, "running")
    assert lakegated.SECRET_KEY.encode() not in b"".join(
        path.read_bytes() for path in map(__import__("pathlib").Path, [target.data + "/index/data.mdb"]) if path.exists())
    copies.cancel(job)
    copies.until(job)
    done = copies.until(copies.create({"bucket": "private", "endpoint": source.endpoint, "credentials": credentials}, lake))
    assert done["progress"]["copied_objects"] == 10


def test_a_full_disk_pauses_the_job_and_it_goes_on(source, target, lake):
    """A reserve that is more than there is free is a full disk to who writes."""
    copies = copying.Copies(target)
    job = copies.create(of(source, "data/00/"), lake, limits={"bytes_per_second": 100_000})  # of 402,000
    copies.until(job, when=lambda shown: shown["progress"]["copied_objects"] >= 200)
    assert target.stop() == 0
    target.environment["LAKEGATE_RESERVE"] = "1T"
    target.start()
    paused = copies.until(job, "paused")
    assert paused["reason"] == "DiskFull" and paused["progress"]["failed_objects"] == 0
    assert target.stop() == 0
    del target.environment["LAKEGATE_RESERVE"]
    target.start()
    assert copies.until(job)["progress"]["copied_objects"] == 1000
    check_all(source, target, "data/00/")


def test_zones_hold_and_duplicates_are_no_errors(source, target, lake):
    copies = copying.Copies(target)
    copies.call("PUT", "/lake?lakegate-zones", json.dumps({"Version": "2026-11-01", "Zones": [
        {"Name": "raw", "Prefix": "raw/", "WriteOnce": True, "Duplicates": "reject"}]}).encode())
    first = copies.until(copies.create(of(source, "seed/"), f"{lake}/raw/a/"))
    distinct = first["progress"]["copied_objects"]
    assert first["progress"]["duplicate_objects"] == 1000 - distinct and first["progress"]["failed_objects"] == 0
    again = copies.until(copies.create(of(source, "seed/"), f"{lake}/raw/b/"))["progress"]
    assert (again["copied_objects"], again["duplicate_objects"], again["failed_objects"]) == (0, 1000, 0)
    lakegated.client(source).put_object(Bucket="public", Key="seed/0007", Body=b"changed")
    changed = copies.until(copies.create(of(source, "seed/"), f"{lake}/raw/a/"))
    assert [(f["key"], f["reason"]) for f in copies.failures(changed)["failures"] if f["key"] == "seed/0007"] == [
        ("seed/0007", "ObjectAlreadyExists")]
    lakegated.client(source).put_object(Bucket="public", Key="seed/0007", Body=b"0007" * 8)


def test_limits_and_what_exists(source, target, lake):
    copies = copying.Copies(target)
    client = lakegated.client(target)
    done = copies.until(copies.create(of(source), lake, limits={"total_objects": 100}))
    assert done["state"] == "done" and done["limit_reached"] and done["progress"]["copied_objects"] == 100
    done = copies.until(copies.create(of(source), lake, limits={"total_bytes": 50000}))
    assert done["limit_reached"] and done["progress"]["copied_bytes"] <= 50000
    client.put_object(Bucket=lake, Key="00/0001", Body=b"mine")
    keep = copies.until(copies.create(of(source, "data/00/000"), lake + "/00/", exists="fail"))
    assert {(f["key"], f["reason"]) for f in copies.failures(keep)["failures"]} >= {("data/00/0001", "Exists")}
    assert client.get_object(Bucket=lake, Key="00/0001")["Body"].read() == b"mine"
    over = copies.until(copies.create(of(source, "data/00/000"), lake + "/00/", exists="overwrite"))
    assert over["progress"]["copied_objects"] == 10 and over["progress"]["skipped_objects"] == 0
    assert client.get_object(Bucket=lake, Key="00/0001")["Body"].read() == b"0001" * 2


def test_the_destination_goes_away(source, target, lake):
    client = lakegated.client(target)
    client.create_bucket(Bucket="doomed")
    copies = copying.Copies(target)
    job = copies.create(of(source), "doomed", limits={"objects_at_once": 1, "total_objects": 1})
    copies.until(job)
    job = copies.create(of(source), "doomed", limits={"bytes_per_second": 2000})
    copies.until(job, when=lambda shown: shown["progress"]["copied_objects"] >= 1)
    copies.change(job, "pause")
    copies.until(job, "paused")
    for key in copying.listing(client, "doomed"):
        client.delete_object(Bucket="doomed", Key=key)
    client.delete_bucket(Bucket="doomed")
    copies.change(job, "resume")
    failed = copies.until(job)
    assert (failed["state"], failed["reason"]) == ("failed", "DestinationGone")


def test_jobs_wait_in_line_and_are_listed(source, target, lake):
    copies = copying.Copies(target)
    jobs = [copies.create(of(source), f"{lake}/{i}/", limits={"bytes_per_second": 1000}) for i in range(6)]
    states = [job["state"] for job in copies.list()["copies"]]
    assert len(states) == 6 and states.count("running") <= 4
    assert [job["id"] for job in copies.list()["copies"]] == [job["id"] for job in reversed(jobs)]
    page = copies.list("?max=2")
    assert page["truncated"] and len(page["copies"]) == 2
    assert copies.list(f"?max=100&after={page['copies'][1]['id']}")["copies"][0]["id"] == jobs[3]["id"]
    assert all(job["state"] == "queued" for job in copies.list("?state=queued")["copies"])
    for job in jobs:
        copies.cancel(job)
    for job in jobs:
        assert copies.until(job)["state"] == "canceled"
    with pytest.raises(ClientError):
        lakegated.client(target).head_object(Bucket=lake, Key="nothing")
