"""AWS Signature Version 4 by hand, so that a test can tamper with every part of it; and version 2's presigned URLs.

src: AWS IAM User Guide, "Create a signed AWS API request"; Amazon S3 API Reference, "Signature
calculations for the Authorization header: Transferring payload in multiple chunks"
"""
import base64
import datetime
import hashlib
import hmac
import time
from urllib.parse import quote, unquote_to_bytes

import lakegated

UNSIGNED = "UNSIGNED-PAYLOAD"
UNSIGNED_TRAILER = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
CHUNKED_TRAILER = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def hmac256(key, text):
    return hmac.new(key, text.encode("latin-1"), hashlib.sha256).digest()


def encoded(text, safe=""):
    return quote(unquote_to_bytes(text), safe="-_.~" + safe)


def canonical_query(query):
    pairs = (pair.partition("=")[::2] for pair in query.replace("+", "%20").split("&") if pair)
    return "&".join("=".join(pair) for pair in sorted((encoded(name), encoded(value)) for name, value in pairs))


class Signer:
    """Signs with these keys, scope and clock. skew: seconds that the clock is ahead."""

    def __init__(self, access_key=lakegated.ACCESS_KEY, secret=lakegated.SECRET_KEY, region=lakegated.REGION,
                 service="s3", skew=0, terminal="aws4_request"):
        now = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=skew)
        self.timestamp = now.strftime("%Y%m%dT%H%M%SZ")
        self.access_key = access_key
        self.scope = f"{self.timestamp[:8]}/{region}/{service}/{terminal}"
        self.key = ("AWS4" + secret).encode()
        for part in self.scope.split("/"):
            self.key = hmac256(self.key, part)

    def signature(self, algorithm, *lines):
        return hmac256(self.key, "\n".join((algorithm, self.timestamp, self.scope, *lines))).hex()

    def sign(self, method, target, headers, signed, payload):
        """The signature over a request. headers: (name, value) pairs; signed: lower-case names, sorted."""
        path, _, query = target.partition("?")
        values = {name: [] for name in signed}
        for name, value in headers:
            if name.lower() in values:
                values[name.lower()].append(" ".join(str(value).split()))
        fields = "".join(f"{name}:{','.join(values[name])}\n" for name in signed)
        canonical = "\n".join((method, encoded(path, "/"), canonical_query(query), fields, ";".join(signed), payload))
        self.seed = self.previous = self.signature("AWS4-HMAC-SHA256", sha256(canonical.encode("latin-1")))
        return self.seed

    def headers(self, method, target, headers, payload, signed=None):
        """Adds x-amz-date, x-amz-content-sha256 and Authorization to the headers, Host among them."""
        headers = [*headers, ("x-amz-date", self.timestamp), ("x-amz-content-sha256", payload)]
        if signed is None:
            signed = {name.lower() for name, _ in headers if name.lower() == "host" or name.lower().startswith("x-amz-")}
        signed = sorted(signed)
        signature = self.sign(method, target, headers, signed, payload)
        return [*headers, ("Authorization", f"AWS4-HMAC-SHA256 Credential={self.access_key}/{self.scope}, "
                           f"SignedHeaders={';'.join(signed)}, Signature={signature}")]

    def presigned(self, method, target, host, expires=900, headers=(), signed=("host",), query="", payload=UNSIGNED):
        """The target with the signing parameters behind it; query replaces some of them ("X-Amz-Date=…")."""
        replaced = dict(pair.split("=", 1) for pair in query.split("&") if pair)
        parameters = {"X-Amz-Algorithm": "AWS4-HMAC-SHA256", "X-Amz-Credential": f"{self.access_key}/{self.scope}",
                      "X-Amz-Date": self.timestamp, "X-Amz-Expires": str(expires), "X-Amz-SignedHeaders": ";".join(signed)}
        text = "&".join(f"{name}={replaced.get(name, quote(value, safe=''))}" for name, value in parameters.items())
        target += ("&" if "?" in target else "?") + text
        return f"{target}&X-Amz-Signature={self.sign(method, target, [('host', host), *headers], sorted(signed), payload)}"

    def chunk(self, data):
        """The next signed chunk of a body; the last one has no data."""
        self.previous = self.signature("AWS4-HMAC-SHA256-PAYLOAD", self.previous, sha256(b""), sha256(data))
        return b"%x;chunk-signature=%s\r\n%s" % (len(data), self.previous.encode(), data + b"\r\n" if data else b"")

    def trailer(self, *fields):
        """Trailing header lines "name:value" in order, signed."""
        text = "".join(f"{field}\n" for field in fields)
        signature = self.signature("AWS4-HMAC-SHA256-TRAILER", self.previous, sha256(text.encode()))
        return (text.replace("\n", "\r\n") + f"x-amz-trailer-signature:{signature}\r\n\r\n").encode()


def presigned_version_2(method, target, access_key=lakegated.ACCESS_KEY, secret=lakegated.SECRET_KEY, expires=None, headers=()):
    """src: Amazon S3 User Guide, "Signing and authenticating REST requests (AWS signature version 2)" """
    expires = int(time.time()) + 900 if expires is None else expires
    fields = "".join(f"{name.lower()}:{value}\n" for name, value in sorted(headers))
    text = f"{method}\n\n\n{expires}\n{fields}{target}"
    signature = base64.b64encode(hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()).decode()
    mark = "&" if "?" in target else "?"
    return f"{target}{mark}AWSAccessKeyId={access_key}&Expires={expires}&Signature={quote(signature, safe='')}"
