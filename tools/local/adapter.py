"""The adapter of the emulator and of hypercorn, which serves it: what is private there is read and replaced here only.

quick_package.js beside it is the same for osls. Each replacement says until when it is needed. Nobody promises that a
private name stays, so the versions are checked.
"""

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar, copy_context
from datetime import UTC
from email.utils import formatdate
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeVar
from weakref import WeakSet
from xml.etree import ElementTree

from hypercorn.asyncio.tcp_server import TCPServer
from hypercorn.protocol.h11 import H11Protocol
from ministack import app  # type: ignore[import-untyped]
from ministack.core import lambda_runtime as runtime  # type: ignore[import-untyped]
from ministack.core import persistence
from ministack.core.responses import AccountRegionScopedDict  # type: ignore[import-untyped]
from ministack.services import apigateway_v1, cloudwatch, cognito, lambda_svc, sqs  # type: ignore[import-untyped]
from ministack.services import cloudwatch_logs as logs

from ponto.fields import read_uuid
from ponto.punch import NotAPunch, parse
from tools.kit import dead_letters
from tools.kit.local_stack import STAGE
from tools.local import velocity
from tools.local.asgi import Application, Response
from tools.local.errors import LocalError

VERSIONS = {"ministack": "1.5.33", "hypercorn": "0.18.0"}
"""Those that this file is written for."""

_FINDING = b"$context.error.validationErrorString"
_HEAD = 5.0  # s after which half a request's head is looked at, and again until it is closed
_MOST = 10  # messages that the emulator hands over at once
_KEPT = 2_000  # log streams of a group, and points of a metric
_WAITING = 6 * 3600  # s that an event waits until the function may run
_LOOK = 0.1  # s between two looks whether it may

Message = dict[str, Any]
"""One of a queue, as the emulator has it."""

_logger = logging.getLogger("local")

application: Application = app.app
"""The emulator."""


class _Replacement(NamedTuple):
    owner: Any  # a module or a class
    name: str
    ours: Any  # a function is called with theirs and its arguments
    until: str  # what makes it unnecessary


_REPLACEMENTS: list[_Replacement] = []
_Ours = TypeVar("_Ours")


def _replaces(owner: Any, name: str, until: str) -> Callable[[_Ours], _Ours]:
    def note(ours: _Ours) -> _Ours:
        _REPLACEMENTS.append(_Replacement(owner, name, ours, until))
        return ours

    return note


def replace(put: Callable[[Any, str, Any], None] = setattr) -> None:
    """Put ours into the place of theirs, in this process; a test's `put` takes it back.

    Raises:
        LocalError: another version is installed; the message has each replacement, and what makes it unnecessary.
    """
    other = [f"{name} {found}, not {known}" for name, known in VERSIONS.items() if (found := version(name)) != known]
    if other:
        listed = [f"  {owner.__name__}.{name}, until {until}\n" for owner, name, _, until in _REPLACEMENTS]
        raise LocalError(
            f"tools/local/adapter.py replaces:\n{''.join(listed)}"
            f"Installed is {' and '.join(other)}, for which it is written: make setup installs that. To take the new "
            "one, see whether each of these is as it was, what else the file reads, and what tools/local/gaps.py sets; "
            "then write the version into it."
        )
    for owner, name, ours, _ in _REPLACEMENTS:
        put(owner, name, _called_with(getattr(owner, name), ours) if callable(ours) else ours)


def _called_with(theirs: Any, ours: Any) -> Any:
    return lambda *values, **named: ours(theirs, *values, **named)


# Connections. Hypercorn waits for the rest of a request's head as it does for the next request.


@_replaces(TCPServer, "_idle_timeout", until="hypercorn bounds the time that the head of a request may take")
async def _wait_for_a_request(_: object, server: Any) -> None:
    end = time.monotonic() + server.config.keep_alive_timeout
    begun = False
    while time.monotonic() < end:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.context.terminated.wait(), _HEAD)
            break
        head, _ = server.protocol.protocol.connection.trailing_data
        if head and begun:
            break
        begun = bool(head)
    await asyncio.shield(server._initiate_server_close())


@_replaces(H11Protocol, "_check_protocol", until="hypercorn can be told to speak no HTTP/2, as no client here does")
async def _speak_http_1(*_: object) -> None:
    pass  # the request is served as any other


# Mapping templates. The emulator prints #if as it stands, and knows no ['...']: airspeed renders them.

_TEMPLATES = "the emulator renders all of Velocity, and sets the status that a response template asks for"


@_replaces(apigateway_v1, "_render_request_template_v1", until=_TEMPLATES)
def _render(_: object, template: str, body: str, __: object, context: Mapping[str, Any]) -> str:
    known = {"identity": {"apiKeyId": ""}, **context}  # whose key it was, the emulator does not say
    return velocity.render(template, {"util": velocity.Util(), "input": velocity.Input(body), "context": known})


