"""The alarms: that what they look at exists, and that each fires on its incident, in time, and on nothing else."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from itertools import accumulate
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest

from ponto import log
from ponto.drain import Failure, Processed
from ponto.punch import Punch
from ponto.store import Entry
from tests.emf import metrics as embedded
from tests.events import message
from tests.gateway import Response, answer_requests
from tests.template.cloudwatch import Metric, Point, State, calculate, judge, metric, metrics, period, states
from tests.template.compiled import TOPIC, Compile
from tests.template.runbook import ALARM, SECTIONS, TEXT, alarms, of_a_stage
from tools.deploy import proof
from tools.kit.packaging import Template
from tools.kit.project import ROOT
from tools.plan import costs

STAGES = ["prod", "dev", "local"]


FUNCTION = "BatidaPontoLambdaFunction"
HOUR = 60  # minutes, as all times here
DAY = 24 * HOUR

# What AWS's services record, with these dimensions, of the resources that this stack makes.
QUEUE_METRICS = {
    "ApproximateAgeOfOldestMessage",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesVisible",
    "NumberOfMessagesDeleted",
    "NumberOfMessagesSent",
}
FUNCTION_METRICS = {"AsyncEventsDropped", "ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"}
GATEWAY_METRICS = {"4XXError", "5XXError", "Count", "IntegrationLatency", "Latency"}
CLUSTER_METRICS = {"ACUUtilization", "DatabaseConnections", "ServerlessDatabaseCapacity"}


@pytest.fixture
def own(capsys: pytest.CaptureFixture[str]) -> set[str]:
    """The names of the metrics that the function logs, when something was stored, and something failed."""
    absent: dict[str, Any] = dict.fromkeys(Punch._fields)
    stored, failure = Entry(Punch(**absent), "", 0), Failure(message("", "m"), "gone")
    batch = Processed(stored=[stored], failures={"m": failure})
    times = {"milliseconds": 1.0, **batch.ages(1e9)}
    log.batch("", "the-function", 1e9, batch.counts(identity=False), times, batch.errors)
    found = embedded(capsys.readouterr().out)
    assert {namespace for namespace, _ in found} == {"BatidaPonto"}
    assert [found[key].dimensions for key in found] == [{"FunctionName": "the-function"}] * len(found)
    return {name for _, name in found}


def recorded_by(template: Template, own: set[str]) -> set[Metric]:
    """Every metric that exists in a deployed stage."""
    gateway = {"ApiName": template.properties("Api")["Name"], "Stage": {"Ref": "ApiStage"}}
    methods = [
        {"Method": setting["HttpMethod"], "Resource": setting["ResourcePath"].removeprefix("/").replace("~1", "/")}
        for setting in template.properties("ApiStage")["MethodSettings"]
        if setting.get("MetricsEnabled")
    ]
    found = {metric("AWS/ApiGateway", name, gateway | of) for name in GATEWAY_METRICS for of in [{}, *methods]}
    for queue in template.of_type("AWS::SQS::Queue"):
        dimensions = {"QueueName": {"Fn::GetAtt": [queue, "QueueName"]}}
        found |= {metric("AWS/SQS", name, dimensions) for name in QUEUE_METRICS}
    for function, properties in template.of_type("AWS::Lambda::Function").items():
        names = {"AWS/Lambda": FUNCTION_METRICS}
        if properties["Handler"] == "handler.main":
            names[log.NAMESPACE] = own
        for namespace in names:
            found |= {metric(namespace, name, {"FunctionName": {"Ref": function}}) for name in names[namespace]}
    clusters: list[Any] = [{"Ref": cluster} for cluster in template.of_type("AWS::RDS::DBCluster")]
    if template.outputs["Database"]["Value"] == "express":
        clusters = ["batida-ponto-prod"]  # the stack's name
    for cluster in clusters:
        found |= {metric("AWS/RDS", name, {"DBClusterIdentifier": cluster}) for name in CLUSTER_METRICS}
    return found


@pytest.mark.parametrize(
    ("stage", "parameters", "metric_math", "cluster"),
    [
        ("prod", [], True, True),
        ("dev", [], True, True),
        ("dev", ["alarms=all"], True, True),
        ("prod", ["database=existing", "dbHost=db.example.com"], True, False),
        ("prod", ["database=express"], True, True),
        ("prod", ["metricMath=unsupported"], False, True),
        ("local", [], False, False),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_a_stage_has_the_alarms_of_the_runbook_but_for_what_it_lacks(
    compiled: Compile, prod: Template, stage: str, parameters: list[str], metric_math: bool, cluster: bool
) -> None:
    found = alarms(compiled(stage, *parameters), stage)
    essential = (stage, parameters) == ("dev", [])
    assert found.keys() == of_a_stage(prod, metric_math=metric_math, cluster=cluster, essential=essential)
    assert len(found) == 3 if essential else len(found) >= 7


@pytest.mark.parametrize(("stage", "parameters"), [*((stage, []) for stage in STAGES), ("prod", ["database=express"])])
def test_an_alarm_looks_at_what_exists_and_tells_the_topic_its_section_of_the_runbook(
    compiled: Compile, own: set[str], stage: str, parameters: list[str]
) -> None:
    template = compiled(stage, *parameters)
    existing = recorded_by(template, own)
    for section, alarm in alarms(template, stage).items():
        assert metrics(alarm), section
        assert set(metrics(alarm)) <= existing, section
        assert period(alarm) > 0
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": "AlarmTopic"}], section
        assert alarm.get("ActionsEnabled", True) is True
        assert alarm["AlarmDescription"].endswith(f". docs/runbook.md#{section}")


def test_the_runbook_has_a_section_for_each_alarm_and_no_other(prod: Template) -> None:
    assert re.findall("^## (.*)$", TEXT, re.MULTILINE) == [*SECTIONS]  # each once
    assert SECTIONS.keys() == alarms(prod).keys()
    for section in SECTIONS.values():
        assert re.findall(r"^\*\*(\w+)\*\*", section, re.MULTILINE) == ["Means", "Look", "Do"]


def test_the_runbooks_first_ten_lines_say_of_each_alarm_how_soon_it_needs_somebody() -> None:
    urgent = "".join(TEXT.splitlines()[:10])
    assert sorted(re.findall(r"\[([\w-]+)\]\(#\1\)", urgent)) == sorted(SECTIONS)  # each once


def test_the_costs_are_counted(prod: Template, dev: Template, own: set[str]) -> None:
    assert sum(len(metrics(alarm)) for alarm in alarms(dev, "dev").values()) == costs.ESSENTIAL_METRICS
    assert not dev.of_type("AWS::KMS::Key").keys() | dev.of_type("AWS::CloudWatch::Dashboard").keys()
    watched = sum(len(metrics(alarm)) for alarm in alarms(prod).values())
    assert watched == costs.alarm_metrics()
    assert len(own) == costs.METRICS
    detailed = [each for each in prod.properties("ApiStage")["MethodSettings"] if each.get("MetricsEnabled")]
    assert len(detailed) * len(GATEWAY_METRICS) == costs.GATEWAY_METRICS
    assert len(prod.of_type("AWS::KMS::Key")) == len(prod.of_type("AWS::CloudWatch::Dashboard")) == 1


# Numbers that follow from others


@pytest.mark.parametrize("stage", ["prod", "dev"])
def test_numbers_follow_from_the_queues(compiled: Compile, stage: str) -> None:
    template = compiled(stage, "alarms=all")
    found = alarms(template, stage)
    queue, dead_letters = template.properties("PunchQueue"), template.properties("DeadLetterQueue")
    visibility = queue["VisibilityTimeout"] / 60
    redriven = queue["RedrivePolicy"]["maxReceiveCount"] * visibility

    # Whatever fails is seen in each period, or in one of those that are looked at together.
    assert found["oldest-waiting"]["DatapointsToAlarm"] == 1
    assert period(found["oldest-waiting"]) * found["oldest-waiting"]["EvaluationPeriods"] > visibility + 5
    assert period(found["keeps-failing"]) > visibility
    # Whatever is received has left by then, and what is not has days left.
    waited = found["punches-expire"]["EvaluationPeriods"] * period(found["punches-expire"])
    assert redriven < waited <= queue["MessageRetentionPeriod"] / 60 - 3 * DAY
    (expression,) = (query["Expression"] for query in found["punches-expire"]["Metrics"] if "Expression" in query)
    assert f"> {waited * 60_000:.0f} OR" in f"{expression} OR".replace(",", " OR")  # of what fails, in milliseconds
    # A dead letter may be as old as the queue lets a message become, and has a day left.
    waited = found["dead-letters-expire"]["EvaluationPeriods"] * period(found["dead-letters-expire"])
    assert queue["MessageRetentionPeriod"] / 60 + waited <= dead_letters["MessageRetentionPeriod"] / 60 - DAY


def test_the_connections_that_are_too_many_follow_from_the_concurrency(compiled: Compile) -> None:
    assert alarms(compiled("prod"))["database-connections"]["Threshold"] == 2 * (5 + 2) + 20
    given = {"reserved": 40, "maximum": 40, "read": 1}
    more = alarms(compiled("prod", *(f"{name}Concurrency={number}" for name, number in given.items())))
    assert more["database-connections"]["Threshold"] == 2 * (40 + 1) + 20


# Who is told


def test_mail_goes_to_the_address_that_is_given_and_tells_of_incidents_and_their_ends(
    compiled: Compile, prod: Template
) -> None:
    assert prod.of_type("AWS::SNS::Subscription") == {}
    (email,) = compiled("prod", "alarmEmail=oncall@example.com").of_type("AWS::SNS::Subscription").values()
    assert (email["TopicArn"], email["Protocol"], email["Endpoint"]) == (
        {"Ref": "AlarmTopic"}, "email", "oncall@example.com"
    )  # fmt: skip
    assert email["FilterPolicyScope"] == "MessageBody"
    for before, now, is_mailed in (
        ("OK", "ALARM", True),
        ("INSUFFICIENT_DATA", "ALARM", True),
        ("ALARM", "OK", True),
        ("INSUFFICIENT_DATA", "OK", False),  # it was made, or changed
    ):
        notification = {"AlarmName": "batida-ponto-prod-dead-letters", "NewStateValue": now, "OldStateValue": before}
        assert lets_through(email["FilterPolicy"], notification) is is_mailed

    document = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")  # the same for a topic of one's own
    (attributes,) = re.findall(r"--attributes \\\n +'(.*)'$", document, re.MULTILINE)
    assert json.loads(json.loads(attributes)["FilterPolicy"]) == email["FilterPolicy"]
    assert json.loads(attributes)["FilterPolicyScope"] == email["FilterPolicyScope"]


def lets_through(policy: Any, message: Any) -> bool:
    """Whether a subscription's filter delivers a message, as far as policies here go: each key has one of its values.

    https://docs.aws.amazon.com/sns/latest/dg/and-or-logic.html: `$or` is an operator where it is a list of two
    objects or more; otherwise it would be the name of a field.
    """
    alternatives = policy.get("$or", [{}, {}])
    assert len(alternatives) > 1
    return any(
        all(message.get(name) in values for name, values in {**policy, **one}.items() if name != "$or")
        for one in alternatives
    )


@pytest.mark.parametrize("stage", STAGES)
def test_a_topic_of_yours_gets_every_alarm(compiled: Compile, stage: str) -> None:
    template = compiled(stage, f"alarmTopicArn={TOPIC}")
    assert alarms(template, stage).keys() == alarms(compiled(stage), stage).keys()
    for section, alarm in alarms(template, stage).items():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [TOPIC], section
    assert template.outputs["AlarmTopicArn"] == {"Value": TOPIC}
    assert '"AlarmTopic"' not in json.dumps(template.document)


@pytest.mark.parametrize("stage", STAGES)
def test_alarms_of_this_account_and_they_alone_may_publish(compiled: Compile, stage: str) -> None:
    template = compiled(stage)
    (topic,) = template.of_type("AWS::SNS::Topic").values()
    has_key = stage != "dev"
    # None, or ours: the managed key would swallow every notification.
    assert topic == ({"KmsMasterKeyId": {"Ref": "AlarmKey"}} if has_key else {})
    (policy,) = template.of_type("AWS::SNS::TopicPolicy").values()
    assert policy["Topics"] == [{"Ref": "AlarmTopic"}]
    own_account = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    publish = {
        "Sid": "AlarmsPublish",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Condition": own_account,
    }
    assert policy["PolicyDocument"]["Statement"] == [
        publish | {"Action": "sns:Publish", "Resource": {"Ref": "AlarmTopic"}}
    ]
    assert [key["KeyPolicy"]["Statement"][1:] for key in template.of_type("AWS::KMS::Key").values()] == [
        [publish | {"Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"}]
    ] * has_key


# A normal day


def gauge(value: float) -> Point:
    return Point(value, 1, value, value)


def share(part: float, whole: float) -> Point:
    """Of `whole` requests, `part` had a property."""
    return Point(part, whole, 0, 1)


class Record:
    """What was recorded of prod, minute by minute, to be written over by incidents."""

    def __init__(self) -> None:
        self.series: dict[Metric, dict[int, Point]] = {}

    def __getitem__(self, name: str) -> dict[int, Point]:
        return self.series.setdefault(NAMES[name], {})


_GATEWAY = {"ApiName": "batida-ponto-prod", "Method": "POST", "Resource": "/ponto", "Stage": {"Ref": "ApiStage"}}


_QUEUE = {"QueueName": {"Fn::GetAtt": ["PunchQueue", "QueueName"]}}
_DEAD_LETTERS = {"QueueName": {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}}
_FUNCTION = {"FunctionName": {"Ref": FUNCTION}}
_CLUSTER = {"DBClusterIdentifier": {"Ref": "DatabaseCluster"}}
NAMES = {
    "requests": metric("AWS/ApiGateway", "Count", _GATEWAY),
    "4xx": metric("AWS/ApiGateway", "4XXError", _GATEWAY),
    "5xx": metric("AWS/ApiGateway", "5XXError", _GATEWAY),
    "waiting": metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", _QUEUE),
    "in flight": metric("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", _QUEUE),
    "age": metric("AWS/SQS", "ApproximateAgeOfOldestMessage", _QUEUE),
    "deleted": metric("AWS/SQS", "NumberOfMessagesDeleted", _QUEUE),
    "stored": metric("BatidaPonto", "stored", _FUNCTION),
    "duplicates": metric("BatidaPonto", "duplicates", _FUNCTION),
    "rejected": metric("BatidaPonto", "rejected", _FUNCTION),
    "oldest failed": metric("BatidaPonto", "oldestFailedMilliseconds", _FUNCTION),
    "errors": metric("AWS/Lambda", "Errors", _FUNCTION),
    "throttles": metric("AWS/Lambda", "Throttles", _FUNCTION),
    "failed": metric("BatidaPonto", "failed", _FUNCTION),
    "connections": metric("AWS/RDS", "DatabaseConnections", _CLUSTER),
    "capacity": metric("AWS/RDS", "ACUUtilization", _CLUSTER),
    "dead_letters": metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", _DEAD_LETTERS),
}
PEAKS = (8 * HOUR, 12 * HOUR, 13 * HOUR, 17 * HOUR)
RESTART = 15 * HOUR + 40  # of the database, three minutes long


def _requests(minute: int) -> int:
    """How many punches come in a minute of the day."""
    if any(0 <= minute - peak < 5 for peak in PEAKS):
        return 909 * 60
    if any(-30 <= minute - peak < 30 for peak in PEAKS):
        return 60
    if 6 * HOUR <= minute < 20 * HOUR:
        return minute % 3
    return minute in (2 * HOUR + 30, 4 * HOUR)  # one punch; the database has to resume


def normal(days: int) -> Record:
    """Days with four peaks, a restart of the database, one error of the function, and quiet nights."""
    record = Record()
    for name, series in _day().series.items():
        record.series[name] = {day * DAY + minute: series[minute] for day in range(days) for minute in series}
    return record


@cache
def _day() -> Record:
    record = Record()
    for minute in range(DAY):
        came, before = _requests(minute), _requests((minute - 1) % DAY)
        at_night = not 6 * HOUR <= minute < 20 * HOUR
        down, comes_back = RESTART <= minute < RESTART + 3, RESTART <= minute < RESTART + 8
        if came:
            record["requests"][minute] = Point(came, came, 1, 1)
            record["4xx"][minute] = share(came // 50, came)
            record["5xx"][minute] = share(came // 20_000, came)
        if 3 * HOUR <= minute < 3 * HOUR + 20:  # a stranger knocks
            record["requests"][minute] = Point(5, 5, 1, 1)
            record["4xx"][minute] = share(5, 5)
            record["5xx"][minute] = share(0, 5)
        # The pollers keep the queue active, so that its depth is told all night; counts only where there are any.
        record["waiting"][minute] = gauge(came // 20 if came > 60 else at_night and came)
        if comes_back or came > 60:
            record["in flight"][minute] = gauge(40 if comes_back else 500)
        if down:
            record["oldest failed"][minute] = gauge(60_000 * (minute - RESTART))
        if comes_back:
            record["age"][minute] = gauge(60 * (minute - RESTART))
        elif came:
            record["age"][minute] = gauge(40 if at_night else 2)
        stored = 0 if down else before if at_night else came + 40 * (minute == RESTART + 8)
        if stored or came or before:
            record["stored"][minute] = gauge(stored)
            record["duplicates"][minute] = gauge(stored // 50)
            record["rejected"][minute] = gauge(minute == 11 * HOUR)
            record["deleted"][minute] = gauge(stored + stored // 50)
        if came or before:
            record["errors"][minute] = gauge(minute == 10 * HOUR + 17)
            record["throttles"][minute] = gauge(0)
            record["failed"][minute] = gauge(13 * down)
            record["connections"][minute] = gauge(10 if minute == 14 * HOUR else 5)
            record["capacity"][minute] = gauge(100 if came > 60 else 12)
        if 9 * HOUR <= minute < 9 * HOUR + 30:
            record["connections"][minute] = gauge(5 + 12)  # reports
            record["capacity"][minute] = gauge(60)
    return record


def _phases(alarm: Any) -> Iterator[int]:
    length = period(alarm)
    yield from range(0, length, max(1, length // 5))


@pytest.mark.parametrize("section", SECTIONS)
def test_a_normal_week_wakes_nobody(prod: Template, section: str) -> None:
    alarm, record = alarms(prod)[section], normal(days=7)
    for phase in _phases(alarm):
        for minute, state in states(alarm, record.series, 7 * DAY, phase):
            assert state is State.OK, f"minute {minute % DAY} of day {minute // DAY}, phase {phase}"


# Incidents: what is written over a normal record from `start` to `end`


def _tries(end: int) -> list[int]:
    """When a punch that fails is tried again, in minutes after it came: after 5, 10, ... 320 s, then every 451."""
    seconds = list(accumulate([5 * 2**number for number in range(7)] + [451] * (end * 60 // 451)))
    return [second // 60 for second in seconds if second < end * 60]


def _outage(record: Record, start: int, end: int) -> None:
    """The database is down: punches come, fail, return."""
    for name in ("deleted", "stored", "duplicates", "age"):
        for now in range(start, end):
            record[name].pop(now, None)
    arrived, tries = 0, _tries(end - start)
    failed: Counter[int] = Counter()
    oldest: dict[int, int] = {}
    for now in range(start, end):
        came = int(record["requests"].get(now, gauge(0)).total)
        arrived += came
        if came:
            for minute in (now, *(now + after for after in tries if now + after < end)):
                failed[minute] += came
                oldest[minute] = max(oldest.get(minute, 0), minute - now)
            record["age"][now] = gauge(15)  # then it has been received three times
        record["waiting"][now] = gauge(0)
        record["in flight"][now] = gauge(arrived)
        record["failed"][now] = gauge(failed[now])
    for minute, age in oldest.items():
        record["oldest failed"][minute] = gauge(60_000 * age)
        record["stored"][minute] = record["duplicates"][minute] = gauge(0)


def _outage_with_bad_messages(record: Record, start: int, end: int) -> None:
    """The same, and every 4 minutes a message that is no punch is dead-lettered."""
    _outage(record, start, end)
    for now in range(start, end, 4):
        record["deleted"][now] = record["rejected"][now] = gauge(1)


def _one_message_and_no_line(record: Record, start: int, end: int) -> None:
    """At night: a lone punch, and a function that cannot even log."""
    for now in range(start, end):
        for name in ("deleted", "stored", "duplicates", "failed", "in flight", "age"):
            record[name].pop(now, None)
        seen = (now - start) % 8 == 0
        record["waiting"][now] = gauge(seen)
        if not seen:
            record["in flight"][now] = gauge(1)


def _paused(record: Record, start: int, end: int) -> None:
    """Nobody receives: the mapping is disabled."""
    for now in range(start, end):
        for name in ("deleted", "stored", "duplicates", "failed", "oldest failed", "in flight", "errors", "throttles"):
            record[name].pop(now, None)
        record["waiting"][now] = gauge(1 + now - start)
        record["age"][now] = gauge(60 * (now - start))


def _paused_then_down(record: Record, start: int, end: int) -> None:
    """Nobody receives for six and a half days; then the database is down, and what waited is nearly always hidden."""
    resumed = start + 6 * DAY + 12 * HOUR
    _paused(record, start, resumed)
    _outage(record, resumed, end)
    for now in range(resumed, end):
        hidden = (now - resumed) % 8
        record["waiting"][now] = gauge(29 * (not hidden))
        record["in flight"][now] = gauge(29 * bool(hidden))
        if not hidden:
            record["oldest failed"][now] = gauge(60_000 * (now - start))


def _slow(record: Record, start: int, end: int) -> None:
    """More comes in than is stored."""
    for now in range(start, end):
        record["waiting"][now] = gauge(100_000)
        record["deleted"][now] = record["stored"][now] = gauge(1_000)
        record["age"][now] = gauge(60 * (now - start))


def _some_fail(record: Record, start: int, end: int) -> None:
    """Three punches fail every time, the others go through."""
    for now in range(start, end):
        record["in flight"][now] = gauge(3)
        if (now - start) % 8 == 0:
            record["failed"][now] = gauge(3)


def _dead_letter(record: Record, start: int, end: int) -> None:
    """A dead letter, hidden now and then by somebody who looks at it; afterwards SQS goes on for six hours."""
    for now in range(start, end):
        record["dead_letters"][now] = gauge((now - start) % (6 * HOUR) != 17)
    for now in range(end, end + 6 * HOUR):
        record["dead_letters"][now] = gauge(0)


def _lone_error(record: Record, start: int, end: int) -> None:
    """One message that the function fails on as a whole: once a visibility timeout."""
    for now in range(start, end):
        record["errors"].pop(now, None)
    for number in range((end - start) * 60 // 452):
        record["errors"][start + number * 452 // 60] = gauge(1)


def _few_people_and_a_bad_client(record: Record, start: int, end: int) -> None:
    """Ten punch, at the day's peaks, and each is refused."""
    for now in range(start, end):
        for name in ("requests", "4xx", "5xx"):
            record[name].pop(now, None)
        if now % DAY in PEAKS:
            record["requests"][now] = gauge(10)
            record["4xx"][now] = share(10, 10)
            record["5xx"][now] = share(0, 10)


