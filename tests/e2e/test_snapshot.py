"""What a test leaves behind is found, named, and gone for the next one."""

from collections.abc import Callable

import pytest

from tests.database import ask
from tests.e2e.client import EMPLOYEES, Client
from tests.e2e.deployed import Deployed
from tests.e2e.snapshot import FUNCTION
from tools.kit import event


def dead_letter(deployed: Deployed) -> None:
    deployed.stack.client("sqs").send_message(QueueUrl=deployed.stack.address.dlq_url, MessageBody="{")


def visibility(deployed: Deployed) -> None:
    url = deployed.stack.address.queue_url
    deployed.stack.client("sqs").set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "7"})


def pause(deployed: Deployed) -> None:
    functions = deployed.stack.client("lambda")
    (mapping,) = functions.list_event_source_mappings(FunctionName=FUNCTION)["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


def pause_and_punch(deployed: Deployed) -> None:
    pause(deployed)
    Client(deployed.stack).post(event.body(next(EMPLOYEES), "2026-10-01T08:00:00Z"))


def throttle(deployed: Deployed) -> None:
    functions = deployed.stack.client("lambda")
    functions.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=1)


def code(deployed: Deployed) -> None:
    package = (deployed.state / "package" / "batida-ponto.zip").read_bytes()
    deployed.stack.client("lambda").update_function_code(FunctionName=FUNCTION, ZipFile=package + b"\n")


def key(deployed: Deployed) -> None:
    deployed.stack.client("apigateway").create_api_key(name="left", enabled=True)


def plan(deployed: Deployed) -> None:
    deployed.stack.client("apigateway").create_usage_plan(name="left")


def constraint(deployed: Deployed) -> None:
    ask(
        deployed.stack.address.database_url,
        "alter table ponto.batida add constraint left_behind check (false) not valid",
    )


def trigger(deployed: Deployed) -> None:
    ask(
        deployed.stack.address.database_url,
        "create trigger left_behind before insert on ponto.batida execute function ponto.batida_append_only()",
    )


def read_only(deployed: Deployed) -> None:
    ask(deployed.stack.address.database_url, "alter database pontodb set default_transaction_read_only = on")


@pytest.mark.parametrize(
    ("leave", "names"),
    [
        (dead_letter, ["dead_letters"]),
        (visibility, ["queue"]),
        (pause_and_punch, ["punches", "drains"]),
        (throttle, ["concurrency"]),
        (code, ["code"]),
        (key, ["access"]),
        (plan, ["access"]),
        (constraint, ["database"]),
        (trigger, ["database"]),
        (read_only, ["database"]),
    ],
)
def test_what_a_test_leaves_behind_fails_it_and_is_gone_for_the_next(
    deployed: Deployed, leave: Callable[[Deployed], None], names: list[str]
) -> None:
    with pytest.raises(AssertionError, match="left behind: ") as failure, deployed.keeper.kept():
        leave(deployed)

    assert [part.split()[0] for part in str(failure.value).removeprefix("left behind: ").split("; ")] == names
    deployed.keeper.require_as_new()
