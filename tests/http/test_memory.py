"""What is refused costs nothing afterwards."""
import contextlib
import pathlib
import random

import conftest
import lakegated
import raw
import sigv4

# Refused at every step of the pipeline, and by the HTTP library before it.
REQUESTS = [
    ("GET", "/no-such-bucket-here/k", {}),
    ("GET", "/memory/no-such-key", {}),
    ("GET", "/memory/%ff", {}),
    ("GET", "/memory/k", {"signer": sigv4.Signer(secret="wrong")}),
    ("GET", "/memory/k", {"signer": sigv4.Signer(access_key="nobody")}),
    ("PUT", "/memory/k2", {"body": b"x", "headers": [(f"x-amz-meta-{i}", "v" * 100) for i in range(100)]}),
    ("GET", "/memory/k", {"headers": [("Range", "bytes=9-")]}),
    ("PUT", "/memory/k?tagging", {"body": b"<X/>"}),
    ("PUT", "/memory/k2", {"body": b"x" * 1000, "payload": sigv4.sha256(b"other")}),
    ("PUT", "/memory/k2", {"body": b"x" * 300_000, "payload": sigv4.sha256(b"other")}),
    ("PUT", "/memory/k2", {"body": b"x" * 1_200_000, "headers": [("x-amz-checksum-crc32", "AAAAAA==")], "payload": sigv4.UNSIGNED}),
    ("PUT", "/memory/k2", {"body": b"not chunked", "headers": [("x-amz-decoded-content-length", "11")], "payload": sigv4.CHUNKED}),
    ("POST", "/memory?delete", {"body": b"<Delete>" + b"<a>" * 5000, "headers": [("Content-MD5", "AAAAAAAAAAAAAAAAAAAAAA==")]}),
    ("POST", "/memory/k?uploadId=x", {"body": b"<CompleteMultipartUpload><Part>"}),
    ("PATCH", "/memory/k", {}),
]
BYTES = [
    b"GARBAGE\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"GET /" + b"k" * 100_000,
    b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X-A: b\r\n" * 20_000,
    b"PUT /memory/k HTTP/1.1\r\nHost: h\r\nContent-Length: 100\r\n\r\nshort",
]


def attack(server, rounds):
    with raw.Connection(server) as connection:
        for _ in range(rounds):
            for method, target, options in REQUESTS:
                assert 400 <= connection.request(method, target, **options).status < 600
    for _ in range(rounds):
        for data in BYTES:
            with raw.Connection(server) as connection:
                connection.send_what_goes(data)
    assert raw.wait_for(lambda: raw.request(server, "GET", "/memory").status == 200)


def has_sanitizer():
    program = pathlib.Path(lakegated.program()).read_bytes()
    return b"__asan_init" in program or b"__tsan_init" in program


def assert_settles(server, work):
    """Resident memory stops growing. Memory that is kept for the next request fills up first; a leak goes on."""
    if has_sanitizer():  # which keeps freed memory on purpose, and finds leaks itself
        return
    before, growth = server.memory_bytes(), []
    while not growth or (growth[-1] > 200_000 and len(growth) < 15):
        work()
        growth.append(server.memory_bytes() - before)
        before += growth[-1]
    assert growth[-1] <= 200_000, growth


def test_refused_requests_do_not_leak(start):
    server = start()
    assert raw.request(server, "PUT", "/memory").status == 200
    assert raw.request(server, "PUT", "/memory/k", body=b"12345").status == 200
    attack(server, 40)
    files = conftest.descriptors(server)
    assert_settles(server, lambda: attack(server, 40))
    conftest.back_to(server, files, conftest.descriptors)
    assert raw.request(server, "GET", "/memory/k2").code == "NoSuchKey"


def test_answers_do_not_leak(start):
    server = start()
    assert raw.request(server, "PUT", "/memory").status == 200
    content = bytes(range(256)) * 5000
    with raw.Connection(server) as connection:
        def serve(rounds):
            for number in range(rounds):
                assert connection.request("PUT", f"/memory/{number % 10}", body=content[:100 * number], payload=sigv4.UNSIGNED).status == 200
                assert connection.request("GET", f"/memory/{number % 10}").status == 200
                assert connection.request("PUT", "/memory/large", body=content, payload=sigv4.UNSIGNED).status == 200
                assert connection.request("GET", "/memory/large").body == content
                assert connection.request("GET", "/memory?list-type=2").status == 200

        serve(30)
        assert_settles(server, lambda: serve(30))


def test_reads_past_the_budget_take_little_memory(start, tmp_path):
    """They went on in small blocks, but each kept the store's whole block beside it: more than one within the budget."""
    (tmp_path / "config").write_text("read_buffers = 1M\n")
    server = start("--config", str(tmp_path / "config"))
    content = random.Random(1).randbytes(8 << 20)
    assert raw.request(server, "PUT", "/memory").status == 200
    assert raw.request(server, "PUT", "/memory/k", body=content, payload=sigv4.UNSIGNED).status == 200
    with contextlib.ExitStack() as open_ones:
        readers = [open_ones.enter_context(raw.Connection(server, receive_buffer=4096)) for _ in range(80)]
        before = server.memory_bytes()
        for reader in readers:
            reader.start("GET", "/memory/k")
            assert reader.head()[1] == 200
        if not has_sanitizer():
            assert server.memory_bytes() - before < (1 << 20) + len(readers) * 160_000
        assert readers[-1].take(len(content)) == content
