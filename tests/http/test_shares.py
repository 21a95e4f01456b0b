"""One client alone does not take what all live of."""
import json

import raw
import sigv4


def open_to_all(server, bucket):
    policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}}
    assert raw.request(server, "PUT", "/" + bucket).status == 200
    assert raw.request(server, "DELETE", f"/{bucket}?publicAccessBlock").status == 204
    assert raw.request(server, "PUT", f"/{bucket}?policy", body=json.dumps(policy).encode()).status == 204


def staging_bytes(server):
    return json.loads(raw.request(server, "GET", "/-/status").body)["staging_bytes"]


def test_uploads_of_one_client_leave_memory_to_others(start):
    """Somebody without a key begins more uploads than there is memory for, and sends no more; who has a key goes on."""
    server = start(environment={"LAKEGATE_STAGING": "8M", "LAKEGATE_WORKERS": "4"})
    open_to_all(server, "shares")
    held = [raw.Connection(server) for _ in range(40)]
    try:
        for number, connection in enumerate(held):
            size = 10_000_000 if number % 2 else 250_000
            connection.send(raw.head("PUT", f"/shares/{number}", [("Host", "h"), ("Content-Length", size)]))
            connection.socket.settimeout(0.05)
            try:
                connection.send(b"x" * 240_000)
            except TimeoutError:  # it waits in line
                pass
        assert raw.wait_for(lambda: staging_bytes(server) > 4_000_000)
        assert staging_bytes(server) <= 6 * 1024**2
        for number in range(20):
            assert raw.request(server, "PUT", f"/shares/own-{number}", body=b"y" * 100_000, payload=sigv4.UNSIGNED).status == 200
    finally:
        for connection in held:
            connection.close()
    assert raw.wait_for(lambda: staging_bytes(server) == 0)
