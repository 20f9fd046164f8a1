"""Smoke test of a deployed stage: a punch that is sent like a device's must be stored."""

import json
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from ponto.punch import EVENT
from tools.kit.client import PUBLICATION_SECONDS, Client, NoFinalResponseError
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.event import new_event
from tools.kit.functions import FunctionFailedError, invoke
from tools.kit.osls import DRAIN, stack_name
from tools.kit.target import Target

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

_INTAKE_HINT = "it does not accept punches. 401 and 403: check its authorizer and its usage plan"
_SIGN_IN_HINT = "it may accept punches without a token. 403: check its usage plan; 404: publish its API again"
_MAX_WAIT_SECONDS = 2


class Proof(NamedTuple):
    """The test punch."""

    id: str
    message_id: str
    seconds: float  # from its acceptance until it is stored, measured once a second


def send_punch(deployment: Target, key_id: str, *, needs_token: bool) -> tuple[str, str]:
    """Send the test punch, and return its id and its message's.

    Raises:
        CommandError: the gateway gave an unexpected response, or the operator's role cannot be assumed.
    """
    key = deployment.gateway().get_api_key(apiKey=key_id, includeValue=True)["value"]
    punch_id = str(uuid.uuid4())
    punch = new_event(punch_id)
    if needs_token:
        return punch_id, verify_sign_in(deployment, key, punch)
    return punch_id, request_until(deployment.api_url, key, punch, expected=202)["messageId"]


def request_until(url: str, key: str, punch: Mapping[str, Any] | None, expected: int, clock: Clock = CLOCK) -> Any:
    """Repeat a request until the gateway gives the expected status, and return the JSON of its response.

    A new stage or key takes a moment to work everywhere.

    Args:
        punch: body of a POST, with an id, so that repetitions are the same punch; None: send a GET.
        expected: the expected status.

    Raises:
        CommandError: the time limit has passed, or there was another final response.
    """
    headers = {"x-api-key": key, "content-type": "application/json"}
    # Not 401 and 403: a new key may be refused at first.
    final = frozenset({expected, 202, 400, 413, 415})
    client = Client(
        url,
        headers,
        timeout_seconds=PUBLICATION_SECONDS,
        final_statuses=final,
        max_backoff_seconds=_MAX_WAIT_SECONDS,
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
        f"{method} {url} returned {answer.status or 'no response'}, expected {expected}: {answer.text}\n"
        f"The stage is deployed and migrated, but {failed}; 5xx: docs/runbook.md#gateway-5xx",
        status=1,
    )


def verify_sign_in(deployment: Target, key: str, punch: Mapping[str, Any], clock: Clock = CLOCK) -> str:
    """Test a stage that requires sign-in: check that a token is required, and queue a punch as the gateway would.

    The queue accepts it only from the operator's role, as for a redrive.

    Returns:
        The id of the message.

    Raises:
        CommandError: the gateway or the method requires no token, or the user may not assume the role.
    """
    # The list of an employee's punches is published together with the method for punches. A refused punch would count
    # for the alarm gateway-4xx-hours, which three deploys without other traffic would trigger.
    request_until(deployment.api_url, key, None, expected=401, clock=clock)
    if punch_authorization_type(deployment) == "NONE":
        raise CommandError(
            f"POST {EVENT.path} of the API {deployment.api_id} requires no token (authorizationType NONE), "
            "so every holder of a key can send punches of every employee.\nThe stage is deployed and migrated. Disable "
            "its keys, and deploy again.",
            status=1,
        )
    sent = deployment.sender("proof").send_message(
        QueueUrl=deployment.queue_url,
        MessageBody=json.dumps(punch),
        # As the gateway sets it from the verified token.
        MessageAttributes={
            EVENT.fields[EVENT.subject].name: {"DataType": "String", "StringValue": str(EVENT.reserved_subject)}
        },
    )
    return sent["MessageId"]


def punch_authorization_type(deployment: Target) -> str:
    """Return API Gateway's authorization type of the method for punches; NONE if a key is enough.

    Raises:
        CommandError: the API has no method for punches.
    """
    gateway, api = deployment.gateway(), deployment.api_id
    pages = gateway.get_paginator("get_resources").paginate(restApiId=api)
    ids = [resource["id"] for page in pages for resource in page["items"] if resource["path"] == EVENT.path]
    if not ids:
        raise CommandError(f"the API {api} has no {EVENT.path}, so it does not accept punches", status=1)
    return gateway.get_method(restApiId=api, resourceId=ids[0], httpMethod="POST")["authorizationType"]


def wait_for_row(
    functions: "LambdaClient", stage: str, punch_id: str, message_id: str, seconds: int = 180, clock: Clock = CLOCK
) -> Proof:
    """Call the function `schema` until it finds the row of a punch.

    Raises:
        CommandError: there is no row after `seconds`, or the function failed.
    """
    started = clock.monotonic()
    while not invoke_schema(functions, stage, {"action": "find", "id": punch_id}, clock)["found"]:
        if clock.monotonic() - started > seconds:
            raise CommandError(
                f"the punch {punch_id} was accepted as message {message_id}, but has no row after {seconds} s.\n"
                f"Check whether the drain is paused or fails: ponto dlq list --stage {stage}; "
                f"npx sls logs --stage {stage} -f {DRAIN}. The punch stays in the queue.",
                status=1,
            )
        clock.sleep(1)
    return Proof(punch_id, message_id, clock.monotonic() - started)


def invoke_schema(functions: "LambdaClient", stage: str, event: Mapping[str, str], clock: Clock = CLOCK) -> Any:
    """Invoke the function `schema`, which can reach a private database, and return its result."""
    try:
        return invoke(functions, f"{stack_name(stage)}-schema", stage, event, clock)
    except FunctionFailedError as error:
        raise CommandError(
            f"the function schema failed: {error.reason}\n"
            f"The stage is deployed. Its log: npx sls logs --stage {stage} -f schema. Fix the cause, and deploy "
            "again.",
            status=1,
        ) from None
