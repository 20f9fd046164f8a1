"""The token of an IAM login, compared with the one that botocore generates."""

from datetime import UTC, datetime, timedelta, timezone
from unittest import mock

import boto3
from hypothesis import example, given
from hypothesis import strategies as st

from ponto.shared.iam_login import generate_token

_LABELS = st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-", min_size=1, max_size=30)
_PRINTABLE = st.characters(min_codepoint=33, max_codepoint=126)
_USERS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=63)
_BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/="
REGIONS = ("us-east-1", "sa-east-1", "eu-central-2", "ap-southeast-7", "cn-north-1", "cn-northwest-1", "us-gov-west-1")


@given(
    login=st.tuples(
        st.lists(_LABELS, min_size=1, max_size=6).map(".".join),
        st.integers(1150, 65535),  # the ports that Aurora accepts
        _USERS,
    ),
    region=st.sampled_from(REGIONS),
    access_key=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", min_size=16, max_size=128),
    secret_key=st.text(_PRINTABLE, min_size=1, max_size=60),
    session_token=st.builds(
        lambda random, size: "".join(random.choices(_BASE64, k=size)), st.randoms(), st.integers(0, 2_000)
    ),
    at=st.datetimes(
        datetime(2000, 1, 1),
        datetime(2200, 1, 1),
        timezones=st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes))),
    ),
)
@example(
    login=("ponto.cluster-c0abcdefghij.us-east-1.rds.amazonaws.com", 5432, "ponto_drain"),
    region="us-east-1",
    access_key="ASIAIOSFODNN7EXAMPLE",
    secret_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",  # AWS's own example
    session_token="IQoJb3JpZ2luX2VjEJ//" * 100,
    at=datetime(2026, 10, 1, 11, tzinfo=UTC),
)
def test_token_equals_that_of_botocore(
    login: tuple[str, int, str], region: str, access_key: str, secret_key: str, session_token: str, at: datetime
) -> None:
    client = boto3.client(
        "rds",
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        aws_session_token=session_token or None,
    )
    with mock.patch("botocore.auth.get_current_datetime", return_value=at.astimezone(UTC).replace(tzinfo=None)):
        expected = client.generate_db_auth_token(*login)

    environment = {
        "AWS_REGION": region,
        "AWS_ACCESS_KEY_ID": access_key,
        "AWS_SECRET_ACCESS_KEY": secret_key,
        "AWS_SESSION_TOKEN": session_token,
    }
    assert generate_token(*login, environment, at) == expected
