"""Sign-in of employees: the system deployed with a user pool, and punches with signed tokens.

The emulator signs tokens with a key of the pool, as Cognito does. Its gateway checks the signature against the pool's
published keys, and also the issuer and the times, as that of AWS does.
"""

import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.commands import run_process
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed, deploy
from tests.waiting import wait_for
from tools.kit import slice_manifests
from tools.local.emulator import Emulator

pytestmark = pytest.mark.slow

RECEIPT_PATHS = [path for _, entry in slice_manifests.endpoints() if (path := entry.get("get")) == "/ponto/{id}"]
"""One, or none without the slice of receipts."""
PASSWORD = "Correct-Horse-1"  # noqa: S105  of users who exist in the emulator only


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

    def sign_in(self, employee_id: int) -> str:
        """Create the user of an employee, and return the ID token of the user's sign-in."""
        name = str(uuid.uuid4())
        number = [{"Name": "custom:usuarioId", "Value": str(employee_id)}]
        self._cognito.admin_create_user(UserPoolId=self._id, Username=name, UserAttributes=number)
        self._cognito.admin_set_user_password(UserPoolId=self._id, Username=name, Password=PASSWORD, Permanent=True)
        tokens = self._cognito.admin_initiate_auth(  # a signed request, unlike initiate_auth
            UserPoolId=self._id,
            ClientId=self._app,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name, "PASSWORD": PASSWORD},
        )["AuthenticationResult"]
        return str(tokens["IdToken"])


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


def punch(employee_id: int) -> dict[str, object]:
    return {"usuarioId": employee_id, "ponto": "2026-10-01T08:00:00Z"}


def test_punch_without_a_valid_token_is_refused(client: Client, sign_in: SignInDeployment) -> None:
    employee = next(EMPLOYEES)
    for token in (None, "a.b.c", sign_in.other_pool.sign_in(employee)):
        answer = client.post(punch(employee), authorization=token)

        assert (answer.status, answer.body) == (401, {"message": "Unauthorized"})
        assert answer.headers["access-control-allow-origin"] == "*"
    assert client.depth(client.address.queue_url) == client.depth(client.address.dlq_url) == 0
    assert client.rows(employee) == []


def test_punch_of_a_signed_in_employee_is_stored(client: Client, pool: UserPool) -> None:
    employee = next(EMPLOYEES)

    answer = client.post(punch(employee), authorization=f"Bearer {pool.sign_in(employee)}")

    assert answer.status == 202
    client.wait_until_drained()
    assert [row.key for row in client.rows(employee)] == [answer.body["messageId"]]


def test_punch_for_a_colleague_is_dead_lettered_also_after_a_redrive(
    client: Client, deployed: Deployed, pool: UserPool
) -> None:
    employee, colleague = next(EMPLOYEES), next(EMPLOYEES)
    answer = client.post(punch(colleague), authorization=pool.sign_in(employee))
    assert answer.status == 202  # the gateway cannot compare the two numbers
    wait_for(lambda: client.depth(client.address.dlq_url) == 1, "the dead letter")

    redriven = run_process("dlq", "redrive", "--all", "--state", deployed.state)

    assert redriven.out.startswith("1 redriven, 0 failed\n")
    client.wait_until_drained()
    (dead_letter,) = client.dead_letters(1)
    sent = {name: value["StringValue"] for name, value in dead_letter["MessageAttributes"].items()}
    assert (sent["reason"], sent["usuarioId"]) == ("identity", str(employee))
    assert sent["messageId"] == answer.body["messageId"]
    assert client.rows(employee, colleague) == []


@pytest.mark.parametrize("_path", RECEIPT_PATHS)
def test_employee_gets_only_their_own_receipts(client: Client, pool: UserPool, _path: str) -> None:
    employee, colleague = next(EMPLOYEES), next(EMPLOYEES)
    token, colleague_token = pool.sign_in(employee), pool.sign_in(colleague)
    client.post(punch(employee), authorization=token)  # without an id, so that the punch gets a derived one
    client.wait_until_drained()
    punch_id = client.rows(employee)[0].punch.id

    listed = client.post(b"", "GET", content_type=None, authorization=token)

    assert [(each["id"], each["usuarioId"]) for each in listed.body["batidas"]] == [(punch_id, employee)]
    assert client.get(punch_id, authorization=token).body == listed.body["batidas"][0]
    assert client.get(punch_id, authorization=colleague_token).status == 404
    assert client.post(b"", "GET", content_type=None, authorization=colleague_token).body == {"batidas": []}
