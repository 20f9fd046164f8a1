"""Sending corrections in signed requests to the API of a deployment."""

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from slices.corrections.write import MAX_CORRECTIONS, CorrectionsRefusedError
from tools.kit import functions, target
from tools.kit.client import ApiResponse, Client, NoFinalResponseError
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.osls import stack_name
from tools.kit.target import TargetOptions

if TYPE_CHECKING:
    import boto3


JsonCorrections = Sequence[Mapping[str, Any]]
"""JSON objects of the API; a null field counts as absent."""

_MAX_WAIT_SECONDS = functions.RESUME_TIMEOUT_SECONDS  # less than the five minutes for which a signature is valid
_FINAL_STATUSES = frozenset({200, 201, 400, 403, 404, 409, 413, 500})  # 500: the function's, without Retry-After
_NOTICE = (
    "A function that was not called for weeks takes up to two minutes to start, a paused database 15 to 40 s to "
    f"resume. Waiting for {_MAX_WAIT_SECONDS} s at most ..."
)


def send_corrections(
    target_options: TargetOptions, corrections: JsonCorrections, clock: Clock = CLOCK
) -> list[dict[str, Any]]:
    """Write corrections, all or nothing, through the API of a deployment.

    Returns:
        The stored corrections, as the API returns them.

    Raises:
        CorrectionsRefusedError: some are refused; nothing was written.
        CommandError: there are too many, or the API cannot write them now.
        botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or refused.
    """
    if len(corrections) > MAX_CORRECTIONS:
        raise CommandError(
            f"{len(corrections)} corrections: at most {MAX_CORRECTIONS} can be written together; "
            "split them into several files"
        )
    deployment = target.find(target_options)
    return post_corrections(deployment.api_url, deployment.session, target_options.stage, corrections, clock)


def post_corrections(
    url: str, session: "boto3.Session", stage: str, corrections: JsonCorrections, clock: Clock = CLOCK
) -> list[dict[str, Any]]:
    """Post corrections to the API of a stage in a signed request.

    Args:
        url: address of `POST /ponto`.
        session: has the credentials that sign, and the region of the API.
        stage: name of the stage, for messages.
        corrections: corrections to write.
        clock: measures the waits between attempts.

    Returns:
        The stored corrections, as the API returns them.

    Raises:
        CorrectionsRefusedError: some are refused; nothing was written.
        CommandError: the API answered 403, there was no answer in time, or another error.
        botocore.exceptions.NoCredentialsError: the session has no credentials.
    """
    response = post_signed(f"{url.removesuffix('/ponto')}/correcao", session, {"correcoes": corrections}, clock)
    fields = parse_fields(response)
    if response.status == 200 and "correcoes" in fields:
        stored: list[dict[str, Any]] = fields["correcoes"]
        return stored
    if reasons := {refusal["posicao"]: refusal["razao"] for refusal in fields.get("recusadas", ())}:
        raise CorrectionsRefusedError(reasons)
    raise describe_failure(response, stage)


def post_signed(url: str, session: "boto3.Session", body: Mapping[str, Any], clock: Clock = CLOCK) -> ApiResponse:
    """Post a JSON object in a signed request, and return the final response.

    Raises:
        CommandError: there was no answer in time.
        botocore.exceptions.NoCredentialsError: the session has no credentials.
    """
    text = json.dumps(body)
    client = Client(
        url,
        _sign_headers(session, url, text),
        timeout_seconds=_MAX_WAIT_SECONDS,
        final_statuses=_FINAL_STATUSES,
        notice=_NOTICE,
        clock=clock,
    )
    try:
        return client.send(text.encode())
    except NoFinalResponseError as error:
        detail = f": {error.response.message}" if error.response.message else ""
        raise CommandError(f"{url} {error}{detail}; try again: nothing is written twice") from None


def parse_fields(response: ApiResponse) -> dict[str, Any]:
    """Return the JSON object of a response; an empty one if there is none."""
    try:
        fields: dict[str, Any] = json.loads(response.text)
    except ValueError:
        return {}
    return fields


def describe_failure(response: ApiResponse, stage: str) -> CommandError:
    """Return the error for a response that neither confirms the request nor refuses its content."""
    problem = f"the API answered {response.status}: {response.message or 'no corrections'}"
    if response.status == 403:
        role = f"use a --profile that assumes the role CorrectorRoleArn of the outputs of stack {stack_name(stage)}"
        return CommandError(f"{problem}; {role} (slices/corrections/README.md#permissions)")
    return CommandError(f"{problem}; deploy stage {stage}" if response.status == 404 else problem)


def _sign_headers(session: "boto3.Session", url: str, body: str) -> dict[str, str]:
    """Return the headers of a request, with its Signature Version 4."""
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    request = AWSRequest("POST", url, headers={"content-type": "application/json"}, data=body)
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", session.region_name).add_auth(request)
    return dict(request.headers)
