"""Clients that take their time on purpose: cut off, and nobody else is harmed. One daemon with short time-outs
and one row of clients that run beside each other, since each waits for seconds."""
import threading
import time

import pytest

import conftest
import raw
import sigv4

SETTINGS = {"LAKEGATE_HEADER_TIMEOUT": "2", "LAKEGATE_IDLE_TIMEOUT": "4", "LAKEGATE_MIN_RATE": "4K"}
WINDOW_S = 30  # over which the rate is taken
CONTENT = bytes(range(256)) * 40_000  # ten megabytes: more than the buffers on the way take


def trickle(connection, data, interval, until):
    """A byte at a time; seconds until the server ended it, or None."""
    began = time.monotonic()
    connection.socket.settimeout(0.01)
    for byte in data:
        if time.monotonic() - began > until:
            return None
        try:
            connection.socket.send(bytes([byte]))
            if connection.socket.recv(65536) == b"":
                return time.monotonic() - began
        except TimeoutError:
            pass
        except OSError:
            return time.monotonic() - began
        time.sleep(interval)
    return None


def slow_head(server):
    """The classic: a header that never ends."""
    with raw.Connection(server) as connection:
        connection.send(b"GET /slow HTTP/1.1\r\nHost: h\r\nX-Slow: ")
        return trickle(connection, b"x" * 1000, 0.2, 15)


def slow_request_line(server):
    with raw.Connection(server) as connection:
        return trickle(connection, b"GET /slow HTTP/1.1 and so on", 0.5, 15)


def slow_second_head(server):
    """A first request that was served earns nothing."""
    with raw.Connection(server) as connection:
        assert connection.request("GET", "/slow/k", [("Range", "bytes=0-0")]).status == 206
        return trickle(connection, b"GET /" + b"x" * 1000, 0.3, 15)


def silent(server):
    with raw.Connection(server) as connection:
        return seconds_until_closed(connection, 15)


def silent_after_a_request(server):
    with raw.Connection(server) as connection:
        assert connection.request("GET", "/slow/k", [("Range", "bytes=0-0")]).status == 206
        return seconds_until_closed(connection, 15)


def silent_in_a_head(server):
    with raw.Connection(server) as connection:
        connection.send(b"GET /slow HTTP/1.1\r\nHost:")
        return seconds_until_closed(connection, 15)


def silent_in_a_body(server):
    with raw.Connection(server) as connection:
        connection.start("PUT", "/slow/silent", length=1000, payload=sigv4.UNSIGNED)
        connection.send(b"x" * 10)
        return seconds_until_closed(connection, 15)


def silent_in_a_refused_body(server):
    with raw.Connection(server) as connection:
        connection.start("PUT", "/no-such-bucket-here/silent", length=1000, payload=sigv4.UNSIGNED)
        connection.send(b"x" * 10)
        return seconds_until_closed(connection, 15)


def slow_body(server):
    """A byte every half second is never idle, and would last for ever."""
    with raw.Connection(server) as connection:
        connection.start("PUT", "/slow/body", length=100_000, payload=sigv4.UNSIGNED)
        return trickle(connection, b"x" * 100_000, 0.5, 2 * WINDOW_S + 15)


def slow_end_of_a_large_body(server):
    """Fast until the daemon writes to disk, then a byte at a time."""
    with raw.Connection(server) as connection:
        connection.start("PUT", "/slow/end", length=3_000_000, payload=sigv4.UNSIGNED)
        connection.send(b"x" * 2_900_000)
        return trickle(connection, b"x" * 100_000, 0.5, 2 * WINDOW_S + 15)


def slow_xml(server):
    with raw.Connection(server) as connection:
        connection.start("POST", "/slow?delete", [("Content-MD5", "XUFAKrxLKna5cZ2REBfFkg==")], length=10_000, payload=sigv4.UNSIGNED)
        return trickle(connection, b"<" * 10_000, 0.5, 2 * WINDOW_S + 15)


