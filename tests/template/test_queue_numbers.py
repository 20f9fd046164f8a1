"""The queues and the function between them: the values that follow from each other."""

from typing import Any

import pytest

from ponto.config import SECRET_FETCH_TIMEOUT_SECONDS
from ponto.connection import TIMEOUTS
from ponto.dead_letters import DEAD_LETTER_SECONDS
from tests.template.compiled import CompileStage, tls_only_statement
from tools.kit.packaging import Template

FUNCTION = "BatidaPontoLambdaFunction"
MAPPING = "BatidaPontoEventSourceMappingSQSPunchQueue"
DAY_SECONDS = 86_400  # s
OUTAGE_SECONDS = 30 * 3600  # s
MAX_RECEIVES = 1000  # that SQS takes
MIN_VISIBILITY_SECONDS = 109  # s, with which an outage has no more receives


def test_pollers_read_no_more_than_the_function_may_take(template: Template) -> None:
    maximum = template.properties(MAPPING)["ScalingConfig"]["MaximumConcurrency"]
    assert 2 <= maximum <= template.properties(FUNCTION)["ReservedConcurrentExecutions"]


@pytest.mark.parametrize(
    ("reserved", "maximum", "read", "expected"),
    [("5", "5", "2", (5, 2)), ("40", "40", "1", (40, 1)), ("none", "3", "none", (3, 3)), (" ", "3", " ", (3, 3))],
)
def test_limits_of_connections_follow_from_the_concurrency(
    compile_stage: CompileStage, reserved: str, maximum: str, read: str, expected: tuple[int, int]
) -> None:
    given = {"reserved": reserved, "maximum": maximum, "read": read}
    template = compile_stage("prod", *(f"{name}Concurrency={value}" for name, value in given.items()))
    variables = template.properties("SchemaLambdaFunction")["Environment"]["Variables"]
    assert [variables[f"{name}_CONCURRENCY"] for name in ("FUNCTION", "READ")] == [str(number) for number in expected]
    assert template.properties("DatabaseConnectionsAlarm")["Threshold"] == 2 * sum(expected) + 20
    # Where nothing is reserved no function has 0, which would stop it, and what follows comes from the mapping.
    reservations = dict(zip((FUNCTION, "ReadLambdaFunction"), expected, strict=True)) if reserved.isdigit() else {}
    assert _present(template.by_type("AWS::Lambda::Function"), "ReservedConcurrentExecutions") == reservations


