"""XML bodies: bombs, broken documents, and lists that are too long."""
import base64
import time
import zlib

import pytest

import raw


def crc32(data):
    return base64.b64encode(zlib.crc32(data).to_bytes(4, "big")).decode()


def delete(server, bucket, document):
    return raw.request(server, "POST", f"/{bucket}?delete", [("x-amz-checksum-crc32", crc32(document))], document)


BILLION = "<!DOCTYPE d [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{i} '{f'&a{i - 1};' * 10}'>" for i in range(1, 10)) + "]>"
ONE = "<Object><Key>k</Key></Object>"
DOCUMENTS = {
    "empty": b"",
    "space": b"  \n ",
    "nul": b"\0",
    "no-xml": b"hello",
    "json": b'{"Delete":{"Object":[{"Key":"k"}]}}',
    "other-root": f"<Remove>{ONE}</Remove>",
    "unclosed": f"<Delete>{ONE}",
    "wrongly-closed": f"<Delete>{ONE}</Deleted>",
    "two-roots": f"<Delete>{ONE}</Delete><Delete>{ONE}</Delete>",
    "text-behind": f"<Delete>{ONE}</Delete>hello",
    "no-objects": "<Delete></Delete>",
    "no-key": "<Delete><Object></Object></Delete>",
    "empty-key": "<Delete><Object><Key></Key></Object></Delete>",
    "billion-laughs": BILLION + "<Delete><Object><Key>&a9;</Key></Object></Delete>",
    "quadratic-blowup": f"<!DOCTYPE d [<!ENTITY a '{'a' * 50_000}'>]><Delete><Object><Key>{'&a;' * 5000}</Key></Object></Delete>",
    "doctype": f"<!DOCTYPE Delete><Delete>{ONE}</Delete>",
    "external-dtd": f'<!DOCTYPE Delete SYSTEM "file:///etc/passwd"><Delete>{ONE}</Delete>',
    "external-entity": '<!DOCTYPE d [<!ENTITY x SYSTEM "file:///etc/hostname">]><Delete><Object><Key>&x;</Key></Object></Delete>',
    "external-entity-http": '<!DOCTYPE d [<!ENTITY x SYSTEM "http://127.0.0.1:9/">]><Delete><Object><Key>&x;</Key></Object></Delete>',
    "parameter-entity": '<!DOCTYPE d [<!ENTITY % x SYSTEM "file:///etc/hostname"> %x;]><Delete><Object><Key>k</Key></Object></Delete>',
    "undeclared-entity": "<Delete><Object><Key>&nbsp;</Key></Object></Delete>",
    "entity-in-attribute": "<!DOCTYPE d [<!ENTITY a 'b'>]><Delete x='&a;'><Object><Key>k</Key></Object></Delete>",
    "attribute-default": "<!DOCTYPE d [<!ATTLIST Delete x CDATA 'y'>]>" + f"<Delete>{ONE}</Delete>",
    "depth-17": "<Delete><Object>" + "<a>" * 15 + "</a>" * 15 + "<Key>k</Key></Object></Delete>",
    "depth-100000": "<a>" * 100_000,
    "depth-with-root": "<Delete>" + "<Object>" * 50_000,
    "many-elements": "<Delete>" + "<a/>" * 60_000 + ONE + "</Delete>",
    "megabyte-of-elements": "<Delete>" + "<a/>" * 260_000 + "</Delete>",
    "many-attributes": "<Delete " + " ".join(f"a{i}='1'" for i in range(100_000)) + f">{ONE}</Delete",
    "attributes-17": "<Delete " + " ".join(f"a{i}='1'" for i in range(17)) + f">{ONE}</Delete>",
    "many-tags-of-many-attributes": "<Delete>" + ("<a " + " ".join(f"a{i}='1'" for i in range(700)) + "/>") * 150 + f"{ONE}</Delete>",
    "many-namespaces": "<Delete " + " ".join(f"xmlns:a{i}='u:{i}'" for i in range(40_000)) + f">{ONE}</Delete>",
    "attribute-twice": f"<Delete a='1' a='2'>{ONE}</Delete>",
    "huge-attribute": f"<Delete a='{'x' * 900_000}>{ONE}</Delete>",
    "huge-name": f"<{'D' * 900_000}>{ONE}</Delete>",
    "huge-comment": f"<!--{'x' * 900_000}<Delete>{ONE}</Delete>",
    "control-character": "<Delete><Object><Key>a\x01b</Key></Object></Delete>",
    "control-reference": "<Delete><Object><Key>a&#1;b</Key></Object></Delete>",
    "nul-reference": "<Delete><Object><Key>a&#0;b</Key></Object></Delete>",
    "reference-past-unicode": "<Delete><Object><Key>&#x110000;</Key></Object></Delete>",
    "surrogate-reference": "<Delete><Object><Key>&#xD800;</Key></Object></Delete>",
    "unbound-prefix-and-broken": "<x:Delete><Object></x:Delete>",
    "latin-1-undeclared": b"<Delete><Object><Key>\xfc</Key></Object></Delete>",
    "latin-1-called-utf8": b"<?xml version='1.0' encoding='UTF-8'?><Delete><Object><Key>\xfc</Key></Object></Delete>",
    "overlong": b"<Delete><Object><Key>\xc0\xaf</Key></Object></Delete>",
    "utf16-broken": f"<Delete>{ONE}</Delete>".encode("utf-16")[:-1],
    "utf32": f"<Delete>{ONE}</Delete>".encode("utf-32"),
    "utf7": f"<?xml version='1.0' encoding='UTF-7'?><Delete>{ONE}</Delete>",
    "ebcdic": f"<Delete>{ONE}</Delete>".encode("cp500"),
    "ebcdic-declared": f"<?xml version='1.0' encoding='IBM037'?><Delete>{ONE}</Delete>",
    "shift-jis": f"<?xml version='1.0' encoding='SHIFT_JIS'?><Delete>{ONE}</Delete>",
    "unknown-encoding": f"<?xml version='1.0' encoding='KLINGON'?><Delete>{ONE}</Delete>",
    "encoding-of-a-path": f"<?xml version='1.0' encoding='../../etc/passwd'?><Delete>{ONE}</Delete>",
    "declaration-late": f" <?xml version='1.0'?><Delete>{ONE}</Delete>",
    "version-9": f"<?xml version='9.9'?><Delete>{ONE}",
    "keys-1001": "<Delete>" + "".join(f"<Object><Key>k{i}</Key></Object>" for i in range(1001)) + "</Delete>",
    "keys-50000": "<Delete>" + "".join(f"<Object><Key>k{i}</Key></Object>" for i in range(50_000)) + "</Delete>",
    "cdata-unclosed": "<Delete><Object><Key><![CDATA[k</Key></Object></Delete>",
    "xinclude": '<Delete xmlns:xi="http://www.w3.org/2001/XInclude"><Object><xi:include href="file:///etc/hostname" parse="text"/></Object></Delete>',
}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document_that_is_refused(server, bucket, name):
    document = DOCUMENTS[name]
    document = document if isinstance(document, bytes) else document.encode()
    began = time.monotonic()
    reply = delete(server, bucket, document)
    assert reply.status == 400, reply
    assert reply.code in ("MalformedXML", "MissingRequestBodyError", "MaxMessageLengthExceeded"), reply
    assert time.monotonic() < began + 5, "refused late"
    assert b"root:" not in reply.body


