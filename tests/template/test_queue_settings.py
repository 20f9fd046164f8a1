"""Settings of the queues and of the functions that must be consistent with each other."""

from typing import Any

import pytest

from ponto.drain.dead_letters import DEAD_LETTER_SECONDS
from ponto.shared.config import SECRET_FETCH_TIMEOUT_SECONDS
from ponto.shared.connection import TIMEOUTS
from tests.template.compiled import CompileStage
from tools.kit.packaging import Template

DRAIN = "BatidaPontoLambdaFunction"
MAPPING = "BatidaPontoEventSourceMappingSQSQueue"
DAY_SECONDS = 86_400
OUTAGE_SECONDS = 30 * 3600
MAX_RECEIVES = 1000  # largest maxReceiveCount of SQS
MIN_VISIBILITY_SECONDS = 109  # with a shorter timeout, an outage would need more receives


def test_maximum_concurrency_of_pollers_is_within_reserved_concurrency(template: Template) -> None:
    maximum = template.properties(MAPPING)["ScalingConfig"]["MaximumConcurrency"]
    assert 2 <= maximum <= template.properties(DRAIN)["ReservedConcurrentExecutions"]


@pytest.mark.parametrize(
    ("reserved", "maximum", "read", "expected"),
    [("40", "40", "1", (40, 1)), ("none", "3", "none", (3, 3))],
)
def test_connection_limits_follow_from_the_concurrency(
    compile_stage: CompileStage, reserved: str, maximum: str, read: str, expected: tuple[int, int]
) -> None:
    concurrency = {"drain": reserved, "drainMaximum": maximum, "read": read}
    template = compile_stage("prod", *(f"{name}Concurrency={value}" for name, value in concurrency.items()))
    variables = template.properties("SchemaLambdaFunction")["Environment"]["Variables"]
    assert [variables[f"{name}_CONCURRENCY"] for name in ("DRAIN", "READ")] == [str(number) for number in expected]
    assert template.properties("DatabaseConnectionsAlarm")["Threshold"] == 2 * sum(expected) + 20
    # Without a reservation, no function has the property (0 would disable it); the mapping determines the limits.
    reservations = dict(zip((DRAIN, "ReadLambdaFunction"), expected, strict=True)) if reserved.isdigit() else {}
    assert _select_property(template.by_type("AWS::Lambda::Function"), "ReservedConcurrentExecutions") == reservations


