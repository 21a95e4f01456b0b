"""Raw bytes to a lakegated and back: nothing between a test and the socket."""
import re
import socket
import ssl
import time

import sigv4


class Closed(Exception):
    """The server ended the connection where a response was expected."""


class Reply:
    """A response: status, headers (names in lower case), body; interim: statuses 1xx that came before it."""

    def __init__(self, version, status, headers, interim):
        self.version, self.status, self.headers, self.interim, self.body = version, status, headers, interim, b""

    def header(self, name):
        return next((value for key, value in self.headers if key == name.lower()), None)

    def field(self, name):
        """The text of an element of the XML body."""
        found = re.search(rf"<{name}>([^<]*)</{name}>".encode(), self.body)
        return found and found.group(1).decode()

    @property
    def code(self):
        return self.field("Code")

    def __repr__(self):
        return f"{self.status} {self.code or ''} {self.body[:600]!r} {self.headers}"


class Connection:
    """A connection of one's own. address: (host, port), a path of a Unix socket; without it the server's. source: from there."""

    def __init__(self, server, address=None, tls=None, timeout=30, receive_buffer=None, source=None):
        self.address = address or ("127.0.0.1", server.port)
        self.host = f"127.0.0.1:{server.port}" if server else "localhost"
        family = socket.AF_UNIX if isinstance(self.address, str) else socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(self.address)
        if family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if tls:
            context = ssl.create_default_context(cafile=tls)
            self.socket = context.wrap_socket(self.socket, server_hostname="127.0.0.1")
        self.input = bytearray()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def send_what_goes(self, data):
        """Sends until the server will have no more of it; how many bytes that were."""
        sent = 0
        try:
            while sent < len(data):
                sent += self.socket.send(data[sent:sent + 65536])
        except (ConnectionError, ssl.SSLError):
            pass
        return sent

    def receive(self):
        try:
            data = self.socket.recv(65536)
        except ConnectionResetError:
            data = b""
        self.input += data
        return len(data)

    def take(self, length):
        while len(self.input) < length:
            if not self.receive():
                raise Closed(f"{len(self.input)} of {length} bytes: {self.input[-200:]!r}")
        data = bytes(self.input[:length])
        del self.input[:length]
        return data

    def take_until(self, mark):
        while mark not in self.input:
            if not self.receive():
                raise Closed(repr(self.input[-200:]))
        return self.take(self.input.index(mark) + len(mark))

    def head(self):
        lines = self.take_until(b"\r\n\r\n").decode("latin-1").split("\r\n")[:-2]
        version, status, *_ = lines[0].split(" ", 2)
        pairs = (line.partition(":") for line in lines[1:])
        return version, int(status), [(name.lower(), value.strip()) for name, _, value in pairs]

    def reply(self, method="GET"):
        """The next response."""
        interim = []
        version, status, headers = self.head()
        while status < 200:
            interim.append(status)
            version, status, headers = self.head()
        reply = Reply(version, status, headers, interim)
        if method == "HEAD" or status in (204, 304):
            return reply
        if reply.header("transfer-encoding") == "chunked":
            while size := int(self.take_until(b"\r\n"), 16):
                reply.body += self.take(size)
                self.take(2)
            self.take_until(b"\r\n")
        elif reply.header("content-length") is not None:
            reply.body = self.take(int(reply.header("content-length")))
        else:
            while self.receive():
                pass
            reply.body, self.input = bytes(self.input), bytearray()
        return reply

    def closed(self, seconds=10):
        """Does the server end the connection within that time, answering nothing more? What libmicrohttpd itself
        refuses it may say twice (0.9.75)."""
        self.socket.settimeout(seconds)
        try:
            while self.receive():
                pass
        except (TimeoutError, ssl.SSLError):
            return False
        return b"x-amz-request-id" not in self.input

    def start(self, method, target, headers=(), body=b"", signer=None, payload=None, signed=None, length=None):
        """Sends the head of a signed request. body is only measured and hashed; length replaces Content-Length
        (False: none is sent); payload replaces x-amz-content-sha256."""
        headers = list(headers)
        if not any(name.lower() == "host" for name, _ in headers):
            headers.insert(0, ("Host", self.host))
        if length is not False and (body or length is not None or method in ("PUT", "POST")):
            headers.append(("Content-Length", len(body) if length is None else length))
        headers = (signer or sigv4.Signer()).headers(method, target, headers, payload or sigv4.sha256(body), signed)
        self.send(head(method, target, headers))

    def request(self, method, target, headers=(), body=b"", **options):
        """A signed request and its response; options as start() has them."""
        self.start(method, target, headers, body, **options)
        self.send_what_goes(body)
        return self.reply(method)


def head(method, target, headers, version="HTTP/1.1"):
    lines = [f"{method} {target} {version}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def request(server, method, target, headers=(), body=b"", **options):
    """A signed request on a connection of its own."""
    with Connection(server) as connection:
        return connection.request(method, target, [*headers, ("Connection", "close")], body, **options)


def exchange(server, data, method="GET", timeout=30):
    """Whatever bytes, and the response to them."""
    with Connection(server, timeout=timeout) as connection:
        connection.send_what_goes(data)
        return connection.reply(method)


def wait_for(condition, seconds=20):
    """Asks until the answer is true; the last answer."""
    deadline = time.monotonic() + seconds
    while not (answer := condition()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return answer
