"""Corrections on their way: signed, to the API of a stage, or by a login of one's own, to the database."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import psycopg2
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.exceptions import NoCredentialsError

from ponto.connection import error_message
from slices.corrections.write import (
    MAX_CORRECTIONS,
    CorrectionsRefusedError,
    parse_corrections,
    to_json,
    write_corrections,
)
from tools.kit import database, functions, target
from tools.kit.client import ApiResponse, Client, NoFinalResponseError
from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.osls import stack_name
from tools.kit.output import print_status

if TYPE_CHECKING:
    import boto3


class NotAllowedError(CommandError):
    """IAM does not let the caller write corrections; or the API is not published yet."""


JsonCorrections = Sequence[Mapping[str, Any]]
"""Each as the wire has it; what is null is not said."""

_MAX_WAIT_SECONDS = functions.RESUME_TIMEOUT_SECONDS  # s; a signature lasts for five minutes
_LOCK_TIMEOUT_MS = 10_000  # ms that another correction may take
_FINAL_STATUSES = frozenset({200, 400, 403, 404, 409, 413, 500})  # 500: of the function itself, without Retry-After


def send_corrections(
    target_options: target.TargetOptions, corrections: JsonCorrections, clock: Clock = CLOCK
) -> list[dict[str, Any]]:
    """Write corrections, all or nothing, by a stage's API or a login of one's own; give each as the API answers it.

    Raises:
        CorrectionsRefusedError: some are refused; nothing was written.
        CommandError: it cannot be done.
        botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or refused.
    """
    if len(corrections) > MAX_CORRECTIONS:
        raise CommandError(
            f"{len(corrections)} corrections are more than the {MAX_CORRECTIONS} that are written together; send parts"
        )
    if target_options.database_from_environment:
        return _write_to_database(target_options, corrections)
    deployment = target.find(target_options)
    return post_corrections(deployment.api_url, deployment.session, target_options.stage, corrections, clock)


def _write_to_database(target_options: target.TargetOptions, corrections: JsonCorrections) -> list[dict[str, Any]]:
    parsed = parse_corrections(corrections)
    with database.connect(target_options, read_only=False) as connection:
        try:
            with connection.cursor() as cursor:
                cursor.execute(f"set lock_timeout = {_LOCK_TIMEOUT_MS}")
            connection.commit()
            return [to_json(each) for each in write_corrections(connection, parsed, author=None)]
        except psycopg2.errors.UndefinedTable:
            raise CommandError("the database lacks the table of corrections; run ponto schema --stage STAGE") from None
        except psycopg2.errors.LockNotAvailable as error:
            raise CommandError(
                f"{error_message(error)}; nothing was written: send it again when that has ended"
            ) from None
        except psycopg2.errors.CheckViolation as error:  # at the commit
            raise CommandError(f"{error_message(error)}; send it again") from None


def post_corrections(
    url: str, session: "boto3.Session", stage: str, corrections: JsonCorrections, clock: Clock = CLOCK
) -> list[dict[str, Any]]:
    """Post corrections to an API, signed; give each as it is answered.

    Args:
        url: where the API takes punches.
        session: whose credentials sign, of the API's region.
        stage: the API's, for people.
        corrections: the corrections.
        clock: by which it waits.

    Raises:
        CorrectionsRefusedError: some are refused; nothing was written.
        NotAllowedError: IAM does not let the caller.
        CommandError: it cannot be done.
        botocore.exceptions.NoCredentialsError: the session has none.
    """
    url = f"{url.removesuffix('/ponto')}/correcao"
    body = json.dumps({"correcoes": corrections})
    headers = _sign_headers(session, url, body)
    client = Client(
        url,
        headers,
        timeout_seconds=_MAX_WAIT_SECONDS,
        final_statuses=_FINAL_STATUSES,
        on_wait=_wait_notice(),
        clock=clock,
    )
    try:
        answer = client.send(body.encode())
    except NoFinalResponseError as error:
        why = f": {error.response.message}" if error.response.message else ""
        raise CommandError(f"{url} {error}{why}; send it again, which adds nothing twice") from None
    try:
        fields = json.loads(answer.text)
    except ValueError:
        fields = {}
    if answer.status == 200 and "correcoes" in fields:
        found: list[dict[str, Any]] = fields["correcoes"]
        return found
    if reasons := {each["posicao"]: each["razao"] for each in fields.get("recusadas", ())}:
        raise CorrectionsRefusedError(reasons)
    what = f"answered {answer.status}: {answer.message or 'no corrections'}"
    if answer.status == 403:
        role = f"assume the role that {stack_name(stage)} has as its output CorrectorRoleArn, by --profile"
        raise NotAllowedError(f"{what}; {role} (slices/corrections/README.md#rights)")
    raise CommandError(f"{what}; deploy stage {stage}" if answer.status == 404 else what)


def _wait_notice() -> Callable[[ApiResponse], None]:
    """Give what says that the API is waited for, the first time that it is."""
    said = list[ApiResponse]()

    def say(answer: ApiResponse) -> None:
        if not said:
            what = f"answered {answer.status}" if answer.status else "does not answer"
            why = f" ({answer.message})" if answer.message else ""
            print_status(
                f"ponto: the API {what}{why}. A function that nobody called for weeks takes up to two "
                f"minutes, a paused database 15 to 40 s. Waiting for {_MAX_WAIT_SECONDS} s at most ..."
            )
        said.append(answer)

    return say


def _sign_headers(session: "boto3.Session", url: str, body: str) -> dict[str, str]:
    """Give the headers of a request, with the signature by which AWS knows who sends it."""
    credentials = session.get_credentials()
    if credentials is None:
        raise NoCredentialsError
    request = AWSRequest("POST", url, headers={"content-type": "application/json"}, data=body)
    SigV4Auth(credentials.get_frozen_credentials(), "execute-api", session.region_name).add_auth(request)
    return dict(request.headers)
