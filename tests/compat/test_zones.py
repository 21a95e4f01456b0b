"""Zones as clients meet them: the document by a signed request, the tag by boto3, aws-cli and S3 Control."""
import concurrent.futures
import json
import re
import urllib.parse

import boto3
import botocore.config
import pytest
import urllib3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

import lakegated
from conftest import content, new_name, refused

RAW = {"Name": "raw", "Prefix": "raw/", "WriteOnce": True, "Duplicates": "reject"}
TRUSTED = {"Name": "trusted", "Prefix": "trusted/", "PromoteFrom": ["raw"], "Duplicates": "flag"}
REFINED = {"Name": "refined", "Prefix": "refined/", "PromoteFrom": ["trusted"]}


def document(*zones):
    return json.dumps({"Version": "2026-11-01", "Zones": list(zones)})


def call(server, method, path, body=b"", headers=None):
    """A signed request; (status, headers, body)."""
    data = body.encode() if isinstance(body, str) else body
    request = AWSRequest(method, server.endpoint + path, data=data, headers=headers or {})
    S3SigV4Auth(Credentials(lakegated.ACCESS_KEY, lakegated.SECRET_KEY), "s3", lakegated.REGION).add_auth(request)
    with urllib3.PoolManager() as pool:
        reply = pool.request(method, request.url, body=data, headers=dict(request.headers), redirect=False, retries=False)
    return reply.status, reply.headers, reply.data


@pytest.fixture
def lake(server, s3):
    name = new_name("lake")
    s3.create_bucket(Bucket=name)
    assert call(server, "PUT", f"/{name}?lakegate-zones", document(RAW, TRUSTED, REFINED))[0] == 204
    return name


def header(reply, name):
    return reply["ResponseMetadata"]["HTTPHeaders"].get(name)


def test_the_document(server, s3, lake):
    status, headers, body = call(server, "GET", f"/{lake}?lakegate-zones")
    assert status == 200 and headers["content-type"] == "application/json"
    assert [zone["Name"] for zone in json.loads(body)["Zones"]] == ["raw", "trusted", "refined"]
    status, _, body = call(server, "PUT", f"/{lake}?lakegate-zones", document(RAW, {"Name": "x", "Prefix": "raw/x/"}))
    assert status == 400 and b"Zones[1].Prefix: overlaps" in body
    assert call(server, "DELETE", f"/{lake}?lakegate-zones")[0] == 204
    assert call(server, "GET", f"/{lake}?lakegate-zones")[0] == 404


def test_every_answer_names_the_zone(server, s3, lake):
    put = s3.put_object(Bucket=lake, Key="raw/a", Body=b"1")
    assert header(put, "x-lakegate-zone") == "raw"
    assert header(s3.get_object(Bucket=lake, Key="raw/a"), "x-lakegate-zone") == "raw"
    assert header(s3.head_object(Bucket=lake, Key="raw/a"), "x-lakegate-zone") == "raw"
    with refused("NoSuchKey", 404) as found:
        s3.get_object(Bucket=lake, Key="trusted/none")
    assert header(found.response, "x-lakegate-zone") == "trusted"
    assert header(s3.put_object(Bucket=lake, Key="elsewhere", Body=b"1"), "x-lakegate-zone") is None
    with urllib3.PoolManager() as pool:
        anonymous = pool.request("GET", f"{server.endpoint}/{lake}/raw/a")
    assert anonymous.status == 403 and "x-lakegate-zone" not in anonymous.headers