@pytest.mark.parametrize("name", [name for name in DOCUMENTS if name not in ("empty", "many-elements", "keys-1001", "keys-50000")])
@pytest.mark.parametrize("operation", ["create-bucket", "complete"])
def test_document_that_is_refused_elsewhere(server, bucket, operation, name):
    """The same parser behind two other doors, with their root in place of DeleteObjects' one."""
    document = DOCUMENTS[name]
    document = document if isinstance(document, bytes) else document.encode()
    if operation == "create-bucket":
        document = document.replace(b"Delete", b"CreateBucketConfiguration")
        reply = raw.request(server, "PUT", f"/not-{bucket}", body=document)
        if reply.status == 200:  # elements that it does not look into
            assert raw.request(server, "DELETE", f"/not-{bucket}").status == 204
            assert name == "no-objects", reply
            return
        if reply.status == 501:  # settings in it that are not there yet
            assert name in ("no-key", "empty-key", "xinclude"), reply
            return
    else:
        upload = raw.request(server, "POST", f"/{bucket}/xml?uploads").field("UploadId")
        document = document.replace(b"Delete", b"CompleteMultipartUpload")
        reply = raw.request(server, "POST", f"/{bucket}/xml?uploadId={upload}", body=document)
        assert raw.request(server, "DELETE", f"/{bucket}/xml?uploadId={upload}").status == 204
    assert reply.status == 400, reply
    assert reply.code in ("MalformedXML", "MissingRequestBodyError", "MaxMessageLengthExceeded", "InvalidRequest"), reply


