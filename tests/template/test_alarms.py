"""The alarms: their metrics exist, and each alarm fires in time on its incident and on nothing else."""

import json
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import cache
from itertools import chain
from typing import Any, NamedTuple

import pytest

from ponto.drain.drain import BatchResult, Failure
from ponto.drain.store import Entry
from ponto.punch import Punch
from ponto.shared import log
from tests.emf import parse_metrics
from tests.events import message
from tests.template.cloudwatch import ALARM, Metric, Point, alarm_metrics, alarms, firing_minutes, metric, period
from tests.template.compiled import TOPIC, CompileStage
from tools.kit.packaging import Template
from tools.kit.project import ROOT

HOUR = 60  # all times in this file are in minutes
DAY = 24 * HOUR

RUNBOOK = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.*)\n((?:(?!## ).*\n)*)", RUNBOOK, re.MULTILINE))

AWS_METRIC_NAMES = {  # metrics that AWS's services record, by namespace
    "AWS/ApiGateway": {"4XXError", "5XXError", "Count", "IntegrationLatency", "Latency"},
    "AWS/Lambda": {"AsyncEventsDropped", "ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"},
    "AWS/RDS": {"ACUUtilization", "DatabaseConnections", "ServerlessDatabaseCapacity"},
    "AWS/SQS": {
        *("ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesNotVisible"),
        *("ApproximateNumberOfMessagesVisible", "NumberOfMessagesDeleted", "NumberOfMessagesSent"),
    },
}


@pytest.fixture
def logged_metric_names(capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Return the names of the metrics that the function logs for a batch with a stored and a failed message."""
    absent: dict[str, Any] = dict.fromkeys(Punch._fields)
    stored, failure = Entry(Punch(**absent), "", 0), Failure(message("", "m"), "gone")
    batch = BatchResult(stored=[stored], failures={"m": failure})
    times = {"milliseconds": 1.0, **batch.ages(1e9)}
    log.write_batch("", "the-function", 1e9, batch.counts(is_sign_in_required=False), times, batch.errors)
    return {name for _, name in parse_metrics(capsys.readouterr().out)}


def existing_metrics(template: Template, logged_metric_names: set[str]) -> set[Metric]:
    """Return all metrics that exist in a deployed stage."""
    gateway = {"ApiName": template.properties("Api")["Name"], "Stage": {"Ref": "ApiStage"}}
    clusters: list[Any] = [{"Ref": cluster} for cluster in template.by_type("AWS::RDS::DBCluster")]
    resources: dict[str, list[dict[str, Any]]] = {
        "AWS/ApiGateway": [
            gateway
            | {"Method": method["HttpMethod"], "Resource": method["ResourcePath"].removeprefix("/").replace("~1", "/")}
            for method in template.properties("ApiStage")["MethodSettings"]
            if method.get("MetricsEnabled")
        ],
        "AWS/Lambda": [{"FunctionName": {"Ref": name}} for name in template.by_type("AWS::Lambda::Function")],
        # An express cluster has the stack's name.
        "AWS/RDS": [{"DBClusterIdentifier": cluster} for cluster in clusters or ["batida-ponto-prod"]],
        "AWS/SQS": [{"QueueName": {"Fn::GetAtt": [name, "QueueName"]}} for name in template.by_type("AWS::SQS::Queue")],
        log.NAMESPACE: [_DRAIN],
    }
    names = AWS_METRIC_NAMES | {log.NAMESPACE: logged_metric_names}
    return {
        metric(namespace, name, dimensions)
        for namespace, dimension_sets in resources.items()
        for dimensions in dimension_sets
        for name in names[namespace]
    }


def watched_metrics(template: Template) -> set[Metric]:
    """Return all metrics that alarms evaluate."""
    return {source for alarm in template.by_type(ALARM).values() for source in alarm_metrics(alarm)}


def dashboard_metrics(template: Template) -> set[Metric]:
    """Return all metrics on the dashboard; assert that it shows the state of every alarm."""
    (dashboard,) = template.by_type("AWS::CloudWatch::Dashboard").values()
    body = re.sub(r'"\$\{(\w+)\}"', r'{"Ref": "\1"}', dashboard["DashboardBody"]["Fn::Sub"])
    body = re.sub(r'"\$\{(\w+)\.(\w+)\}"', r'{"Fn::GetAtt": ["\1", "\2"]}', body)
    widgets = json.loads(body)["widgets"]
    (status,) = (widget["properties"] for widget in widgets if widget["type"] == "alarm")
    assert {arn["Fn::GetAtt"][0] for arn in status["alarms"]} == set(template.by_type(ALARM))
    lines = [line for widget in widgets for line in widget["properties"].get("metrics", [])]
    return {
        metric(namespace, name, dict(zip(dimensions[::2], dimensions[1::2], strict=True)))
        for namespace, name, *dimensions, _ in lines
    }


@pytest.mark.parametrize(
    ("stage", "parameters"),
    [
        ("prod", ()),
        ("dev", ("alarms=all", "dashboard=true")),
        ("prod", ("database=express",)),
        ("prod", ("database=existing", "dbHost=db.example.com")),
    ],
)
def test_metrics_of_alarms_and_dashboard_exist(
    compile_stage: CompileStage, logged_metric_names: set[str], stage: str, parameters: tuple[str, ...]
) -> None:
    template = compile_stage(stage, *parameters)
    on_dashboard = dashboard_metrics(template)
    assert watched_metrics(template) <= on_dashboard <= existing_metrics(template, logged_metric_names)
    assert {name for namespace, name, _ in on_dashboard if namespace == log.NAMESPACE} == logged_metric_names


def test_metrics_that_slices_add_to_the_dashboard_exist(
    prod_with_slices: Template, logged_metric_names: set[str]
) -> None:
    existing = existing_metrics(prod_with_slices, logged_metric_names)
    assert watched_metrics(prod_with_slices) <= dashboard_metrics(prod_with_slices) <= existing


def test_each_alarm_has_a_section_of_the_runbook_and_an_incident(prod: Template) -> None:
    assert re.findall("^## (.*)$", RUNBOOK, re.MULTILINE) == [*SECTIONS]  # no duplicates
    assert SECTIONS.keys() == alarms(prod).keys() == {alarm_name for alarm_name, _ in INCIDENTS}
    for name, section in SECTIONS.items():
        assert alarms(prod)[name]["AlarmDescription"].endswith(f". docs/runbook.md#{name}")
        assert re.findall(r"^\*\*(\w+)\*\*", section, re.MULTILINE) == ["Means", "Look", "Do"]


# Notifications


def test_mail_is_sent_when_an_incident_begins_and_ends(compile_stage: CompileStage, prod: Template) -> None:
    assert prod.by_type("AWS::SNS::Subscription") == {}
    (email,) = compile_stage("prod", "alarmEmail=oncall@example.com").by_type("AWS::SNS::Subscription").values()
    assert (email["TopicArn"], email["Protocol"], email["Endpoint"]) == (
        {"Ref": "AlarmTopic"}, "email", "oncall@example.com"
    )  # fmt: skip
    # Creating or changing an alarm changes it from INSUFFICIENT_DATA to OK, which needs no mail.
    policy = {"$or": [{"NewStateValue": ["ALARM"]}, {"OldStateValue": ["ALARM"]}]}
    assert (email["FilterPolicyScope"], email["FilterPolicy"]) == ("MessageBody", policy)
    document = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")  # the same filter for an existing topic
    (attributes,) = re.findall(r"--attributes \\\n +'(.*)'$", document, re.MULTILINE)
    assert json.loads(attributes) == {"FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps(policy)}


def test_every_alarm_notifies_the_stacks_topic_or_the_configured_one(
    compile_stage: CompileStage, prod: Template
) -> None:
    with_existing_topic = compile_stage("prod", f"alarmTopicArn={TOPIC}")
    assert '"AlarmTopic"' not in json.dumps(with_existing_topic.document)
    for template, topic in ((prod, {"Ref": "AlarmTopic"}), (with_existing_topic, TOPIC)):
        assert template.outputs["AlarmTopicArn"] == {"Value": topic}
        for alarm_name, alarm in alarms(template).items():
            assert alarm["AlarmActions"] == alarm["OKActions"] == [topic], alarm_name
            assert "ActionsEnabled" not in alarm


@pytest.mark.parametrize(("stage", "has_key"), [("prod", True), ("dev", False)])
def test_only_alarms_of_this_account_may_publish(compile_stage: CompileStage, stage: str, has_key: bool) -> None:
    template = compile_stage(stage)
    # Without a key or with the stack's key: CloudWatch may not use the AWS managed key, so notifications would be lost.
    assert template.properties("AlarmTopic") == ({"KmsMasterKeyId": {"Ref": "AlarmKey"}} if has_key else {})
    publish = {
        "Sid": "AlarmsPublish",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    topic_statement = publish | {"Action": "sns:Publish", "Resource": {"Ref": "AlarmTopic"}}
    assert template.properties("AlarmTopicPolicy")["PolicyDocument"]["Statement"] == [topic_statement]
    # In a key policy, the resource `*` is the key itself.
    key_statement = publish | {"Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"}
    for key in template.by_type("AWS::KMS::Key").values():
        of_account, of_alarms = key["KeyPolicy"]["Statement"]
        assert of_account["Principal"] == {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}}
        assert of_alarms == key_statement


# A normal day


def ratio_point(count: float, requests: float) -> Point:
    """Return the data point of a minute with some requests, of which the metric counts a part."""
    return Point(count, requests, 0, 1)


_GATEWAY = {"ApiName": "batida-ponto-prod", "Method": "POST", "Resource": "/ponto", "Stage": {"Ref": "ApiStage"}}
_QUEUE = {"QueueName": {"Fn::GetAtt": ["Queue", "QueueName"]}}
_DEAD_LETTERS = {"QueueName": {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}}
_DRAIN = {"FunctionName": {"Ref": "BatidaPontoLambdaFunction"}}
_CLUSTER = {"DBClusterIdentifier": {"Ref": "DatabaseCluster"}}
PROD_METRICS = {
    "requests": metric("AWS/ApiGateway", "Count", _GATEWAY),
    "4xx": metric("AWS/ApiGateway", "4XXError", _GATEWAY),
    "5xx": metric("AWS/ApiGateway", "5XXError", _GATEWAY),
    "waiting": metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", _QUEUE),
    "in flight": metric("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", _QUEUE),
    "age": metric("AWS/SQS", "ApproximateAgeOfOldestMessage", _QUEUE),
    "stored": metric("BatidaPonto", "stored", _DRAIN),
    "duplicates": metric("BatidaPonto", "duplicates", _DRAIN),
    "oldest failed": metric("BatidaPonto", "oldestFailedMilliseconds", _DRAIN),
    "errors": metric("AWS/Lambda", "Errors", _DRAIN),
    "throttles": metric("AWS/Lambda", "Throttles", _DRAIN),
    "failed": metric("BatidaPonto", "failed", _DRAIN),
    "connections": metric("AWS/RDS", "DatabaseConnections", _CLUSTER),
    "capacity": metric("AWS/RDS", "ACUUtilization", _CLUSTER),
    "dead letters": metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", _DEAD_LETTERS),
}
Minute = dict[str, float | Point | None]
"""Values of prod's metrics in a minute, by name. None or an absent name is no data."""
MinuteFunction = Callable[[int], Minute]

PEAKS = (8 * HOUR, 12 * HOUR, 13 * HOUR, 17 * HOUR)
RESTART = 15 * HOUR + 40  # restart of the database, which takes three minutes


def _requests(minute: int) -> int:
    """Return the number of punches in a minute of the day."""
    if any(0 <= minute - peak < 5 for peak in PEAKS):
        return 909 * 60
    if any(-30 <= minute - peak < 30 for peak in PEAKS):
        return 60
    if 6 * HOUR <= minute < 20 * HOUR:
        return minute % 3
    return minute in (2 * HOUR + 30, 4 * HOUR)  # single punches, which resume the paused database


@cache
def usual_minute(minute: int) -> Minute:
    """Return the metrics in a minute of a day with four peaks, a database restart, one error and a quiet night."""
    arrivals, before = _requests(minute), _requests((minute - 1) % DAY)
    at_night = not 6 * HOUR <= minute < 20 * HOUR
    is_down, is_recovering = RESTART <= minute < RESTART + 3, RESTART <= minute < RESTART + 8
    stored = 0 if is_down else before if at_night else arrivals
    # The pollers keep the queue active, so its depth is recorded all night. Other metrics have data only with traffic.
    recorded: Minute = {"waiting": arrivals // 20 if arrivals > 60 else at_night and arrivals, "dead letters": 0}
    if arrivals:
        recorded |= {
            "requests": ratio_point(arrivals, arrivals),
            "4xx": ratio_point(arrivals // 50, arrivals),
            "5xx": ratio_point(arrivals // 20_000, arrivals),
        }
        recorded |= {"age": 40 if at_night else 2}
    if 3 * HOUR <= minute < 3 * HOUR + 20:  # requests without a key
        recorded |= {"requests": ratio_point(5, 5), "4xx": ratio_point(5, 5), "5xx": ratio_point(0, 5)}
    if arrivals or before:
        recorded |= {"stored": stored, "duplicates": stored // 50, "failed": 13 * is_down, "throttles": 0}
        recorded |= {"errors": minute == 10 * HOUR + 17}
        recorded |= {"connections": 10 if minute == 14 * HOUR else 5, "capacity": 100 if arrivals > 60 else 12}
    if arrivals > 60:
        recorded |= {"in flight": 500}
    if is_recovering:
        recorded |= {"in flight": 40, "age": 60 * (minute - RESTART)}
    if is_down:
        recorded |= {"oldest failed": 60_000 * (minute - RESTART)}
    if 9 * HOUR <= minute < 9 * HOUR + 30:  # reports
        recorded |= {"connections": 5 + 12, "capacity": 60}
    return recorded


@cache
def record_days(
    days: int, minute_at: MinuteFunction = lambda _: {}, start: int = 0, end: int = 0
) -> Mapping[Metric, dict[int, Point]]:
    """Record prod's metrics for some days.

    Args:
        days: Number of days.
        minute_at: Metrics that replace the usual ones, by minutes since `start`.
        start: Minute at which the incident begins.
        end: Minute at which the incident ends.
    """
    recorded: defaultdict[Metric, dict[int, Point]] = defaultdict(dict)
    for minute in range(days * DAY):
        values = usual_minute(minute % DAY) | (minute_at(minute - start) if start <= minute < end else {})
        for name, value in values.items():
            if value is not None:
                recorded[PROD_METRICS[name]][minute] = (
                    value if isinstance(value, Point) else Point(value, 1, value, value)
                )
    return recorded


@pytest.mark.parametrize("alarm_name", SECTIONS)
def test_a_normal_week_raises_no_alarm(prod: Template, alarm_name: str) -> None:
    firing = firing_minutes(alarms(prod)[alarm_name], record_days(7), 7 * DAY)
    assert list(chain.from_iterable(firing)) == []


# Incidents: each function returns the metrics that replace the usual ones, by minutes since the incident began


_RETRY_INTERVAL_SECONDS = 452  # the visibility timeout of 451 s, and a second until the next receive


def _is_retried(now: int) -> bool:
    """Return whether failed messages are received again in this minute."""
    seconds_until_retry = -60 * now % _RETRY_INTERVAL_SECONDS
    return seconds_until_retry < 60


_UNLOGGED: Minute = dict.fromkeys(("stored", "duplicates", "failed", "oldest failed", "age"))


def _outage(now: int) -> Minute:
    """The database is down: failed messages are hidden until the next retry, and new messages fail."""
    logged: Minute = {"stored": 0, "duplicates": 0, "failed": 3, "oldest failed": 60_000 * now * _is_retried(now)}
    return _UNLOGGED | logged | {"waiting": _is_retried(now), "in flight": not _is_retried(now)}


def _paused(now: int) -> Minute:
    """No messages are received: the event source mapping is disabled."""
    return _UNLOGGED | {"waiting": 1 + now, "in flight": None, "age": 60 * now}


def _pause_and_outage(now: int) -> Minute:
    """The mapping is disabled for six and a half days; then the database is down, so messages are mostly hidden."""
    return _paused(now) if now < 6 * DAY + 12 * HOUR else _outage(now)


def _partial_failure(now: int) -> Minute:
    """Three punches fail at each retry; the others are stored."""
    return {"in flight": 3, **({"failed": 3} if _is_retried(now) else {})}


def _dead_letter(now: int) -> Minute:
    """A dead letter is in the queue, except while an operator's receive hides it."""
    return {"dead letters": now % (6 * HOUR) != 17}


def _crash(now: int) -> Minute:
    """The function raises an exception for one message."""
    return {"errors": 1 if _is_retried(now) else None}


def _few_people_and_a_bad_client(now: int) -> Minute:
    """Ten punches every three hours, all of which are refused."""
    if now % (3 * HOUR):
        return dict.fromkeys(("requests", "4xx", "5xx"))
    return {"requests": ratio_point(10, 10), "4xx": ratio_point(10, 10), "5xx": ratio_point(0, 10)}


class Incident(NamedTuple):
    minute_at: MinuteFunction
    duration: int
    fires_within: int  # minutes after the incident begins
    clears_within: int  # minutes after the incident ends
    start: int = 7 * HOUR + 35  # minute of the second day; the default is before the first peak
    keeps_firing: bool = True  # whether the alarm stays on until the incident ends


INCIDENTS: list[tuple[str, Incident]] = [
    ("dead-letters", Incident(_dead_letter, 3 * HOUR, 5, 5)),
    ("dead-letters-expire", Incident(_dead_letter, 6 * DAY, 3 * DAY + HOUR, 2 * HOUR)),
    ("drain-stalled", Incident(_outage, 2 * HOUR, 15, 10)),
    ("drain-stalled", Incident(_paused, 2 * HOUR, 15, 10)),
    ("oldest-waiting", Incident(_paused, HOUR, 21, 15, start=22 * HOUR)),
    ("oldest-waiting", Incident(_outage, DAY, 30, 20)),
    ("punches-expire", Incident(_pause_and_outage, 7 * DAY + 8 * HOUR, 3 * DAY + HOUR, 3 * HOUR)),
    ("keeps-failing", Incident(_partial_failure, 3 * HOUR, HOUR + 15, 30)),
    ("function-errors", Incident(_crash, 2 * HOUR, 15, 20)),
    ("function-throttles", Incident(lambda _: {"throttles": 7}, HOUR, 10, 15)),
    ("gateway-5xx", Incident(lambda _: {"requests": ratio_point(100, 100), "5xx": ratio_point(2, 100)}, HOUR, 3, 4)),
    ("gateway-4xx", Incident(lambda _: {"requests": ratio_point(100, 100), "4xx": ratio_point(40, 100)}, 25, 15, 10)),
    ("gateway-4xx-hours", Incident(_few_people_and_a_bad_client, 12 * HOUR, 7 * HOUR, 12 * HOUR, keeps_firing=False)),
    ("database-connections", Incident(lambda _: {"connections": 60}, HOUR, 20, 5)),
    ("database-capacity", Incident(lambda _: {"capacity": 100}, HOUR, 20, 5)),
]


@pytest.mark.parametrize(("alarm_name", "incident"), INCIDENTS, ids=[name for name, _ in INCIDENTS])
def test_alarm_fires_in_time_keeps_firing_and_clears(prod: Template, alarm_name: str, incident: Incident) -> None:
    alarm = alarms(prod)[alarm_name]
    start = DAY + incident.start
    end = start + incident.duration
    step = period(alarm)
    days = end // DAY + 2
    for minutes in firing_minutes(alarm, record_days(days, incident.minute_at, start, end), days * DAY):
        assert minutes, "the alarm never fires"
        assert start < minutes[0] <= start + incident.fires_within
        assert minutes[-1] < end + incident.clears_within
        if incident.keeps_firing:
            assert minutes == list(range(minutes[0], minutes[-1] + 1, step))
            assert minutes[-1] >= end - step