def test_refusals(s3, lake):
    s3.put_object(Bucket=lake, Key="raw/a b", Body=b"content")
    with refused("ObjectAlreadyExists", 409) as found:
        s3.put_object(Bucket=lake, Key="raw/a b", Body=b"other")
    assert found.response["Error"]["Zone"] == "raw" and found.response["Error"]["Rule"] == "WriteOnce"
    with refused("DuplicateObject", 409) as found:
        s3.put_object(Bucket=lake, Key="raw/c", Body=b"content")
    assert header(found.response, "x-lakegate-duplicate-of") == "raw/a%20b"
    with refused("AccessDenied", 403) as found:
        s3.copy_object(Bucket=lake, Key="refined/a", CopySource={"Bucket": lake, "Key": "raw/a b"})
    assert found.response["Error"]["Rule"] == "PromoteFrom" and found.response["Error"]["SourceZone"] == "raw"
    s3.copy_object(Bucket=lake, Key="trusted/a", CopySource={"Bucket": lake, "Key": "raw/a b"})
    s3.copy_object(Bucket=lake, Key="refined/a", CopySource={"Bucket": lake, "Key": "trusted/a"})


def test_a_retried_ingestion_changes_nothing(s3, lake):
    first = s3.put_object(Bucket=lake, Key="raw/x", Body=b"rows", ContentType="text/csv", Metadata={"job": "7"})
    when = s3.head_object(Bucket=lake, Key="raw/x")["LastModified"]
    again = s3.put_object(Bucket=lake, Key="raw/x", Body=b"rows", ContentType="text/csv", Metadata={"job": "7"})
    assert again["ETag"] == first["ETag"] and s3.head_object(Bucket=lake, Key="raw/x")["LastModified"] == when
    with refused("PreconditionFailed", 412):
        s3.put_object(Bucket=lake, Key="raw/x", Body=b"rows", ContentType="text/csv", Metadata={"job": "7"}, IfNoneMatch="*")


def test_flagged_objects_say_so(s3, lake):
    s3.put_object(Bucket=lake, Key="trusted/1", Body=b"same")
    s3.put_object(Bucket=lake, Key="trusted/2", Body=b"same")
    assert header(s3.get_object(Bucket=lake, Key="trusted/2"), "x-lakegate-duplicate-of") == "trusted/1"
    assert header(s3.get_object(Bucket=lake, Key="trusted/1"), "x-lakegate-duplicate-of") is None


def test_a_multipart_upload_of_what_is_there(s3, lake):
    data = content(11 << 20)
    s3.put_object(Bucket=lake, Key="raw/whole", Body=data)
    upload = s3.create_multipart_upload(Bucket=lake, Key="raw/parts")["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(data), 5 << 20), 1):
        part = s3.upload_part(Bucket=lake, Key="raw/parts", UploadId=upload, PartNumber=number, Body=data[start:start + (5 << 20)])
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    with refused("DuplicateObject", 409):
        s3.complete_multipart_upload(Bucket=lake, Key="raw/parts", UploadId=upload, MultipartUpload={"Parts": parts})
    # The same again for its own key, in other parts: nothing changes.
    upload = s3.create_multipart_upload(Bucket=lake, Key="raw/whole")["UploadId"]
    parts = []
    for number, start in enumerate(range(0, len(data), 5 << 20), 1):
        part = s3.upload_part(Bucket=lake, Key="raw/whole", UploadId=upload, PartNumber=number, Body=data[start:start + (5 << 20)])
        parts.append({"PartNumber": number, "ETag": part["ETag"]})
    before = s3.head_object(Bucket=lake, Key="raw/whole")["ETag"]
    done = s3.complete_multipart_upload(Bucket=lake, Key="raw/whole", UploadId=upload, MultipartUpload={"Parts": parts})
    assert done["ETag"] == before == s3.head_object(Bucket=lake, Key="raw/whole")["ETag"]


def test_a_complete_reads_nothing_of_what_is_new(server, s3, lake):
    """Size and checksum, which are combined of the parts, tell that there is no such object yet."""
    def read_by_complete(key, part):
        upload = s3.create_multipart_upload(Bucket=lake, Key=key)["UploadId"]
        parts = [{"PartNumber": number, "ETag": s3.upload_part(Bucket=lake, Key=key, UploadId=upload, PartNumber=number, Body=part)["ETag"]}
                 for number in (1, 2)]
        before = bytes_read()
        s3.complete_multipart_upload(Bucket=lake, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})
        return bytes_read() - before

    def bytes_read():
        with open(f"/proc/{server.process.pid}/io", encoding="ascii") as file:
            return int(re.search(r"rchar: (\d+)", file.read()).group(1))

    size = 8 << 20
    read_by_complete("trusted/1", content(size, 1))
    assert read_by_complete("trusted/2", content(size, 2)) < 1 << 20
    assert read_by_complete("trusted/3", content(size, 1)) >= 4 * size  # the same as the first: both are compared


