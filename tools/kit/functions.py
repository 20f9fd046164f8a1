"""Invocation of a stage's functions, which waits until Lambda has made an idle function ready."""

import json
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from tools.kit.clock import CLOCK, Clock
from tools.kit.errors import CommandError
from tools.kit.waiting import retry_pauses

if TYPE_CHECKING:
    from types_boto3_lambda import LambdaClient

RESUME_TIMEOUT_SECONDS = 180
"""Time for which to retry a function that is not ready, or whose database does not answer.

A function in a network that was not invoked for weeks was reported to take 40 to 106 s:
https://github.com/aws-solutions-library-samples/accelerated-intelligent-document-processing-on-aws/issues/801
Aurora takes about 15 s to resume, and 30 s or more after a day:
https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/aurora-serverless-v2-auto-pause.html
"""

_PAUSE_SECONDS = 5

# Errors of a function that is Inactive or Pending. botocore does not know the first, which others reported:
# https://github.com/boto/boto3/issues/3788
_NOT_READY = frozenset(
    {
        "CodeArtifactUserPendingException",
        "ENINotReadyException",
        "ResourceConflictException",
        "ResourceNotReadyException",
    }
)


class FunctionBusyError(CommandError):
    """The function already runs as many times in parallel as it may."""


class FunctionFailedError(CommandError):
    """The function failed, timed out, or ran out of memory. `reason` is Lambda's message."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"{name} failed: {reason}")
        self.reason = reason


def invoke(functions: "LambdaClient", name: str, stage: str, request: object, clock: Clock = CLOCK) -> dict[str, Any]:
    """Invoke a function of a stage, wait until it is ready if necessary, and return its result.

    The read timeout of the client must be at least as long as the function's timeout.

    Raises:
        FunctionBusyError: the function already runs as many times in parallel as it may.
        FunctionFailedError: the function failed.
        CommandError: there is no such function.
    """
    pauses = retry_pauses(
        f"ponto: {name} is not ready; after weeks without an invocation this takes up to two minutes.",
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
                    advice = f"deploy stage {stage}, or name another --region or --profile"
                    raise CommandError(f"this account and region have no function {name}; {advice}") from None
                case "TooManyRequestsException":
                    raise FunctionBusyError(
                        f"{name} already runs as many times in parallel as it may; try again later"
                    ) from None
                case code if code not in _NOT_READY or not next(pauses, False):
                    raise
    result: dict[str, Any] = json.load(response["Payload"])
    if "FunctionError" in response:
        raise FunctionFailedError(name, str(result.get("errorMessage") or result.get("errorType")).strip())
    return result
