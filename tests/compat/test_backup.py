"""lakegate backup of a running daemon, and what lakegate restore makes of it."""
import os
import subprocess
import threading

import boto3
import lakegated
import pytest


def lakegate(*arguments, environment=None):
    return subprocess.run(
        [lakegated.program("lakegate"), *map(str, arguments)], capture_output=True, text=True, timeout=120,
        env={**os.environ, **(environment or {})},
    )


def client(server, access_key=lakegated.ACCESS_KEY, secret_key=lakegated.SECRET_KEY, service="s3"):
    return boto3.client(
        service, endpoint_url=f"http://127.0.0.1:{server.port}", region_name="us-east-1",
        aws_access_key_id=access_key, aws_secret_access_key=secret_key,
    )


def back_up(server, target):
    done = lakegate(
        "backup", "--endpoint-url", f"http://127.0.0.1:{server.port}", "--data", server.data, target,
        environment={"LAKEGATE_ROOT_ACCESS_KEY": lakegated.ACCESS_KEY, "LAKEGATE_ROOT_SECRET_KEY": lakegated.SECRET_KEY},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split(":")[0]


@pytest.fixture
def server():
    with lakegated.Lakegated() as running:
        yield running


def test_a_running_store_is_copied_and_restored(server, tmp_path):
    s3, iam = client(server), client(server, service="iam")
    s3.create_bucket(Bucket="bkt")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]
    iam.attach_user_policy(UserName="ann", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess")
    objects = {f"key-{n}": os.urandom(20_000) for n in range(200)} | {"large": os.urandom(3 << 20), "small": b"x"}
    for name, body in objects.items():
        s3.put_object(Bucket="bkt", Key=name, Body=body)
    for name in "key-0", "large", "small":
        s3.put_object_tagging(Bucket="bkt", Key=name, Tagging={"TagSet": [{"Key": "a", "Value": name.ljust(256, "x")}]})
    written, stopping = [], threading.Event()

    def write():
        other, n = client(server), 0
        while not stopping.is_set():
            other.put_object(Bucket="bkt", Key=f"more-{n}", Body=bytes([n % 256]) * 5000)
            other.delete_object(Bucket="bkt", Key=f"more-{n - 10}")
            written.append(n)
            n += 1

    writer = threading.Thread(target=write)
    writer.start()
    first = back_up(server, tmp_path / "backups")
    stopping.set()
    writer.join()
    s3.delete_object(Bucket="bkt", Key="large")
    assert written
    restored = tmp_path / "restored"
    done = lakegate("restore", first, restored)
    assert done.returncode == 0 and "0 findings" in done.stdout, done.stdout + done.stderr
    with lakegated.Lakegated(data=restored) as again:
        reader = client(again, key["AccessKeyId"], key["SecretAccessKey"])
        for name, body in objects.items():
            assert reader.get_object(Bucket="bkt", Key=name)["Body"].read() == body
        for name in "key-0", "large", "small":
            assert reader.get_object_tagging(Bucket="bkt", Key=name)["TagSet"] == [{"Key": "a", "Value": name.ljust(256, "x")}]
        client(again).put_object(Bucket="bkt", Key="new", Body=b"goes on")


def test_a_second_backup_copies_what_is_new(server, tmp_path):
    s3 = client(server)
    s3.create_bucket(Bucket="bkt")
    s3.put_object(Bucket="bkt", Key="large", Body=b"a" * (5 << 20))
    server.stop()
    server.start()
    back_up(server, tmp_path)
    s3.put_object(Bucket="bkt", Key="other", Body=b"b" * 5000)
    second = lakegate("backup", "--data", server.data, tmp_path, environment={
        "LAKEGATE_ENDPOINT_URL": f"http://127.0.0.1:{server.port}", "LAKEGATE_ROOT_ACCESS_KEY": lakegated.ACCESS_KEY,
        "LAKEGATE_ROOT_SECRET_KEY": lakegated.SECRET_KEY})
    assert second.returncode == 0, second.stderr
    assert " 0 files are those" not in second.stdout
    folders = sorted(os.listdir(tmp_path))
    assert len(folders) == 2 and not any(name.endswith(".part") for name in folders)


def test_a_stopped_store_needs_no_daemon(server, tmp_path):
    client(server).create_bucket(Bucket="bkt")
    server.stop()
    done = lakegate("backup", "--data", server.data, tmp_path / "backups")
    assert done.returncode == 0, done.stderr
    server.start()


def test_a_user_may_not_hold_the_store(server):
    iam = client(server, service="iam")
    iam.create_user(UserName="bob")
    key = iam.create_access_key(UserName="bob")["AccessKey"]
    iam.attach_user_policy(UserName="bob", PolicyArn="arn:aws:iam::aws:policy/AmazonS3FullAccess")
    done = lakegate("backup", "--data", server.data, server.data + "-copy", environment={
        "LAKEGATE_ENDPOINT_URL": f"http://127.0.0.1:{server.port}", "LAKEGATE_ROOT_ACCESS_KEY": key["AccessKeyId"],
        "LAKEGATE_ROOT_SECRET_KEY": key["SecretAccessKey"]})
    assert done.returncode == 3 and "AccessDenied" in done.stderr


def test_what_cannot_be_done_is_said(tmp_path):
    assert lakegate("backup").returncode == 2
    assert lakegate("restore", tmp_path).returncode == 2
    done = lakegate("restore", tmp_path / "nothing", tmp_path / "new")
    assert done.returncode == 3 and "cannot be opened" in done.stderr
