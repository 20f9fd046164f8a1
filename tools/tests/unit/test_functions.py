"""Invocation of a stage's functions, with waits until Lambda has them ready."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.aws import Calls, invoke_stub, refusal
from tests.clock import FakeClock
from tests.commands import Run, runner
from tests.events import aws, aws_environment
from tools.kit.collaborators import Collaborators
from tools.kit.target import TargetOptions, function_client

NOT_READY = (
    "CodeArtifactUserPendingException",
    "ENINotReadyException",
    "ResourceConflictException",
    "ResourceNotReadyException",
)
MIGRATED = {"applied": ["0001_batida.sql"], "notices": ["password set: ponto_drain"]}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    with aws():
        yield Calls(monkeypatch)


@pytest.fixture
def run(calls: Calls, capsys: pytest.CaptureFixture[str]) -> Run:
    del calls
    return runner(capsys, "schema", "--stage", "dev", collaborators=Collaborators(FakeClock()))


@pytest.mark.parametrize("code", NOT_READY)
def test_inactive_function_is_waited_for_with_one_message(run: Run, calls: Calls, code: str) -> None:
    # The first call activates the function, the second finds it in state Pending.
    calls.stubs["Invoke"] = Mock(side_effect=[refusal(code), refusal(code), invoke_stub(MIGRATED)()])
    result = run("--json")
    assert (result.status, result.json) == (0, MIGRATED)
    assert result.err.count("is not ready; after weeks without an invocation this takes up to two minutes") == 1
    assert calls.operations == ["Invoke"] * 3


def test_applied_migrations_and_notices_are_printed(run: Run, calls: Calls) -> None:
    calls.stubs["Invoke"] = invoke_stub(MIGRATED)
    assert run().out.splitlines() == ["applied: 0001_batida.sql", "password set: ponto_drain"]
    calls.stubs["Invoke"] = invoke_stub({"applied": [], "notices": []})
    assert run().out == "applied: nothing to do\n"
    assert calls.by_operation("Invoke")[0].parameters == {
        "FunctionName": "batida-ponto-dev-schema",
        "Payload": '{"action": "migrate"}',
    }


@pytest.mark.parametrize(
    ("answer", "status", "message"),
    [
        (
            invoke_stub({"errorMessage": "0006_roles.sql: permission denied\n"}, failed=True),
            1,
            r"dev-schema failed: 0006_roles.sql: permission denied\n  Its log: npx sls logs --stage dev -f schema",
        ),
        (invoke_stub({"errorType": "Runtime.ExitError"}, failed=True), 1, "dev-schema failed: Runtime.ExitError"),
        (
            refusal("ResourceNotFoundException"),
            2,
            "this account and region have no function batida-ponto-dev-schema; deploy stage dev",
        ),
        (refusal("AccessDeniedException", "not you", "Invoke"), 2, "AWS refused Invoke: AccessDeniedException"),
    ],
)
def test_failed_function_has_another_status_than_one_not_invoked(
    run: Run, calls: Calls, answer: Any, status: int, message: str
) -> None:
    calls.stubs["Invoke"] = answer
    result = run()
    assert (result.status, result.out, len(calls.history)) == (status, "", 1)
    assert message.replace(r"\n", "\n") in result.err


def test_timed_out_invocation_is_not_repeated() -> None:
    sent: list[object] = []

    def time_out(request: object, **_: object) -> None:
        sent.append(request)
        raise ReadTimeoutError(endpoint_url="https://lambda")

    with aws_environment():
        client, name = function_client(TargetOptions("dev"), "schema", single_attempt=True)
        client.meta.events.register("before-send.lambda.Invoke", time_out)
        with pytest.raises(ReadTimeoutError):
            client.invoke(FunctionName=name)
    assert len(sent) == 1
    config: Any = client.meta.config
    assert config.read_timeout > 900  # Lambda's maximum duration in seconds
    assert config.tcp_keepalive  # without it, a NAT gateway may drop the connection during a long invocation
