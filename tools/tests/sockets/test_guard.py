"""The guard in front of the real emulator: requests without the run's key, in every form that the emulator routes."""

import http.client
import itertools
import socket
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import pytest

from tests.waiting import DEADLINE_SECONDS
from tools.local import emulator
from tools.local.emulator import Emulator

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
PATHS = ("/_ministack/reset", "/2015-03-31/functions", "/oauth2/token", "/latest/", "/_aws/execute-api/", "/bucket/key")


class Reply(NamedTuple):
    status: int
    body: bytes


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """Yield an emulator behind its guard, without any resources."""
    folder = tmp_path_factory.mktemp("emulator")
    started = emulator.start(emulator.find_free_port(), folder / "aws", folder / "log")
    try:
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="module")
def api_path(running: Emulator) -> str:
    """Return the path of an API whose POST requires an API key."""
    api = running.client("apigateway")
    api_id = {"restApiId": api.create_rest_api(name="api")["id"]}
    root = api.get_resources(**api_id)["items"][0]["id"]
    method = api_id | {"resourceId": root, "httpMethod": "POST"}
    api.put_method(**method, authorizationType="NONE", apiKeyRequired=True)
    api.put_integration(**method, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    api.create_deployment(**api_id, stageName="local")
    return f"/restapis/{api_id['restApiId']}/local/_user_request_/"


@pytest.fixture(scope="module")
def keys_path(running: Emulator) -> str:
    """Return the path of the public keys of a user pool."""
    pool = running.client("cognito-idp").create_user_pool(PoolName="employees")["UserPool"]["Id"]
    return f"/{pool}/.well-known/jwks.json"


class ClientWithoutKey:
    """A client on this machine without the key."""

    def __init__(self, running: Emulator) -> None:
        self._address = (emulator.HOST, running.port)
        self.connection = http.client.HTTPConnection(*self._address, timeout=DEADLINE_SECONDS)

    def request(self, method: str, target: str, body: bytes = b"", **headers: str) -> Reply:
        self.connection.request(
            method, target, body, {name.replace("_", "-"): value for name, value in headers.items()}
        )
        response = self.connection.getresponse()
        return Reply(response.status, response.read())

    def connect(self, head: str) -> socket.socket:
        """Open a connection, and send the beginning of a request; HOST stands for the address."""
        connection = socket.create_connection(self._address, timeout=DEADLINE_SECONDS)
        connection.sendall(head.replace("HOST", "{}:{}".format(*self._address)).replace("\n", "\r\n").encode())
        return connection


@pytest.fixture
def client(running: Emulator) -> Iterator[ClientWithoutKey]:
    client = ClientWithoutKey(running)
    yield client
    client.connection.close()


@pytest.fixture(scope="module", autouse=True)
def _assert_no_new_resources(running: Emulator, api_path: str, keys_path: str) -> Iterator[None]:
    """Assert that the requests of the tests created no resources."""
    assert api_path
    assert keys_path

    def resources() -> list[Sequence[Any]]:
        client = running.client
        return [
            client("lambda").list_functions()["Functions"],
            client("cloudformation").list_stacks()["StackSummaries"],
            client("sqs").list_queues().get("QueueUrls", []),
            client("sns").list_topics()["Topics"],
            client("s3").list_buckets()["Buckets"],
            client("iam").list_roles()["Roles"],
            client("logs").describe_log_groups()["logGroups"],
            client("secretsmanager").list_secrets()["SecretList"],
            client("apigateway").get_rest_apis()["items"],
            client("cognito-idp").list_user_pools(MaxResults=10)["UserPools"],
        ]

    before = resources()
    yield
    assert resources() == before


def test_every_path_requires_the_key_with_every_method(client: ClientWithoutKey) -> None:
    for target, method in itertools.product(("/", *PATHS), METHODS):
        assert (target, method, client.request(method, target).status) == (target, method, 403)


@pytest.mark.parametrize(
    "target",
    [
        "http://HOST/2015-03-31/functions",
        "http://HOST/API",
        "http://evil.example/",
        "*",
        "/%2f2015-03-31/functions",
        "//2015-03-31/functions",
        "/API/../../../../2015-03-31/functions",
        "/API%2e%2e/%2e%2e/%2e%2e/%2e%2e/2015-03-31/functions",
        "/API%00/2015-03-31/functions",
        "/API%0d%0aX-Amz-Target:%20AmazonSQS.CreateQueue",
        "/API@connections/x",
        "/API%3fAction=CreateQueue%26QueueName=evil",
        "/x/../KEYS",
        "/KEYS/",
        "/.well-known/jwks.json",
        "/restapis/ab12cd34/prod/_user_request_/ponto",
        "/_aws/execute-api/ab12cd34/local/ponto",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_manipulated_path_is_refused(
    method: str, target: str, client: ClientWithoutKey, api_path: str, keys_path: str
) -> None:
    path = target.replace("/API", api_path).replace("/KEYS", keys_path)
    with client.connect(
        f"{method} {path} HTTP/1.1\nHost: HOST\nContent-Length: 0\nConnection: close\n\n"
    ) as connection:
        assert connection.recv(64).startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        ("Action=CreateQueue&QueueName=evil", {}),
        ("", {"x_amz_target": "AmazonSQS.CreateQueue"}),
        ("", {"authorization": "AWS4-HMAC-SHA256 Credential=test/20261001/us-east-1/sqs/aws4_request, Signature=0"}),
        ("", {"x_http_method_override": "PUT", "x_original_url": "/2015-03-31/functions"}),
    ],
)
def test_query_and_header_do_not_change_the_routing_of_public_paths(
    query: str, headers: dict[str, Any], client: ClientWithoutKey, api_path: str, keys_path: str
) -> None:
    for path in (api_path, keys_path):
        assert client.request("POST", f"{path}?{query}", **headers) == client.request("POST", path)


@pytest.mark.parametrize(
    "head",
    [
        "GET /API HTTP/1.1\nHost: HOST\nConnection: Upgrade\nUpgrade: websocket\nSec-WebSocket-Version: 13\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\n\n",
        "GET /2015-03-31/functions HTTP/1.1\nHost: HOST\nConnection: Upgrade, HTTP2-Settings\nUpgrade: h2c\n"
        "HTTP2-Settings: AAMAAABkAAQAAP__\n\n",
        "PRI * HTTP/2.0\n\nSM\n\n",
        "GET /_ministack/health HTTP/1.1\nHost: HOST\nHost: localhost\n\n",
        "GET /_ministack/health HTTP/1.0\n\n",
    ],
)
def test_other_protocols_are_refused(head: str, client: ClientWithoutKey, api_path: str) -> None:
    with client.connect(head.replace("/API", api_path)) as connection:
        assert connection.recv(64).startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))