def _over(name: str, value: Callable[[float], Point]) -> Callable[[Record, int, int], None]:
    """Write over one metric, given the requests of each minute."""

    def write(record: Record, start: int, end: int) -> None:
        for now in range(start, end):
            requests = record["requests"].get(now)
            if requests or name in ("throttles", "connections", "capacity"):
                record[name][now] = value(requests.total if requests else 0)

    return write


def _lone_device(record: Record, start: int, end: int) -> None:
    """At night the gateway fails, and one device tries: after 1, 2, 4, 8, ... seconds."""
    tries = [now for now in (start + (2**number - 1) // 60 for number in range(13)) if now < end]
    for now in set(tries):
        record["requests"][now] = gauge(tries.count(now))
        record["5xx"][now] = share(tries.count(now), tries.count(now))


class Incident(NamedTuple):
    happens: Callable[[Record, int, int], None]
    lasts: int
    fires_within: int  # of its beginning
    clears_within: int  # of its end
    starts: int = 7 * HOUR + 35  # in the second day; before the first peak
    stays: bool = True  # the alarm does not end before it does


INCIDENTS: list[tuple[str, Incident]] = [
    ("dead-letters", Incident(_dead_letter, 3 * HOUR, 5, 5)),
    ("dead-letters-expire", Incident(_dead_letter, 6 * DAY, 3 * DAY + HOUR, 2 * HOUR)),
    ("drain-stalled", Incident(_outage, 2 * HOUR, 45, 10)),
    ("drain-stalled", Incident(_outage_with_bad_messages, 2 * HOUR, 45, 10)),
    ("drain-stalled", Incident(_one_message_and_no_line, 2 * HOUR, 20, 10, starts=22 * HOUR)),
    ("drain-stalled", Incident(_paused, 2 * HOUR, 20, 10)),
    ("oldest-waiting", Incident(_slow, HOUR, 21, 20)),
    ("oldest-waiting", Incident(_paused, HOUR, 21, 20, starts=22 * HOUR)),
    ("oldest-waiting", Incident(_outage, DAY, 30, 20)),
    ("punches-expire", Incident(_paused, 4 * DAY, 3 * DAY + HOUR, 2 * HOUR)),
    ("punches-expire", Incident(_paused_then_down, 7 * DAY + 8 * HOUR, 3 * DAY + HOUR, 3 * HOUR)),
    ("keeps-failing", Incident(_some_fail, 3 * HOUR, HOUR + 15, 30)),
    ("keeps-failing", Incident(_outage, 3 * HOUR, HOUR + 15, 30)),
    ("function-errors", Incident(_lone_error, 2 * HOUR, 20, 20)),
    ("function-throttles", Incident(_over("throttles", lambda _: gauge(7)), HOUR, 10, 20)),
    ("gateway-5xx", Incident(_over("5xx", lambda requests: share(requests * 0.02, requests)), HOUR, 4, 5)),
    ("gateway-5xx", Incident(_lone_device, 2 * HOUR, 6, 10, starts=22 * HOUR, stays=False)),
    ("gateway-4xx", Incident(_over("4xx", lambda requests: share(requests * 0.6, requests)), 25, 15, 15)),
    ("gateway-4xx-hours", Incident(_few_people_and_a_bad_client, 12 * HOUR, 8 * HOUR, 13 * HOUR, stays=False)),
    ("database-connections", Incident(_over("connections", lambda _: gauge(60)), HOUR, 20, 10)),
    ("database-capacity", Incident(_over("capacity", lambda _: gauge(100)), HOUR, 20, 10)),
]


def test_every_alarm_has_an_incident(prod: Template) -> None:
    assert {section for section, _ in INCIDENTS} == alarms(prod).keys()


@pytest.mark.parametrize(
    ("section", "incident"), INCIDENTS, ids=[f"{name} {found.happens.__name__}" for name, found in INCIDENTS]
)
def test_an_alarm_fires_in_time_stays_and_clears(prod: Template, section: str, incident: Incident) -> None:
    alarm = alarms(prod)[section]
    start = DAY + incident.starts
    end = start + incident.lasts
    days = end // DAY + 2
    record = normal(days)
    incident.happens(record, start, end)
    for phase in _phases(alarm):
        found = list(states(alarm, record.series, days * DAY, phase))
        firing = [minute for minute, state in found if state is State.ALARM]
        assert firing, f"phase {phase}: it never fires"
        assert start < firing[0] <= start + incident.fires_within, f"phase {phase}"
        assert firing[-1] < end + incident.clears_within, f"phase {phase}"
        if incident.stays:
            assert firing == list(range(firing[0], firing[-1] + 1, period(alarm))), f"phase {phase}"
            assert firing[-1] >= end - period(alarm)


def test_the_proofs_of_deploys_wake_nobody_where_nobody_punches(
    prod: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[tuple[str, str]]()

    def refuse(method: str, url: str, *_: object) -> Response:
        asked.append((method, url))
        return 401, "{}", {}

    answer_requests(monkeypatch, refuse)
    record = Record()
    for hour in (8, 10, 15):  # three deploys of a stage with sign-in
        proof.require_token("https://api.example.com/prod/ponto", "the key")
        method, url = asked[-1]
        of = {**_GATEWAY, "Method": method, "Resource": urlsplit(url).path.removeprefix("/prod")}
        for name in ("Count", "4XXError"):
            record.series.setdefault(metric("AWS/ApiGateway", name, of), {})[hour * HOUR] = share(1, 1)
    for section, alarm in alarms(prod).items():
        assert {state for _, state in states(alarm, record.series, DAY)} <= {State.OK}, section


def test_nothing_else_fires_when_a_few_punches_fail_among_others(prod: Template) -> None:
    record = normal(days=3)
    _some_fail(record, DAY + 7 * HOUR, DAY + 19 * HOUR)  # at night, when nothing else comes, the drain has stalled
    fired = {
        section
        for section, alarm in alarms(prod).items()
        for _, state in states(alarm, record.series, 3 * DAY)
        if state is State.ALARM
    }
    assert fired == {"keeps-failing"}


# The evaluation itself, against the tables of AWS's user guide


@pytest.mark.parametrize(
    ("needed", "data", "ignored", "breaching", "not_breaching"),
    [
        (3, "0-X-X", "OK", "OK", "OK"),
        (3, "0----", "OK", "OK", "OK"),
        (3, "-----", "before", "ALARM", "OK"),
        (3, "0XX-X", "ALARM", "ALARM", "ALARM"),
        (3, "----X", "before", "ALARM", "OK"),
        (3, "X----", "before", "ALARM", "OK"),
        (2, "0-X-X", "ALARM", "ALARM", "ALARM"),
        (2, "00X0X", "ALARM", "ALARM", "ALARM"),
        (2, "0-X--", "OK", "ALARM", "OK"),
        (2, "----0", "OK", "ALARM", "OK"),
        (2, "----X", "before", "ALARM", "OK"),
    ],
)
def test_missing_data_is_treated_as_the_guide_says(
    needed: int, data: str, ignored: str, breaching: str, not_breaching: str
) -> None:
    breaches = [{"0": False, "X": True, "-": None}[character] for character in data]
    for before in State:
        for treatment, expected in (("ignore", ignored), ("breaching", breaching), ("notBreaching", not_breaching)):
            alarm = {"EvaluationPeriods": 3, "DatapointsToAlarm": needed, "TreatMissingData": treatment}
            assert judge(alarm, breaches, before) == (before if expected == "before" else expected)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a + 2 * b", 7),
        ("SUM([a, b, none])", 4),
        ("MAX([a, b])", 3),
        ("a + none", None),
        ("a / (b - 3)", None),  # no data point, rather than infinity
        ("FILL(none, 9)", 9),
        ("FILL(a, 9)", 1),
        ("IF(a > 0 AND b == 3, 5, 6)", 5),
        ("IF(a > 1 OR b < 3, 5, 6)", 6),
        ("IF(a, none, 1)", None),
        ("IF(none, 1, 1)", None),
        ("IF(a == 1 AND none, 1, 0)", None),
    ],
)
def test_metric_math(expression: str, expected: float | None) -> None:
    assert calculate(expression, {"a": 1, "b": 3, "none": None}) == expected


# The dashboard


def _widgets(template: Template) -> list[Any]:
    (dashboard,) = template.of_type("AWS::CloudWatch::Dashboard").values()
    widgets: list[Any] = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    return widgets


def _substituted(text: str) -> object:
    """What Fn::Sub makes of a value."""
    found = re.fullmatch(r"\$\{(\w+)(?:\.(\w+))?\}", text)
    if not found:
        return text
    return {"Fn::GetAtt": [found[1], found[2]]} if found[2] else {"Ref": found[1]}


def _shown(template: Template) -> set[Metric]:
    found = set()
    for widget in _widgets(template):
        for namespace, name, *rest in widget["properties"].get("metrics", []):
            dimensions, options = rest[:-1], rest[-1]
            assert options.keys() == {"stat", "label"}
            assert re.fullmatch("Sum|Average|Minimum|Maximum|p50|p99", options["stat"])
            values = map(_substituted, dimensions[1::2])
            found.add(metric(namespace, name, dict(zip(dimensions[::2], values, strict=True))))
    return found


@pytest.mark.parametrize(
    ("stage", "parameters"),
    [
        ("prod", []),
        ("dev", ["dashboard=true"]),
        ("local", []),
        ("prod", ["database=express"]),
        ("prod", ["database=existing", "dbHost=db.example.com"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_the_dashboard_shows_exists(compiled: Compile, own: set[str], stage: str, parameters: list[str]) -> None:
    _require_what_is_shown(compiled(stage, *parameters), own)


def test_what_the_dashboard_shows_of_slices_exists_too(complete: Template, own: set[str]) -> None:
    _require_what_is_shown(complete, own)
    assert {found for alarm in alarms(complete).values() for found in metrics(alarm)} <= _shown(complete)


def _require_what_is_shown(template: Template, own: set[str]) -> None:
    assert _shown(template) <= recorded_by(template, own)
    (status,) = (widget for widget in _widgets(template) if widget["type"] == "alarm")
    assert set(map(_id, status["properties"]["alarms"])) == set(template.of_type(ALARM))


def _id(arn: str) -> str:
    found = re.fullmatch(r"\$\{(\w+)\.Arn\}", arn)
    assert found
    return found[1]


def test_the_dashboard_shows_whatever_an_alarm_looks_at_and_whatever_the_function_logs(
    prod: Template, own: set[str]
) -> None:
    shown = _shown(prod)
    assert {found for alarm in alarms(prod).values() for found in metrics(alarm)} <= shown
    assert {name for namespace, name, _ in shown if namespace == log.NAMESPACE} == own


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ([], ["Gateway", "Queue", "Function", "Database", "Dead letters"]),
        (["database=express"], ["Gateway", "Queue", "Function", "Database", "Dead letters"]),
        (["database=existing", "dbHost=db.example.com"], ["Gateway", "Queue", "Function", "Dead letters"]),
    ],
    ids=["create", "express", "existing"],
)
def test_the_dashboard_is_read_from_left_to_right(
    compiled: Compile, parameters: list[str], expected: list[str]
) -> None:
    widgets = _widgets(compiled("prod", *parameters))
    titles = [widget for widget in widgets if widget["type"] == "text"]
    assert [widget["properties"]["markdown"] for widget in titles] == [f"## {title}" for title in expected]
    assert [widget["x"] for widget in titles] == sorted(widget["x"] for widget in titles)
    covered = [
        (x, y)
        for widget in widgets
        for x in range(widget["x"], widget["x"] + widget["width"])
        for y in range(widget["y"], widget["y"] + widget["height"])
    ]
    assert len(covered) == len(set(covered))
    assert {x for x, _ in covered} == set(range(24))
