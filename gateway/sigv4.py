"""AWS Signature Version 4 for S3 requests, by headers, with the payload's own hash. Pure.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote, urlsplit

EMPTY = hashlib.sha256(b"").hexdigest()
_ALGORITHM = "AWS4-HMAC-SHA256"


@dataclass(frozen=True)
class Credentials:
    """Of one account at one place."""

    key_id: str
    secret: str
    region: str


def signed(
    credentials: Credentials,
    method: str,
    url: str,
    payload_sha256: str,
    now: datetime,
    more: dict[str, str] | None = None,
) -> dict[str, str]:
    """The headers of a request without a query. `now`: UTC; `more`: signed too, names in lower case."""
    parts = urlsplit(url)
    at = now.strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": parts.netloc, "x-amz-content-sha256": payload_sha256, "x-amz-date": at, **(more or {})}
    names = ";".join(sorted(headers))
    lines = [f"{name}:{headers[name].strip()}\n" for name in sorted(headers)]
    canonical = "\n".join([method, quote(parts.path or "/"), "", "".join(lines), names, payload_sha256])
    scope = f"{at[:8]}/{credentials.region}/s3/aws4_request"
    text = "\n".join([_ALGORITHM, at, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    signature = hmac.new(_key(credentials, at[:8]), text.encode(), hashlib.sha256).hexdigest()
    said = f"Credential={credentials.key_id}/{scope},SignedHeaders={names},Signature={signature}"
    return {**headers, "authorization": f"{_ALGORITHM} {said}"}


def _key(credentials: Credentials, day: str) -> bytes:
    key = f"AWS4{credentials.secret}".encode()
    for part in (day, credentials.region, "s3", "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key
