"""Adapter of the emulator and of its server, hypercorn: uses and patches their private functions.

adapter_workers.py does the same for the processes in which functions run. No other file uses private names.
"""

import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC
from email.utils import formatdate
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from hypercorn.protocol.h11 import H11Protocol
from ministack import app  # type: ignore[import-untyped]
from ministack.core import persistence  # type: ignore[import-untyped]
from ministack.core.responses import AccountRegionScopedDict  # type: ignore[import-untyped]
from ministack.services import apigateway_v1, cloudwatch, cognito, lambda_svc, sqs  # type: ignore[import-untyped]
from ministack.services import cloudwatch_logs as logs

from ponto.drain.parser import InvalidPunchError, parse
from ponto.shared.fields import parse_any_uuid
from tools.kit import dead_letters
from tools.kit.local_stack import STAGE
from tools.local import velocity
from tools.local.asgi import Application, AsgiResponse
from tools.local.replacements import patch

_VALIDATION_VARIABLE = b"$context.error.validationErrorString"
_MAX_MESSAGES = 10  # limit of one receive
MAX_KEPT_ENTRIES = 2_000  # log streams of a group, or points of a metric

Message = dict[str, Any]
"""A message of a queue, as the emulator stores it."""

application: Application = app.app
"""The emulator's ASGI application."""


@patch(H11Protocol, "_check_protocol", until="hypercorn has a setting to disable HTTP/2, which no client here uses")
async def _disable_upgrade(*_: object) -> None:
    pass  # no upgrade: the request is served by HTTP/1


# Mapping templates. The emulator does not support #if and ['...'], so airspeed renders the templates.

_TEMPLATES = "the emulator supports all of Velocity, and the status override of response templates"


@patch(apigateway_v1, "_render_request_template_v1", until=_TEMPLATES)
def _render(_: object, template: str, body: str, parameters: Mapping[str, str], context: Mapping[str, Any]) -> str:
    # The emulator does not provide the id of the key. The parameters include the request's headers.
    key = apigateway_v1._resolve_api_key(parameters.get("x-api-key"))
    full_context = {"identity": {"apiKeyId": key["id"] if key else ""}, **context}
    return velocity.render(template, {"util": velocity.Util(), "input": velocity.Input(body), "context": full_context})


@patch(apigateway_v1, "_service_integration_response", until=_TEMPLATES)
def _map_response(
    original: Callable[..., tuple[int, Any, bytes]], integration: Any, status: int, text: str, *values: Any
) -> tuple[int, Any, bytes]:
    *others, context = values
    if text.startswith("<"):  # an error of SQS, which is JSON on AWS
        elements = ElementTree.fromstring(text).iter()  # noqa: S314  the emulator wrote it
        text = json.dumps({"Error": {element.tag.rpartition("}")[2]: element.text for element in elements}})
    override: dict[str, int] = {}
    mapped_status, *rest = original(integration, status, text, *others, {**context, "responseOverride": override})
    return override.get("status", mapped_status), *rest


# Receives and deletes of the event source mapping; those over HTTP are not patched.
#
# The emulator scans the whole queue several times for each ten messages: with a million, this blocks the process for a
# second. It also replaces the list of messages, so a message that another thread accepts meanwhile would be lost. Here
# its functions get only the front of the queue, and the list is changed in place.

_FRONT = "the emulator receives from the front of a queue without scanning all of it, and changes its list in place"


@patch(sqs, "_receive_messages_for_esm", until=_FRONT)
def _receive(_: object, url: str, max_count: int) -> list[Message]:
    max_count = min(max_count or 1, _MAX_MESSAGES)
    with sqs._queues_lock:
        queue = sqs._get_q(url)
        while True:
            messages = queue["messages"]  # keep this list, as requests over HTTP may replace it
            front = _front(messages, max_count, lambda message: message.get("visible_at", 0) <= time.time())
            front_queue = {**queue, "messages": front}
            sqs._expire_retained(front_queue)
            sqs._dlq_sweep(front_queue)
            if len(front_queue["messages"]) == len(front):
                received: list[Message] = sqs._collect_msgs(
                    front_queue, max_count, int(queue["attributes"]["VisibilityTimeout"])
                )
                return received
            messages[: len(front)] = front_queue["messages"]


