"""Bulk copy from sources that lie, break off, redirect, or want to be asked less: nothing of it harms, and each
failure says what it was."""
import hashlib
import threading
import time

import copying
import lakegated
import pytest

GOOD = {f"k{i:02}": b"content %d" % i for i in range(10)}


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    home = tmp_path_factory.mktemp("home")
    for name in ".netrc", "_netrc", ".curlrc":
        (home / name).write_text("machine 127.0.0.1 login somebody password secret\ndefault login anybody password secret\n")
        (home / name).chmod(0o600)
    proxies = {name: "http://127.0.0.1:1" for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")}
    with lakegated.Lakegated(environment={"HOME": str(home), "NETRC": str(home / ".netrc"), **proxies}, arguments=[
        "--remote-endpoints", "http://127.0.0.1:*", "--remote-endpoints", "http://localhost:*", "--remote-endpoints", "http://127.0.0.2:*",
        "--remote-endpoints", "http://*.invalid:*", "--remote-addresses", "127.0.0.1/32",
    ]) as server:
        yield server


def copy(copies, source, lake, **members):
    return copies.until(copies.create({"bucket": "there", "endpoint": source.endpoint}, lake, **members))


def failed(copies, job):
    return {failure["key"]: failure["reason"] for failure in copies.failures(job)["failures"]}


def body_of(here, lake, key):
    return here.get_object(Bucket=lake, Key=key)["Body"].read()


def test_a_good_one_is_copied(here, copies, lake):
    """Anonymously, past the proxies and the .netrc of the daemon's environment."""
    names = set()

    def instead(request):
        names.update(name.lower() for name in request.headers)
        return False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        done = copy(copies, source, lake)
    assert "host" in names and not names & {"authorization", "cookie", "proxy-authorization", "referer"}, names
    assert done["state"] == "done" and done["progress"]["copied_objects"] == 10
    assert done["progress"]["verified"]["md5"] == 10
    assert all(body_of(here, lake, key) == body for key, body in GOOD.items())


@pytest.mark.parametrize("what, lie, reason", [
    ("longer than listed", lambda body: copying.object_of(body + b"!", ETag=f'"{hashlib.md5(body).hexdigest()}"'), "SourceNonsense"),
    ("shorter than listed", lambda body: copying.object_of(body[:-1], ETag=f'"{hashlib.md5(body).hexdigest()}"'), "SourceNonsense"),
    ("other bytes", lambda body: copying.object_of(body[::-1], ETag=f'"{hashlib.md5(body).hexdigest()}"'), "ChecksumMismatch"),
    ("a wrong checksum", lambda body: copying.object_of(body, x_amz_checksum_crc32="AAAAAA=="), "ChecksumMismatch"),
    ("no ETag", lambda body: (200, {}, body), "SourceNonsense"),
    ("teapot", lambda body: (418, {}, b""), "SourceNonsense"),
    ("denied", lambda body: (403, {}, b"<Error><Code>AccessDenied</Code></Error>"), "SourceDenied"),
    ("gone", lambda body: (404, {}, b"<Error><Code>NoSuchKey</Code></Error>"), "SourceNotFound"),
    ("too much metadata", lambda body: copying.object_of(body, x_amz_meta_a="v" * 3000), "MetadataTooLarge"),
])
def test_a_single_liar_fails_alone(here, copies, lake, what, lie, reason):
    def instead(request):
        return lie(GOOD["k03"]) if request.key == "k03" else False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        done = copy(copies, source, lake)
    assert failed(copies, done) == {"k03": reason}, what
    assert done["state"] == "done" and done["progress"]["copied_objects"] == 9
    assert set(copying.listing(here, lake)) == set(GOOD) - {"k03"}


def test_headers_of_a_source_declare_no_lineage_and_grant_nothing(here, copies, lake):
    """What a source sends as metadata is another's word."""
    here.put_object(Bucket=lake, Key="secret", Body=b"s")

    def instead(request):
        return copying.object_of(GOOD["k00"], x_amz_meta_lakegate_source=f"/{lake}/secret", x_amz_acl="public-read",
                                 x_amz_tagging="a=b", x_amz_storage_class="GLACIER") if request.key == "k00" else False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        assert copy(copies, source, lake)["progress"]["copied_objects"] == 10
    lineage = copies.call("GET", f"/{lake}/k00?lakegate-lineage")
    assert [edge["Kind"] for edge in lineage["Sources"]] == ["copied"]
    assert lineage["Sources"][0]["Url"] == f"{source.endpoint}/there/k00"
    assert copies.call("GET", f"/{lake}/secret?lakegate-lineage")["Derived"] == []
    assert here.head_object(Bucket=lake, Key="k00").get("StorageClass") is None


def test_resets_are_tried_again(here, copies, lake):
    seen = {}
    lock = threading.Lock()

    def instead(request):
        if "list-type" in request.query:
            return False
        with lock:
            seen[request.key] = seen.get(request.key, 0) + 1
            if seen[request.key] > 1:
                return False
        if request.key in ("k00", "k01"):
            return None  # no answer at all
        if request.key == "k02":
            status, headers, body = copying.object_of(GOOD["k02"])
            return status, {**headers, "Content-Length": str(len(body))}, body[:3]  # broken off
        return False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        done = copy(copies, source, lake)
    # The HTTP library asks once more by itself where a kept connection was closed instead of an answer.
    assert done["progress"]["copied_objects"] == 10 and 1 <= done["progress"]["retries"] <= 3
    assert all(body_of(here, lake, key) == body for key, body in GOOD.items())


def test_slow_down_is_honoured(copies, lake):
    times = {}

    def instead(request):
        if request.key == "k05" and request.key not in times:
            times["k05"] = time.monotonic()
            return 503, {"Retry-After": "2"}, b"<Error><Code>SlowDown</Code></Error>"
        if request.key == "k05":
            times["again"] = time.monotonic()
        return False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        done = copy(copies, source, lake)
    assert done["progress"]["copied_objects"] == 10 and done["progress"]["retries"] == 1
    assert times["again"] - times["k05"] >= 2


def test_a_source_that_only_says_slow_down_pauses_the_job_and_it_goes_on(copies, lake):
    busy = True

    def instead(request):
        return (503, {"Retry-After": "0"}, b"<Error><Code>SlowDown</Code></Error>") if busy and request.key else False

    with copying.FakeSource(copying.serving({"a": b"1", "b": b"2", "c": b"3", "d": b"4"}, instead)) as source:
        job = copies.create({"bucket": "there", "endpoint": source.endpoint}, lake, limits={"objects_at_once": 4})
        paused = copies.until(job, "paused")
        assert paused["reason"] == "SourceUnavailable"
        busy = False
        copies.change(job, "resume")
        done = copies.until(job)
        if done["progress"]["failed_objects"]:
            copies.change(job, "retry")
            done = copies.until(job)
    assert done["progress"]["copied_objects"] == 4 and done["progress"]["failed_objects"] == 0


def test_a_closed_port_a_refused_address_and_a_name_without_one_look_alike(target, copies, lake):
    """To the job's owner, in all that a job tells; the log has the cause."""
    with copying.FakeSource(copying.serving(GOOD)) as source, copying.FakeSource(copying.serving(GOOD)) as silent:
        refused = silent.endpoint.replace("127.0.0.1", "127.0.0.2")
        closed = source.endpoint
    endpoints = [closed, refused, target.endpoint.replace("127.0.0.1", "localhost"), "http://there-is-no-such.invalid:9000"]
    jobs = [copies.create({"bucket": "there", "endpoint": endpoint}, lake) for endpoint in endpoints]
    shown = [copies.until(job, "paused") for job in jobs]
    for job in jobs:
        copies.cancel(job)
    own = {"id", "source", "created", "started", "finished", "created_by"}
    alike = [{key: value for key, value in job.items() if key not in own} for job in shown]
    assert alike[0]["reason"] == "SourceUnavailable"
    assert all(job == alike[0] for job in alike), alike
    assert "refused by remote_addresses" in target.log_tail(300)


def test_an_endpoint_that_is_not_allowed(copies, lake):
    for endpoint in "http://169.254.169.254/", "https://example.com", "ftp://127.0.0.1:1", "nonsense", "http://127.0.0.1:1@[::1]:80":
        done = copies.until(copies.create({"bucket": "there", "endpoint": endpoint}, lake))
        assert (done["state"], done["reason"]) == ("failed", "SourceNotAllowed"), endpoint


@pytest.mark.parametrize("location", ["http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/there/k", "file:///etc/passwd"])
def test_redirects_to_inside_are_not_followed(here, copies, lake, location):
    def instead(request):
        return (307, {"Location": location}, b"") if request.key == "k04" else False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        done = copy(copies, source, lake)
    assert failed(copies, done) == {"k04": "SourceNonsense"}


def endless(request):
    if "list-type" in request.query:
        return copying.page_of([("a", b"1")], token="again")
    return copying.object_of(b"1")


def backward(request):
    token = request.query.get("continuation-token")
    if "list-type" in request.query:
        return copying.page_of([("b", b"1")] if token is None else [("a", b"1")], token="second" if token is None else None)
    return copying.object_of(b"1")


def outside(request):
    return copying.page_of([("../../x", b"1")]) if "list-type" in request.query else copying.object_of(b"1")


@pytest.mark.parametrize("answer, prefix", [(endless, ""), (backward, ""), (outside, "data/"),
                                            (lambda request: (200, {}, b"<html>no</html>"), ""),
                                            (lambda request: (200, {}, b"\x00" * 100), "")])
def test_a_listing_that_cannot_be_ends_the_job(copies, lake, answer, prefix):
    with copying.FakeSource(answer) as source:
        done = copies.until(copies.create({"bucket": "there", "prefix": prefix, "endpoint": source.endpoint}, lake))
    assert (done["state"], done["reason"]) == ("failed", "SourceNonsense")


@pytest.mark.parametrize("status, reason", [(404, "SourceNotFound"), (403, "SourceDenied")])
def test_a_listing_that_is_refused_ends_the_job(copies, lake, status, reason):
    with copying.FakeSource(lambda request: (status, {}, b"<Error><Code>No</Code></Error>")) as source:
        done = copy(copies, source, lake)
    assert (done["state"], done["reason"]) == ("failed", reason)


def test_a_listing_that_never_ends_is_gone_through_until_it_is_canceled(copies, lake):
    """Each page moves on, so nothing is wrong with it: it takes no memory, and a cancel ends it."""
    def answer(request):
        if "list-type" in request.query:
            number = int(request.query.get("continuation-token", "0"))
            return copying.page_of([(f"k{number:09}-{i:03}", b"1") for i in range(100)], token=str(number + 1))
        return copying.object_of(b"1")

    with copying.FakeSource(answer) as source:
        job = copies.create({"bucket": "there", "endpoint": source.endpoint}, lake, dry_run=True)
        copies.until(job, when=lambda shown: shown["progress"]["listed_objects"] > 2000)
        copies.cancel(job)
        assert copies.until(job)["state"] == "canceled"


def test_a_listing_that_is_never_answered_holds_up_no_pause(copies, lake):
    silent = threading.Event()

    def answer(request):
        silent.wait(50)
        return copying.page_of([])

    with copying.FakeSource(answer) as source:
        job = copies.create({"bucket": "there", "endpoint": source.endpoint}, lake)
        copies.until(job, "running")
        began = time.monotonic()
        copies.change(job, "pause")
        copies.until(job, "paused")
        assert time.monotonic() - began < 45  # the source would answer after 50
        copies.cancel(job)
        silent.set()


def test_it_changes_during_the_copy(here, copies, lake):
    """If-Match keeps old and new apart: it is asked for anew, and is whole."""
    objects = dict(GOOD)
    asked = []

    def instead(request):
        if request.key != "k06":
            return False
        objects["k06"] = b"the new content, longer"
        asked.append(request.method)
        if request.method == "GET" and len(asked) == 1:
            return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"
        return False

    with copying.FakeSource(copying.serving(objects, instead)) as source:
        done = copy(copies, source, lake)
    assert done["progress"]["copied_objects"] == 10 and asked == ["GET", "HEAD", "GET"]
    assert body_of(here, lake, "k06") == b"the new content, longer"


def test_it_never_stops_changing(copies, lake):
    def instead(request):
        return (412, {}, b"") if request.key == "k06" and request.method == "GET" else False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        done = copy(copies, source, lake)
    assert failed(copies, done) == {"k06": "SourceChanged"}


def test_an_etag_that_is_no_md5_is_kept_in_lineage_and_compared(here, copies, lake):
    def instead(request):
        if "list-type" in request.query:
            status, headers, text = copying.page_of(GOOD.items())
            md5 = hashlib.md5(GOOD["k07"]).hexdigest().encode()
            return status, headers, text.replace(md5, b"kms-abc/1")
        return copying.object_of(GOOD["k07"], ETag='"kms-abc/1"') if request.key == "k07" else False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        first = copy(copies, source, lake)
        assert first["progress"]["verified"] == {"checksum": 0, "md5": 9, "etag": 0, "none": 1}
        assert copy(copies, source, lake)["progress"]["skipped_objects"] == 10


def document(*tags):
    return b"<Tagging><TagSet>" + b"".join(b"<Tag><Key>%s</Key><Value>%s</Value></Tag>" % tag for tag in tags) + b"</TagSet></Tagging>"


REFUSED = b"<Error><Code>AccessDenied</Code></Error>"


@pytest.mark.parametrize("what, answer", [
    ("denied", (403, {}, REFUSED)),
    ("not there", (501, {}, b"")),
    ("no such thing", (404, {}, b"<Error><Code>NoSuchTagSet</Code></Error>")),
    ("too many", (200, {}, document(*((b"k%d" % i, b"") for i in range(11))))),
    ("not allowed here", (200, {}, document((b"aws:x", b"1")))),
    ("injected", (200, {}, document((b"a&#13;&#10;x-amz-acl: public-read", b"1")))),
    ("twice", (200, {}, document((b"a", b"1"), (b"a", b"2")))),
    ("no XML", (200, {}, b"<Tagging><TagSet>")),
    ("another document", (200, {}, b"<Tags/>")),
    ("endless", (200, {}, b" " * 100_000 + document())),
    ("none after all", (200, {}, document())),
])
def test_tags_that_cannot_be_had_are_left_out_and_counted(here, copies, lake, what, answer):
    def instead(request):
        if "tagging" in request.query:
            return answer
        return copying.object_of(GOOD["k01"], x_amz_tagging_count="2") if request.key == "k01" else False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        done = copy(copies, source, lake)
    assert (done["warnings"]["tags_left_out"], done["progress"]["copied_objects"]) == (1, 10), (what, copies.failures(done))
    assert here.get_object_tagging(Bucket=lake, Key="k01")["TagSet"] == []
    assert body_of(here, lake, "k01") == GOOD["k01"]


def test_tags_come_along(here, copies, lake):
    """Every object but one has tags: they are asked for once each, and there is no object without them in between."""
    def instead(request):
        if "tagging" in request.query:
            return 200, {}, document() if request.key == "k05" else document((b"key", request.key.encode()), (b"a b", b"+=/ 1"))
        if request.key in GOOD and request.key != "k05":
            return copying.object_of(GOOD[request.key], x_amz_tagging_count="2")
        return False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        done = copy(copies, source, lake, limits={"objects_at_once": 1})
    assert (done["warnings"]["tags_left_out"], done["progress"]["retries"]) == (0, 0)
    for key, body in GOOD.items():
        tags = {tag["Key"]: tag["Value"] for tag in here.get_object_tagging(Bucket=lake, Key=key)["TagSet"]}
        assert tags == ({} if key == "k05" else {"key": key, "a b": "+=/ 1"}), key
        assert body_of(here, lake, key) == body
    asked = [key for method, key, query in source.requests if "tagging" in query]
    assert len(asked) == len(set(asked))
    # Behind one with tags the next is asked for them first, so that few bodies come for nothing.
    assert len([key for method, key, query in source.requests if key in GOOD and "tagging" not in query]) <= len(GOOD) + 2


def test_tags_that_are_asked_for_in_vain_for_a_while(here, copies, lake):
    asked = []

    def instead(request):
        if "tagging" in request.query:
            asked.append(request.key)
            return (503, {}, b"<Error><Code>SlowDown</Code></Error>") if len(asked) < 3 else (200, {}, document((b"a", b"1")))
        return copying.object_of(GOOD["k01"], x_amz_tagging_count="1") if request.key == "k01" else False

    with copying.FakeSource(copying.serving(GOOD, instead)) as source:
        done = copy(copies, source, lake)
    assert (done["warnings"]["tags_left_out"], done["progress"]["copied_objects"]) == (0, 10)
    assert here.get_object_tagging(Bucket=lake, Key="k01")["TagSet"] == [{"Key": "a", "Value": "1"}]


def parts_of(content, size):
    return [content[at:at + size] for at in range(0, len(content), size)]


def multipart(content, size, by_number, full_checksum=None):
    """A source with one object of parts; by_number: it knows them."""
    parts = parts_of(content, size)
    etag = hashlib.md5(b"".join(hashlib.md5(part).digest() for part in parts)).hexdigest() + f"-{len(parts)}"

    def answer(request):
        if "list-type" in request.query:
            status, headers, text = copying.page_of([("big", content)])
            return status, headers, text.replace(hashlib.md5(content).hexdigest().encode(), etag.encode())
        number = request.query.get("partNumber")
        body, headers, status = content, {}, 200
        if number is not None and by_number:
            body, status = parts[int(number) - 1], 206
            first = sum(map(len, parts[:int(number) - 1]))
            headers = {"Content-Range": f"bytes {first}-{first + len(body) - 1}/{len(content)}", "x-amz-mp-parts-count": str(len(parts))}
        elif request.headers.get("Range"):
            first, last = map(int, request.headers["Range"].removeprefix("bytes=").split("-"))
            body, status = content[first:last + 1], 206
            headers = {"Content-Range": f"bytes {first}-{last}/{len(content)}"}
        return status, {"ETag": f'"{etag}"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT", **headers}, body
    return answer, f'"{etag}"'


@pytest.mark.parametrize("by_number", [True, False])
@pytest.mark.parametrize("size", [5 << 20, 6 << 20])
def test_parts_are_the_sources_own_or_guessed_and_the_etag_is_the_same(here, copies, lake, by_number, size):
    content = bytes(range(256)) * 4096 * 17 + b"tail"
    answer, etag = multipart(content, size, by_number)
    with copying.FakeSource(answer) as source:
        done = copy(copies, source, lake)
    assert done["progress"]["verified"]["etag"] == 1, (done, copies.failures(done))
    found = here.get_object(Bucket=lake, Key="big")
    assert found["ETag"] == etag and found["Body"].read() == content


def test_a_cancel_at_any_moment_ends_the_job(here, copies, lake):
    """Also between the parts of a large object, and before its first one, when nothing is under way that could be broken off."""
    content = bytes(range(256)) * 4096 * 12
    answer, _ = multipart(content, 5 << 20, True)
    with copying.FakeSource(answer) as source:
        for n in range(40):
            job = copies.create({"bucket": "there", "endpoint": source.endpoint}, f"{lake}/{n}/")
            time.sleep(n % 20 / 400)  # that it is another moment each time; none is waited for
            copies.cancel(job)
            deadline = time.monotonic() + 60
            while copies.get(job)["state"] not in copying.ENDED:
                assert time.monotonic() < deadline, copies.get(job)
                time.sleep(0.005)
    assert "Uploads" not in here.list_multipart_uploads(Bucket=lake)


def test_boundaries_that_cannot_be_guessed_give_another_etag_that_counts_as_the_same(here, copies, lake):
    content = bytes(range(256)) * 4096 * 17
    answer, etag = multipart(content, (5 << 20) + 100000, False)
    with copying.FakeSource(answer) as source:
        done = copy(copies, source, lake)
        assert done["progress"]["verified"]["none"] == 1, (done, copies.failures(done))
        found = here.get_object(Bucket=lake, Key="big")
        assert found["ETag"] != etag and found["Body"].read() == content
        assert copy(copies, source, lake)["progress"]["skipped_objects"] == 1
    lineage = copies.call("GET", f"/{lake}/big?lakegate-lineage")
    assert lineage["Sources"][0]["ETag"] == etag


def test_a_part_that_is_not_what_the_etag_says_is_not_stored(here, copies, lake):
    content = bytes(range(256)) * 4096 * 12
    answer, _ = multipart(content, 5 << 20, True)

    def lying(request):
        status, headers, body = answer(request)
        return (status, headers, body[:-1] + b"!") if request.query.get("partNumber") == "2" else (status, headers, body)

    with copying.FakeSource(lying) as source:
        done = copy(copies, source, lake)
    assert failed(copies, done) == {"big": "ChecksumMismatch"}
    assert copying.listing(here, lake) == {}
    assert "Uploads" not in here.list_multipart_uploads(Bucket=lake)


@pytest.mark.parametrize("kill", [False, True])
def test_a_large_one_that_changes_between_its_parts_is_begun_anew(target, here, copies, lake, kill):
    """Parts of what it was are no parts of what it is; it was given up as damaged, though nothing was."""
    before, after = bytes(range(256)) * 4096 * 17, bytes(reversed(range(256))) * 4096 * 18
    answers = [multipart(before, 5 << 20, True), multipart(after, 5 << 20, True)]
    state = {"now": 0}
    changed, go = threading.Event(), threading.Event()

    def answer(request):
        if request.query.get("partNumber") == "3" and not changed.is_set():
            state["now"] = 1
            changed.set()
            go.wait(60)
        reply, etag = answers[state["now"]]
        if request.headers.get("If-Match", etag) != etag:
            return 412, {}, b"<Error><Code>PreconditionFailed</Code></Error>"
        return reply(request)

    with copying.FakeSource(answer) as source:
        job = copies.create({"bucket": "there", "endpoint": source.endpoint}, lake)
        assert changed.wait(60)
        copies.until(job, when=lambda shown: shown["progress"]["received_bytes"] >= 5 << 20)
        if kill:  # what the job's record has of it is of the time before
            target.kill9()
            target.start()
        go.set()
        done = copies.until(job)
        assert copies.failures(done)["failures"] == []
    assert done["progress"]["copied_objects"] == 1 and done["progress"]["verified"]["etag"] == 1, done
    found = here.get_object(Bucket=lake, Key="big")
    assert found["ETag"] == answers[1][1] and found["Body"].read() == after
    assert "Uploads" not in here.list_multipart_uploads(Bucket=lake)


def test_one_that_is_slow_holds_up_no_other_and_memory_stays_small(target, here, copies, lake):
    """The first object of the listing is answered last: what was copied behind it waits to be settled in order."""
    others = {f"long-{'x' * 900}-{i:05}": b"%d" % i for i in range(3000)}
    go = threading.Event()

    def instead(request):
        if "list-type" in request.query:
            keys = sorted(others)
            start = int(request.query.get("continuation-token", "0"))
            page = [("first", b"first")] * (start == 0) + [(key, others[key]) for key in keys[start:start + 900]]
            return copying.page_of(page, token=str(start + 900) if start + 900 < len(keys) else None)
        if request.key == "first":
            go.wait(60)
            return copying.object_of(b"first")
        return False

    with copying.FakeSource(copying.serving(others, instead)) as source:
        job = copies.create({"bucket": "there", "endpoint": source.endpoint}, lake)
        copies.until(job, when=lambda shown: shown["progress"]["copied_objects"] == 3000)
        memory = target.memory_bytes()
        # Killed now, all of it is found again behind the one that is not there.
        target.kill9()
        target.start()
        go.set()
        done = copies.until(job)
    assert done["progress"]["copied_objects"] == 3001 and done["progress"]["failed_objects"] == 0
    assert len(source.requests) < 3000 + 100, "what was copied was not fetched again"
    assert len(copying.listing(here, lake)) == 3001
    assert memory < 100 << 20
