"""With network: egress, which names boto3 asks in the functions: intercepted, for nobody has run it on AWS yet."""

from typing import Any

import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.httpsession import URLLib3Session

from ponto import config, sqs

QUEUE = "https://sqs.sa-east-1.amazonaws.com/123456789012/dead-letters"  # as its Ref is


class NoWayError(Exception):
    """Nothing is sent."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were asked."""
    hosts: list[str] = []

    def send(_: object, request: AWSPreparedRequest) -> Any:
        hosts.append(request.url.split("/")[2])
        raise NoWayError

    monkeypatch.setattr(URLLib3Session, "send", send)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    return hosts


def ask_both() -> None:
    for ask in (
        lambda: sqs.client().send_message(QueueUrl=QUEUE, MessageBody="x"),
        lambda: config.login("arn:aws:secretsmanager:sa-east-1:123456789012:secret:x"),
    ):
        with pytest.raises(NoWayError):
            ask()


@pytest.mark.parametrize(
    ("dual_stack", "expected"),
    [
        ("true", ["sqs.sa-east-1.api.aws", "secretsmanager.sa-east-1.amazonaws.com"]),
        (None, ["sqs.sa-east-1.amazonaws.com", "secretsmanager.sa-east-1.amazonaws.com"]),
    ],
)
def test_the_names_have_ipv6_addresses_where_the_network_has_no_other_way(
    asked: list[str], monkeypatch: pytest.MonkeyPatch, dual_stack: str | None, expected: list[str]
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "sa-east-1")
    if dual_stack:
        monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", dual_stack)
    ask_both()
    assert asked == expected


def test_the_names_are_composed_whether_or_not_a_region_has_them(
    asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "xx-nowhere-1")
    monkeypatch.setenv("AWS_USE_DUALSTACK_ENDPOINT", "true")
    ask_both()
    assert [host.partition(".")[0] for host in asked] == ["sqs", "secretsmanager"]
    assert asked[0] == "sqs.xx-nowhere-1.api.aws"