@patch(sqs, "_delete_messages_for_esm", until=_FRONT)
def _delete(_: object, url: str, handles: set[str]) -> None:
    with sqs._queues_lock:
        messages = sqs._get_q(url)["messages"]
        front = _front(messages, len(handles), lambda message: message.get("receipt_handle") in handles)
        messages[: len(front)] = [message for message in front if message.get("receipt_handle") not in handles]


def _front(messages: list[Message], max_wanted: int, is_wanted: Callable[[Message], bool]) -> list[Message]:
    """Return the messages up to the wanted one with number `max_wanted`; all messages if fewer are wanted."""
    front = []
    remaining = max_wanted
    for message in messages:
        front.append(message)
        remaining -= is_wanted(message)
        if not remaining:
            break
    return front


@patch(sqs, "_restore_state", until="the emulator restores queues that it saved while it listened on another port")
def _restore(original: Callable[[Any], None], state: Any) -> None:
    original(state)
    for (account, region, url), queue in list(sqs._queues.all_items()):
        current_url = sqs._queue_url_for_account(account, queue["name"])
        if url != current_url:
            sqs._queues.pop_scoped(account, region, url)
            sqs._queues.set_scoped(account, region, current_url, {**queue, "url": current_url})
    sqs._rebuild_queue_name_index()


@patch(sqs, "get_state", until="the emulator copies its queues under their lock")
def _locked_state(original: Callable[[], Any]) -> Any:
    with sqs._queues_lock:  # otherwise the copy skips messages if others are deleted meanwhile
        return original()


# Logs and metrics. The emulator keeps a log stream and four metric points of every invocation forever, and saves and
# loads all of them, which takes longer with each run. Here only the newest ones are kept, and none are saved.

_LIMITED = "the emulator limits the number of log streams and metric points"
_UNSAVED = "the emulator has a setting not to save logs and metrics"


@patch(lambda_svc, "_emit_lambda_logs", until=_LIMITED)
def _emit_and_drop_oldest(original: Callable[..., None], *values: Any, **keywords: Any) -> None:
    original(*values, **keywords)
    for _, group in logs._log_groups.all_items():
        for name in list(group["streams"])[:-MAX_KEPT_ENTRIES]:
            group["streams"].pop(name, None)


@patch(cloudwatch, "_metric_bucket", until=_LIMITED)
def _drop_oldest_points(original: Callable[[Any], list[Any]], key: Any) -> list[Any]:
    points = original(key)
    del points[:-MAX_KEPT_ENTRIES]
    return points


