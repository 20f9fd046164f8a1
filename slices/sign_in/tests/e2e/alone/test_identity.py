"""Sign-in of employees: the system deployed with a user pool, and punches with signed tokens.

The emulator signs tokens with a key of the pool, as Cognito does. Its gateway checks the signature against the pool's
published keys, and also the issuer and the times, as that of AWS does.
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.commands import CommandResult, run_process
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed, deploy
from tests.waiting import wait_for
from tools.kit import slice_manifests
from tools.local.emulator import Emulator

EMPLOYEE_PATHS = [
    entry[verb]
    for _, entry in slice_manifests.endpoints()
    if entry.get("callers") == "users"
    for verb in ("get", "list")
    if verb in entry
]
PASSWORD = "Correct-Horse-1"  # noqa: S105  of users who exist in the emulator only


class Tokens(NamedTuple):
    """Tokens that an app gets when a user signs in."""

    identity: str
    access: str


class UserPool:
    """A user pool in which employees cannot write their own number, as a stage requires."""

    def __init__(self, emulator: Emulator) -> None:
        self._cognito: Any = emulator.client("cognito-idp")
        pool = self._cognito.create_user_pool(
            PoolName=f"employees-{uuid.uuid4()}",
            Schema=[{"Name": "usuarioId", "AttributeDataType": "String", "Mutable": True}],
        )["UserPool"]
        self.arn: str = pool["Arn"]
        self._id = pool["Id"]
        self._app = self._cognito.create_user_pool_client(
            UserPoolId=self._id,
            ClientName="punches",
            ExplicitAuthFlows=["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
            ReadAttributes=["email", "custom:usuarioId"],
            WriteAttributes=["email"],
        )["UserPoolClient"]["ClientId"]

    def sign_in(self, employee_id: int | None = None) -> Tokens:
        """Create a user and sign in as the user.

        Args:
            employee_id: the user's number; None: the user has none.
        """
        name = str(uuid.uuid4())
        number = [] if employee_id is None else [{"Name": "custom:usuarioId", "Value": str(employee_id)}]
        self._cognito.admin_create_user(UserPoolId=self._id, Username=name, UserAttributes=number)
        self._cognito.admin_set_user_password(UserPoolId=self._id, Username=name, Password=PASSWORD, Permanent=True)
        tokens = self._cognito.admin_initiate_auth(  # a signed request, unlike initiate_auth
            UserPoolId=self._id,
            ClientId=self._app,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]
        return Tokens(tokens["IdToken"], tokens["AccessToken"])


class SignInDeployment(NamedTuple):
    deployed: Deployed
    pool: UserPool
    other_pool: UserPool


@pytest.fixture(scope="module")
def sign_in() -> Iterator[SignInDeployment]:
    """Yield a deployment with the parameter userPoolArn."""
    pools: list[UserPool] = []

    def parameters(emulator: Emulator) -> dict[str, str]:
        pools.extend([UserPool(emulator), UserPool(emulator)])
        return {"userPoolArn": pools[0].arn}

    with deploy(parameters) as deployed:
        yield SignInDeployment(deployed, *pools)


@pytest.fixture(scope="module")
def deployed(sign_in: SignInDeployment) -> Deployed:
    return sign_in.deployed


@pytest.fixture
def pool(sign_in: SignInDeployment) -> UserPool:
    return sign_in.pool


@pytest.fixture
def redrive(deployed: Deployed) -> Callable[[], CommandResult]:
    return lambda: run_process("dlq", "redrive", "--all", "--state", deployed.state)


def punch(employee_id: int) -> dict[str, object]:
    return {"usuarioId": employee_id, "ponto": "2026-10-01T08:00:00Z"}


def attributes(dead_letter: dict[str, Any]) -> dict[str, str]:
    return {name: value["StringValue"] for name, value in dead_letter["MessageAttributes"].items()}


# Tokens


def decode_part(part: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return content


def encode_part(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def sign_with_other_key(token: str) -> str:
    """Return a token with the same claims, signed by a key that is not the pool's."""
    text, _, _ = token.rpartition(".")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return f"{text}.{encode_part(key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def replace_claims(token: str, **changes: object) -> str:
    """Return a token with changed claims and the original signature."""
    header, claims, signature = token.split(".")
    return f"{header}.{encode_part(json.dumps(decode_part(claims) | changes).encode())}.{signature}"


BAD_TOKENS: dict[str, Callable[[SignInDeployment, int], str | None]] = {
    "none": lambda _, __: None,
    "garbage": lambda _, __: "a.b.c",
    "signed by another key": lambda deployment, employee: sign_with_other_key(
        deployment.pool.sign_in(employee).identity
    ),
    "another number under the signature": lambda deployment, employee: replace_claims(
        deployment.pool.sign_in(next(EMPLOYEES)).identity, **{"custom:usuarioId": str(employee)}
    ),
    "of another pool": lambda deployment, employee: deployment.other_pool.sign_in(employee).identity,
}


