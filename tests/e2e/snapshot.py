"""What all tests of a deployed system share, but for the rows: each begins with it clean and leaves it as it was."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tests.e2e.client import Client
from tools.local.faults import Faults
from tools.local.stack import Stack

FUNCTION = "batida-ponto-local-batidaPonto"

# What a fault or a test may set in the database: settings, closed doors, triggers and constraints that refuse a punch.
_DATABASE = """
select 'setting ' || unnest(setconfig) from pg_db_role_setting
union all select 'no connections to ' || datname from pg_database where not datallowconn and datname <> 'template0'
union all select 'trigger ' || tgrelid::regclass || '.' || tgname from pg_trigger where not tgisinternal
union all select 'constraint ' || conrelid::regclass || '.' || conname from pg_constraint where conrelid <> 0
order by 1
"""


class Snapshot(NamedTuple):
    """The shared state; two are equal when a test could not tell them apart."""

    punches: int  # in the queue, those being worked on included
    dead_letters: int
    queue: dict[str, str]  # attributes
    dead_letter_queue: dict[str, str]
    drains: bool  # whether the event source mapping is enabled
    concurrency: int
    code: str  # the function's hash
    environment: dict[str, str]  # the function's
    access: set[str]  # API keys and usage plans
    database: list[str]

    def changes(self, after: "Snapshot") -> list[str]:
        """Say what is no longer as it was, one line for each part."""
        pairs = zip(self._fields, self, after, strict=True)
        return [f"{name} was {before!r} and is {now!r}" for name, before, now in pairs if before != now]


class Keeper:
    """Looks at the shared state of a deployed system, and sets it back."""

    def __init__(self, stack: Stack, state: Path) -> None:
        """Changes nothing yet.

        Args:
            stack: the system.
            state: its folder.
        """
        self._stack = stack
        self._package = state / "package" / "batida-ponto.zip"
        self._client = Client(stack)
        self._functions = stack.client("lambda")
        self._api = stack.client("apigateway")
        self._new = self.look()
        self._seen: Snapshot | None = None  # when the last test had ended

    def is_running(self) -> bool:
        """Whether the system is still there."""
        return self._stack.aws.is_running()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Hold what happens inside to leaving everything as it was.

        Raises:
            AssertionError: it did not, and everything was set back for those that follow.
        """
        before = self._seen or self.look()
        self.forget()
        yield
        self._require(before)
        self._seen = before

    def forget(self) -> None:
        """Look anew before the next test: something else than a test may have changed something."""
        self._seen = None

    def require_as_new(self) -> None:
        """Hold to everything being as it was deployed; raises as `kept` does."""
        self._require(self._new)

    def _require(self, before: Snapshot) -> None:
        changes = before.changes(self.look())
        if changes:
            self.restore(before)
            raise AssertionError("left behind: " + "; ".join(changes))

    def look(self) -> Snapshot:
        """Wait until the queue has drained, if it drains, and read everything."""
        address = self._stack.address
        self._stack.require_running()
        drains = self._mapping()["State"] == "Enabled"
        if drains:
            with contextlib.suppress(AssertionError):  # what stays is told by its number
                self._client.wait_until_drained()
        reserved = self._functions.get_function_concurrency(FunctionName=FUNCTION)
        function = self._functions.get_function_configuration(FunctionName=FUNCTION)
        punches, queue = self._queue(address.queue_url)
        dead_letters, dead_letter_queue = self._queue(address.dlq_url)
        return Snapshot(
            punches=punches,
            dead_letters=dead_letters,
            queue=queue,
            dead_letter_queue=dead_letter_queue,
            drains=drains,
            concurrency=reserved["ReservedConcurrentExecutions"],
            code=function["CodeSha256"],
            environment=function["Environment"]["Variables"],
            access=self._access(),
            database=[line for (line,) in self._client.query(_DATABASE)],
        )

    def restore(self, seen: Snapshot) -> None:
        """Set everything back to a state that was empty of messages.

        Raises:
            AssertionError: something cannot be set back.
        """
        address = self._stack.address
        Faults(self._stack.database).mend()
        for url, attributes in ((address.queue_url, seen.queue), (address.dlq_url, seen.dead_letter_queue)):
            self._client.sqs.purge_queue(QueueUrl=url)
            self._client.sqs.set_queue_attributes(QueueUrl=url, Attributes=_settable(attributes))
        self._functions.update_event_source_mapping(UUID=self._mapping()["UUID"], Enabled=seen.drains)
        self._functions.put_function_concurrency(FunctionName=FUNCTION, ReservedConcurrentExecutions=seen.concurrency)
        self._functions.update_function_code(FunctionName=FUNCTION, ZipFile=self._package.read_bytes())
        environment = {"Variables": seen.environment}
        self._functions.update_function_configuration(FunctionName=FUNCTION, Environment=environment)
        for extra in sorted(self._access() - seen.access):
            self._delete(*extra.split())
        self._drop([line for (line,) in self._client.query(_DATABASE) if line not in seen.database])
        changes = seen.changes(self.look())
        assert not changes, f"cannot be set back: {'; '.join(changes)}"

    def _mapping(self) -> Any:
        (mapping,) = self._functions.list_event_source_mappings(FunctionName=FUNCTION)["EventSourceMappings"]
        return mapping

    def _queue(self, url: str) -> tuple[int, dict[str, str]]:
        """Give the number of its messages, and its settings."""
        found = self._client.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        counts = {name for name in found if name.startswith("Approximate")}
        settings = {name: found[name] for name in found.keys() - counts - {"LastModifiedTimestamp"}}
        return sum(int(found[name]) for name in counts), settings

    def _access(self) -> set[str]:
        keys = self._api.get_api_keys(limit=500)["items"]
        plans = self._api.get_usage_plans(limit=500)["items"]
        return {f"key {key['id']}" for key in keys} | {f"plan {plan['id']}" for plan in plans}

    def _delete(self, kind: str, identifier: str) -> None:
        if kind == "key":
            self._api.delete_api_key(apiKey=identifier)
        else:
            self._api.delete_usage_plan(usagePlanId=identifier)

    def _drop(self, lines: list[str]) -> None:
        for line in lines:
            kind, _, name = line.partition(" ")
            table, _, part = name.rpartition(".")
            if kind == "constraint":
                self._client.query(f'alter table {table} drop constraint "{part}"')
            elif kind == "trigger":
                self._client.query(f'drop trigger "{part}" on {table}')


def _settable(attributes: dict[str, str]) -> dict[str, str]:
    """Leave out what SQS itself says of a queue."""
    return {name: value for name, value in attributes.items() if name not in {"QueueArn", "CreatedTimestamp"}}