def test_of_racing_duplicates_one_wins(server, lake):
    """Through HTTP, where commits are deferred and go back to a worker."""
    def put(number, client):
        try:
            client.put_object(Bucket=lake, Key=f"raw/race-{number}", Body=data)
            return 200
        except client.exceptions.ClientError as error:
            assert error.response["Error"]["Code"] == "DuplicateObject", error
            return 409

    clients = [lakegated.client(server) for _ in range(8)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for turn in range(20):
            data = content(2000 + 100_000 * (turn % 2) + turn)
            statuses = list(pool.map(put, range(turn * 8, turn * 8 + 8), clients))
            assert sorted(statuses) == [200] + [409] * 7


def test_the_tag(server, s3, bucket):
    s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "lakegate:zone", "Value": "landing"}]})
    shown = json.loads(call(server, "GET", f"/{bucket}?lakegate-zones")[2])
    assert shown["From"] == "tag" and shown["Zones"][0]["Name"] == "landing" and shown["Zones"][0]["WriteOnce"]
    s3.put_object(Bucket=bucket, Key="a", Body=b"1")
    with refused("ObjectAlreadyExists", 409):
        s3.put_object(Bucket=bucket, Key="a", Body=b"2")
    with refused("InvalidTag", 400):
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "lakegate:zone", "Value": "platinum"}]})
    s3.delete_bucket_tagging(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a", Body=b"2")


def test_tags_of_a_new_bucket(s3):
    name = new_name("tagged")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"Tags": [{"Key": "lakegate:zone", "Value": "raw"}, {"Key": "team", "Value": "a b"}]})
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "lakegate:zone", "Value": "raw"}, {"Key": "team", "Value": "a b"}]
    s3.put_object(Bucket=name, Key="a", Body=b"1")
    with refused("ObjectAlreadyExists", 409):
        s3.put_object(Bucket=name, Key="a", Body=b"2")


def to_server(request, **_):
    """The account is the first label of the Host, which only a DNS of one's own would resolve."""
    url = urllib.parse.urlsplit(request.url)
    request.headers["Host"] = url.netloc
    assert url.netloc.startswith("000000000001.")
    request.url = url._replace(netloc=url.netloc.split(".", 1)[1]).geturl()


def test_s3_control(server, s3, bucket):
    """As Terraform does it since provider 6.23."""
    control = boto3.client(
        "s3control", endpoint_url=server.endpoint, region_name=lakegated.REGION,
        aws_access_key_id=lakegated.ACCESS_KEY, aws_secret_access_key=lakegated.SECRET_KEY,
        config=botocore.config.Config(retries={"max_attempts": 0}))
    control.meta.events.register("before-send.s3-control", to_server)
    named = {"AccountId": "000000000001", "ResourceArn": f"arn:aws:s3:::{bucket}"}
    assert control.list_tags_for_resource(**named)["Tags"] == []
    control.tag_resource(**named, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}])
    control.tag_resource(**named, Tags=[{"Key": "b", "Value": "3"}])
    assert control.list_tags_for_resource(**named)["Tags"] == [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "3"}]
    control.untag_resource(**named, TagKeys=["a", "c"])
    assert s3.get_bucket_tagging(Bucket=bucket)["TagSet"] == [{"Key": "b", "Value": "3"}]
    with refused("InvalidTag", 400):
        control.tag_resource(**named, Tags=[{"Key": "aws:x", "Value": "1"}])
    with refused("NoSuchBucket", 404):
        control.list_tags_for_resource(AccountId="000000000001", ResourceArn="arn:aws:s3:::no-such-bucket-here")


