"""Bytes that rot under a running lakegated: what is read of them, what a scrub says, and its last words."""
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import urllib.request

import lakegated
import pytest
from botocore.exceptions import BotoCoreError, ClientError
from conftest import content

BLOCK = 256 * 1024


@pytest.fixture
def server():
    with lakegated.Lakegated() as running:
        yield running


def lakegate(server, *arguments, code=None):
    done = subprocess.run(
        [lakegated.program("lakegate"), *map(str, arguments), "--endpoint-url", server.endpoint],
        capture_output=True, text=True, timeout=120,
        env={**os.environ, "LAKEGATE_ROOT_ACCESS_KEY": lakegated.ACCESS_KEY, "LAKEGATE_ROOT_SECRET_KEY": lakegated.SECRET_KEY},
    )
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done


def scrub(server, code):
    return lakegate(server, "scrub", "--rate", "0", code=code).stdout


def places(data, wanted, folder=""):
    """(path, offset) of these bytes, wherever they lie."""
    for path in sorted(pathlib.Path(data, folder).rglob("*")):
        if path.suffix in (".seg", ".blob", ".mdb") and path.name != "lock.mdb":
            text, at = path.read_bytes(), -1
            while (at := text.find(wanted, at + 1)) >= 0:
                yield path, at


def flip(path, offset, bit=0):
    with open(path, "r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0] ^ 1 << bit
        file.seek(offset)
        file.write(bytes([byte]))


def damage(server, body, at=0):
    """Flips a bit of what lies on the disk of this body, at this offset."""
    found = list(places(server.data, body[at : at + 40]))
    assert found
    for path, offset in found:
        flip(path, offset)


def reads(s3, bucket, key, **more):
    """The bytes; None: an error, or the connection broke before the end."""
    try:
        return s3.get_object(Bucket=bucket, Key=key, **more)["Body"].read()
    except (ClientError, BotoCoreError):
        return None


def put_parts(s3, bucket, key, bodies):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
    parts = []
    for number, body in enumerate(bodies, 1):
        reply = s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number, Body=body)
        parts.append({"PartNumber": number, "ETag": reply["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


def set_zone(server, rules):
    path = pathlib.Path(server.data).parent / "zones.json"
    path.write_text(json.dumps({"Version": "2026-11-01", "Zones": [{"Name": "raw", "Prefix": "raw/", **rules}]}))
    lakegate(server, "zones", "set", "s3://bkt", path, code=0)


def metrics(server):
    with urllib.request.urlopen(f"{server.endpoint}/-/metrics", timeout=20) as reply:
        lines = [line.split() for line in reply.read().decode().splitlines() if not line.startswith("#")]
    return {line[0]: float(line[1]) for line in lines}


# size, offset of the damage, a range that does not touch it
@pytest.mark.parametrize("size, at, whole", [
    (200, 100, None),  # in the index
    (5_000, 3_000, None),  # packed
    (900_000, 3 * BLOCK + 7, (0, BLOCK - 1)),  # packed, several blocks
    (3_000_000, 5 * BLOCK + 1, (BLOCK, 2 * BLOCK + 5)),  # a file of its own
])
def test_a_bad_block_never_ends_cleanly(server, size, at, whole):
    s3, body = lakegated.client(server), random.Random(size).randbytes(size)
    s3.create_bucket(Bucket="bkt")
    s3.put_object(Bucket="bkt", Key="object", Body=body)
    damage(server, body, at)
    assert reads(s3, "bkt", "object") is None
    assert reads(s3, "bkt", "object", Range=f"bytes={at}-{at + 20}") is None
    if whole:
        assert reads(s3, "bkt", "object", Range=f"bytes={whole[0]}-{whole[1]}") == body[whole[0] : whole[1] + 1]
    shown = lakegate(server, "scrub", "--show", code=1).stdout
    assert "bkt/object" in shown and "met damage" in shown
    found = scrub(server, 1)
    assert "bkt/object" in found if size > 1000 else "index: " in found
    assert metrics(server)["lakegate_scrub_findings"] >= 1
    assert json.loads(lakegate(server, "status", "--json", code=0).stdout)["scrub"]["findings"] >= 1
    assert "damage: " in server.log_tail(200)


def test_bad_parts_and_compressed_bytes_never_end_cleanly(server):
    s3 = lakegated.client(server)
    s3.create_bucket(Bucket="bkt")
    first, second = random.Random(1).randbytes(5 << 20), random.Random(2).randbytes(1000)
    put_parts(s3, "bkt", "parts", [first, second])
    damage(server, second)
    assert reads(s3, "bkt", "parts") is None
    assert reads(s3, "bkt", "parts", PartNumber=2) is None
    assert reads(s3, "bkt", "parts", PartNumber=1) == first
    set_zone(server, {"Compress": True})
    text = b"".join(b"line %d of a text that deflates\n" % n for n in range(40_000))
    s3.put_object(Bucket="bkt", Key="raw/text.csv", Body=text, ContentType="text/csv")
    assert not list(places(server.data, text[:60]))  # it is compressed
    scrub(server, 1)
    # Its footer, the last in the segment, tells where it lies: docs/FORMAT.md.
    path, at = list(places(server.data, b"LGEXTNT1", "segments"))[-1]
    offset, length = struct.unpack("<QQ", path.read_bytes()[at + 24 : at + 40])
    assert 10_000 < length < len(text)
    flip(path, offset + 5000)
    assert reads(s3, "bkt", "raw/text.csv") is None
    assert reads(s3, "bkt", "raw/text.csv", Range="bytes=10-20") is None
    assert "bkt/raw/text.csv" in scrub(server, 1)


def test_copies_do_not_launder_damage():
    for verify in ("on", "off"):
        with lakegated.Lakegated(arguments=["--verify-reads", verify]) as server:
            s3 = lakegated.client(server)
            s3.create_bucket(Bucket="bkt")
            body = random.Random(3).randbytes(600_000)
            s3.put_object(Bucket="bkt", Key="source", Body=body)
            damage(server, body, 300_000)
            s3.copy_object(Bucket="bkt", Key="copy", CopySource="bkt/source")  # the same bytes: nothing is read
            upload = s3.create_multipart_upload(Bucket="bkt", Key="composed")["UploadId"]
            for first, last in ((290_000, 290_300), (262_144, 524_287)):  # staged anew; digested
                with pytest.raises(ClientError) as error:
                    s3.upload_part_copy(
                        Bucket="bkt", Key="composed", UploadId=upload, PartNumber=1, CopySource="bkt/source",
                        CopySourceRange=f"bytes={first}-{last}")
                assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 500
            found = scrub(server, 1)
            assert "bkt/source" in found and "bkt/copy" in found
            if verify == "on":
                assert reads(s3, "bkt", "copy") is None
                assert "bkt/composed" not in found


def test_a_damaged_object_breaks_a_zip_off_and_is_named(server):
    s3, body = lakegated.client(server), random.Random(6).randbytes(700_000)
    s3.create_bucket(Bucket="bkt")
    s3.put_object(Bucket="bkt", Key="folder/one", Body=body)
    damage(server, body, 600_000)
    url = lakegated.presign(server, "GET", "/bkt", {"lakegate-zip": "", "prefix": "folder/"})
    done = subprocess.run(["curl", "-sS", "-o", os.devnull, server.endpoint + url], capture_output=True, text=True, timeout=60)
    assert done.returncode != 0, done.stderr
    assert "bkt/folder/one" in lakegate(server, "scrub", "--show", code=1).stdout


def test_a_damaged_duplicate_is_not_linked(server):
    s3 = lakegated.client(server)
    s3.create_bucket(Bucket="bkt")
    set_zone(server, {"Duplicates": "link"})
    body = random.Random(4).randbytes(50_000)
    s3.put_object(Bucket="bkt", Key="raw/first", Body=body)
    damage(server, body, 20_000)
    s3.put_object(Bucket="bkt", Key="raw/second", Body=body)
    assert reads(s3, "bkt", "raw/first") is None
    assert reads(s3, "bkt", "raw/second") == body
    assert "bkt/raw/first" in lakegate(server, "scrub", "--show", code=1).stdout


def test_findings_go_with_what_was_damaged(server):
    s3, body = lakegated.client(server), random.Random(5).randbytes(100_000)
    s3.create_bucket(Bucket="bkt")
    s3.put_object(Bucket="bkt", Key="object", Body=body)
    assert "0 findings" in scrub(server, 0)
    damage(server, body, 50_000)
    assert "bkt/object" in scrub(server, 1)
    server.stop()
    server.start()  # findings are kept
    assert "bkt/object" in lakegate(server, "scrub", "--show", code=1).stdout
    s3.put_object(Bucket="bkt", Key="object", Body=body)
    assert "0 findings" in scrub(server, 0)
    assert "0 findings" in lakegate(server, "scrub", "--show", code=0).stdout


def test_a_pass_goes_on_after_a_restart(server):
    s3 = lakegated.client(server)
    s3.create_bucket(Bucket="bkt")
    for n in range(4):
        s3.put_object(Bucket="bkt", Key=f"large-{n}", Body=content(3 << 20))

    def state():
        return json.loads(lakegate(server, "scrub", "--show", "--json").stdout)

    lakegate(server, "scrub", "--start", "--rate", 600_000, code=0)
    while state()["phase"] != "content" or state()["checked_bytes"] == 0:
        assert state()["running"]
    server.stop()
    server.start()
    before = state()
    assert before["running"] and before["pass"] == 1 and before["checked_bytes"] > 0
    assert "0 findings" in scrub(server, 0)  # the same pass, faster
    assert state()["pass"] == 1 and state()["complete"]
    assert "going on" in server.log_tail(100)
    lakegate(server, "scrub", "--start", "--rate", 1, code=0)
    while not state()["pass"] == 2:
        pass
    assert "given up" in lakegate(server, "scrub", "--stop").stdout or not state()["complete"]


def test_only_the_first_account_may_scrub(server):
    iam = lakegated.connect(server, "iam")
    iam.create_user(UserName="ann")
    key = iam.create_access_key(UserName="ann")["AccessKey"]

    def as_ann(*arguments):
        return subprocess.run(
            [lakegated.program("lakegate"), "scrub", *arguments, "--endpoint-url", server.endpoint],
            capture_output=True, text=True, timeout=60,
            env={**os.environ, "LAKEGATE_ROOT_ACCESS_KEY": key["AccessKeyId"],
                 "LAKEGATE_ROOT_SECRET_KEY": key["SecretAccessKey"]},
        )

    assert "AccessDenied" in as_ann("--show").stderr
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "lakegate:GetScrub", "Resource": "*"}]}
    iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=json.dumps(policy))
    assert as_ann("--show").returncode == 0
    assert "AccessDenied" in as_ann("--start").stderr