@_replaces(apigateway_v1, "_service_integration_response", until=_TEMPLATES)
def _map_response(
    theirs: Callable[..., tuple[int, Any, bytes]], integration: Any, status: int, text: str, *values: Any
) -> tuple[int, Any, bytes]:
    *others, context = values
    if text.startswith("<"):  # SQS's refusal, which is JSON on AWS
        elements = ElementTree.fromstring(text).iter()  # noqa: S314  the emulator wrote it
        text = json.dumps({"Error": {element.tag.rpartition("}")[2]: element.text for element in elements}})
    override: dict[str, int] = {}
    mapped, *rest = theirs(integration, status, text, *others, {**context, "responseOverride": override})
    return override.get("status", mapped), *rest


# The queue, as the drain takes from it: from the front. Who receives or deletes over HTTP is served as ever.
#
# The emulator goes over the whole queue several times for each ten punches that it hands over: with a million, that
# takes a second in which nothing else gets the process. And it puts a new list in the old one's place, so that a punch
# which another thread accepted meanwhile would be lost. Here its own rules see no more than the front of the queue, and
# the list is changed in place.

_FRONT = "the emulator takes from the front of a queue without looking through all of it, and changes its list in place"


@_replaces(sqs, "_receive_messages_for_esm", until=_FRONT)
def _receive(_: object, url: str, most: int) -> list[Message]:
    most = min(most or 1, _MOST)
    with sqs._queues_lock:
        queue = sqs._get_q(url)
        while True:
            messages = queue["messages"]  # this very list from here on: over HTTP, another may take its place
            front = _front(messages, most, lambda message: message.get("visible_at", 0) <= time.time())
            part = {**queue, "messages": front}
            sqs._expire_retained(part)
            sqs._dlq_sweep(part)
            if len(part["messages"]) == len(front):
                received: list[Message] = sqs._collect_msgs(part, most, int(queue["attributes"]["VisibilityTimeout"]))
                return received
            messages[: len(front)] = part["messages"]


@_replaces(sqs, "_delete_messages_for_esm", until=_FRONT)
def _delete(_: object, url: str, handles: set[str]) -> None:
    with sqs._queues_lock:
        messages = sqs._get_q(url)["messages"]
        front = _front(messages, len(handles), lambda message: message.get("receipt_handle") in handles)
        messages[: len(front)] = [message for message in front if message.get("receipt_handle") not in handles]


def _front(messages: list[Message], most: int, is_wanted: Callable[[Message], bool]) -> list[Message]:
    """Give the messages from the first to the last that is wanted; all of them, where fewer are than `most`."""
    front = []
    left = most
    for message in messages:
        front.append(message)
        left -= is_wanted(message)
        if not left:
            break
    return front


@_replaces(sqs, "_restore_state", until="the emulator finds the queues that it saved while it listened on another port")
def _restore(theirs: Callable[[Any], None], state: Any) -> None:
    theirs(state)
    for (account, region, url), queue in list(sqs._queues.all_items()):
        here = sqs._queue_url_for_account(account, queue["name"])
        if url != here:
            sqs._queues.pop_scoped(account, region, url)
            sqs._queues.set_scoped(account, region, here, {**queue, "url": here})
    sqs._rebuild_queue_name_index()


@_replaces(sqs, "get_state", until="the emulator copies its queues under their lock")
def _locked_state(theirs: Callable[[], Any]) -> Any:
    with sqs._queues_lock:  # else the copy skips a message for each that is deleted before it
        return theirs()


# Logs and metrics: the newest of a run, and nothing of the runs before. The emulator keeps a log stream and four metric
# points of every invocation for ever. All of it would be saved at each stop and read at each start, until there is no
# time left for it. At the stop nobody reads streams and points any more, so they go before the rest is copied.

_BOUNDED = "the emulator keeps a bounded number of log streams and metric points"
_UNSAVED = "the emulator can be told not to save what was logged and measured"


@_replaces(lambda_svc, "_emit_lambda_logs", until=_BOUNDED)
def _emit_and_drop_oldest(theirs: Callable[..., None], *values: Any, **named: Any) -> None:
    theirs(*values, **named)
    for _, group in logs._log_groups.all_items():
        for name in list(group["streams"])[:-_KEPT]:
            group["streams"].pop(name, None)


@_replaces(cloudwatch, "_metric_bucket", until=_BOUNDED)
def _newest_points(theirs: Callable[[Any], list[Any]], key: Any) -> list[Any]:
    found = theirs(key)
    del found[:-_KEPT]
    return found


