"""Makes a bucket, or a container, as soon as its server answers: `bucket.py s3|azure http://KEY:SECRET@HOST:PORT/BUCKET`."""

import base64
import hashlib
import hmac
import http.client
import sys
import time
from email.utils import formatdate
from urllib.parse import urlsplit

PATIENCE_SECONDS = 60


def s3(url):
    """Signs a PUT of the bucket by AWS's signature, version 4."""
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = [now[:8], "us-east-1", "s3", "aws4_request"]
    empty = hashlib.sha256(b"").hexdigest()
    headers = {"host": url.netloc.rpartition("@")[2], "x-amz-content-sha256": empty, "x-amz-date": now}
    names = ";".join(headers)
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    request = f"PUT\n{url.path}\n\n{lines}\n{names}\n{empty}"
    text = "\n".join(["AWS4-HMAC-SHA256", now, "/".join(scope), hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + url.password).encode()
    for part in scope:
        key = hmac.digest(key, part.encode(), "sha256")
    signature = hmac.new(key, text.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={url.username}/{'/'.join(scope)}, SignedHeaders={names}, Signature={signature}"
    )
    return url.path, headers


def azure(url):
    """Signs a PUT of the container by Azure's shared key."""
    path = f"/{url.username}{url.path}"
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    lines = "".join(f"{name}:{value}\n" for name, value in headers.items())
    text = f"PUT\n\n\n\n\n\n\n\n\n\n\n\n{lines}/{url.username}{path}\nrestype:container"
    signature = hmac.digest(base64.b64decode(url.password), text.encode(), "sha256")
    headers["authorization"] = f"SharedKey {url.username}:{base64.b64encode(signature).decode()}"
    return f"{path}?restype=container", headers


def main():
    url = urlsplit(sys.argv[2])
    sign = {"s3": s3, "azure": azure}[sys.argv[1]]
    until = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            connection = http.client.HTTPConnection(url.hostname, url.port, timeout=10)
            target, headers = sign(url)
            connection.request("PUT", target, headers=headers)
            answer = connection.getresponse()
            said = f"{answer.status} {answer.read()[:500]!r}"
            if answer.status in (200, 201, 409):
                return
        except (OSError, http.client.HTTPException) as error:
            said = repr(error)
        if time.monotonic() > until:
            sys.exit(f"{url.hostname}:{url.port} makes no bucket: {said}")
        time.sleep(0.1)


main()