def test_aws_cli(aws, any_server):
    name = new_name("cli")
    aws.run("s3api", "create-bucket", "--bucket", name)
    aws.run("s3api", "put-bucket-tagging", "--bucket", name, "--tagging", "TagSet=[{Key=lakegate:zone,Value=raw}]")
    assert "lakegate:zone" in aws.run("s3api", "get-bucket-tagging", "--bucket", name)
    aws.run("s3api", "put-object", "--bucket", name, "--key", "a")
    aws.run("s3api", "delete-bucket-tagging", "--bucket", name)


def test_statistics_duplicates_lineage(server, s3, lake):
    s3.put_object(Bucket=lake, Key="trusted/1", Body=b"same")
    s3.put_object(Bucket=lake, Key="trusted/2", Body=b"same")
    s3.copy_object(Bucket=lake, Key="refined/1", CopySource={"Bucket": lake, "Key": "trusted/1"})
    stats = {zone["Name"]: zone for zone in json.loads(call(server, "GET", f"/{lake}?lakegate-zone-stats")[2])["Zones"]}
    assert (stats["trusted"]["Objects"], stats["trusted"]["Bytes"], stats["trusted"]["DuplicatesFound"]) == (2, 8, 1)
    assert stats["refined"]["Promotions"] == 1
    groups = json.loads(call(server, "GET", f"/{lake}?lakegate-duplicates&zone=trusted")[2])["Groups"]
    assert [group["Keys"] for group in groups] == [["trusted/1", "trusted/2"]]
    lineage = json.loads(call(server, "GET", f"/{lake}/refined/1?lakegate-lineage")[2])
    assert [edge["Key"] for edge in lineage["Sources"]] == ["trusted/1"] and lineage["Sources"][0]["Kind"] == "recorded"


def test_metrics(server, s3, lake):
    """Names of buckets are for who signs, and may lakegate:GetMetrics."""
    s3.put_object(Bucket=lake, Key="raw/1", Body=b"four")
    page = call(server, "GET", "/-/metrics")[2].decode()
    assert f'lakegate_zone_bytes{{bucket="{lake}",zone="raw"}} 4\n' in page
    with urllib3.PoolManager() as pool:
        assert "lakegate_zone_" not in pool.request("GET", f"{server.endpoint}/-/metrics").data.decode()


