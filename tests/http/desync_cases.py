"""Requests that two readers could take apart differently, and what is answered to each: test_desync.py sends them.

A case is a name, the bytes, and the outcome. Behind the bytes a plain request is sent ("ok" in the outcome), which asks
to close the connection. So the outcome is all that the daemon took for a request: "200 ok" is an answer and the
plain request's, "400/BadRequest" one error and the end of the connection, "" the end without a word. " | " stands
between outcomes where it is the HTTP library that decides, and its versions differ.

The bucket may be read and written by anybody, so that no signature stands in the way of what is hidden.
"""
HOST = b"Host: h\r\n"
HIDDEN = b"GET /desync/hidden HTTP/1.1\r\nHost: h\r\n\r\n"
GET = b"GET /desync/o HTTP/1.1\r\n"
PUT = b"PUT /desync/p HTTP/1.1\r\n"
BAD = "400/BadRequest"

CASES = {}


def group(prefix, table):
    for name, (data, outcome) in table.items():
        assert f"{prefix}-{name}" not in CASES, name
        CASES[f"{prefix}-{name}"] = (data, outcome)


def put(*lines, body=b"hello"):
    """A PUT with these header lines, its body, and what must not be a request behind it."""
    return PUT + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body + HIDDEN


def get(*lines, body=b""):
    return GET + HOST + b"".join(line + b"\r\n" for line in lines) + b"\r\n" + body


CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"5\r\nhello\r\n0\r\n\r\n"

# ---- Content-Length and Transfer-Encoding, together and alone ----

