"""Invoking the functions of a stage, which Lambda may have to make ready first."""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.waiting import retry_pauses

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

RESUME_TIMEOUT_SECONDS = 180
"""Seconds for which a function that is not ready is invoked again, or one whose database does not answer.

Lambda takes 40 to 106 s for a function in a network that nobody called for weeks, and Aurora 15 to 40 to resume.
"""

_PAUSE_SECONDS = 5

# Of a function that is Inactive or Pending. The first is what Lambda was seen to say.
_NOT_READY = frozenset(
    {
        "CodeArtifactUserPendingException",
        "ENINotReadyException",
        "ResourceConflictException",
        "ResourceNotReadyException",
    }
)


class FunctionBusyError(CommandError):
    """The function runs as often as it may, for others."""


class FunctionFailedError(CommandError):
    """The function ended by an exception, a timeout, or a lack of memory. `reason` is what Lambda says."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} failed: {reason}")
        self.reason = reason


def invoke(functions: "LambdaClient", name: str, stage: str, request: object, clock: Clock = CLOCK) -> dict[str, Any]:
    """Invoke a function of a stage, waiting for one that is not ready, and return its result.

    The client's timeout has to be as long as the function's.

    Raises:
        FunctionBusyError, FunctionFailedError: see there.
        CommandError: it is missing.
    """
    wait = retry_pauses(
        f"ponto: {name} is not ready: one that nobody called for weeks takes up to two minutes.",
        timeout_seconds=RESUME_TIMEOUT_SECONDS,
        pause_seconds=_PAUSE_SECONDS,
        clock=clock,
    )
    while True:
        try:
            response = functions.invoke(FunctionName=name, Payload=json.dumps(request))
            break
        except ClientError as error:
            match error.response["Error"].get("Code"):
                case "ResourceNotFoundException":
                    where = f"deploy stage {stage}, or name another --region"
                    raise CommandError(f"{name} is not in this account and region; {where}") from None
                case "TooManyRequestsException":
                    raise FunctionBusyError(f"{name} runs as often as it may, for others; try again later") from None
                case code if code not in _NOT_READY or not next(wait, False):
                    raise
    result: dict[str, Any] = json.load(response["Payload"])
    if "FunctionError" in response:
        raise FunctionFailedError(name, str(result.get("errorMessage") or result.get("errorType")).strip())
    return result