def test_mapping_receives_batches_and_reports_item_failures(template: Template, prod: Template) -> None:
    ((name, mapping),) = template.by_type("AWS::Lambda::EventSourceMapping").items()
    assert name == MAPPING
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["Queue", "Arn"]}
    assert mapping["FunctionName"] == {"Fn::GetAtt": [DRAIN, "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["Enabled"] is True
    assert mapping["BatchSize"] == prod.properties(MAPPING)["BatchSize"]


def test_slowest_save_and_dead_lettering_fit_into_the_timeout(prod: Template) -> None:
    timeout = prod.properties(DRAIN)["Timeout"]
    save_seconds = TIMEOUTS.max_execute_seconds(SECRET_FETCH_TIMEOUT_SECONDS)
    lookup_seconds = save_seconds + TIMEOUTS.statement_ms / 1000
    assert save_seconds < timeout - DEAD_LETTER_SECONDS  # otherwise the look-up would not start
    assert lookup_seconds < timeout - DEAD_LETTER_SECONDS / 2  # otherwise no dead letter would be sent
    assert TIMEOUTS.lock_ms < TIMEOUTS.statement_ms
    assert TIMEOUTS.network_ms > 1000 * TIMEOUTS.attempt_seconds  # tcp_user_timeout must not cut off connecting


@pytest.mark.parametrize(
    ("parameters", "visibility"),
    [
        ([], 6 * 75 + 1),
        (["drainTimeout=17"], MIN_VISIBILITY_SECONDS),
        (["drainTimeout=18"], 6 * 18 + 1),
        (["drainTimeout=30", "drainBatchingWindow=2"], 6 * 30 + 2),
        (["drainTimeout=900"], 6 * 900 + 1),
    ],
)
def test_message_is_hidden_for_six_timeouts_and_survives_an_outage_of_30_hours(
    compile_stage: CompileStage, parameters: list[str], visibility: int
) -> None:
    template = compile_stage("prod", *parameters)
    queue, variables = template.properties("Queue"), template.properties(DRAIN)["Environment"]["Variables"]
    assert queue["VisibilityTimeout"] == visibility
    assert visibility != MIN_VISIBILITY_SECONDS or count_receives(visibility - 1) > MAX_RECEIVES
    receives = queue["RedrivePolicy"]["maxReceiveCount"]
    assert 5 <= receives <= MAX_RECEIVES
    assert receives == count_receives(visibility)
    # Variables by which the function sets the visibility timeout of failed messages.
    assert variables["QUEUE_URL"] == {"Ref": "Queue"}
    assert variables["VISIBILITY_TIMEOUT"] == str(visibility)
    delays = [5 * 2**receive for receive in range(20) if 5 * 2**receive < visibility]
    assert variables["RETRY_DELAYS"] == ",".join(map(str, delays))
    # After the first receives, the message is hidden for the queue's timeout; the last receive is after the outage.
    last_receive = sum(delays) + (receives - 1 - len(delays)) * visibility
    assert OUTAGE_SECONDS <= last_receive < OUTAGE_SECONDS + visibility
    # Retention covers a pause of a week and then all receives with the queue's timeout.
    assert queue["MessageRetentionPeriod"] >= 7 * DAY_SECONDS + receives * visibility


def test_dead_letter_queue_has_larger_messages_and_a_longer_retention(template: Template) -> None:
    queues = template.by_type("AWS::SQS::Queue")
    queue, dead_letters = queues["Queue"], queues["DeadLetterQueue"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    # A dead letter's age counts from the original message; the alarm dead-letters-expire fires after three days.
    assert dead_letters["MessageRetentionPeriod"] >= queue["MessageRetentionPeriod"] + 4 * DAY_SECONDS
    attribute_bytes = 1024  # more than the attributes that the drain adds
    assert dead_letters["MaximumMessageSize"] >= queue["MaximumMessageSize"] + attribute_bytes
    assert 10 * (queue["MaximumMessageSize"] + attribute_bytes) <= 2**20  # a batch of ten in one call


def test_only_the_gateway_and_operators_send_to_the_punch_queue(template: Template) -> None:
    senders = [{"Fn::GetAtt": [name, "Arn"]} for name in ("ApiRole", "OperatorRole")]
    _, deny_others = template.properties("QueuePolicy")["PolicyDocument"]["Statement"]
    assert deny_others == {
        "Sid": "GatewayAndRedrivesSend",
        "Effect": "Deny",  # overrides any Allow
        "Principal": "*",
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": ["Queue", "Arn"]},
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": senders}},  # also true for requests without a principal
    }
    assert template.properties("PostEvent")["Integration"]["Credentials"] in senders


def test_only_the_drain_has_a_dead_letter_queue_and_concurrency_is_reserved(template: Template) -> None:
    functions = template.by_type("AWS::Lambda::Function")
    target = {"TargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}
    assert _select_property(functions, "DeadLetterConfig") == {DRAIN: target}
    assert _select_property(functions, "ReservedConcurrentExecutions") == {DRAIN: 5, "ReadLambdaFunction": 2}


def count_receives(visibility_seconds: int) -> int:
    """Return the number of receives during an outage, plus the receive after it."""
    elapsed_seconds = receives = 0
    while elapsed_seconds < OUTAGE_SECONDS:
        elapsed_seconds += min(5 * 2**receives, visibility_seconds)
        receives += 1
    return receives + 1


def _select_property(functions: dict[str, Any], name: str) -> dict[str, Any]:
    return {function: properties[name] for function, properties in functions.items() if name in properties}
