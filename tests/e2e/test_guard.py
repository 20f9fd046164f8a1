"""The guard before the real emulator: what other web pages, other users and the stack's own parts may do."""

import http.client
import json
import urllib.parse
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tests.waiting import DEADLINE
from tools.kit import local_stack
from tools.local import emulator
from tools.local.stack import Stack

PAGE = "http://evil.example"
CREATE_FUNCTION = json.dumps(
    {
        "FunctionName": "evil",
        "Runtime": "python3.13",
        "Role": "arn:aws:iam::000000000000:role/evil",
        "Handler": "index.main",
        "Code": {"ZipFile": ""},
    }
).encode()


def send(stack: Stack, method: str, path: str, body: bytes = b"", **headers: str) -> http.client.HTTPResponse:
    """Send a request as anybody on the machine can."""
    connection = http.client.HTTPConnection(emulator.HOST, stack.aws.port, timeout=DEADLINE)
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer


def functions(stack: Stack) -> set[str]:
    return {found["FunctionName"] for found in stack.client("lambda").list_functions()["Functions"]}


@pytest.mark.parametrize("signed", [False, True])
def test_a_web_page_cannot_create_a_function(stack: Stack, signed: bool) -> None:
    # What a form or fetch in no-cors mode can send from any page, without asking first; signed, if it knew the key.
    authorization = f"AWS4-HMAC-SHA256 Credential={stack.aws.key}/"
    headers = {"authorization": authorization} if signed else {}

    answer = send(
        stack, "POST", "/2015-03-31/functions", CREATE_FUNCTION, origin=PAGE, content_type="text/plain", **headers
    )

    assert answer.status == 403
    assert "access-control-allow-origin" not in {name.lower() for name, _ in answer.getheaders()}
    assert "evil" not in functions(stack)


def test_another_users_call_without_the_key_is_refused(stack: Stack) -> None:
    client: Any = boto3.client(
        "lambda",
        endpoint_url=stack.aws.url,
        region_name=local_stack.REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
    )

    with pytest.raises(ClientError, match="403"):
        client.list_functions()


@pytest.mark.parametrize("host", ["evil.example", "169.254.169.254", "127.0.0.1"])
def test_a_name_that_was_rebound_to_this_machine_reaches_nothing(client: Client, host: str) -> None:
    good = {"usuarioId": next(EMPLOYEES), "ponto": "2026-10-01T08:00:00Z"}

    assert client.post(good, host=host).status == 403
    assert client.depth(client.address.queue_url) == 0


def test_a_browser_punches_from_any_page_as_on_aws(client: Client) -> None:
    preflight = client.post(b"", method="OPTIONS", x_api_key=None, origin=PAGE, access_control_request_method="POST")
    answer = client.post({"usuarioId": next(EMPLOYEES), "ponto": "2026-10-01T08:00:00Z"}, origin=PAGE)

    assert (preflight.status, answer.status) == (204, 202)
    assert preflight.headers["access-control-allow-origin"] == answer.headers["access-control-allow-origin"] == "*"


def test_no_page_reads_the_local_aws(stack: Stack) -> None:
    answer = send(stack, "GET", "/2015-03-31/functions", authorization=f"AWS4-HMAC-SHA256 Credential={stack.aws.key}/")

    assert answer.status == 200
    assert not {name for name, _ in answer.getheaders() if name.lower().startswith("access-control-")}


def test_the_key_belongs_to_the_account_of_the_stack(stack: Stack) -> None:
    assert stack.client("sts").get_caller_identity()["Account"] == "000000000000"
    assert urllib.parse.urlsplit(stack.address.queue_url).path.startswith("/000000000000/")


def test_everything_of_the_stack_is_private_to_its_user(deployed: Deployed) -> None:
    assert deployed.state.stat().st_mode & 0o077 == 0
    assert (deployed.state / "stack.json").stat().st_mode & 0o777 == 0o600
    emulators = [deployed.state / "aws", *(deployed.state / "aws").rglob("*")]
    assert len(emulators) > 10
    # The function's code is written as its zip has it, below a folder that is closed.
    unpacked = deployed.state / "aws" / "tmp"
    open_to_others = [
        path
        for path in emulators
        if unpacked not in path.parents and not path.is_symlink() and path.stat().st_mode & 0o077
    ]
    assert open_to_others == []