def test_an_index_that_cannot_be_read_ends_it_with_a_line(server):
    if "asan" in lakegated.program():
        pytest.skip("the sanitizer has last words of its own")
    s3 = lakegated.client(server)
    s3.create_bucket(Bucket="bkt")
    for n in range(300):
        s3.put_object(Bucket="bkt", Key=f"key-{n}", Body=b"x" * 200)
    os.truncate(os.path.join(server.data, "index", "data.mdb"), 8192)
    with pytest.raises((ClientError, BotoCoreError)):
        for n in range(300):
            s3.head_object(Bucket="bkt", Key=f"key-{n}")
    assert server.process.wait(60) != 0
    server.process = None
    log = server.log_tail(50)
    assert "SIGBUS" in log and "lakegate salvage" in log and log.count("lakegated: ") == 1, log


def test_flipped_root_keys_are_refused_or_what_they_were(tmp_path):
    none = {"LAKEGATE_ROOT_ACCESS_KEY": "", "LAKEGATE_ROOT_SECRET_KEY": ""}
    data = tmp_path / "data"
    with lakegated.Lakegated(data=data, environment=none):
        pass
    path = data / "root-credentials"
    whole = path.read_bytes()
    assert b"check = " in whole
    dice = random.Random(1)
    for offset in dice.sample(range(whole.index(b"access_key"), len(whole)), 12):
        path.write_bytes(whole)
        flip(path, offset, dice.randrange(7))
        try:
            server = lakegated.Lakegated(data=data, environment=none)
        except RuntimeError as error:
            assert "root-credentials" in str(error)
            continue
        done = subprocess.run(
            [lakegated.program("lakegate"), "status", "--endpoint-url", server.endpoint], capture_output=True, text=True,
            env={**os.environ, **{name: value.decode() for name, value in zip(
                ("LAKEGATE_ROOT_ACCESS_KEY", "LAKEGATE_ROOT_SECRET_KEY"), [line.split(b" = ")[1] for line in whole.splitlines()[1:3]])}})
        server.close()
        assert done.returncode == 0, (offset, path.read_bytes(), done.stderr)