def test_the_mapping_drains_the_queue_in_batches_that_may_fail_in_part(template: Template, prod: Template) -> None:
    mapping = template.properties(MAPPING)
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": ["PunchQueue", "Arn"]}
    assert mapping["FunctionName"] == {"Fn::GetAtt": [FUNCTION, "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["Enabled"] is True
    assert mapping["BatchSize"] == prod.properties(MAPPING)["BatchSize"]
    assert mapping["MaximumBatchingWindowInSeconds"] >= 1 or mapping["BatchSize"] <= 10  # as AWS asks
    assert len(template.by_type("AWS::Lambda::EventSourceMapping")) == 1


@pytest.mark.parametrize("stage", ["prod", "dev"])
def test_the_slowest_save_and_the_dead_letters_end_within_the_timeout(compile_stage: CompileStage, stage: str) -> None:
    timeout = compile_stage(stage).properties(FUNCTION)["Timeout"]
    stored = TIMEOUTS.max_execute_seconds(SECRET_FETCH_TIMEOUT_SECONDS)
    looked_up = stored + TIMEOUTS.statement_ms / 1000
    assert stored < timeout - DEAD_LETTER_SECONDS  # past which the look-up would not be started
    assert looked_up < timeout - DEAD_LETTER_SECONDS / 2  # past which no dead letter would be sent
    assert TIMEOUTS.lock_ms < TIMEOUTS.statement_ms
    assert TIMEOUTS.network_ms > 1000 * TIMEOUTS.attempt_seconds  # which tcp_user_timeout would cut short


@pytest.mark.parametrize(
    ("stage", "parameters", "visibility"),
    [
        ("prod", [], 6 * 75 + 1),
        ("dev", [], 6 * 75 + 1),
        ("local", [], MIN_VISIBILITY_SECONDS),
        ("dev", ["timeout=1"], MIN_VISIBILITY_SECONDS),
        ("dev", ["timeout=17"], MIN_VISIBILITY_SECONDS),
        ("dev", ["timeout=18"], 6 * 18 + 1),
        ("dev", ["timeout=30", "batchingWindow=2"], 6 * 30 + 2),
        ("dev", ["timeout=900"], 6 * 900 + 1),
    ],
)
def test_a_message_stays_hidden_for_six_timeouts_and_outlives_an_outage_of_thirty_hours(
    compile_stage: CompileStage, stage: str, parameters: list[str], visibility: int
) -> None:
    template = compile_stage(stage, *parameters)
    queue, variables = template.properties("PunchQueue"), template.properties(FUNCTION)["Environment"]["Variables"]
    assert queue["VisibilityTimeout"] == visibility
    assert visibility != MIN_VISIBILITY_SECONDS or count_receives(visibility - 1) > MAX_RECEIVES
    receives = queue["RedrivePolicy"]["maxReceiveCount"]
    assert 5 <= receives <= MAX_RECEIVES
    assert receives == count_receives(visibility)
    # The function knows the queue, and how long what it failed on stays hidden.
    assert variables["QUEUE_URL"] == {"Ref": "PunchQueue"}
    assert variables["VISIBILITY_TIMEOUT"] == str(visibility)
    delays = [5 * 2**receive for receive in range(20) if 5 * 2**receive < visibility]
    assert variables["RETRY_DELAYS"] == ",".join(map(str, delays))
    # After each receive but the first few it is hidden for the queue's own timeout; the last finds the database back.
    last_receive = sum(delays) + (receives - 1 - len(delays)) * visibility
    assert OUTAGE_SECONDS <= last_receive < OUTAGE_SECONDS + visibility
    # If no call shortens the first: a pause of a week, and then all receives.
    assert queue["MessageRetentionPeriod"] >= 7 * DAY_SECONDS + receives * visibility


def test_the_dead_letter_queue_takes_whatever_the_queue_held_and_keeps_it_longer(template: Template) -> None:
    queues = template.by_type("AWS::SQS::Queue")
    queue, dead_letters = queues["PunchQueue"], queues["DeadLetterQueue"]
    assert queue["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}
    # A dead letter's age counts from the first enqueuing; dead-letters-expire waits for three days.
    assert dead_letters["MessageRetentionPeriod"] >= queue["MessageRetentionPeriod"] + 4 * DAY_SECONDS
    attributes = 1024  # bytes, more than the handler adds to a body
    assert dead_letters["MaximumMessageSize"] >= queue["MaximumMessageSize"] + attributes
    assert 10 * (queue["MaximumMessageSize"] + attributes) <= 2**20  # a call with ten of them


def test_the_queues_are_encrypted_at_rest_and_on_the_way(template: Template) -> None:
    queues = template.by_type("AWS::SQS::Queue")
    assert {name: queue["SqsManagedSseEnabled"] for name, queue in queues.items()} == dict.fromkeys(queues, True)
    for name in queues:
        policy = template.properties(f"{name}Policy")
        assert policy["Queues"] == [{"Ref": name}]
        assert policy["PolicyDocument"]["Statement"][0] == tls_only_statement("sqs:*", {"Fn::GetAtt": [name, "Arn"]})


def test_only_the_gateway_and_redrives_send_to_the_queue_of_punches(template: Template) -> None:
    senders = [{"Fn::GetAtt": [name, "Arn"]} for name in ("ApiRole", "OperatorRole")]
    more = {
        name: policy["PolicyDocument"]["Statement"][1:]
        for name, policy in template.by_type("AWS::SQS::QueuePolicy").items()
    }
    only_they = {
        "Sid": "GatewayAndRedrivesSend",
        "Effect": "Deny",  # whatever an Allow elsewhere says
        "Principal": "*",
        "Action": "sqs:SendMessage",
        "Resource": {"Fn::GetAtt": ["PunchQueue", "Arn"]},
        "Condition": {"ArnNotEquals": {"aws:PrincipalArn": senders}},  # true of none, and without a principal
    }
    assert more == {"PunchQueuePolicy": [only_they], "DeadLetterQueuePolicy": []}
    assert template.properties("PostPunch")["Integration"]["Credentials"] in senders


def test_only_the_drain_has_a_dead_letter_queue_and_what_runs_for_strangers_is_bounded(
    template: Template,
) -> None:
    functions = template.by_type("AWS::Lambda::Function")
    target = {"TargetArn": {"Fn::GetAtt": ["DeadLetterQueue", "Arn"]}}
    assert _present(functions, "DeadLetterConfig") == {FUNCTION: target}
    assert _present(functions, "ReservedConcurrentExecutions") == {FUNCTION: 5, "ReadLambdaFunction": 2}


def test_nothing_but_an_operator_invokes_the_migrations(template: Template, prod_with_slices: Template) -> None:
    for each in (template, prod_with_slices):
        outside = {
            name: resource
            for name, resource in each.resources.items()
            if name not in ("SchemaLambdaFunction", "SchemaRole", "SchemaLogGroup")
        }
        assert "SchemaLambdaFunction" not in str(outside)
    assert {name: each["Handler"] for name, each in template.by_type("AWS::Lambda::Function").items()} == {
        FUNCTION: "handler.main",
        "ReadLambdaFunction": "handler.read",
        "SchemaLambdaFunction": "handler.schema",
    }


def count_receives(visibility: int) -> int:
    """Count the receives of an outage, one by one, and the one after it."""
    passed = receives = 0
    while passed < OUTAGE_SECONDS:
        passed += min(5 * 2**receives, visibility)
        receives += 1
    return receives + 1


def _present(functions: dict[str, Any], name: str) -> dict[str, Any]:
    return {function: properties[name] for function, properties in functions.items() if name in properties}
