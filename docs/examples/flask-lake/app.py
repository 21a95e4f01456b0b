"""A web page over a lake, with four functions: view files, upload, download, and copy a public data set into one's own
bucket. Everything goes by boto3, as against AWS; the copy is a job of Lakegate's, so it goes on when this program ends.

    LAKE_BUCKET        the bucket that is shown
    AWS_ENDPOINT_URL   the gateway; with AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION
    LAKE_SOURCES       s3://bucket/prefix of data sets that may be copied, with spaces between; absent: any
    LAKE_SOURCE_ENDPOINT   an S3 server that data sets lie on, when it is not AWS
"""
import json
import os
import secrets
import urllib.request
from urllib.error import HTTPError
from urllib.parse import quote

import boto3
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import ClientError
from flask import Flask, Response, abort, flash, redirect, render_template, request, url_for

BLOCK_BYTES = 256 * 1024


def split_s3(address):
    """s3://bucket/prefix → (bucket, prefix)"""
    if not address.startswith("s3://"):
        raise ValueError("A source is written s3://bucket/prefix")
    bucket, _, prefix = address[len("s3://"):].partition("/")
    if not bucket:
        raise ValueError("The source names no bucket")
    return bucket, prefix


class Refused(Exception):
    """The gateway's answer to a copy job, in its words."""

    def __init__(self, status, text):
        message = text.partition("<Message>")[2].partition("</Message>")[0] or f"The gateway answered {status}"
        super().__init__(message)
        self.status = status


class Jobs:
    """Copy jobs by their REST (docs/BULK-COPY.md), signed as requests to S3 are."""

    def __init__(self, session, endpoint):
        self.session = session
        self.endpoint = endpoint.rstrip("/")

    def call(self, method, path, body=None):
        data = json.dumps(body).encode() if body is not None else b""
        asked = AWSRequest(method, self.endpoint + path, data=data)
        S3SigV4Auth(self.session.get_credentials(), "s3", self.session.region_name or "us-east-1").add_auth(asked)
        sent = urllib.request.Request(asked.url, data=data or None, method=method, headers=dict(asked.headers.items()))
        try:
            with urllib.request.urlopen(sent, timeout=60) as answer:
                text = answer.read()
        except HTTPError as error:
            raise Refused(error.code, error.read().decode()) from error
        return json.loads(text) if text else None

    def start(self, source, destination, endpoint=None):
        bucket, prefix = split_s3(source)
        where = {"bucket": bucket, "prefix": prefix}
        if endpoint:
            where["endpoint"] = endpoint
        return self.call("POST", "/-/copies", {"source": where, "destination": destination})

    def list(self):
        return self.call("GET", "/-/copies?max=10")["copies"]

    def cancel(self, job):
        self.call("DELETE", f"/-/copies/{quote(job, safe='')}")


def copy_here(s3, source, bucket, prefix):
    """The same for what boto3 sees under the gateway's own names (a linked bucket, or one's own): key by key, the bytes
    moved by the gateway. The number of objects."""
    from_bucket, from_prefix = split_s3(source)
    taken_off = len(from_prefix.rpartition("/")[0]) + 1 if "/" in from_prefix else 0
    copied = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=from_bucket, Prefix=from_prefix):
        for entry in page.get("Contents", []):
            s3.copy({"Bucket": from_bucket, "Key": entry["Key"]}, bucket, prefix + entry["Key"][taken_off:])
            copied += 1
    return copied


def create_app(bucket=None, session=None, endpoint=None, sources=None, source_endpoint=None):
    app = Flask(__name__)
    app.secret_key = secrets.token_bytes(32)
    app.config.update(SESSION_COOKIE_SAMESITE="Strict")
    session = session or boto3.Session()
    endpoint = endpoint or os.environ["AWS_ENDPOINT_URL"]
    bucket = bucket or os.environ["LAKE_BUCKET"]
    sources = sources if sources is not None else os.environ.get("LAKE_SOURCES", "").split()
    source_endpoint = source_endpoint or os.environ.get("LAKE_SOURCE_ENDPOINT")
    s3 = session.client("s3", endpoint_url=endpoint)
    jobs = Jobs(session, endpoint)
    token = secrets.token_urlsafe()

    @app.before_request
    def check_token():
        """The page acts with the server's keys: only its own forms may ask it to."""
        if request.method == "POST" and not secrets.compare_digest(request.form.get("token", ""), token):
            abort(403, "The form is out of date: load the page again.")

    @app.errorhandler(ClientError)
    @app.errorhandler(Refused)
    def refused(error):
        told = error.response["Error"] if isinstance(error, ClientError) else {"Message": str(error)}
        return render_template("refused.html", message=told.get("Message"), code=told.get("Code", "")), 502

    @app.get("/")
    def view():
        prefix = request.args.get("prefix", "")
        after = request.args.get("after", "")
        more = {"ContinuationToken": after} if after else {}
        page = s3.list_objects_v2(Bucket=bucket, Prefix=prefix, Delimiter="/", MaxKeys=200, **more)
        try:
            running = jobs.list()
        except Refused:
            running = []  # who may not see jobs still sees files
        return render_template(
            "view.html", bucket=bucket, prefix=prefix, token=token, sources=sources, jobs=running,
            folders=[entry["Prefix"] for entry in page.get("CommonPrefixes", [])],
            files=[entry for entry in page.get("Contents", []) if entry["Key"] != prefix],
            after=page.get("NextContinuationToken"), up=prefix.rstrip("/").rpartition("/")[0])

    @app.post("/upload")
    def upload():
        prefix = request.form.get("prefix", "")
        given = [file for file in request.files.getlist("file") if file.filename]
        for file in given:
            name = file.filename.replace("\\", "/").rpartition("/")[2]
            s3.upload_fileobj(file.stream, bucket, prefix + name, ExtraArgs={"ContentType": file.mimetype or "application/octet-stream"})
        flash(f"{len(given)} uploaded" if given else "Choose a file first")
        return redirect(url_for("view", prefix=prefix))

    @app.get("/download")
    def download():
        key = request.args["key"]
        found = s3.get_object(Bucket=bucket, Key=key)
        name = quote(key.rpartition("/")[2] or "file", safe="")
        return Response(
            found["Body"].iter_chunks(BLOCK_BYTES),
            headers={
                "Content-Type": "application/octet-stream", "Content-Length": str(found["ContentLength"]),
                "Content-Disposition": f"attachment; filename*=UTF-8''{name}", "X-Content-Type-Options": "nosniff"})

    @app.post("/copy")
    def copy():
        source, prefix = request.form["source"].strip(), request.form.get("prefix", "")
        if sources and source not in sources:
            abort(403, "This data set is not one of LAKE_SOURCES.")
        try:
            split_s3(source)
        except ValueError as wrong:
            abort(400, str(wrong))
        if request.form.get("here"):
            flash(f"{copy_here(s3, source, bucket, prefix)} objects copied")
        else:
            job = jobs.start(source, {"bucket": bucket, "prefix": prefix}, source_endpoint)
            flash(f"Job {job['id']} copies {source}; it goes on when this page is closed")
        return redirect(url_for("view", prefix=prefix))

    @app.post("/cancel")
    def cancel():
        jobs.cancel(request.form["job"])
        return redirect(url_for("view"))

    return app


if __name__ == "__main__":
    create_app().run(host="127.0.0.1", port=int(os.environ.get("PORT", "5000")))