# ---- flips under the real daemon ----


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    data = tmp_path_factory.mktemp("rot") / "data"
    with lakegated.Lakegated(data=data) as server:
        s3 = lakegated.client(server)
        for bucket in ("one", "two"):
            s3.create_bucket(Bucket=bucket)
        bodies = {("one", f"key-{n:04}"): random.Random(n).randbytes(100 + 37 * n) for n in range(150)}
        bodies["two", "large"] = random.Random(1000).randbytes(1_500_000)
        bodies["two", "packed"] = random.Random(1001).randbytes(700_000)
        for (bucket, key), body in bodies.items():
            s3.put_object(Bucket=bucket, Key=key, Body=body)
        lakegated.connect(server, "iam").create_user(UserName="ann")
    return data, bodies


def used_bytes(path):
    return len(path.read_bytes().rstrip(b"\0"))


def any_place(data, dice):
    index = data / "index" / "data.mdb"
    if dice.random() < 0.7:
        page = dice.randrange(used_bytes(index) // 4096)
        return index, page * 4096 + (dice.randrange(48) if dice.random() < 0.5 else dice.randrange(4096))
    files = [path for path in sorted(data.rglob("*")) if path.suffix in (".seg", ".blob") and used_bytes(path)]
    path = dice.choice(files)
    return path, dice.randrange(used_bytes(path))


def answers(server, bodies):
    """What differs from the truth: objects that read as something else, and whether a listing or a read was refused."""
    s3, wrong, refused = lakegated.client(server), [], False
    for (bucket, key), body in bodies.items():
        try:
            got = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            status = error.response["ResponseMetadata"]["HTTPStatusCode"]
            wrong += [(bucket, key)] if status == 404 else []
            refused |= status != 404
            continue
        except BotoCoreError:
            refused = True
            if server.process.poll() is not None:
                break
            continue
        assert got == body, f"{bucket}/{key} is answered with other bytes"
    return wrong, refused


@pytest.mark.parametrize("number", range(24))
def test_a_flipped_bit_is_an_error_or_found(base, tmp_path, number):
    data, bodies = base
    copy = tmp_path / "data"
    shutil.copytree(data, copy)
    dice = random.Random(number)
    path, offset = any_place(copy, dice)
    flip(path, offset, dice.randrange(8))
    server = None
    try:
        try:
            server = lakegated.Lakegated(data=copy)
        except RuntimeError as error:  # it does not start: with a line that says so
            assert "damaged" in str(error) or "lakegate verify" in str(error) or "SIGBUS" in str(error), error
            return
        wrong, refused = answers(server, bodies)
        died = server.process.poll() is not None
        if died:
            server.process = None
            assert "lakegate salvage" in server.log_tail(50) or "sanitizer" in server.log_tail(200).lower()
        elif wrong or refused:
            scrub(server, 1)
    finally:
        if server:
            server.close()