def slow_reader(server):
    """Asks for ten megabytes and reads a kilobyte a second."""
    connection = raw.Connection(server, receive_buffer=8192)
    with connection:
        connection.start("GET", "/slow/k")
        began = time.monotonic()
        while time.monotonic() - began < 2 * WINDOW_S + 15:
            try:
                if connection.socket.recv(1024) == b"":
                    return time.monotonic() - began
            except OSError:
                return time.monotonic() - began
            # What the server's side has in its buffers is still sent after the cut; so look at the server.
            if connection_is_gone(connection):
                return time.monotonic() - began
            time.sleep(1)
        return None


def connection_is_gone(connection):
    import socket
    info = connection.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
    return info[0] != 1  # TCP_ESTABLISHED


def no_reader(server):
    connection = raw.Connection(server, receive_buffer=8192)
    with connection:
        connection.start("GET", "/slow/k")
        began = time.monotonic()
        while time.monotonic() - began < 2 * WINDOW_S + 15:
            time.sleep(0.5)
            try:
                connection.send(b" ")
            except OSError:
                return time.monotonic() - began
        return None


def seconds_until_closed(connection, seconds):
    began = time.monotonic()
    connection.socket.settimeout(seconds)
    try:
        while connection.socket.recv(65536):
            pass
    except TimeoutError:
        return None
    except OSError:
        pass
    return time.monotonic() - began


# The client and the seconds after which it must be gone.
CLIENTS = {
    slow_head: 8, slow_request_line: 8, slow_second_head: 8, silent: 12, silent_after_a_request: 12, silent_in_a_head: 12, silent_in_a_body: 12,
    silent_in_a_refused_body: 12, slow_body: 2 * WINDOW_S + 5, slow_end_of_a_large_body: 2 * WINDOW_S + 5, slow_xml: 2 * WINDOW_S + 5,
    slow_reader: 2 * WINDOW_S + 5, no_reader: 2 * WINDOW_S + 5,
}


@pytest.fixture(scope="module")
def outcomes():
    """Every slow client at once, and a quick one beside them all the while."""
    import lakegated
    found, waits = {}, []
    with lakegated.Lakegated(environment=SETTINGS) as server:
        assert raw.request(server, "PUT", "/slow").status == 200
        assert raw.request(server, "PUT", "/slow/k", body=CONTENT, payload=sigv4.UNSIGNED).status == 200
        before = conftest.descriptors(server)

        def run(client):
            try:
                found[client] = client(server)
            except Exception as error:
                found[client] = error

        clients = [threading.Thread(target=run, args=(client,)) for client in CLIENTS for _ in range(4)]
        for client in clients:
            client.start()
        while any(client.is_alive() for client in clients):
            began = time.monotonic()
            assert raw.request(server, "PUT", "/slow/quick", body=b"quick").status == 200
            assert raw.request(server, "GET", "/slow/quick").body == b"quick"
            waits.append(time.monotonic() - began)
            time.sleep(0.1)
        conftest.back_to(server, before, conftest.descriptors)
        assert raw.request(server, "GET", "/slow/body").code == "NoSuchKey"
        assert raw.request(server, "GET", "/slow/end").code == "NoSuchKey"
        assert server.stop() == 0
    return found, waits


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_slow_client_is_cut_off(outcomes, client):
    seconds = outcomes[0][client]
    assert not isinstance(seconds, Exception), seconds
    assert seconds is not None, "it is served for ever"
    assert seconds <= CLIENTS[client], f"cut off only after {seconds:.1f} s"


def test_quick_client_beside_them_is_not_harmed(outcomes):
    waits = outcomes[1]
    assert len(waits) > 20 and max(waits) < 5, (len(waits), max(waits))


def test_patient_reader_above_the_rate_is_served_whole(start):
    """Slow, but above the minimum: no reason to be cut off."""
    server = start(environment={"LAKEGATE_MIN_RATE": "1K", "LAKEGATE_IDLE_TIMEOUT": "4"})
    content = bytes(200_000)
    assert raw.request(server, "PUT", "/patient").status == 200
    assert raw.request(server, "PUT", "/patient/k", body=content).status == 200
    with raw.Connection(server, receive_buffer=8192) as connection:
        connection.start("GET", "/patient/k")
        connection.take_until(b"\r\n\r\n")
        received = len(connection.input)
        while received < len(content):
            got = len(connection.socket.recv(20_000))
            assert got > 0, f"cut off after {received} bytes"
            received += got
            time.sleep(0.4)