ACCEPTED = {
    "plain": "<Delete><Object><Key>{key}</Key></Object></Delete>",
    "namespace": '<Delete xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Object><Key>{key}</Key></Object></Delete>',
    "prefix": '<s3:Delete xmlns:s3="http://s3.amazonaws.com/doc/2006-03-01/"><s3:Object><s3:Key>{key}</s3:Key></s3:Object></s3:Delete>',
    "declaration": "<?xml version='1.0' encoding='utf-8' standalone='yes'?>\n<Delete>\n <Object>\n  <Key>{key}</Key>\n </Object>\n</Delete>\n",
    "byte-order-mark": "\ufeff<Delete><Object><Key>{key}</Key></Object></Delete>",
    "comment": "<!-- a --><Delete><!-- b --><Object><Key>{key}</Key></Object></Delete><!-- c -->",
    "cdata": "<Delete><Object><Key><![CDATA[{key}]]></Key></Object></Delete>",
    "instruction": "<?pi x?><Delete><Object><Key>{key}</Key></Object></Delete>",
    "unknown-elements": "<Delete><Owner>me</Owner><Object><Key>{key}</Key><Other/></Object></Delete>",
    "reference": "<Delete><Object><Key>&#x6b;{tail}</Key></Object></Delete>",
}


@pytest.mark.parametrize("name", ACCEPTED)
def test_document_that_is_accepted(server, bucket, present, name):
    key = present.rsplit("/", 1)[1]
    reply = delete(server, bucket, ACCEPTED[name].format(key=key, tail=key[1:]).encode())
    assert reply.status == 200 and f"<Deleted><Key>{key}</Key></Deleted>".encode() in reply.body, reply
    assert raw.request(server, "GET", present).code == "NoSuchKey"


@pytest.mark.parametrize("declared", [" encoding='UTF-16'", " encoding='UTF-8'", ""])
def test_utf16_is_read_as_what_it_is(server, bucket, present, declared):
    key = present.rsplit("/", 1)[1]
    document = f"<?xml version='1.0'{declared}?><Delete><Object><Key>{key}</Key></Object></Delete>".encode("utf-16")
    reply = delete(server, bucket, document)
    assert reply.status == 200 and f"<Deleted><Key>{key}</Key></Deleted>".encode() in reply.body, reply


def test_1000_keys(server, bucket):
    """The most that is allowed, of the longest kind."""
    document = "<Delete>" + "".join(f"<Object><Key>{i:04}{'k' * 1020}</Key></Object>" for i in range(1000)) + "</Delete>"
    reply = delete(server, bucket, document.encode())
    assert reply.status == 200 and reply.body.count(b"<Deleted>") == 1000, reply.status


@pytest.mark.parametrize("key,code", [("k" * 1025, "KeyTooLongError"), ("&amp;" * 1024, None), ("x" * 100_000, "KeyTooLongError")])
def test_long_keys_in_delete_objects(server, bucket, key, code):
    reply = delete(server, bucket, f"<Delete><Object><Key>{key}</Key></Object></Delete>".encode())
    assert reply.status in (200, 400), reply
    if code is None:
        assert reply.status == 200 and b"<Deleted>" in reply.body, reply
    else:
        assert reply.code == code, reply


@pytest.mark.parametrize("version", ["garbage", "x" * 5000, "../..", "\u00fc", "0" * 32])
def test_version_ids_that_are_none_in_delete_objects(server, bucket, present, version):
    key = present.rsplit("/", 1)[1]
    reply = delete(server, bucket, f"<Delete><Object><Key>{key}</Key><VersionId>{version}</VersionId></Object></Delete>".encode())
    assert reply.status in (200, 400), reply
    assert raw.request(server, "GET", present).status == 200


# ---- CompleteMultipartUpload ----

