"""Linked buckets: sources that lie, change, say nothing or are gone, and where the gateway may not go."""
import contextlib
import socket
import threading
import urllib.request

import pytest
from botocore.exceptions import ConnectionClosedError, ResponseStreamingError

import iam
import lakegated
from conftest import content, refused
from linking import bucket, gateway, linked, lying, odd, s3, silent_port, source  # noqa: F401
from linking import BUCKET, LISTING, answer, link, make_public, object_is, post


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