def keys_of_new_user(server, policies=()):
    """A user with these statements; (a client of theirs, their ARN)."""
    root = boto3.client(
        "iam", endpoint_url=server.endpoint, region_name=lakegated.REGION,
        aws_access_key_id=lakegated.ACCESS_KEY, aws_secret_access_key=lakegated.SECRET_KEY)
    user = root.create_user(UserName=new_name("user"))["User"]
    for statement in policies:
        root.put_user_policy(UserName=user["UserName"], PolicyName=new_name("policy"),
                             PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    key = root.create_access_key(UserName=user["UserName"])["AccessKey"]
    return boto3.client(
        "s3", endpoint_url=server.endpoint, region_name=lakegated.REGION, aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"]), user["Arn"]


def test_three_statements(server, s3, lake):
    """The cleaning job reads raw and writes trusted, analysts read refined, nobody else anything."""
    (cleaner, cleaner_arn), (analyst, analyst_arn) = keys_of_new_user(server), keys_of_new_user(server)
    stranger, _ = keys_of_new_user(server)
    s3.put_bucket_policy(Bucket=lake, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": {"AWS": who}, "Action": action, "Resource": f"arn:aws:s3:::{lake}/*",
         "Condition": {"StringEquals": {"lakegate:zone": zone}}}
        for who, action, zone in [(cleaner_arn, "s3:GetObject", "raw"), (cleaner_arn, "s3:PutObject", "trusted"),
                                  (analyst_arn, "s3:GetObject", "refined")]]}))
    stages = ["raw", "trusted", "refined"]
    for stage in [*stages, "free"]:
        s3.put_object(Bucket=lake, Key=f"{stage}/a", Body=stage.encode())
    reads = {cleaner: ["raw"], analyst: ["refined"], stranger: []}
    writes = {cleaner: ["trusted"], analyst: [], stranger: []}
    for client in reads:
        for stage in [*stages, "free"]:
            if stage in reads[client]:
                assert client.get_object(Bucket=lake, Key=f"{stage}/a")["Body"].read() == stage.encode()
            else:
                with refused("AccessDenied", 403):
                    client.get_object(Bucket=lake, Key=f"{stage}/a")
            if stage in writes[client]:
                client.put_object(Bucket=lake, Key=f"{stage}/b", Body=b"b")
            else:
                with refused("AccessDenied", 403):
                    client.put_object(Bucket=lake, Key=f"{stage}/b", Body=b"b")
    cleaner.copy_object(Bucket=lake, Key="trusted/copy", CopySource=f"{lake}/raw/a")
    with refused("AccessDenied", 403):
        cleaner.copy_object(Bucket=lake, Key="trusted/copy", CopySource=f"{lake}/free/a")


def test_the_zone_of_a_copys_source_is_a_condition(server, s3, lake):
    """In a policy of an identity: what the job puts into trusted comes from raw, as copies alone."""
    everything = f"arn:aws:s3:::{lake}/*"
    job, _ = keys_of_new_user(server, [
        {"Effect": "Allow", "Action": "s3:GetObject", "Resource": everything},
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": everything,
         "Condition": {"StringLike": {"lakegate:zone": "trust*", "lakegate:sourceZone": "r?w"}}}])
    s3.put_object(Bucket=lake, Key="raw/a", Body=b"raw")
    s3.put_object(Bucket=lake, Key="free/a", Body=b"free")
    job.copy_object(Bucket=lake, Key="trusted/a", CopySource=f"{lake}/raw/a")
    for key, source in [("trusted/b", "free/a"), ("free/b", "raw/a"), ("trusted/b", "trusted/a")]:
        with refused("AccessDenied", 403):
            job.copy_object(Bucket=lake, Key=key, CopySource=f"{lake}/{source}")
    with refused("AccessDenied", 403):
        job.put_object(Bucket=lake, Key="trusted/b", Body=b"b")


def test_forms_meet_the_rules(server, s3, lake):
    def post(key, body, name="file"):
        form = s3.generate_presigned_post(lake, key)
        with urllib3.PoolManager() as pool:
            return pool.request("POST", form["url"], fields={**form["fields"], "file": (name, body)})

    assert [post("raw/${filename}", b"a", "a.csv").status for _ in range(2)] == [204, 204]  # a retry
    reply = post("raw/a.csv", b"b")
    assert (reply.status, reply.headers["x-lakegate-zone"]) == (409, "raw") and b"<Code>ObjectAlreadyExists<" in reply.data
    reply = post("raw/b.csv", b"a")
    assert (reply.status, reply.headers["x-lakegate-duplicate-of"]) == (409, "raw/a.csv") and b"<Code>DuplicateObject<" in reply.data
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=lake)["Contents"]] == ["raw/a.csv"]


def test_compressed_objects_are_what_was_sent(server, s3):
    name, body = new_name("text"), b"".join(b"%d,Oslo\n" % i for i in range(300_000))
    s3.create_bucket(Bucket=name)
    assert call(server, "PUT", f"/{name}?lakegate-zones", document({"Name": "raw", "Prefix": "", "Compress": True}))[0] == 204
    put = s3.put_object(Bucket=name, Key="a.csv", Body=body, ContentType="text/csv", ChecksumAlgorithm="CRC64NVME")
    got = s3.get_object(Bucket=name, Key="a.csv", ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert (got["ContentLength"], got["ETag"], got["ChecksumCRC64NVME"]) == (len(body), put["ETag"], put["ChecksumCRC64NVME"])
    assert s3.list_objects_v2(Bucket=name)["Contents"][0]["Size"] == len(body)
    for first, last in [(0, 0), (262_140, 262_150), (1_000_000, 2_000_000), (len(body) - 5, len(body) - 1)]:
        part = s3.get_object(Bucket=name, Key="a.csv", Range=f"bytes={first}-{last}")
        assert part["Body"].read() == body[first:last + 1]