@_replaces(logs, "get_state", until=_UNSAVED)
def _groups_alone(theirs: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    groups, logs._log_groups = logs._log_groups, AccountRegionScopedDict()
    kept = AccountRegionScopedDict()
    for scope, group in groups.all_items():
        kept.set_scoped(*scope, {**group, "streams": {}})
    return {**theirs(), "log_groups": kept}


@_replaces(cloudwatch, "get_state", until=_UNSAVED)
def _without_points(theirs: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    cloudwatch._metrics = AccountRegionScopedDict()
    return {**theirs(), "metrics": AccountRegionScopedDict()}


# Workers, the processes in which functions run: each ends alone, when it is done, with its whole log.
#
# Where a function changes, the emulator kills its workers in the middle of what they do; where one of them does not
# start, it kills the others too, and those that were starting do the same in turn. What they had received waits for its
# visibility timeout. On AWS, an environment of the former code ends what it had begun.

_ALONE = "the emulator kills no worker in the middle of an invocation, nor because of another"
# It reads what one printed for 50 ms: on a busy machine the rest is in the next one's log, or lost.
_WHOLE_LOG = "the emulator waits for all that an invocation printed, and reaps a worker that has ended"

_kill: Callable[[Sequence[Any]], None] = runtime.kill_workers


@_replaces(runtime.Worker, "invoke", until=_ALONE)
def _invoke_alone(theirs: Callable[..., dict[str, Any]], worker: Any, *values: Any, **named: Any) -> dict[str, Any]:
    try:
        return theirs(worker, *values, **named)
    except Exception as error:
        _logger.exception("a worker of %s failed", worker.func_name)
        _kill([worker])  # what there is of its process; the next invocation starts another
        return {"status": "error", "error": f"{type(error).__name__}: {error}", "log": worker._drain_stderr()}


@_replaces(runtime, "kill_workers", until=_ALONE)
def _kill_idle(theirs: Callable[[Sequence[Any]], None], found: Sequence[Any]) -> None:
    with runtime._lock:  # under which they are leased
        for worker in found:
            worker.is_former = worker.in_use
    theirs([worker for worker in found if not worker.is_former])


@_replaces(lambda_svc, "release_worker", until=_ALONE)
def _release_and_kill(theirs: Callable[[Any], None], worker: Any) -> None:
    theirs(worker)
    if getattr(worker, "is_former", False):
        _kill([worker])


class Process(subprocess.Popen[str]):
    """A worker's process, which prints into a file: when it has answered or ended, all of that is there."""

    def __init__(self, *values: Any, **named: Any) -> None:
        self._printed = tempfile.TemporaryFile()  # noqa: SIM115  closed with this
        self._read = 0  # bytes
        super().__init__(*values, **{**named, "stderr": self._printed})

    def printed(self) -> str:
        """Give what it has printed since the last time."""
        new = os.pread(self._printed.fileno(), os.fstat(self._printed.fileno()).st_size - self._read, self._read)
        self._read += len(new)
        return new.decode(errors="replace").rstrip("\n")


_replaces(runtime, "subprocess", until=_WHOLE_LOG)(SimpleNamespace(Popen=Process, PIPE=subprocess.PIPE))


def _wait_for(worker: Any) -> Callable[[], int]:  # asked for once per process, before it can end
    worker.process = worker._proc
    wait: Callable[[], int] = worker.process.wait
    return wait


_replaces(runtime.Worker, "_read_stderr", until=_WHOLE_LOG)(property(_wait_for))


@_replaces(runtime.Worker, "_drain_stderr", until=_WHOLE_LOG)
@_replaces(runtime.Worker, "_drain_stderr_bounded", until=_WHOLE_LOG)
def _take_whole_log(_: object, worker: Any) -> str:
    process: Process | None = getattr(worker, "process", None)  # None: it has not started
    return process.printed() if process else ""


# Events, which wait until the function may run. The emulator tries one three times within three seconds, and then it
# is a dead letter; on AWS it waits for six hours, and only what ran and failed counts as tried. A stop ends what waits.

_WAITS = "an event waits in the emulator until its function may run"


class _Event:
    """An invocation for whose answer nobody waits. The thread that serves it has the only reference to it."""


_event: ContextVar[_Event | None] = ContextVar("_event", default=None)
_events: "WeakSet[_Event]" = WeakSet()


@_replaces(lambda_svc, "_acquire_execution_slot", until=_WAITS)
def _acquire_when_free(
    theirs: Callable[..., tuple[str | None, str | None]], *values: Any
) -> tuple[str | None, str | None]:
    end = time.monotonic() + _WAITING
    while not (slot := theirs(*values))[0] and _event.get() and time.monotonic() < end:
        time.sleep(_LOOK)
    return slot


@_replaces(lambda_svc, "invoke_async_with_retry", until=_WAITS)
def _invoke_event(theirs: Callable[..., None], *values: Any) -> None:
    event = _Event()
    _events.add(event)
    context = copy_context()
    context.run(_event.set, event)
    context.run(theirs, *values)  # in a thread, with a copy of it


def unfinished_events() -> int:
    """Count the events that wait, run, or will be tried again."""
    return len(_events)


# What of the emulator is for everybody, as on AWS: the deployed APIs, and the public keys of user pools. Both are
# called by name, past the emulator's routing: that finds a way to every service in the query, the body, the Host and
# many headers, whatever the path is.


async def call_api(api: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Response:
    """Send a request to the deployed stage of an API. One that does not exist answers 404.

    The path is below the stage, decoded, with its slash; the headers' names are in lower case.
    """
    found = _answer(await apigateway_v1.handle_execute(api, STAGE, method, path, headers, body, {}))
    if _FINDING in found.body:  # the emulator does not say what the validator found: it prints the variable
        found = found._replace(body=found.body.replace(_FINDING, json.dumps(_finding(body))[1:-1].encode()))
    return found


def is_signed(api: str, method: str, path: str) -> bool:
    """Whether AWS would take a request for the deployed stage of an API signed only."""
    return bool(apigateway_v1.method_authorization_type(api, STAGE, method, path) == "AWS_IAM")


def _finding(body: bytes) -> str:
    """Name the field and the rule that a body breaks."""
    try:
        parse(body.decode(), UTC)
    except UnicodeDecodeError:
        return "body: must be UTF-8 text"
    except NotAPunch as error:
        return error.detail
    return "it does not match ponto/punch.schema.json"


def public_keys(pool: str) -> Response | None:
    """Give the keys that check a user pool's tokens; None when there is no such pool."""
    return _answer(cognito.well_known_jwks(pool)) if cognito._get_pool_unscoped(pool) else None


def _answer(given: tuple[int, dict[str, Any], bytes | str]) -> Response:
    status, headers, body = given
    written: Iterable[tuple[bytes, bytes]] = app._asgi_header_list(headers)
    date = (b"date", formatdate(usegmt=True).encode())  # the emulator has told hypercorn not to add it
    return Response(status, [*written, date], body if isinstance(body, bytes) else body.encode())


# What the emulator holds.

accepted: dict[str, dict[str, str | None]] = {}
"""Messages that each queue has taken in this run, by its URL: message ids with the id of the punch, None if not known.

Dead letters that were sent back are not among them: they were accepted before.
"""


@_replaces(sqs, "_dispatch", until="the emulator counts what is sent to a queue")
async def _count_accepted(theirs: Callable[..., Awaitable[Any]], action: str, data: dict[str, Any], url: str) -> Any:
    result = await theirs(action, data, url)
    if action in ("SendMessage", "SendMessageBatch"):
        message_ids = {entry.get("Id"): entry["MessageId"] for entry in result.get("Successful", [result])}
        messages = accepted.setdefault(sqs._get_q(data.get("QueueUrl", url))["url"], {})
        for entry in data.get("Entries", [data]):
            is_redriven = "messageId" in (entry.get("MessageAttributes") or {})
            if entry.get("Id") in message_ids and not is_redriven:
                messages[message_ids[entry.get("Id")]] = _find_punch_id(entry)
    return result


def _find_punch_id(entry: Mapping[str, Any]) -> str | None:
    attributes = entry.get("MessageAttributes") or {}
    try:
        message = dead_letters.read({"Body": entry["MessageBody"], "MessageId": "", "MessageAttributes": attributes})
        return read_uuid(message.find_punch_id())
    except Exception:  # noqa: BLE001  the message has been accepted, whatever it holds
        return None


def messages(url: str) -> list[Message]:
    """Look into a queue, without receiving: nobody who works there notices."""
    for _, queue in list(sqs._queues.all_items()):
        if queue["url"] == url:
            return list(queue["messages"])
    return []


def are_queues_locked() -> bool:
    """Whether somebody takes from a queue at this moment: this very thread, maybe."""
    return bool(sqs._queues_lock.locked())


def services() -> dict[str, Callable[[], Any]]:
    """What gives each service's state, by the name of its file: the emulator's own list."""
    found: dict[str, Callable[[], Any]] = app._build_persistence_save_dict()
    return found


def save(folder: Path, name: str, state: Any) -> None:
    """Replace a service's file by its state, as the emulator does, which only logs errors.

    Raises:
        OSError: the file cannot be written; it is as it was.
        Exception: the state cannot be written as JSON; the file is as it was.
    """
    content = {"__ministack_format__": persistence._state_format_version(name), "payload": state}
    folder.mkdir(exist_ok=True)
    draft = folder / f"{name}.json.tmp"
    try:
        with draft.open("w") as file:
            json.dump(content, file, default=persistence._json_default)
        draft.replace(folder / f"{name}.json")
    finally:
        draft.unlink(missing_ok=True)