@patch(logs, "get_state", until=_UNSAVED)
def _state_without_streams(original: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    groups, logs._log_groups = logs._log_groups, AccountRegionScopedDict()
    emptied = AccountRegionScopedDict()
    for scope, group in groups.all_items():
        emptied.set_scoped(*scope, {**group, "streams": {}})
    return {**original(), "log_groups": emptied}


@patch(cloudwatch, "get_state", until=_UNSAVED)
def _state_without_points(original: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    cloudwatch._metrics = AccountRegionScopedDict()
    return {**original(), "metrics": AccountRegionScopedDict()}


# Functions behind the API. The emulator writes only the output of other functions into its own log.


@patch(lambda_svc, "lambda_execute_result_to_api_proxy_response", until="the emulator logs this output, too")
def _log_output(original: Callable[[Any], Any], result: dict[str, Any]) -> Any:
    if output := result.get("log"):
        print(json.dumps({"level": "ERROR", "message": output}) if result.get("error") else output, flush=True)
    return original(result)


# Public parts of the emulator, as on AWS: the deployed APIs, and the public keys of user pools. They are called
# directly: the emulator's routing can reach any service through the query, the body and headers, on every path.


async def call_api(api: str, method: str, path: str, headers: Mapping[str, str], body: bytes) -> AsgiResponse:
    """Send a request to the deployed stage of an API; the response is 404 if the API does not exist.

    Args:
        path: decoded path below the stage, with a leading slash.
        headers: by their names in lower case.
    """
    response = to_response(await apigateway_v1.handle_execute(api, STAGE, method, path, headers, body, {}))
    if _VALIDATION_VARIABLE in response.body:  # the emulator does not replace this variable
        response = response._replace(
            body=response.body.replace(_VALIDATION_VARIABLE, json.dumps(_validation_error(body))[1:-1].encode())
        )
    return response


def is_signed(api: str, method: str, path: str) -> bool:
    """Return whether AWS would require a signature for a request to the deployed stage of an API."""
    return bool(apigateway_v1.method_authorization_type(api, STAGE, method, path) == "AWS_IAM")


def _validation_error(body: bytes) -> str:
    """Return the field and the rule that a body violates."""
    try:
        parse(body.decode(), UTC)
    except UnicodeDecodeError:
        return "body: must be UTF-8 text"
    except InvalidPunchError as error:
        return error.detail
    return "it does not match ponto/punch.schema.json"


def public_keys(pool: str) -> AsgiResponse | None:
    """Return the public keys of a user pool, which verify its tokens; None if there is no such pool."""
    return to_response(cognito.well_known_jwks(pool)) if cognito._get_pool_unscoped(pool) else None


def to_response(result: tuple[int, dict[str, Any], bytes | str]) -> AsgiResponse:
    status, headers, body = result
    header_list: Iterable[tuple[bytes, bytes]] = app._asgi_header_list(headers)
    date = (b"date", formatdate(usegmt=True).encode())  # the emulator configures hypercorn not to add it
    return AsgiResponse(status, [*header_list, date], body if isinstance(body, bytes) else body.encode())


# Contents of the emulator.

accepted_messages: dict[str, dict[str, str | None]] = {}
"""Messages that each queue, by its URL, has accepted in this run: punch id (None: unknown) by message id.

Redriven dead letters are not included, as they were accepted before.
"""


@patch(sqs, "_dispatch", until="the emulator counts the messages sent to a queue")
async def _count_accepted(original: Callable[..., Awaitable[Any]], action: str, data: dict[str, Any], url: str) -> Any:
    result = await original(action, data, url)
    if action in ("SendMessage", "SendMessageBatch"):
        message_ids = {entry.get("Id"): entry["MessageId"] for entry in result.get("Successful", [result])}
        messages = accepted_messages.setdefault(sqs._get_q(data.get("QueueUrl", url))["url"], {})
        for entry in data.get("Entries", [data]):
            is_redriven = "messageId" in (entry.get("MessageAttributes") or {})
            if entry.get("Id") in message_ids and not is_redriven:
                messages[message_ids[entry.get("Id")]] = _find_punch_id(entry)
    return result


def _find_punch_id(entry: Mapping[str, Any]) -> str | None:
    attributes = entry.get("MessageAttributes") or {}
    try:
        message = dead_letters.read({"Body": entry["MessageBody"], "MessageId": "", "MessageAttributes": attributes})
        return parse_any_uuid(message.find_punch_id())
    except Exception:  # noqa: BLE001  invalid messages were accepted, too
        return None


def messages(url: str) -> list[Message]:
    """Return the messages of a queue without receiving them."""
    for _, queue in list(sqs._queues.all_items()):
        if queue["url"] == url:
            return list(queue["messages"])
    return []


def count_messages() -> dict[str, int]:
    """Return the number of messages in each queue, by its name."""
    return {queue["name"]: len(queue["messages"]) for _, queue in list(sqs._queues.all_items())}


def state_readers() -> dict[str, Callable[[], Any]]:
    """Return a function for each service of the emulator that returns its state, by the name of its file."""
    functions: dict[str, Callable[[], Any]] = app._build_persistence_save_dict()
    return functions


def save_state(folder: Path, name: str, state: Any) -> None:
    """Write a service's state to its file. The emulator's own function only logs errors.

    Raises:
        OSError: the file cannot be written; it is unchanged.
        Exception: the state cannot be converted to JSON; the file is unchanged.
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