@pytest.mark.parametrize("make", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_punch_without_a_valid_token_is_refused(
    client: Client, sign_in: SignInDeployment, make: Callable[[SignInDeployment, int], str | None]
) -> None:
    employee = next(EMPLOYEES)

    answer = client.post(punch(employee), authorization=make(sign_in, employee))

    assert (answer.status, answer.body) == (401, {"message": "Unauthorized"})
    assert answer.headers["access-control-allow-origin"] == "*"
    assert client.depth(client.address.queue_url) == client.depth(client.address.dlq_url) == 0
    assert client.rows(employee) == []


@pytest.mark.parametrize("prefix", ["", "Bearer "])
def test_punch_of_a_signed_in_employee_is_stored(client: Client, pool: UserPool, prefix: str) -> None:
    employee = next(EMPLOYEES)

    answer = client.post(punch(employee), authorization=prefix + pool.sign_in(employee).identity)

    assert answer.status == 202
    client.wait_until_drained()
    assert [row.key for row in client.rows(employee)] == [answer.body["messageId"]]


def test_the_api_key_is_still_required(client: Client, pool: UserPool) -> None:
    employee = next(EMPLOYEES)

    answer = client.post(punch(employee), authorization=pool.sign_in(employee).identity, x_api_key=None)

    assert answer.status == 403


def test_punch_for_a_colleague_is_dead_lettered(client: Client, pool: UserPool) -> None:
    employee, colleague = next(EMPLOYEES), next(EMPLOYEES)
    body = json.dumps(punch(colleague), indent=3).encode()

    answer = client.post(body, authorization=pool.sign_in(employee).identity)

    assert answer.status == 202  # the gateway cannot compare the two numbers
    (dead_letter,) = client.dead_letters(1)
    assert dead_letter["Body"].encode() == body
    sent = attributes(dead_letter)
    assert (sent["reason"], sent["usuarioId"], sent["messageId"]) == (
        "identity",
        str(employee),
        answer.body["messageId"],
    )
    assert sent["detail"] == "usuarioId: not that of the signed-in user"
    assert client.rows(employee, colleague) == []


@pytest.mark.parametrize("kind", ["identity", "access"])
def test_punch_of_an_account_without_a_number_is_dead_lettered(client: Client, pool: UserPool, kind: str) -> None:
    # An access token has no attributes, even if the account has a number.
    employee = next(EMPLOYEES)
    token = pool.sign_in().identity if kind == "identity" else pool.sign_in(employee).access

    assert client.post(punch(employee), authorization=token).status == 202

    (dead_letter,) = client.dead_letters(1)
    sent = attributes(dead_letter)
    assert sent["reason"] == "identity"
    assert "usuarioId" not in sent
    assert client.rows(employee) == []


def test_redriven_message_is_checked_against_its_sign_in_again(
    client: Client, pool: UserPool, redrive: Callable[[], CommandResult]
) -> None:
    employee, colleague = next(EMPLOYEES), next(EMPLOYEES)
    client.post(punch(colleague), authorization=pool.sign_in(employee).identity)
    wait_for(lambda: client.depth(client.address.dlq_url) == 1, "the dead letter")

    assert redrive().out.startswith("1 redriven, 0 failed\n")

    client.wait_until_drained()
    (dead_letter,) = client.dead_letters(1)
    sent = attributes(dead_letter)
    assert (sent["reason"], sent["usuarioId"]) == ("identity", str(employee))
    assert client.rows(employee, colleague) == []


# Methods of slices for employees


@pytest.mark.parametrize("path", [path for path in EMPLOYEE_PATHS if path.endswith("/{id}")])
def test_employee_gets_only_their_own_receipts(client: Client, pool: UserPool, path: str) -> None:
    assert path == "/ponto/{id}"
    employee, colleague = next(EMPLOYEES), next(EMPLOYEES)
    token, colleague_token = (pool.sign_in(number).identity for number in (employee, colleague))
    client.post(punch(employee), authorization=token)  # without an id, so that the punch gets a derived one
    client.wait_until_drained()
    punch_id = client.rows(employee)[0].punch.id

    listed = client.post(b"", "GET", content_type=None, authorization=token)

    assert [(each["id"], each["usuarioId"]) for each in listed.body["batidas"]] == [(punch_id, employee)]
    assert client.get(punch_id, authorization=token).body == listed.body["batidas"][0]
    assert client.get(punch_id, authorization=colleague_token).status == 404
    assert client.post(b"", "GET", content_type=None, authorization=colleague_token).body == {"batidas": []}
