"""Beginnings of forms are kept before anybody knows who sends them: what one address may begin leaves room for others."""
import contextlib

import pytest

import conftest
import raw

PIECE = 240 * 1024
QUERY = "application/x-www-form-urlencoded"
BOUNDARY = "xyz"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
FIELD = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="x-amz-meta-a"\r\n\r\n'.encode()


def begin(server, target, kind, source):
    """A form whose end does not come."""
    connection = raw.Connection(server, source=source)
    begun = FIELD if kind == FORM else b"Action=CreateUser&UserName="
    connection.send(raw.head("POST", target, [("Host", "h"), ("Content-Type", kind), ("Content-Length", PIECE + 1000)]))
    connection.send_what_goes(begun + b"a" * (PIECE - len(begun)))
    return connection


def all_is_read(server):
    """The daemon has nothing more to read of what its clients have sent."""
    ends = f":{server.port:04X}"
    with open("/proc/net/tcp") as table:
        queues = [line.split()[4] for line in table if ends in line]
    return all(queue == "00000000:00000000" for queue in queues)


def finish(connection):
    """The answer to all of it, or to what came before."""
    connection.send_what_goes(b"a" * 1000)
    return connection.reply()


def outcome(connection):
    """The code of the answer; of one that was refused and whose rest came later than is waited for, "closed"."""
    try:
        return finish(connection).code
    except raw.Closed:
        return "closed"


@pytest.mark.parametrize("kind,target,refusal", [(QUERY, "/", "Throttling"), (FORM, "/forms", "SlowDown")], ids=["query", "form"])
def test_one_address_cannot_take_all_memory_for_forms(start, kind, target, refusal):
    server = start("--connections", "1000", environment={"LAKEGATE_MIN_RATE": "0", "LAKEGATE_IDLE_TIMEOUT": "600"})
    assert raw.request(server, "PUT", "/forms").status == 200
    with contextlib.ExitStack() as open_ones:
        begun = [open_ones.enter_context(begin(server, target, kind, "127.0.0.1")) for _ in range(230)]
        assert raw.wait_for(lambda: all_is_read(server))
        reply = finish(open_ones.enter_context(begin(server, target, kind, "127.0.0.2")))
        assert reply.code not in (None, refusal), reply
        codes = [outcome(connection) for connection in begun]
        refused = codes.count(refusal) + codes.count("closed")
        assert refused >= 10, codes  # 48 MiB are three quarters of what there is
        assert refused < 100, codes
    assert raw.wait_for(lambda: conftest.open_connections(server) <= 1)
    with begin(server, target, kind, "127.0.0.1") as again:  # all was given back
        reply = finish(again)
        assert reply.code not in (None, refusal), reply
