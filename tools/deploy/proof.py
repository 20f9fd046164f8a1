"""Proof of a deployed stage: a punch, sent as a device sends it and awaited as a row."""

import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ponto.fields import MAX_SAFE_INTEGER
from tools.kit.client import PUBLICATION_SECONDS, Client, NoFinalResponseError
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.event import new_event
from tools.kit.functions import FunctionFailedError, invoke
from tools.kit.osls import stack_name
from tools.kit.target import Target

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

RESERVED_EMPLOYEE_ID = MAX_SAFE_INTEGER
"""Whom the punch is for, and no person: reports leave its punches out."""

_INTAKE_HINT = "it takes no punches. 401 and 403: check its authorizer and its usage plan"
_SIGN_IN_HINT = (
    "it may take punches without a token. 403: check its usage plan; 404: its published version is from before "
    "employees signed in, so every holder of a key may punch for every employee"
)
_WAIT_SECONDS = 2  # s


class Proof(NamedTuple):
    """The punch of the smoke test."""

    id: str
    message_id: str
    seconds: float  # from the answer to the row, as far as asking once a second can tell


def send_punch(deployment: Target, url: str, key_id: str, *, needs_token: bool) -> tuple[str, str]:
    """Punch once; give the punch's id and the message's.

    Raises:
        CommandError: the gateway does not answer as it should, or the operator's role is not to be had.
    """
    key = deployment.gateway().get_api_key(apiKey=key_id, includeValue=True)["value"]
    punch_id = str(uuid.uuid4())
    punch = new_event(punch_id, RESERVED_EMPLOYEE_ID)
    if needs_token:
        return punch_id, prove_sign_in(deployment, url, key, punch)
    return punch_id, request_until(url, key, punch, expected=202)["messageId"]


def request_until(url: str, key: str, punch: Mapping[str, Any] | None, expected: int, clock: Clock = CLOCK) -> Any:
    """Repeat a request until the gateway answers as it should, and return its JSON: a new stage or key takes a moment.

    Args:
        punch: of one id: it is one punch, however often it is accepted; None: a GET.
        expected: the status.

    Raises:
        CommandError: another answer, or none, and time is up; or an answer that no patience changes.
    """
    headers = {"x-api-key": key, "content-type": "application/json"}
    # A new key is refused first.
    final = frozenset({expected, 202, 400, 413, 415})
    client = Client(
        url,
        headers,
        timeout_seconds=PUBLICATION_SECONDS,
        final_statuses=final,
        first_wait_seconds=_WAIT_SECONDS,
        max_wait_seconds=_WAIT_SECONDS,
        clock=clock,
    )
    method, failed = ("POST", _INTAKE_HINT) if punch is not None else ("GET", _SIGN_IN_HINT)
    try:
        answer = client.send(None if punch is None else json.dumps(punch).encode(), method)
    except NoFinalResponseError as error:
        answer = error.response
    if answer.status == expected:
        return json.loads(answer.text)
    raise CommandError(
        f"{method} {url} was answered {answer.status or 'not at all'} instead of {expected}: {answer.text}\n"
        f"The stage is deployed and migrated, but {failed}; 5xx: docs/runbook.md#gateway-5xx",
        status=1,
    )


def prove_sign_in(deployment: Target, url: str, key: str, punch: Mapping[str, Any], clock: Clock = CLOCK) -> str:
    """Prove the two halves where employees sign in: no token, no punch; and what the gateway would send is stored.

    It sends as the operator's role, as a redrive does: the queue's policy denies everybody else. Gives the message's
    id.

    Raises:
        CommandError: the gateway asks for no token, or the API takes punches without one, or whoever deploys may not
            take on the role.
    """
    require_token(url, key, clock)
    if punch_authorization_type(deployment) == "NONE":  # by how the API is set: asking would count for that alarm, too
        raise CommandError(
            f"POST /ponto of the API {deployment.api_id} wants no token (authorizationType NONE), as somebody set it "
            "outside the template: whoever has a key punches for anybody.\nThe stage is deployed and migrated. Disable "
            "its keys until the method has its authorizer again and is published (aws apigateway update-method ...)",
            status=1,
        )
    sent = deployment.sender("proof").send_message(
        QueueUrl=deployment.queue_url,
        MessageBody=json.dumps(punch),
        # As the gateway passes the verified claim on.
        MessageAttributes={"usuarioId": {"DataType": "String", "StringValue": str(RESERVED_EMPLOYEE_ID)}},
    )
    return sent["MessageId"]


def require_token(url: str, key: str, clock: Clock = CLOCK) -> None:
    """Prove that the gateway asks for a token.

    It asks for the list of an employee's own punches, which is published together with the intake. A refused punch
    would count for the alarm gateway-4xx-hours: alone in its hour it is all of it, and three deploys are three hours.

    Raises:
        CommandError: it asked for none.
    """
    request_until(url, key, None, expected=401, clock=clock)


def punch_authorization_type(deployment: Target) -> str:
    """Return what a punch needs besides a key, as API Gateway names it; NONE: nothing.

    Raises:
        CommandError: the API takes no punch.
    """
    gateway, api = deployment.gateway(), deployment.api_id
    pages = gateway.get_paginator("get_resources").paginate(restApiId=api)
    ids = [each["id"] for page in pages for each in page["items"] if each["path"] == "/ponto"]
    if not ids:
        raise CommandError(f"the API {api} has no /ponto, so it takes no punches", status=1)
    return gateway.get_method(restApiId=api, resourceId=ids[0], httpMethod="POST")["authorizationType"]


def await_row(
    functions: "LambdaClient", stage: str, punch_id: str, message_id: str, seconds: int = 180, clock: Clock = CLOCK
) -> Proof:
    """Call the function `schema` until the punch is a row.

    Raises:
        CommandError: it is none after so many seconds, or the function failed.
    """
    started = clock.monotonic()
    while not invoke_schema(functions, stage, {"action": "find", "id": punch_id}, clock)["found"]:
        if clock.monotonic() - started > seconds:
            raise CommandError(
                f"the punch {punch_id} was accepted as message {message_id}, but is no row after {seconds} s.\n"
                f"Is the drain paused or failing? ponto dlq list --stage {stage}; "
                f"npx sls logs --stage {stage} -f batidaPonto. It stays queued; deploy again to try once more.",
                status=1,
            )
        clock.sleep(1)
    return Proof(punch_id, message_id, clock.monotonic() - started)


def invoke_schema(functions: "LambdaClient", stage: str, event: Mapping[str, str], clock: Clock = CLOCK) -> Any:
    """Invoke the function `schema`, which alone reaches a private database."""
    try:
        return invoke(functions, f"{stack_name(stage)}-schema", stage, event, clock)
    except FunctionFailedError as error:
        raise CommandError(
            f"the function schema failed: {error.reason}\n"
            f"The stage is deployed. Its log: npx sls logs --stage {stage} -f schema. Mend the cause, and deploy "
            "again.",
            status=1,
        ) from None
