"""Recording and stubbing of the calls that boto3's clients make; moto or the emulator answers the others."""

import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError

Call = Callable[[], Any]


class RecordedCall(NamedTuple):
    """A call that a boto3 client made."""

    operation: str  # such as SendMessage
    parameters: Any
    signer: str  # the access key that signed the call; empty: it was not signed


class Calls:
    """Record of the calls of all boto3 clients since its creation, with stubs for some operations."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.history: list[RecordedCall] = []
        # Operation -> an exception to raise, a response to return, or a function that returns the response. The
        # function gets the original call, which it may make, and the parameters.
        self.stubs: dict[str, Any] = {}
        real = BaseClient._make_api_call  # type: ignore[attr-defined]

        def call(client: Any, operation: str, parameters: Any) -> Any:
            key = client._get_credentials()
            self.history.append(RecordedCall(operation, parameters, key.access_key if key else ""))
            stub = self.stubs.get(operation)
            if isinstance(stub, BaseException):
                raise stub
            if callable(stub):
                return stub(lambda: real(client, operation, parameters), parameters)
            return real(client, operation, parameters) if stub is None else stub

        monkeypatch.setattr(BaseClient, "_make_api_call", call)

    @property
    def operations(self) -> list[str]:
        """The operations that were called, in order."""
        return [call.operation for call in self.history]

    def by_operation(self, operation: str) -> list[RecordedCall]:
        """Return the calls of an operation."""
        return [call for call in self.history if call.operation == operation]


def skip_long_polling(call: Call, parameters: dict[str, Any]) -> Any:
    """Stub for ReceiveMessage: receive messages without waiting for more."""
    parameters["WaitTimeSeconds"] = 0
    return call()


def refusal(code: str, message: str = "not you", operation: str = "Operation") -> ClientError:
    """Return the error that boto3 raises when AWS refuses a call."""
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


NO_STACK = refusal("ValidationError", "Stack with id batida-ponto-prod does not exist")
"""CloudFormation's error for a stack that does not exist, or for a resource of such a stack."""


ROLE_EXISTS = refusal("InvalidInput", "Service role name AWSServiceRoleForRDS has been taken in this account")
"""IAM's error for a service-linked role that the account has."""


def stack(status: str = "CREATE_COMPLETE", **outputs: str) -> Any:
    """Return the response of DescribeStacks for a stack with these outputs, which was updated now."""
    entries = [{"OutputKey": name, "OutputValue": value} for name, value in outputs.items()]
    now = datetime.now(UTC)
    times = {"CreationTime": now, "LastUpdatedTime": now}
    return {"Stacks": [{"StackId": "arn", "StackStatus": status, "Outputs": entries, **times}]}


def invoke_stub(payload: object, *, failed: bool = False) -> Callable[..., Any]:
    """Return a stub for Invoke: each invocation returns the payload, or fails with it as the error."""

    def respond(*_: object) -> Any:
        response = {"Payload": io.BytesIO(json.dumps(payload).encode())}
        return response | ({"FunctionError": "Unhandled"} if failed else {})

    return respond


def receive_all(sqs: Any, url: str, **options: Any) -> list[Any]:
    """Return all visible messages of a queue, with all attributes. They stay in the queue, hidden.

    Args:
        sqs: boto3's client.
        url: URL of the queue.
        options: Further arguments of `receive_message`.
    """
    received: list[Any] = []
    options = {
        "MaxNumberOfMessages": 10,
        "MessageAttributeNames": ["All"],
        "MessageSystemAttributeNames": ["All"],
    } | options
    while messages := sqs.receive_message(QueueUrl=url, **options).get("Messages"):
        received += messages
    return received
