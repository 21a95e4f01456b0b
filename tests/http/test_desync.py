"""The cases of desync_cases.py, one by one and each with its outcome; and afterwards the daemon has what it had before: memory, descriptors, connections, files."""
import base64
import concurrent.futures
import hashlib
import json
import re

import pytest

import conftest
import raw
import test_memory
from desync_cases import CASES, HOST

OPEN = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*", "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
                                                "Resource": "arn:aws:s3:::desync/*"}]}
PLAIN = b"GET /desync/plain HTTP/1.1\r\n" + HOST + b"Connection: close\r\n\r\n"


def prepare(server):
    """A bucket that anybody may use, with what the cases name."""
    assert raw.request(server, "PUT", "/desync").status == 200
    for what, text in [("publicAccessBlock", b"<PublicAccessBlockConfiguration><BlockPublicPolicy>false</BlockPublicPolicy></PublicAccessBlockConfiguration>"),
                       ("policy", json.dumps(OPEN).encode())]:
        headers = [("Content-MD5", base64.b64encode(hashlib.md5(text).digest()).decode())]
        assert raw.request(server, "PUT", "/desync?" + what, headers, text).status // 100 == 2
    for key, content in [("o", b"0123456789"), ("plain", b"plain"), ("hidden", b"hidden")]:
        assert raw.request(server, "PUT", "/desync/" + key, body=content).status == 200


def exchange(server, data):
    """Sends a case and the plain request; all that comes back until the end of the connection."""
    with raw.Connection(server, timeout=0.5) as connection:
        connection.send_what_goes(data + PLAIN)
        try:
            while connection.receive():
                pass
        except TimeoutError:  # the plain request was taken for a piece of something, which ends here
            connection.socket.shutdown(1)
            connection.socket.settimeout(30)
            while connection.receive():
                pass
        return bytes(connection.input)


def outcome(answered, head_first):
    """As desync_cases.py writes it."""
    words = []
    while answered:
        head, _, rest = answered.partition(b"\r\n\r\n")
        status = re.match(rb"HTTP/1\.[01] (\d\d\d) ", head)
        if not status:
            return " ".join([*words, f"no answer: {answered[:80]!r}"])
        status = status[1].decode()
        length = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
        length = int(length[1]) if length and status not in ("204", "304", "100") and not (head_first and not words) else 0
        body, answered = rest[:length], rest[length:]
        code = re.search(rb"<Code>(\w+)</Code>", body)
        words.append("ok" if body == b"plain" else "hidden" if body == b"hidden" else f"{status}/{code[1].decode()}" if code else status)
        if int(status) >= 400 and b"x-amz-request-id" not in head.lower():
            break  # libmicrohttpd's own words, which 0.9.75 may say twice
    return " ".join(words)


@pytest.fixture(scope="module")
def desync():
    """A daemon for the cases of a worker, back to the start after them."""
    import lakegated
    with lakegated.Lakegated() as server:
        prepare(server)
        conftest.assert_serves(server)
        before = conftest.descriptors(server), conftest.threads(server), conftest.large_files(server)
        yield server
        conftest.assert_serves(server)
        conftest.back_to(server, 1, conftest.open_connections)
        conftest.back_to(server, before[0], conftest.descriptors)
        conftest.back_to(server, before[1], conftest.threads)
        assert raw.wait_for(lambda: conftest.large_files(server) == before[2])
        assert server.stop() == 0, server.log_tail()
        conftest.assert_clean(server)


@pytest.mark.parametrize("name", CASES)
def test_desync(desync, name):
    data, wanted = CASES[name]
    answered = exchange(desync, data)
    assert outcome(answered, data.startswith(b"HEAD ")) in wanted.split(" | "), answered[:2000]
    assert b"X-Injected" not in answered.partition(b"\r\n\r\n")[0]


def test_desync_leaves_no_memory(start):
    server = start()
    prepare(server)

    def all_of_them():
        with concurrent.futures.ThreadPoolExecutor(16) as pool:
            list(pool.map(lambda case: exchange(server, case[0]), CASES.values()))

    all_of_them()
    test_memory.assert_settles(server, all_of_them)
    conftest.back_to(server, 1, conftest.open_connections)
