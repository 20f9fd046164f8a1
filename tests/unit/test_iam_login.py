"""The token of a login by IAM, held to the one that botocore makes."""

from datetime import UTC, datetime, timedelta, timezone
from unittest import mock

from botocore.credentials import Credentials
from botocore.hooks import HierarchicalEmitter
from botocore.model import ServiceId
from botocore.signers import RequestSigner
from hypothesis import example, given
from hypothesis import strategies as st

from ponto.iam_login import token

_LABELS = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-", min_size=1, max_size=30)
_PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)
_USERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=63)
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
REGIONS = ("us-east-1", "sa-east-1", "eu-central-2", "ap-southeast-7", "cn-north-1", "cn-northwest-1", "us-gov-west-1")


def of_botocore(host: str, port: int, user: str, region: str, credentials: Credentials, at: datetime) -> str:
    """Return what `RequestSigner.generate_presigned_url` signs, as botocore's `generate_db_auth_token` asks it to."""
    events = HierarchicalEmitter()  # of which the signer keeps a weak reference
    signer = RequestSigner(ServiceId("RDS"), region, "rds-db", "v4", credentials, events)
    request = {
        "url": f"https://{host}:{port}/",
        "method": "GET",
        "headers": {},
        "body": {"Action": "connect", "DBUser": user},
        "query_string": {},
        "url_path": "/",
        "context": {},
    }
    now = at.astimezone(UTC).replace(tzinfo=None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=now):
        signed = signer.generate_presigned_url(
            request, "connect", region_name=region, expires_in=900, signing_name="rds-db"
        )
    assert isinstance(signed, str)
    return signed.removeprefix("https://")


@given(
    host=st.lists(_LABELS, min_size=1, max_size=6).map(".".join),
    port=st.integers(1150, 65535),  # which Aurora admits
    user=_USERS,
    region=st.sampled_from(REGIONS),
    access_key=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=128),
    secret_key=st.text(_PRINTABLE, min_size=1, max_size=60),
    session_token=st.builds(
        lambda random, size: "".join(random.choices(_BASE64, k=size)), st.randoms(), st.integers(0, 2_000)
    ),
    at=st.datetimes(datetime(2000, 1, 1), datetime(2200, 1, 1)),
    minutes=st.integers(-14 * 60, 14 * 60),
)
@example(
    host="ponto.cluster-c0abcdefghij.us-east-1.rds.amazonaws.com",
    port=5432,
    user="ponto_function",
    region="us-east-1",
    access_key="ASIAIOSFODNN7EXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",  # noqa: S106  AWS's own example
    session_token="IQoJb3JpZ2luX2VjEJ//" * 100,
    at=datetime(2026, 10, 1, 11),
    minutes=0,
)
def test_a_token_is_botocores_byte_for_byte(
    host: str,
    port: int,
    user: str,
    region: str,
    access_key: str,
    secret_key: str,
    session_token: str,
    at: datetime,
    minutes: int,
) -> None:
    local = at.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    credentials = Credentials(access_key, secret_key, session_token or None)
    environment = {
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_SESSION_TOKEN": session_token,
    }
    expected = of_botocore(host, port, user, region, credentials, local)
    assert token(host, port, user, environment, local) == expected