@pytest.fixture
def upload(server, key):
    """Target and the ETag of its one part."""
    upload = raw.request(server, "POST", key + "?uploads").field("UploadId")
    etag = raw.request(server, "PUT", f"{key}?partNumber=1&uploadId={upload}", body=b"part").header("etag").strip('"')
    yield f"{key}?uploadId={upload}", etag
    raw.request(server, "DELETE", f"{key}?uploadId={upload}")


def complete(server, target, parts):
    document = "<CompleteMultipartUpload>" + "".join(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>" for number, etag in parts)
    return raw.request(server, "POST", target, body=(document + "</CompleteMultipartUpload>").encode())


def test_100000_part_numbers(server, upload):
    target, etag = upload
    began = time.monotonic()
    reply = complete(server, target, ((number, "x") for number in range(1, 100_001)))
    assert reply.status == 400 and reply.code in ("MalformedXML", "MaxMessageLengthExceeded"), reply
    assert time.monotonic() < began + 10


def test_10000_part_numbers_that_are_not_there(server, upload):
    target, etag = upload
    reply = complete(server, target, ((number, etag) for number in range(1, 10_001)))
    assert reply.status == 400 and reply.code in ("InvalidPart", "EntityTooSmall"), reply


def test_10001_part_numbers(server, upload):
    target, etag = upload
    reply = complete(server, target, ((number, etag) for number in range(1, 10_002)))
    assert (reply.status, reply.code) == (400, "MalformedXML"), reply


PARTS = {
    "number-zero": ([("0", None)], "MalformedXML"), "number-negative": ([("-1", None)], "MalformedXML"), "number-10001": ([("10001", None)], "MalformedXML"),
    "number-word": ([("one", None)], "MalformedXML"), "number-empty": ([("", None)], "MalformedXML"), "number-overflow": ([("4294967297", None)], "MalformedXML"),
    "number-overflow-64": ([("18446744073709551617", None)], "MalformedXML"),
    "same-twice": ([("1", None), ("1", None)], "InvalidPartOrder"), "descending": ([("2", None), ("1", None)], "InvalidPartOrder"),
    "missing": ([("2", None)], "InvalidPart"), "etag-wrong": ([("1", "0" * 32)], "InvalidPart"), "etag-garbage": ([("1", "garbage")], "InvalidPart"),
    "etag-empty": ([("1", "")], "MalformedXML"), "etag-long": ([("1", "e" * 100_000)], "InvalidPart"), "none": ([], "MalformedXML"),
}


@pytest.mark.parametrize("name", PARTS)
def test_part_lists_that_are_refused(server, upload, name):
    target, etag = upload
    parts, code = PARTS[name]
    reply = complete(server, target, [(number, etag if given is None else given) for number, given in parts])
    assert (reply.status, reply.code) == (400, code), reply
    assert complete(server, target, [("1", etag)]).status == 200, "the upload lives on"


@pytest.mark.parametrize("upload_id", ["x", "", "../..", "%00", "%ff", "u" * 5000, "0" * 32, "AAAA%3D%3D"])
@pytest.mark.parametrize("method", ["PUT", "GET", "POST", "DELETE"])
def test_upload_ids_that_are_none(server, key, method, upload_id):
    query = f"?uploadId={upload_id}" + ("&partNumber=1" if method == "PUT" else "")
    body = b"<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>" if method == "POST" else b""
    reply = raw.request(server, method, key + query, body=body)
    expected = ("InvalidURI",) if upload_id == "%ff" else ("NoSuchUpload", "InvalidArgument")
    assert reply.status in (400, 404) and reply.code in expected, reply


# ---- CreateBucket ----

@pytest.mark.parametrize("location,code", [("mars-north-1", ("InvalidLocationConstraint", "IllegalLocationConstraintException")),
                                           ("x" * 10_000, ("InvalidLocationConstraint", "IllegalLocationConstraintException")),
                                           ("../..", ("InvalidLocationConstraint", "IllegalLocationConstraintException"))])
def test_location_constraints_that_are_none(server, bucket, location, code):
    document = f"<CreateBucketConfiguration><LocationConstraint>{location}</LocationConstraint></CreateBucketConfiguration>"
    reply = raw.request(server, "PUT", f"/elsewhere-{bucket}", body=document.encode())
    assert reply.status == 400 and reply.code in code, reply
