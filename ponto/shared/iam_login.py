"""IAM authentication tokens for RDS: presigned requests that are used as passwords and never sent.

The module uses the standard library only: botocore would sign the same bytes, but importing it makes the first punch of
a cold start 25 times as slow.
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/UsingWithRDS.IAMDBAuth.html
"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import reduce
from urllib.parse import quote

REQUIRED_VARIABLES = ("AWS_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
"""Environment variables that signing needs. Lambda sets them for every function."""

_LIFETIME_SECONDS = 900  # AWS's maximum; a token is only checked when connecting


def generate_token(host: str, port: int, user: str, environment: Mapping[str, str], at: datetime | None = None) -> str:
    """Return a token, like `aws rds generate-db-auth-token`. Never log it.

    Args:
        host: host name of the RDS endpoint. The signature includes it, so an alias does not work.
        port: port of the endpoint. Port 443 is not supported, because AWS leaves it out of the signature.
        user: database role to log in as.
        environment: variables with REQUIRED_VARIABLES, and AWS_SESSION_TOKEN for temporary credentials. The credentials
            need the permission `rds-db:connect` for the role.
        at: time of the signature, with a time zone. Defaults to now.
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
    body_hash = hashlib.sha256().hexdigest()  # of the empty body
    request = "\n".join(["GET", "/", "&".join(sorted(parts)), f"host:{host.lower()}:{port}", "", "host", body_hash])
    to_sign = "\n".join(["AWS4-HMAC-SHA256", instant, scope, hashlib.sha256(request.encode()).hexdigest()])
    signature = reduce(_hmac, (day, region, "rds-db", "aws4_request", to_sign), f"AWS4{secret_key}".encode()).hex()
    return f"{host}:{port}/?{'&'.join(parts)}&X-Amz-Signature={signature}"


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
