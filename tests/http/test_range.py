"""Every form of Range. S3 serves one range; what is no byte range, or more than one, is the whole object."""
import pytest

import raw

CONTENT = b"0123456789"
WHOLE = (200, CONTENT, None)
FORMS = {
    "bytes=0-0": (206, b"0", "bytes 0-0/10"),
    "bytes=0-9": (206, CONTENT, "bytes 0-9/10"),
    "bytes=3-5": (206, b"345", "bytes 3-5/10"),
    "bytes=9-9": (206, b"9", "bytes 9-9/10"),
    "bytes=5-": (206, b"56789", "bytes 5-9/10"),
    "bytes=0-": (206, CONTENT, "bytes 0-9/10"),
    "bytes=5-999": (206, b"56789", "bytes 5-9/10"),
    "bytes=5-18446744073709551615": (206, b"56789", "bytes 5-9/10"),
    "bytes=5-99999999999999999999999999": (206, b"56789", "bytes 5-9/10"),
    "bytes=-1": (206, b"9", "bytes 9-9/10"),
    "bytes=-10": (206, CONTENT, "bytes 0-9/10"),
    "bytes=-11": (206, CONTENT, "bytes 0-9/10"),
    "bytes=-99999999999999999999": (206, CONTENT, "bytes 0-9/10"),
    "bytes=10-": (416, None, "bytes */10"),
    "bytes=10-20": (416, None, "bytes */10"),
    "bytes=18446744073709551615-": (416, None, "bytes */10"),
    "bytes=18446744073709551616-": (416, None, "bytes */10"),
    "bytes=-0": (416, None, "bytes */10"),
    "bytes=5-3": WHOLE,
    "bytes=-": WHOLE,
    "bytes=": WHOLE,
    "bytes=a-b": WHOLE,
    "bytes=1-b": WHOLE,
    "bytes=0x1-5": WHOLE,
    "bytes=--1": WHOLE,
    "bytes=+1-5": WHOLE,
    "bytes=1-5-7": WHOLE,
    "bytes 1-5": WHOLE,
    "bytes": WHOLE,
    "items=0-5": WHOLE,
    "0-5": WHOLE,
    "": WHOLE,
    "bytes=0-1,3-4": WHOLE,
    "bytes=0-1,": WHOLE,
    "bytes=,0-1": WHOLE,
    "bytes=0-0,-1": WHOLE,
}


@pytest.mark.parametrize("text", FORMS)
def test_range_form(server, present, text):
    status, body, content_range = FORMS[text]
    reply = raw.request(server, "GET", present, [("Range", text)])
    assert (reply.status, reply.header("content-range")) == (status, content_range), reply
    if status == 416:
        assert reply.code == "InvalidRange" and reply.field("RangeRequested") == text and reply.field("ActualObjectSize") == "10"
    else:
        assert reply.body == body
    reply = raw.request(server, "HEAD", present, [("Range", text)])
    assert (reply.status, reply.header("content-range")) == (status, content_range), reply
    if body:
        assert int(reply.header("content-length")) == len(body)


@pytest.mark.parametrize("count", [100, 1000, 2500])
def test_huge_range_list_is_the_whole_object(server, present, count):
    """Many overlapping ranges asked a server for gigabytes once (CVE-2011-3192)."""
    reply = raw.request(server, "GET", present, [("Range", "bytes=" + ",".join(["0-"] * count))])
    assert (reply.status, reply.body) == (200, CONTENT), reply


@pytest.mark.parametrize("text,status", [("bytes=0-", 416), ("bytes=0-0", 416), ("bytes=-1", 416), ("bytes=1-0", 200)])
def test_range_of_an_empty_object(server, key, text, status):
    assert raw.request(server, "PUT", key).status == 200
    reply = raw.request(server, "GET", key, [("Range", text)])
    assert reply.status == status, reply


def test_ranges_of_a_large_object_at_every_edge(server, key):
    """Around the blocks that are checked and sent one by one."""
    content = bytes(range(251)) * 5000
    assert raw.request(server, "PUT", key, body=content).status == 200
    with raw.Connection(server) as connection:
        for edge in (0, 1, 65535, 65536, 262143, 262144, 262145, 524288, 1048576, len(content) - 2):
            reply = connection.request("GET", key, [("Range", f"bytes={edge}-{edge + 1}")])
            assert reply.body == content[edge:edge + 2], edge
            reply = connection.request("GET", key, [("Range", f"bytes={edge}-")])
            assert reply.body == content[edge:], edge


def test_if_range(server, present):
    etag = raw.request(server, "HEAD", present).header("etag")
    for value, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200), ("Thu, 01 Jan 1970 00:00:00 GMT", 200), ("garbage", 200)):
        reply = raw.request(server, "GET", present, [("Range", "bytes=0-1"), ("If-Range", value)])
        assert reply.status == status, (value, reply)


COPY_RANGES = {
    "bytes=0-4": 200, "bytes=0-9": 200, "bytes=0-10": 416, "bytes=10-11": 416, "bytes=5-": 400, "bytes=-5": 400, "bytes=5-4": 400,
    "bytes=a-b": 400, "0-4": 400, "bytes=0-1,2-3": 400, "bytes=": 400, "": 400, "bytes=0-18446744073709551615": 416,
}


def test_copy_source_ranges(server, present, key):
    upload = raw.request(server, "POST", key + "-up?uploads").field("UploadId")
    for text, status in COPY_RANGES.items():
        reply = raw.request(server, "PUT", f"{key}-up?partNumber=1&uploadId={upload}",
                            [("x-amz-copy-source", present), ("x-amz-copy-source-range", text)])
        expected = (status,) if status != 416 else (400, 416)  # AWS: 416 InvalidRange; some versions 400 InvalidArgument
        assert reply.status in expected, (text, reply)
        if status != 200:
            assert reply.code in ("InvalidArgument", "InvalidRange"), (text, reply)
    assert raw.request(server, "DELETE", f"{key}-up?uploadId={upload}").status == 204


@pytest.mark.parametrize("number", ["0", "-1", "10001", "abc", "", "1.5", "99999999999999999999"])
def test_part_numbers_that_are_none(server, present, number):
    reply = raw.request(server, "GET", f"{present}?partNumber={number}")
    assert (reply.status, reply.code) == (400, "InvalidArgument"), reply
    reply = raw.request(server, "PUT", f"{present}?partNumber={number}&uploadId=x", body=b"x")
    assert reply.status in (400, 404) and reply.code in ("InvalidArgument", "NoSuchUpload"), reply


def test_part_number_past_the_last(server, present):
    assert raw.request(server, "GET", present + "?partNumber=1").body == CONTENT
    reply = raw.request(server, "GET", present + "?partNumber=2")
    assert (reply.status, reply.code) == (416, "InvalidPartNumber"), reply
    reply = raw.request(server, "GET", present + "?partNumber=1", [("Range", "bytes=0-1")])
    assert (reply.status, reply.code) == (400, "InvalidRequest"), reply
