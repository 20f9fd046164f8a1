"""The guard in front of the real emulator: requests without the run's key, in every form that the emulator routes."""

import ast
import contextlib
import http.client
import inspect
import itertools
import json
import re
import socket
import urllib.parse
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import psutil
import pytest
from ministack import app  # type: ignore[import-untyped]
from ministack.core import router  # type: ignore[import-untyped]

from tests.waiting import DEADLINE_SECONDS
from tools.kit import deploy_hook
from tools.local import emulator
from tools.local.emulator import Emulator

METHODS = ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS")
FORM = "application/x-www-form-urlencoded"
LARGE_BODY_BYTES = 300_000_000
CLOSE_TIMEOUT_SECONDS = 30  # shorter than the 75 s after which hypercorn closes an idle connection
_ROUTING = [ast.parse(inspect.getsource(module)) for module in (app, router)]


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


def _paths() -> set[str]:
    """Return the paths in the emulator's routing, and the fixed prefixes of its path patterns."""
    texts = [
        node.value
        for tree in _ROUTING
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    plain = {text for text in texts if re.fullmatch(r"/[\w./:@$-]*", text)}
    patterns = {match[1] for text in texts if (match := re.match(r"\^(/[\w./-]+)", text))}
    return plain | patterns


def _actions() -> set[str]:
    """Return the names of the API actions in the emulator's routing."""
    return {
        key.value
        for tree in _ROUTING
        for node in ast.walk(tree)
        if isinstance(node, ast.Dict) and len(node.keys) > 100
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }


def _patterns(name: str) -> set[str]:
    return {pattern for service in router.SERVICE_PATTERNS.values() for pattern in service.get(name, [])}


ACTIONS = sorted(_actions())
TARGETS = sorted(_patterns("target_prefixes"))
HOSTS = sorted({re.sub(r"[^a-z0-9.-]", "", pattern.replace(r"\.", ".")) for pattern in _patterns("host_patterns")})
SERVICES = sorted({*app.SERVICE_REGISTRY, *app.SERVICE_NAME_ALIASES})


def test_routes_are_read_from_the_emulator() -> None:
    assert {"/_ministack/reset", "/2015-03-31/", "/oauth2/token", "/latest/", "/_aws/execute-api/"} <= _paths()
    assert {"CreateStack", "CreateQueue", "CreateRole"} <= set(ACTIONS)
    assert {"AmazonSQS", "AWSLambda"} & set(TARGETS)
    assert min(len(_paths()), len(ACTIONS), len(TARGETS), len(HOSTS), len(SERVICES)) > 30


def test_every_path_requires_the_key_with_every_method(client: ClientWithoutKey) -> None:
    assert client.request("GET", "/").status == 200  # the page with links
    for path in sorted(_paths()):
        variants = itertools.product((f"{path.rstrip('/')}/a/b", path.upper()), ("GET", "POST"))
        for target, method in (*itertools.product([path], METHODS), *variants):
            if target == "/" and method in ("GET", "HEAD"):
                continue
            assert (target, method, client.request(method, target).status) == (target, method, 403)


def test_query_header_and_body_do_not_change_the_routing_of_public_paths(
    client: ClientWithoutKey, api_path: str, keys_path: str
) -> None:
    unknown = keys_path.replace("us-east-1_", "us-east-1_0")
    public = [(method, path) for path in (api_path, keys_path, unknown) for method in ("GET", "POST")]
    plain = {route: client.request(*route) for route in public}
    slice_status = 200 if deploy_hook.local_files() else 403  # the path may have a file of a slice
    assert [reply.status for reply in plain.values()] == [slice_status, 403, 200, 403, 403, 403]

    def check(query: str = "", body: bytes = b"", **headers: str) -> None:
        for method, path in public:
            reply = client.request(method, f"{path}?{query}", body, **headers)
            assert reply == plain[method, path], (method, path, query, headers)

    template = json.dumps({"Resources": {"Evil": {"Type": "AWS::SQS::Queue"}}})
    names = {f"{kind}Name": "evil" for kind in ("Queue", "Stack", "Role", "Function", "Bucket")} | {"Name": "evil"}
    values = urllib.parse.urlencode(names | {"TemplateBody": template, "AssumeRolePolicyDocument": "{}"})
    for action in ACTIONS:
        check(f"Action={action}&{values}", f"Action={action}&{values}".encode(), content_type=FORM)
    for target in TARGETS:  # a service would answer differently
        check("", json.dumps(names).encode(), x_amz_target=f"{target}.CreateQueue")
    for service in SERVICES:
        scope = f"test/20261001/us-east-1/{service}/aws4_request"
        check(f"X-Amz-Credential={urllib.parse.quote(scope)}&Action=CreateQueue&{values}")
        check(authorization=f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")
    path = "/2015-03-31/functions"
    check(x_forwarded_host="evil.s3", x_original_url=path, x_rewrite_url=path, x_http_method_override="PUT")
    check(x_amz_request_route=path, x_forwarded_prefix=path, forwarded="host=evil.s3")


def test_other_hosts_are_refused(client: ClientWithoutKey, api_path: str, keys_path: str) -> None:
    for host in (*HOSTS, "evil.s3", "evil", "abcdef01.execute-api", "alb", "data.iot.us-east-1"):
        for name in (f"{host}.us-east-1.amazonaws.com", f"{host}.127.0.0.1:4566", f"{host}.localhost"):
            for path in ("/", api_path, keys_path):
                assert client.request("GET", path, host=name).status == 403, name


@pytest.mark.parametrize(
    "target",
    [
        "http://HOST/2015-03-31/functions",
        "http://HOST/API",
        "http://evil.example/",
        "*",
        "/%2f2015-03-31/functions",
        "//2015-03-31/functions",
        "/./2015-03-31/functions",
        "/;/2015-03-31/functions",
        "/API/../../../../2015-03-31/functions",
        "/API%2e%2e/%2e%2e/%2e%2e/%2e%2e/2015-03-31/functions",
        "/API%2f..%2f..%2f..%2f..%2f2015-03-31%2ffunctions",
        "/API;/2015-03-31/functions",
        "/API%00/2015-03-31/functions",
        "/API%0d%0aX-Amz-Target:%20AmazonSQS.CreateQueue",
        "/API@connections/x",
        "/API%3fAction=CreateQueue%26QueueName=evil",
        "/KEYS%3fAction=CreateQueue%26QueueName=evil",
        "/KEYS/../../2015-03-31/functions",
        "/x%2fKEYS",
        "/x/../KEYS",
        "/KEYS.",
        "/KEYS/",
        "/KEYS;x",
        "/KEYS%00",
        "/.well-known/jwks.json",
        "/page.js",
        "/restapis/ab12cd34/stages/local",
        "/restapis/ab12cd34/prod/_user_request_/ponto",
        "/restapis/a/b/local/_user_request_/ponto",
        "/_aws/execute-api/ab12cd34/local/ponto",
        "/x/API",
        "/KEYS%0a",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "CONNECT", "TRACE"])
def test_manipulated_path_is_refused(
    method: str, target: str, client: ClientWithoutKey, api_path: str, keys_path: str
) -> None:
    path = target.replace("/API", api_path).replace("/KEYS", keys_path)
    with client.connect(
        f"{method} {path} HTTP/1.1\nHost: HOST\nContent-Length: 0\nConnection: close\n\n"
    ) as connection:
        assert connection.recv(64).startswith((b"HTTP/1.1 403 ", b"HTTP/1.1 400 "))


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


def _memory_bytes(running: Emulator) -> int:
    """Return the memory that the emulator uses, in bytes."""
    return int(psutil.Process(running.process.pid).memory_info().rss)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("path", ["/2015-03-31/functions", "/API", "/KEYS"])
def test_huge_body_without_a_key_is_refused_without_using_memory(
    path: str, chunked: bool, client: ClientWithoutKey, running: Emulator, api_path: str, keys_path: str
) -> None:
    actual_path = path.replace("/API", api_path).replace("/KEYS", keys_path)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {LARGE_BODY_BYTES}"
    part = b"x" * 65_536
    before = _memory_bytes(running)

    with client.connect(f"POST {actual_path} HTTP/1.1\nHost: HOST\n{length}\n\n") as connection:
        with contextlib.suppress(ConnectionError):  # the guard may close it earlier
            for _ in range(LARGE_BODY_BYTES // len(part)):
                connection.sendall(b"%x\r\n%b\r\n" % (len(part), part) if chunked else part)
        assert connection.recv(64).startswith(b"HTTP/1.1 403 ")

    assert _memory_bytes(running) < before + 30_000_000


def test_incomplete_request_is_closed(client: ClientWithoutKey, api_path: str) -> None:
    halves = [
        "POST",
        f"POST {api_path} HTTP/1.1\nHost: HOST\n",
        f"POST {api_path} HTTP/1.1\nHost: HOST\nContent-Length: 2\n\n{{",
        f"POST {api_path} HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\n1\n",
        "POST / HTTP/1.1\nHost: HOST\nContent-Length: 2\n\n{",
        "GET / HTTP/1.1\nHost: HOST\n\nGET / HT",
    ]
    with contextlib.ExitStack() as connections:
        for connection in [connections.enter_context(client.connect(half)) for half in halves]:
            connection.settimeout(CLOSE_TIMEOUT_SECONDS)
            with contextlib.suppress(ConnectionError):
                while connection.recv(4096):  # until the guard closes the connection
                    pass
