"""Checks AWS's signature the way a service does: from the bytes that came, and the secret that it knows.

Written from AWS's "Signature Version 4 signing process" and shares nothing with the signer it checks.
"""

import hashlib
import hmac
import re
from urllib.parse import quote

_HEADER = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/(?P<scope>\d{8}/[^/]+/[^/]+/aws4_request), "
    r"SignedHeaders=(?P<names>[a-z0-9;-]+), Signature=(?P<signature>[0-9a-f]{64})"
)


def signed_by(method: str, raw_path: str, headers: dict[str, str], body: bytes, secret: str) -> tuple[str, str] | None:
    """Access key and scope of a request that *secret* signed; None where the signature is not its.

    *raw_path* is path and query as they came; *headers* have names in lower case.
    """
    found = _HEADER.fullmatch(headers.get("authorization", ""))
    names = found["names"].split(";") if found else []
    must = {"host", "x-amz-date"} | ({"x-amz-security-token"} & headers.keys())
    if found is None or not must <= set(names):
        return None
    path, _, query = raw_path.partition("?")
    pairs = sorted(pair if "=" in pair else f"{pair}=" for pair in query.split("&") if pair)
    lines = [method, quote(path, safe="/-_.~"), "&".join(pairs)]
    lines += [f"{name}:{headers[name].strip()}" for name in names] + ["", ";".join(names)]
    request = "\n".join((*lines, hashlib.sha256(body).hexdigest()))
    key = f"AWS4{secret}".encode()
    for part in found["scope"].split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(("AWS4-HMAC-SHA256", headers["x-amz-date"], found["scope"], digest))
    wanted = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    return (found["key"], found["scope"]) if hmac.compare_digest(wanted, found["signature"]) else None
