"""Token with which a role signs in to an RDS database by AWS's IAM: a request that is signed, but never sent.

It uses the standard library only: botocore signs the same bytes, but its import makes a cold start's first punch 25
times as slow (lab/performance.md).
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import reduce
from urllib.parse import quote

REQUIRED_VARIABLES = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""What signs a token; Lambda gives it to each function."""

_LIFETIME_SECONDS = 900  # the longest that AWS admits; a token is checked when connecting only


def generate_token(host: str, port: int, user: str, environment: Mapping[str, str], at: datetime | None = None) -> str:
    """Return the password for one connection, as `aws rds generate-db-auth-token` does. Never log it.

    Args:
        host: the name that AWS gave the database, no alias: the signature is for this name.
        port: not 443, which AWS leaves out of the signature.
        user: the role of the database.
        environment: has REQUIRED_VARIABLES: the region of the database, and credentials that may connect as the role
            (`rds-db:connect`). Temporary ones, as a function's are, also have AWS_SESSION_TOKEN.
        at: now, with a time zone.
    """
    region, access_key, secret_key = (environment[name] for name in REQUIRED_VARIABLES)
    instant = (at or datetime.now(UTC)).astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")
    day = instant[:8]
    scope = f"{day}/{region}/rds-db/aws4_request"
    query = {
        "Action": "connect",
        "DBUser": user,
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{access_key}/{scope}",
        "X-Amz-Date": instant,
        "X-Amz-Expires": str(_LIFETIME_SECONDS),
        "X-Amz-SignedHeaders": "host",
    }
    if session_token := environment.get("AWS_SESSION_TOKEN"):
        query["X-Amz-Security-Token"] = session_token
    parts = [f"{name}={quote(value, safe='')}" for name, value in query.items()]
    empty = hashlib.sha256().hexdigest()  # the body's
    request = "\n".join(["GET", "/", "&".join(sorted(parts)), f"host:{host.lower()}:{port}", "", "host", empty])
    signed = "\n".join(["AWS4-HMAC-SHA256", instant, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = reduce(_hmac, (day, region, "rds-db", "aws4_request", signed), f"AWS4{secret_key}".encode()).hex()
    return f"{host}:{port}/?{'&'.join(parts)}&X-Amz-Signature={signature}"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