group("both", {
    "length-then-encoding": (put(b"Content-Length: 5", CHUNKED, body=CHUNKS), BAD),
    "encoding-then-length": (put(CHUNKED, b"Content-Length: 5", body=CHUNKS), BAD),
    "length-covers-all": (put(b"Content-Length: %d" % (len(CHUNKS) + len(HIDDEN)), CHUNKED, body=CHUNKS), BAD),
    "length-is-zero": (put(b"Content-Length: 0", CHUNKED, body=CHUNKS), BAD),
    "length-is-empty": (put(b"Content-Length:", CHUNKED, body=CHUNKS), BAD),
    "last-chunk-first": (put(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), BAD),
    "encoding-between-lengths": (put(b"Content-Length: 5", CHUNKED, b"Content-Length: 5", body=CHUNKS), BAD),
    "on-get": (get(b"Content-Length: 5", CHUNKED, body=CHUNKS) + HIDDEN, BAD),
    "on-delete": (b"DELETE /desync/none HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + HIDDEN, BAD),
    "on-head": (b"HEAD /desync/o HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + HIDDEN, "400"),
    "on-http-1.0": (b"PUT /desync/p HTTP/1.0\r\n" + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + HIDDEN, BAD),
    "encoding-obscured": (put(b"Content-Length: 5", b"Transfer-Encoding: xchunked"), BAD),
    "encoding-identity": (put(b"Content-Length: 5", b"Transfer-Encoding: identity"), BAD),
})

group("encoding", {
    name: (put(line, body=CHUNKS), outcome) for name, line, outcome in [
        ("identity", b"Transfer-Encoding: identity", BAD),
        ("gzip", b"Transfer-Encoding: gzip", BAD),
        ("gzip-chunked", b"Transfer-Encoding: gzip, chunked", BAD),
        ("chunked-gzip", b"Transfer-Encoding: chunked, gzip", BAD),
        ("chunked-twice", b"Transfer-Encoding: chunked, chunked", BAD),
        ("comma-before", b"Transfer-Encoding: , chunked", BAD),
        ("comma-behind", b"Transfer-Encoding: chunked,", BAD),
        ("semicolon", b"Transfer-Encoding: chunked;", BAD),
        ("parameter", b"Transfer-Encoding: chunked;q=0", BAD),
        ("quoted", b'Transfer-Encoding: "chunked"', BAD),
        ("prefix", b"Transfer-Encoding: xchunked", BAD),
        ("suffix", b"Transfer-Encoding: chunkedx", BAD),
        ("short", b"Transfer-Encoding: chunke", BAD),
        ("empty", b"Transfer-Encoding:", BAD),
        ("vertical-tab", b"Transfer-Encoding: \x0bchunked", BAD),
        ("form-feed", b"Transfer-Encoding: \x0cchunked", BAD),
        ("no-break-space", b"Transfer-Encoding: \xa0chunked", BAD),
        ("dotless-i", "Transfer-Encoding: ıdentity".encode(), BAD),
        ("list-of-two-lines", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", BAD),
        ("two-lines", b"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked", BAD),
        ("same-twice", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", BAD),
        ("tab-behind", b"Transfer-Encoding: chunked\t", "400/BadRequest | 411/MissingContentLength hidden ok"),
        ("name-space", b"Transfer-Encoding : chunked", BAD),
        ("name-tab", b"Transfer-Encoding\t: chunked", BAD),
        ("name-vertical-tab", b"Transfer-Encoding\x0b: chunked", BAD),
        ("name-space-inside", b"Transfer Encoding: chunked", BAD),
    ]})

group("length", {
    name: (put(line), outcome) for name, line, outcome in [
        ("twice-same", b"Content-Length: 5\r\nContent-Length: 5", BAD),
        ("twice-different", b"Content-Length: 5\r\nContent-Length: 6", BAD),
        ("zero-then-five", b"Content-Length: 0\r\nContent-Length: 5", BAD),
        ("five-then-zero", b"Content-Length: 5\r\nContent-Length: 0", BAD),
        ("list", b"Content-Length: 5, 5", "400"),
        ("list-different", b"Content-Length: 5,6", "400"),
        ("plus", b"Content-Length: +5", "400"),
        ("minus", b"Content-Length: -5", "400"),
        ("minus-zero", b"Content-Length: -0", "400"),
        ("minus-one", b"Content-Length: -1", "400"),
        ("hex", b"Content-Length: 0x5", "400"),
        ("exponent", b"Content-Length: 5e0", "400"),
        ("fraction", b"Content-Length: 5.0", "400"),
        ("word", b"Content-Length: five", "400"),
        ("semicolon", b"Content-Length: 5;", "400"),
        ("quoted", b'Content-Length: "5"', "400"),
        ("space-inside", b"Content-Length: 5 5", "400"),
        ("underscore", b"Content-Length: 1_0", "400"),
        ("full-width-digit", "Content-Length: ５".encode(), "400"),
        ("arabic-digit", "Content-Length: ٥".encode(), "400"),
        ("vertical-tab", b"Content-Length: \x0b5", "400"),
        ("no-break-space", b"Content-Length: 5\xa0", "400"),
        ("empty", b"Content-Length:", "400"),
        ("white", b"Content-Length:  \t ", "400"),
        ("two-to-the-64", b"Content-Length: 18446744073709551616", "413"),
        ("two-to-the-64-and-five", b"Content-Length: 18446744073709551621", "413"),
        ("two-to-the-63", b"Content-Length: 9223372036854775808", "400/EntityTooLarge"),
        ("forty-digits", b"Content-Length: " + b"9" * 40, "413"),
        ("past-the-largest-object", b"Content-Length: 5368709121", "400/EntityTooLarge"),
        ("name-space", b"Content-Length : 5", BAD),
        ("name-tab", b"Content-Length\t: 5", BAD),
        ("name-space-inside", b"Content Length: 5", BAD),
        ("name-underscore", b"Content_Length: 5", "411/MissingContentLength 405/MethodNotAllowed ok"),
        ("none", b"X-No-Length: 5", "411/MissingContentLength 405/MethodNotAllowed ok"),
    ]})

# What is sound is served: the table would prove nothing if all were refused.
SOUND = b"PUT /desync/p HTTP/1.1\r\nHost: h\r\n"
group("sound", {
    "put": (SOUND + b"Content-Length: 5\r\n\r\nhello", "200 ok"),
    "length-leading-zeros": (SOUND + b"Content-Length: 0005\r\n\r\nhello", "200 ok"),
    "length-white-before": (SOUND + b"Content-Length: \t 5\r\n\r\nhello", "200 ok"),
    "length-no-space": (SOUND + b"Content-Length:5\r\n\r\nhello", "200 ok"),
    "length-other-case": (SOUND + b"cOnTeNt-LeNgTh: 5\r\n\r\nhello", "200 ok"),
    "length-zero": (SOUND + b"Content-Length: 0\r\n\r\n", "200 ok"),
    "body-like-a-request": (SOUND + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN, "200 ok"),
    "chunked-get": (get(CHUNKED, body=CHUNKS), "200 ok"),
    "chunked-other-case": (get(b"tRANSFER-eNCODING: ChunkeD", body=CHUNKS), "200 ok"),
    "chunked-no-space": (get(b"Transfer-Encoding:chunked", body=CHUNKS), "200 ok"),
    "chunked-white-before": (get(b"Transfer-Encoding:\t chunked", body=CHUNKS), "200 ok"),
    "get-with-body": (get(b"Content-Length: %d" % len(HIDDEN), body=HIDDEN), "200 ok"),
    "head-with-body": (b"HEAD /desync/o HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN, "200 ok"),
    "delete-with-body": (b"DELETE /desync/none HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN, "204 ok"),
    "missing-key-with-body": (b"GET /desync/none HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN, "403/AccessDenied ok"),
    "ten-in-a-row": (get() * 10, "200 " * 10 + "ok"),
    "put-and-get": (SOUND + b"Content-Length: 5\r\n\r\nhello" + get(), "200 200 ok"),
    "error-between": (get() + b"GET /desync/none HTTP/1.1\r\nHost: h\r\n\r\n" + get(), "200 403/AccessDenied 200 ok"),
})

# ---- chunks: a GET reads its body for nothing, so framing is all that is looked at ----

group("chunk", {
    name: (get(CHUNKED, body=body) + rest, outcome) for name, body, rest, outcome in [
        ("upper-case", b"A\r\n0123456789\r\n0\r\n\r\n", b"", "200 ok"),
        ("leading-zeros", b"0000005\r\nhello\r\n000\r\n\r\n", b"", "200 ok"),
        ("extension", b"5;a=b\r\nhello\r\n0;last\r\n\r\n", b"", "200 ok"),
        ("extension-quoted", b'5;a="b;c"\r\nhello\r\n0\r\n\r\n', b"", "200 ok"),
        ("trailer", b"5\r\nhello\r\n0\r\nX-Trailer: a\r\n\r\n", b"", "200 ok"),
        ("trailer-length", b"5\r\nhello\r\n0\r\nContent-Length: 50\r\n\r\n", b"", "200 ok"),
        ("trailer-encoding", b"5\r\nhello\r\n0\r\nTransfer-Encoding: identity\r\n\r\n", b"", "200 ok"),
        ("trailer-host", b"5\r\nhello\r\n0\r\nHost: other\r\n\r\n", b"", "200 ok"),
        ("many", b"1\r\nx\r\n" * 500 + b"0\r\n\r\n", b"", "200 ok"),
        ("content-like-a-request", b"%x\r\n" % len(HIDDEN) + HIDDEN + b"\r\n0\r\n\r\n", b"", "200 ok"),
        ("size-no-number", b"zz\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-negative", b"-5\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-plus", b"+5\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-prefix", b"0x5\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-empty", b"\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-only-extension", b";a\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-overflow", b"10000000000000005\r\nhello\r\n0\r\n\r\n", HIDDEN, "413 | 400"),
        ("size-overflow-far", b"f" * 40 + b"\r\nhello\r\n0\r\n\r\n", HIDDEN, "413 | 400"),
        ("size-largest", b"ffffffffffffffff\r\nhello\r\n0\r\n\r\n", HIDDEN, "413 | 400 | "),
        ("size-comma", b"5,5\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-fraction", b"5.0\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-nul", b"5\x00\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-words", b"5 bytes\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-space-before", b" 5\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-space-behind", b"5 \r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("size-tab-behind", b"5\t\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("data-too-long", b"3\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("data-too-short", b"9\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("no-end-behind-data", b"5\r\nhello0\r\n\r\n", HIDDEN, "400"),
        ("spaces-behind-data", b"5\r\nhello  \r\n0\r\n\r\n", HIDDEN, "400"),
        ("lf-behind-size", b"5\nhello\r\n0\r\n\r\n", HIDDEN, "200 hidden ok | 400"),
        ("lf-behind-data", b"5\r\nhello\n0\r\n\r\n", HIDDEN, "200 hidden ok | 400"),
        ("lf-everywhere", b"5\nhello\n0\n\n", HIDDEN, "200 hidden ok | 400"),
        ("cr-behind-size", b"5\rhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("cr-behind-data", b"5\r\nhello\r0\r\n\r\n", HIDDEN, "400"),
        ("lf-in-extension", b"5;a\nb\r\nhello\r\n0\r\n\r\n", HIDDEN, "400"),
        ("cr-in-extension", b"5;a\rb\r\nhello\r\n0\r\n\r\n", HIDDEN, "200 hidden ok | 400"),
        ("extension-of-megabytes", b"5;" + b"a" * 200_000 + b"\r\nhello\r\n0\r\n\r\n", HIDDEN, "500 | 413 | 400"),
        ("trailer-of-megabytes", b"0\r\nX: " + b"a" * 200_000 + b"\r\n\r\n", HIDDEN, "413 | 431 | 400"),
        ("trailer-no-colon", b"0\r\nnothing\r\n\r\n", HIDDEN, "400"),
    ]})

# ---- lines and their ends ----

group("line", {
    "lf-request-line": (b"GET /desync/o HTTP/1.1\nHost: h\r\n\r\n" + HIDDEN, BAD),
    "lf-all": (b"GET /desync/o HTTP/1.1\nHost: h\n\n" + HIDDEN, BAD),
    "lf-in-header": (put(b"X-A: b\nContent-Length: 5"), BAD),
    "lf-hides-length": (put(b"Content-Length: 5\nX-A: b"), BAD),
    "lf-hides-encoding": (put(b"X-A: b\nTransfer-Encoding: chunked", body=CHUNKS), BAD),
    "cr-in-header": (put(b"X-A: b\rContent-Length: 5"), BAD),
    "cr-hides-encoding": (put(b"X-A: b\rTransfer-Encoding: chunked", body=CHUNKS), BAD),
    "cr-cr-lf": (put(b"Content-Length: 5\r"), "400"),
    "cr-request-line": (b"GET /desync/o HTTP/1.1\rHost: h\r\n\r\n" + HIDDEN, "400"),
    "folded": (put(b"X-A: b\r\n c", b"Content-Length: 5"), BAD),
    "folded-length": (put(b"Content-Length:\r\n 5"), BAD),
    "folded-second-digit": (put(b"Content-Length: 5\r\n 0"), BAD),
    "folded-encoding": (put(b"Transfer-Encoding:\r\n chunked", body=CHUNKS), BAD),
    "folded-first": (PUT + b" Host: h\r\nContent-Length: 5\r\n\r\nhello" + HIDDEN, "400"),
    "nul-in-value": (put(b"X-A: b\0c", b"Content-Length: 5"), BAD),
    "nul-in-name": (put(b"X-\0A: b", b"Content-Length: 5"), "400"),
    "nul-in-length": (put(b"Content-Length: 5\0"), BAD),
    "nul-in-encoding": (put(b"Transfer-Encoding: chunked\0", body=CHUNKS), BAD),
    "nul-in-target": (b"GET /desync/o\0x HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN, BAD),
    "nul-in-method": (b"G\0ET /desync/o HTTP/1.1\r\n" + HOST + b"\r\n" + HIDDEN, BAD),
    "empty-before": (b"\r\n" + get(), "200 ok"),
    "many-empty-before": (b"\r\n" * 2000 + get(), "200 ok"),
    "lf-before": (b"\n" + get(), "200 ok"),
    "space-before": (b" " + get() + HIDDEN, ""),
    "space-before-name": (put(b"Content-Length: 5", b" X-A: b"), BAD),
    "no-colon": (put(b"Content-Length: 5", b"nothing"), "400"),
    "no-name": (put(b"Content-Length: 5", b": nothing"), BAD),
    "only-colon": (put(b"Content-Length: 5", b":"), BAD),
})

group("name", {
    name: (put(b"Content-Length: 0", line, body=b""), BAD) for name, line in [
        ("parenthesis", b"Content(Length): 5"), ("slash", b"Content/Length: 5"), ("quote", b'"X": 5'), ("high", b"X-\xff: 5"),
        ("delete", b"X-\x7f: 5"), ("control", b"X-\x01: 5"), ("at", b"X@Y: 5"), ("comma", b"X,Y: 5"), ("brace", b"X{Y}: 5"),
        ("bracket", b"X[Y]: 5"), ("backslash", b"X\\Y: 5"), ("equals", b"X=Y: 5"), ("question", b"X?Y: 5"), ("less", b"X<Y: 5"),
    ]})

# ---- request lines ----

group("first", {
    name: (line + b"\r\n" + HOST + b"\r\n", outcome) for name, line, outcome in [
        ("http-0.9", b"GET /desync/o", "400"),
        ("http-0.9-space", b"GET /desync/o ", "400"),
        ("http-1.0", b"GET /desync/o HTTP/1.0", "200"),
        ("http-1.2", b"GET /desync/o HTTP/1.2", "200 ok"),
        ("http-1.10", b"GET /desync/o HTTP/1.10", "400"),
        ("http-2", b"GET /desync/o HTTP/2.0", "505"),
        ("http-3", b"GET /desync/o HTTP/3", "400"),
        ("http-0.8", b"GET /desync/o HTTP/0.8", "505"),
        ("http-lower", b"GET /desync/o http/1.1", "400"),
        ("http-padded", b"GET /desync/o HTTP/01.1", "400"),
        ("http-space-behind", b"GET /desync/o HTTP/1.1 ", "400"),
        ("http-word-behind", b"GET /desync/o HTTP/1.1 x", "400"),
        ("https", b"GET /desync/o HTTPS/1.1", "400"),
        ("icy", b"GET /desync/o ICY/1.1", "400"),
        ("two-spaces", b"GET  /desync/o  HTTP/1.1", ""),
        ("tabs", b"GET\t/desync/o\tHTTP/1.1", ""),
        ("vertical-tab", b"GET\x0b/desync/o HTTP/1.1", "400"),
        ("space-in-target", b"GET /desync/o x HTTP/1.1", ""),
        ("no-target", b"GET HTTP/1.1", "400"),
        ("only-method", b"GET", ""),
        ("lower-method", b"get /desync/o HTTP/1.1", "405/MethodNotAllowed ok"),
        ("unknown-method", b"BREW /desync/o HTTP/1.1", "405/MethodNotAllowed ok"),
        ("long-method", b"X" * 5000 + b" /desync/o HTTP/1.1", "405/MethodNotAllowed ok"),
        ("trace", b"TRACE /desync/o HTTP/1.1", "405/MethodNotAllowed ok"),
        ("connect", b"CONNECT 127.0.0.1:22 HTTP/1.1", "400/InvalidURI ok"),
        ("connect-path", b"CONNECT /desync/o HTTP/1.1", "405/MethodNotAllowed ok"),
        ("propfind", b"PROPFIND /desync/o HTTP/1.1", "405/MethodNotAllowed ok"),
        ("options-star", b"OPTIONS * HTTP/1.1", "400/InvalidURI ok"),
        ("get-star", b"GET * HTTP/1.1", "400/InvalidURI ok"),
        ("pri", b"PRI * HTTP/2.0\r\n\r\nSM\r\n", "505"),
    ]})

group("target", {
    name: (b"GET " + target + b" HTTP/1.1\r\n" + HOST + b"\r\n", outcome) for name, target, outcome in [
        ("absolute", b"http://h/desync/o", "200 ok"),
        ("absolute-other-host", b"http://other/desync/o", "400/InvalidURI ok"),
        ("absolute-https", b"https://h/desync/o", "200 ok"),
        ("absolute-user", b"http://a@h/desync/o", "400/InvalidURI ok"),
        ("absolute-port", b"http://h:99999/desync/o", "400/InvalidURI ok"),
        ("absolute-ftp", b"ftp://h/desync/o", "400/InvalidURI ok"),
        ("absolute-file", b"file:///etc/passwd", "400/InvalidURI ok"),
        ("absolute-no-path", b"http://h", "403/AccessDenied ok"),
        ("authority", b"h:80", "400/InvalidURI ok"),
        ("no-slash", b"desync/o", "400/InvalidURI ok"),
        ("two-slashes", b"//desync/o", "404/NoSuchBucket ok"),
        ("fragment", b"/desync/o#x", "403/AccessDenied ok"),
        ("dots", b"/desync/x/../o", "403/AccessDenied ok"),
        ("dots-escaped", b"/desync/x/%2e%2e/o", "403/AccessDenied ok"),
        ("up-and-out", b"/../../../../etc/passwd", "404/NoSuchBucket ok"),
        ("up-and-out-escaped", b"/desync/%2e%2e%2f%2e%2e%2fetc%2fpasswd", "403/AccessDenied ok"),
        ("backslashes", b"\\desync\\o", "400/InvalidURI ok"),
        ("nul-escaped", b"/desync/o%00", "400/InvalidURI ok"),
        ("percent-alone", b"/desync/%", "400/InvalidURI ok"),
        ("percent-no-hex", b"/desync/%zz", "400/InvalidURI ok"),
        ("percent-u", b"/desync/%u006f", "400/InvalidURI ok"),
        ("overlong-utf-8", b"/desync/%c0%af", "400/InvalidURI ok"),
        ("utf-8-raw", "/desync/ö".encode(), "403/AccessDenied ok"),
        ("high-bytes-raw", b"/desync/\xff\xfe", "400/InvalidURI ok"),
        ("control", b"/desync/\x01", "403/AccessDenied ok"),
        ("escaped-lines", b"/desync/o%0d%0aX-Injected:%201", "403/AccessDenied ok"),
        ("query-escaped-lines", b"/desync/o?response-content-type=a%0d%0aX-Injected:%201", "400/InvalidRequest ok"),
        ("semicolon", b"/desync/o;x=y", "403/AccessDenied ok"),
        ("question-twice", b"/desync/o??", "200 ok"),
        ("empty-query", b"/desync/o?", "200 ok"),
        ("129-parameters", b"/desync/o?" + b"&".join(b"a%d" % i for i in range(129)), "400/InvalidURI ok"),
        ("key-too-long", b"/desync/" + b"k" * 1025, "400/KeyTooLongError ok"),
        ("100-kilobytes", b"/desync/" + b"k" * 100_000, "414"),
    ]})

group("host", {
    name: (GET + lines + b"\r\n", outcome) for name, lines, outcome in [
        ("missing", b"", "400"),
        ("empty", b"Host:\r\n", "200 ok"),
        ("twice-same", HOST + HOST, BAD),
        ("twice-different", HOST + b"Host: other\r\n", BAD),
        ("twice-other-case", HOST + b"hOST: other\r\n", BAD),
        ("name-space", b"Host : h\r\n", "400"),
        ("list", b"Host: h, other\r\n", BAD),
        ("path", b"Host: h/desync\r\n", BAD),
        ("user", b"Host: a@h\r\n", BAD),
        ("port-no-number", b"Host: h:x\r\n", BAD),
        ("port-too-large", b"Host: h:99999\r\n", "200 ok"),
        ("space-inside", b"Host: h other\r\n", BAD),
        ("ip-6", b"Host: [::1]:9000\r\n", "200 ok"),
        ("nul", b"Host: h\0other\r\n", BAD),
        ("long", b"Host: " + b"h" * 5000 + b"\r\n", "200 ok"),
        ("forwarded", HOST + b"X-Forwarded-Host: other\r\nForwarded: host=other\r\nX-Host: other\r\n", "200 ok"),
        ("original-url", HOST + b"X-Original-URL: /desync/none\r\nX-Rewrite-URL: /desync/none\r\n", "200 ok"),
        ("method-override", HOST + b"X-HTTP-Method-Override: DELETE\r\nX-Method-Override: DELETE\r\n", "200 ok"),
    ]})

# ---- connections: what goes on behind an answer ----

group("keep", {
    "close": (get(b"Connection: close"), "200"),
    "close-in-list": (get(b"Connection: x, close"), "200"),
    "http-1.0": (b"GET /desync/o HTTP/1.0\r\n" + HOST + b"\r\n", "200"),
    "http-1.0-keep": (b"GET /desync/o HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n", "200 ok"),
    "names-length": (put(b"Content-Length: 5", b"Connection: Content-Length", body=b"hello")[:-len(HIDDEN)], "200 ok"),
    "names-encoding": (get(CHUNKED, b"Connection: Transfer-Encoding", body=CHUNKS), "200 ok"),
    "names-host": (get(b"Connection: Host"), "200 ok"),
    "upgrade-h2c": (get(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"), "200 ok"),
    "upgrade-websocket": (get(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", b"Sec-WebSocket-Version: 13"), "200 ok"),
    "upgrade-tls": (get(b"Connection: Upgrade", b"Upgrade: TLS/1.0"), "200 ok"),
    "proxy-connection": (get(b"Proxy-Connection: close", b"Keep-Alive: timeout=0"), "200 ok"),
    "te-trailers": (get(b"TE: trailers, chunked;q=1", b"Trailer: X"), "200 ok"),
    "body-shorter": (SOUND + b"Content-Length: 500\r\n\r\nhello", ""),
    "body-longer": (SOUND + b"Content-Length: 3\r\n\r\nhello", "200 405/MethodNotAllowed"),
    "body-missing": (SOUND + b"Content-Length: 5000\r\n\r\n", ""),
    "refused-body": (b"PUT /no-such-bucket-here/k HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN, "404/NoSuchBucket ok"),
})

group("expect", {
    "continue": (put(b"Content-Length: 5", b"Expect: 100-continue")[:-len(HIDDEN)], "100 200 ok"),
    "continue-other-case": (put(b"Content-Length: 5", b"Expect: 100-CONTINUE")[:-len(HIDDEN)], "100 200 ok"),
    "other": (put(b"Content-Length: 5", b"Expect: 200-ok")[:-len(HIDDEN)], "200 ok"),
    "list": (put(b"Content-Length: 5", b"Expect: 100-continue, x")[:-len(HIDDEN)], "200 ok"),
    "twice": (put(b"Content-Length: 5", b"Expect: 100-continue", b"Expect: 100-continue")[:-len(HIDDEN)], "100 200 ok"),
    "twice-different": (put(b"Content-Length: 5", b"Expect: 100-continue", b"Expect: x"), "400/InvalidArgument"),
    "without-body": (get(b"Expect: 100-continue"), "100"),
    "http-1.0": (b"PUT /desync/p HTTP/1.0\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\nhello", "200"),
    "refused": (b"PUT /no-such-bucket-here/k HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", "404/NoSuchBucket"),
    "refused-but-sent": (b"PUT /no-such-bucket-here/k HTTP/1.1\r\n" + HOST + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(HIDDEN) + HIDDEN, "404/NoSuchBucket"),
    "chunked": (get(CHUNKED, b"Expect: 100-continue", body=CHUNKS), "100 200 ok"),
})

# ---- floods, and what is no HTTP ----

group("flood", {
    "256-fields": (get(*[b"X-%d: a" % i for i in range(255)]), "200 ok"),
    "257-fields": (get(*[b"X-%d: a" % i for i in range(256)]), "400/RequestHeaderSectionTooLarge"),
    "same-257-times": (get(*[b"X: a"] * 256), "400/RequestHeaderSectionTooLarge"),
    "10000-fields": (get(*[b"X-%d: a" % i for i in range(10_000)]), "431 | 413 | "),
    "name-of-60-kilobytes": (get(b"X" * 60_000 + b": a"), "431 | 413 | "),
    "value-of-60-kilobytes": (get(b"X: " + b"a" * 60_000), "431 | 413 | "),
    "value-of-10-kilobytes": (get(b"X: " + b"a" * 10_000), "200 ok"),
    "head-of-a-megabyte": (GET + b"X: a\r\n" * 200_000, "431 | 413 | "),
    "empty-values": (get(*[b"X-%d:" % i for i in range(200)]), "200 ok"),
    "white-of-10-kilobytes": (get(b"X:" + b" " * 10_000 + b"a"), "200 ok"),
    "cookies": (get(*[b"Cookie: a=b"] * 200), "200 ok"),
    "x-amz-twice-different": (get(b"x-amz-date: 1", b"x-amz-date: 2"), "400/InvalidArgument"),
    "authorization-twice": (get(b"Authorization: AWS a:b", b"Authorization: AWS c:d"), "400/InvalidArgument"),
    "range-twice": (get(b"Range: bytes=0-0", b"Range: bytes=1-1"), "400/InvalidArgument"),
    "64-etags": (get(b"If-None-Match: " + b", ".join(b'"%d"' % i for i in range(64))), "200 ok"),
    "65-etags": (get(b"If-None-Match: " + b", ".join(b'"%d"' % i for i in range(65))), "400/InvalidArgument ok"),
    "1000-ranges": (get(b"Range: bytes=" + b",".join(b"%d-%d" % (i, i) for i in range(1000))), "200 ok"),
})

group("noise", {
    name: (data, outcome) for name, data, outcome in [
        ("nothing", b"", "ok"),
        ("tls", bytes.fromhex("160301020001fc0303") + b"\x5a" * 500, BAD),
        ("tls-alert", bytes.fromhex("15030100020246"), BAD),
        ("sslv2", bytes.fromhex("802e0100020015000000100700c0") + b"\x11" * 32, BAD),
        ("smb", b"\x00\x00\x00\x54\xffSMB" + b"\x72" + b"\0" * 80, "400"),
        ("ssh", b"SSH-2.0-OpenSSH_9.2\r\n", ""),
        ("smtp", b"EHLO h\r\nMAIL FROM:<a@h>\r\n", "400"),
        ("redis", b"*1\r\n$4\r\nPING\r\n", ""),
        ("rtsp", b"OPTIONS rtsp://h/x RTSP/1.0\r\nCSeq: 1\r\n\r\n", "400"),
        ("sip", b"OPTIONS sip:h SIP/2.0\r\n\r\n", "400"),
        ("zeros", b"\0" * 4096, "400"),
        ("ones", b"\xff" * 4096, "405/MethodNotAllowed"),
        ("lines", b"\r\n" * 30_000, "414"),
        ("proxy-protocol", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + get(), "400"),
        ("proxy-protocol-2", b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c" + b"\x7f\0\0\1" * 3 + get(), ""),
        ("an-answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "400"),
        ("xml", b"<?xml version='1.0'?><Delete/>\r\n\r\n", "400"),
        ("json", b'{"a": 1}\r\n\r\n', "400"),
    ]})

# ---- bodies that say in two places how long they are, or who asks ----

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
MULTIPART = b"Content-Type: multipart/form-data; boundary=b\r\n"


def posted(path, headers, body, length=None):
    return b"POST %s HTTP/1.1\r\n" % path + HOST + headers + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


def part(name, value, extra=b""):
    return b'--b\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n' % (name, extra, value)


FILE = part(b"file", b"hello", b'; filename="f"')
END = b"--b--\r\n"
ACTION = b"Action=GetCallerIdentity&Version=2011-06-15"

group("query", {
    "anonymous": (posted(b"/", FORM, ACTION), "403/MissingAuthenticationToken ok"),
    "length-and-chunks": (b"POST / HTTP/1.1\r\n" + HOST + FORM + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + HIDDEN, BAD),
    "chunked": (b"POST / HTTP/1.1\r\n" + HOST + FORM + CHUNKED + b"\r\n\r\n%x\r\n" % len(ACTION) + ACTION + b"\r\n0\r\n\r\n", "403/MissingAuthenticationToken ok"),
    "short": (posted(b"/", FORM, ACTION, 10)[:-len(ACTION) + 10], "400/InvalidAction ok"),
    "twice": (posted(b"/", FORM, ACTION + b"&Action=ListUsers"), "400/MalformedQueryString ok"),
    "in-url-and-body": (posted(b"/?Action=ListUsers", FORM, ACTION), "400/MalformedQueryString ok"),
    "too-long": (posted(b"/", FORM, b"Action=" + b"A" * 300_000), "400/MaxMessageLengthExceeded ok"),
    "2049-parameters": (posted(b"/", FORM, b"&".join(b"a%d=b" % i for i in range(2049))), "400/MalformedQueryString ok"),
    "bad-escape": (posted(b"/", FORM, b"Action=%zz"), "400/MalformedQueryString ok"),
    "nul": (posted(b"/", FORM, b"Action=Get%00CallerIdentity"), "400/InvalidAction ok"),
    "no-form": (posted(b"/", b"", ACTION), "403/MissingAuthenticationToken ok"),
    "json": (posted(b"/", b"Content-Type: application/x-amz-json-1.1\r\n", b"{}"), "400/MissingAction ok"),
})

group("form", {
    "sound": (posted(b"/desync", MULTIPART, part(b"key", b"formed") + FILE + END), "204 ok"),
    "no-boundary": (posted(b"/desync", b"Content-Type: multipart/form-data\r\n", part(b"key", b"k") + FILE + END), "412/PreconditionFailed ok"),
    "boundary-too-long": (posted(b"/desync", b"Content-Type: multipart/form-data; boundary=" + b"b" * 71 + b"\r\n", FILE), "412/PreconditionFailed ok"),
    "two-boundaries": (posted(b"/desync", b"Content-Type: multipart/form-data; boundary=b; boundary=c\r\n", part(b"key", b"k") + FILE + END), "204 ok"),
    "type-twice": (posted(b"/desync", MULTIPART + MULTIPART.replace(b"=b", b"=c"), part(b"key", b"k") + FILE + END), "400/InvalidArgument"),
    "no-key": (posted(b"/desync", MULTIPART, FILE + END), "400/InvalidArgument ok"),
    "no-file": (posted(b"/desync", MULTIPART, part(b"key", b"k") + END), "400/IncorrectNumberOfFilesInPostRequest ok"),
    "key-twice": (posted(b"/desync", MULTIPART, part(b"key", b"k") + part(b"key", b"victim") + FILE + END), "400/InvalidArgument ok"),
    "key-behind-file": (posted(b"/desync", MULTIPART, FILE + part(b"key", b"k") + END), "400/InvalidArgument ok"),
    "two-files": (posted(b"/desync", MULTIPART, part(b"key", b"k") + FILE + FILE + END), "204 ok"),
    "no-end": (posted(b"/desync", MULTIPART, part(b"key", b"k") + FILE), "400/MalformedPOSTRequest ok"),
    "cut-in-file": (posted(b"/desync", MULTIPART, part(b"key", b"k") + FILE[:-4]), "400/MalformedPOSTRequest ok"),
    "lf-lines": (posted(b"/desync", MULTIPART, (part(b"key", b"k") + FILE + END).replace(b"\r\n", b"\n")), "400/MalformedPOSTRequest ok"),
    "request-behind-end": (posted(b"/desync", MULTIPART, part(b"key", b"k") + FILE + END + HIDDEN), "204 ok"),
    "field-too-long": (posted(b"/desync", MULTIPART, part(b"key", b"k" * 300_000) + FILE + END), "400/MaxPostPreDataLengthExceeded ok"),
    "257-fields": (posted(b"/desync", MULTIPART, b"".join(part(b"x-amz-meta-%d" % i, b"a") for i in range(257)) + FILE + END), "400/MaxPostPreDataLengthExceeded ok"),
    "header-too-long": (posted(b"/desync", MULTIPART, part(b"key", b"k", b"; x=" + b"a" * 20_000) + FILE + END), "400/MaxPostPreDataLengthExceeded ok"),
    "key-with-lines": (posted(b"/desync", MULTIPART, part(b"key", b"a\r\nSet-Cookie: b") + FILE + END), "204 ok"),
    "redirect-with-lines": (posted(b"/desync", MULTIPART, part(b"key", b"k") + part(b"success_action_redirect", b"http://h/\r\nX-Injected: 1") + FILE + END), "204 ok"),
    "encoding": (b"POST /desync HTTP/1.1\r\n" + HOST + MULTIPART + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n" + CHUNKS + HIDDEN, BAD),
})

SIGNED = b"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a/20261101/us-east-1/s3/aws4_request&X-Amz-Date=20261101T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=" + b"0" * 64
group("presigned", {
    name: (b"GET /desync/o?" + query + b" HTTP/1.1\r\n" + HOST + extra + b"\r\n", outcome) for name, query, extra, outcome in [
        ("unknown-key", SIGNED + b"&X-Amz-Expires=60", b"", "403/InvalidAccessKeyId ok"),
        ("no-expires", SIGNED, b"", "400/AuthorizationQueryParametersError ok"),
        ("expires-minus", SIGNED + b"&X-Amz-Expires=-1", b"", "400/AuthorizationQueryParametersError ok"),
        ("expires-zero", SIGNED + b"&X-Amz-Expires=0", b"", "400/AuthorizationQueryParametersError ok"),
        ("expires-plus", SIGNED + b"&X-Amz-Expires=%2B60", b"", "400/AuthorizationQueryParametersError ok"),
        ("expires-eight-days", SIGNED + b"&X-Amz-Expires=691200", b"", "400/AuthorizationQueryParametersError ok"),
        ("expires-overflow", SIGNED + b"&X-Amz-Expires=18446744073709551676", b"", "400/AuthorizationQueryParametersError ok"),
        ("expires-twice", SIGNED + b"&X-Amz-Expires=60&X-Amz-Expires=61", b"", "403/InvalidAccessKeyId ok"),
        ("signature-twice", SIGNED + b"&X-Amz-Expires=60&X-Amz-Signature=" + b"1" * 64, b"", "403/InvalidAccessKeyId ok"),
        ("signature-short", SIGNED[:-1] + b"&X-Amz-Expires=60", b"", "403/InvalidAccessKeyId ok"),
        ("signature-no-hex", SIGNED[:-1] + b"g&X-Amz-Expires=60", b"", "403/InvalidAccessKeyId ok"),
        ("with-authorization", SIGNED + b"&X-Amz-Expires=60", b"Authorization: AWS4-HMAC-SHA256 Credential=a\r\n", "400/InvalidArgument ok"),
        ("version-2-and-4", SIGNED + b"&X-Amz-Expires=60&AWSAccessKeyId=a&Signature=b&Expires=99999999999", b"", "400/InvalidArgument ok"),
        ("version-2-no-expires", b"AWSAccessKeyId=a&Signature=b", b"", "403/AccessDenied ok"),
        ("version-2-expires-word", b"AWSAccessKeyId=a&Signature=b&Expires=later", b"", "403/AccessDenied ok"),
        ("algorithm-none", b"X-Amz-Algorithm=none&X-Amz-Signature=" + b"0" * 64, b"", "400/AuthorizationQueryParametersError ok"),
        ("host-not-signed", SIGNED.replace(b"SignedHeaders=host", b"SignedHeaders=x-amz-date") + b"&X-Amz-Expires=60", b"", "403/AccessDenied ok"),
    ]})

AWS = b"x-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER"


def aws_chunked(body, decoded, length=None):
    return put(AWS, b"x-amz-decoded-content-length: %s" % decoded, b"Content-Encoding: aws-chunked",
               b"Content-Length: %d" % (len(body) if length is None else length), body=body)[:-len(HIDDEN)]


group("aws-chunked", {
    name: (aws_chunked(body, decoded), outcome) for name, body, decoded, outcome in [
        ("sound", CHUNKS, b"5", "200 ok"),
        ("decoded-too-long", CHUNKS, b"6", "400/IncompleteBody ok"),
        ("decoded-too-short", CHUNKS, b"4", "400/IncompleteBody ok"),
        ("decoded-minus", CHUNKS, b"-5", "400/InvalidArgument ok"),
        ("decoded-word", CHUNKS, b"five", "400/InvalidArgument ok"),
        ("decoded-list", CHUNKS, b"5, 6", "400/InvalidArgument ok"),
        ("no-last-chunk", b"5\r\nhello\r\n", b"5", "400/IncompleteBody ok"),
        ("bytes-behind", CHUNKS + HIDDEN, b"5", "400/MalformedTrailerError ok"),
        ("size-no-number", b"x\r\nhello\r\n0\r\n\r\n", b"5", "400/InvalidArgument ok"),
        ("size-minus", b"-5\r\nhello\r\n0\r\n\r\n", b"5", "400/InvalidArgument ok"),
        ("size-overflow", b"10000000000000005\r\nhello\r\n0\r\n\r\n", b"5", "400/InvalidArgument ok"),
        ("lf", b"5\nhello\n0\n\n", b"5", "400/InvalidArgument ok"),
        ("data-too-long", b"3\r\nhello\r\n0\r\n\r\n", b"5", "400/InvalidArgument ok"),
        ("line-too-long", b"5;" + b"a" * 2000 + b"\r\nhello\r\n0\r\n\r\n", b"5", "400/InvalidArgument ok"),
        ("17-trailers", b"5\r\nhello\r\n0\r\n" + b"".join(b"x-%d:a\r\n" % i for i in range(17)) + b"\r\n", b"5", "400/MalformedTrailerError ok"),
    ]})
