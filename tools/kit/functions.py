"""Invoking the functions of a stage, which Lambda may have to make ready first."""

import json
import time
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tools.kit.errors import CommandError
from tools.kit.output import print_status

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

AWAKE_SECONDS = 180
"""s for which a function that is not ready is asked again, or one whose database does not answer.

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


class Busy(CommandError):
    """The function runs as often as it may, for others."""


class FunctionFailed(CommandError):
    """The function ended by an exception, a timeout, or a lack of memory. `reason` is what Lambda says."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} failed: {reason}")
        self.reason = reason


def invoked(functions: "LambdaClient", name: str, stage: str, request: object) -> dict[str, Any]:
    """Invoke a function of a stage, and give what it returns; waits for one that is not ready.

    The client has to wait for as long as the function may take.

    Raises:
        Busy, FunctionFailed: see there.
        CommandError: it is missing.
        botocore.exceptions.BotoCoreError, ClientError: AWS did not answer, or refused.
    """
    end = time.monotonic() + AWAKE_SECONDS
    is_announced = False
    while True:
        try:
            answer = functions.invoke(FunctionName=name, Payload=json.dumps(request))
        except ClientError as error:
            match error.response["Error"].get("Code"):
                case "ResourceNotFoundException":
                    where = f"deploy stage {stage}, or name another --region"
                    raise CommandError(f"{name} is not in this account and region; {where}") from None
                case "TooManyRequestsException":
                    raise Busy(f"{name} runs as often as it may, for others; try again later") from None
                case code if code not in _NOT_READY or time.monotonic() > end:
                    raise
        else:
            break
        if not is_announced:
            print_status(
                f"ponto: {name} is not ready: one that nobody called for weeks takes up to two minutes. "
                f"Waiting for {AWAKE_SECONDS} s at most ..."
            )
            is_announced = True
        time.sleep(_PAUSE_SECONDS)
    found: dict[str, Any] = json.load(answer["Payload"])
    if "FunctionError" in answer:
        raise FunctionFailed(name, str(found.get("errorMessage") or found.get("errorType")).strip())
    return found
