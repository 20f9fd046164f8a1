"""The alarms: what they look at exists, and each fires on its incident, in time, and on nothing else."""

import json
import re
from collections import Counter, defaultdict
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
from tests.template.runbook import ALARM, SECTIONS, TEXT, alarms
from tools.deploy import proof
from tools.kit.packaging import Template
from tools.kit.project import ROOT

HOUR = 60  # minutes, as all times here
DAY = 24 * HOUR

METRICS = {  # that AWS's services record
    "AWS/ApiGateway": {"4XXError", "5XXError", "Count", "IntegrationLatency", "Latency"},
    "AWS/Lambda": {"AsyncEventsDropped", "ConcurrentExecutions", "Duration", "Errors", "Invocations", "Throttles"},
    "AWS/RDS": {"ACUUtilization", "DatabaseConnections", "ServerlessDatabaseCapacity"},
    "AWS/SQS": {
        *("ApproximateAgeOfOldestMessage", "ApproximateNumberOfMessagesNotVisible"),
        *("ApproximateNumberOfMessagesVisible", "NumberOfMessagesDeleted", "NumberOfMessagesSent"),
    },
}


@pytest.fixture
def own(capsys: pytest.CaptureFixture[str]) -> set[str]:
    """Return the names of the metrics that the function logs, when something was stored, and something failed."""
    absent: dict[str, Any] = dict.fromkeys(Punch._fields)
    stored, failure = Entry(Punch(**absent), "", 0), Failure(message("", "m"), "gone")
    batch = Processed(stored=[stored], failures={"m": failure})
    times = {"milliseconds": 1.0, **batch.ages(1e9)}
    log.batch("", "the-function", 1e9, batch.counts(identity=False), times, batch.errors)
    return {name for _, name in embedded(capsys.readouterr().out)}


def recorded_by(template: Template, own: set[str]) -> set[Metric]:
    """Return every metric that exists in a deployed stage."""
    gateway = {"ApiName": template.properties("Api")["Name"], "Stage": {"Ref": "ApiStage"}}
    methods = [
        {"Method": setting["HttpMethod"], "Resource": setting["ResourcePath"].removeprefix("/").replace("~1", "/")}
        for setting in template.properties("ApiStage")["MethodSettings"]
        if setting.get("MetricsEnabled")
    ]
    clusters: list[Any] = [{"Ref": cluster} for cluster in template.of_type("AWS::RDS::DBCluster")]
    if template.outputs["Database"]["Value"] == "express":
        clusters = ["batida-ponto-prod"]  # the stack's name
    sources: list[tuple[str, dict[str, Any]]] = [
        *(("AWS/ApiGateway", gateway | method) for method in [{}, *methods]),
        *(
            ("AWS/SQS", {"QueueName": {"Fn::GetAtt": [name, "QueueName"]}})
            for name in template.of_type("AWS::SQS::Queue")
        ),
        *(("AWS/Lambda", {"FunctionName": {"Ref": name}}) for name in template.of_type("AWS::Lambda::Function")),
        *(("AWS/RDS", {"DBClusterIdentifier": cluster}) for cluster in clusters),
        (log.NAMESPACE, {"FunctionName": {"Ref": "BatidaPontoLambdaFunction"}}),
    ]
    names = METRICS | {log.NAMESPACE: own}
    return {metric(namespace, name, dimensions) for namespace, dimensions in sources for name in names[namespace]}


def shown_by(template: Template) -> set[Metric]:
    """Return every metric that the dashboard shows, and require that it shows the state of every alarm."""
    (dashboard,) = template.of_type("AWS::CloudWatch::Dashboard").values()
    body = re.sub(r'"\$\{(\w+)\}"', r'{"Ref": "\1"}', dashboard["DashboardBody"]["Fn::Sub"])
    body = re.sub(r'"\$\{(\w+)\.(\w+)\}"', r'{"Fn::GetAtt": ["\1", "\2"]}', body)
    widgets = json.loads(body)["widgets"]
    (status,) = (widget["properties"] for widget in widgets if widget["type"] == "alarm")
    assert {arn["Fn::GetAtt"][0] for arn in status["alarms"]} == set(template.of_type(ALARM))
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
        ("local", ()),
        ("prod", ("database=express",)),
        ("prod", ("database=existing", "dbHost=db.example.com")),
    ],
)
def test_what_alarms_and_dashboard_look_at_exists(
    compiled: Compile, own: set[str], stage: str, parameters: tuple[str, ...]
) -> None:
    template = compiled(stage, *parameters)
    watched = {source for alarm in alarms(template, stage).values() for source in metrics(alarm)}
    shown = shown_by(template)
    assert watched <= shown <= recorded_by(template, own)
    assert {name for namespace, name, _ in shown if namespace == log.NAMESPACE} == own


def test_what_slices_add_to_the_dashboard_exists_too(complete: Template, own: set[str]) -> None:
    watched = {source for alarm in alarms(complete).values() for source in metrics(alarm)}
    assert watched <= shown_by(complete) <= recorded_by(complete, own)


def test_each_alarm_has_a_section_of_the_runbook_and_an_incident(prod: Template) -> None:
    assert re.findall("^## (.*)$", TEXT, re.MULTILINE) == [*SECTIONS]  # each once
    assert SECTIONS.keys() == alarms(prod).keys() == {section for section, _ in INCIDENTS}
    for name, section in SECTIONS.items():
        assert alarms(prod)[name]["AlarmDescription"].endswith(f". docs/runbook.md#{name}")
        assert re.findall(r"^\*\*(\w+)\*\*", section, re.MULTILINE) == ["Means", "Look", "Do"]


# Who is notified


def test_mail_tells_of_incidents_and_their_ends(compiled: Compile, prod: Template) -> None:
    assert prod.of_type("AWS::SNS::Subscription") == {}
    (email,) = compiled("prod", "alarmEmail=oncall@example.com").of_type("AWS::SNS::Subscription").values()
    assert (email["TopicArn"], email["Protocol"], email["Endpoint"]) == (
        {"Ref": "AlarmTopic"}, "email", "oncall@example.com"
    )  # fmt: skip
    # News is what begins or ends; an alarm that is created or changed goes from INSUFFICIENT_DATA to OK.
    policy = {"$or": [{"NewStateValue": ["ALARM"]}, {"OldStateValue": ["ALARM"]}]}
    assert (email["FilterPolicyScope"], email["FilterPolicy"]) == ("MessageBody", policy)
    document = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")  # the same for a topic of one's own
    (attributes,) = re.findall(r"--attributes \\\n +'(.*)'$", document, re.MULTILINE)
    assert json.loads(attributes) == {"FilterPolicyScope": "MessageBody", "FilterPolicy": json.dumps(policy)}


def test_every_alarm_notifies_the_stacks_topic_or_that_of_a_parameter(compiled: Compile, stage: str) -> None:
    of_yours = compiled(stage, f"alarmTopicArn={TOPIC}")
    assert '"AlarmTopic"' not in json.dumps(of_yours.document)
    for template, topic in ((compiled(stage), {"Ref": "AlarmTopic"}), (of_yours, TOPIC)):
        assert template.outputs["AlarmTopicArn"] == {"Value": topic}
        for section, alarm in alarms(template, stage).items():
            assert alarm["AlarmActions"] == alarm["OKActions"] == [topic], section
            assert alarm.get("ActionsEnabled", True) is True


def test_alarms_of_this_account_and_they_alone_may_publish(template: Template, stage: str) -> None:
    # No key, or ours: the managed one would swallow every notification.
    has_key = stage != "dev"
    assert template.properties("AlarmTopic") == ({"KmsMasterKeyId": {"Ref": "AlarmKey"}} if has_key else {})
    publish = {
        "Sid": "AlarmsPublish",
        "Effect": "Allow",
        "Principal": {"Service": "cloudwatch.amazonaws.com"},
        "Condition": {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}},
    }
    policy = template.properties("AlarmTopicPolicy")
    assert policy["Topics"] == [{"Ref": "AlarmTopic"}]
    assert policy["PolicyDocument"]["Statement"] == [
        publish | {"Action": "sns:Publish", "Resource": {"Ref": "AlarmTopic"}}
    ]
    account = {
        "Sid": "TheAccountDecides",
        "Effect": "Allow",
        "Principal": {"AWS": {"Fn::Sub": "arn:${AWS::Partition}:iam::${AWS::AccountId}:root"}},
        "Action": "kms:*",
        "Resource": "*",  # of a key's policy: that key
    }
    use = publish | {"Action": ["kms:Decrypt", "kms:GenerateDataKey*"], "Resource": "*"}
    keys = template.of_type("AWS::KMS::Key").values()
    assert [key["KeyPolicy"]["Statement"] for key in keys] == [[account, use]] * has_key


# A normal day


def gauge(value: float) -> Point:
    return Point(value, 1, value, value)


def share(part: float, whole: float) -> Point:
    """Return a minute with `whole` requests, of which `part` had a property."""
    return Point(part, whole, 0, 1)


_GATEWAY = {"ApiName": "batida-ponto-prod", "Method": "POST", "Resource": "/ponto", "Stage": {"Ref": "ApiStage"}}
_QUEUE = {"QueueName": {"Fn::GetAtt": ["PunchQueue", "QueueName"]}}
_DEAD_LETTERS = {"QueueName": {"Fn::GetAtt": ["DeadLetterQueue", "QueueName"]}}
_FUNCTION = {"FunctionName": {"Ref": "BatidaPontoLambdaFunction"}}
_CLUSTER = {"DBClusterIdentifier": {"Ref": "DatabaseCluster"}}
NAMES = {
    "requests": metric("AWS/ApiGateway", "Count", _GATEWAY),
    "4xx": metric("AWS/ApiGateway", "4XXError", _GATEWAY),
    "5xx": metric("AWS/ApiGateway", "5XXError", _GATEWAY),
    "waiting": metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", _QUEUE),
    "in flight": metric("AWS/SQS", "ApproximateNumberOfMessagesNotVisible", _QUEUE),
    "age": metric("AWS/SQS", "ApproximateAgeOfOldestMessage", _QUEUE),
    "stored": metric("BatidaPonto", "stored", _FUNCTION),
    "duplicates": metric("BatidaPonto", "duplicates", _FUNCTION),
    "oldest failed": metric("BatidaPonto", "oldestFailedMilliseconds", _FUNCTION),
    "errors": metric("AWS/Lambda", "Errors", _FUNCTION),
    "throttles": metric("AWS/Lambda", "Throttles", _FUNCTION),
    "failed": metric("BatidaPonto", "failed", _FUNCTION),
    "connections": metric("AWS/RDS", "DatabaseConnections", _CLUSTER),
    "capacity": metric("AWS/RDS", "ACUUtilization", _CLUSTER),
    "dead letters": metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", _DEAD_LETTERS),
}
Record = defaultdict[str, dict[int, Point]]
"""Data of prod's metrics, by name and minute, to be written over by incidents."""

PEAKS = (8 * HOUR, 12 * HOUR, 13 * HOUR, 17 * HOUR)
RESTART = 15 * HOUR + 40  # of the database, three minutes long


def _requests(minute: int) -> int:
    """Return the number of punches in a minute of the day."""
    if any(0 <= minute - peak < 5 for peak in PEAKS):
        return 909 * 60
    if any(-30 <= minute - peak < 30 for peak in PEAKS):
        return 60
    if 6 * HOUR <= minute < 20 * HOUR:
        return minute % 3
    return minute in (2 * HOUR + 30, 4 * HOUR)  # one punch; the database has to resume


def normal(days: int) -> Record:
    """Return days with four peaks, a restart of the database, one error of the function, and quiet nights."""
    record = Record(dict)
    for name, series in _day().items():
        record[name] = {day * DAY + minute: series[minute] for day in range(days) for minute in series}
    return record


@cache
def _day() -> Record:
    record = Record(dict)
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


def states_of(alarm: Any, record: Record, days: int) -> Iterator[list[tuple[int, State]]]:
    """Yield an alarm's states, for several phases of its periods."""
    recorded = {NAMES[name]: series for name, series in record.items()}
    for phase in range(0, period(alarm), max(1, period(alarm) // 5)):
        yield list(states(alarm, recorded, days * DAY, phase))


@pytest.mark.parametrize("section", SECTIONS)
def test_a_normal_week_wakes_nobody(prod: Template, section: str) -> None:
    for through in states_of(alarms(prod)[section], normal(days=7), days=7):
        assert [minute for minute, state in through if state is State.ALARM] == []


# Incidents: what is written over a normal record from `start` to `end`


def silence(record: Record, start: int, end: int, *names: str) -> None:
    """Remove what was recorded under some names."""
    for name in names:
        for minute in range(start, end):
            record[name].pop(minute, None)


def _tries(end: int) -> list[int]:
    """Return when a punch that fails is tried again, in minutes: after 5, 10, ... 320 s, then every 451."""
    seconds = list(accumulate([5 * 2**number for number in range(7)] + [451] * (end * 60 // 451)))
    return [second // 60 for second in seconds if second < end * 60]


def _outage(record: Record, start: int, end: int) -> None:
    """The database is down: punches come, fail, return."""
    silence(record, start, end, "stored", "duplicates", "age")
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


def _one_message_and_no_line(record: Record, start: int, end: int) -> None:
    """At night: a lone punch, and a function that cannot even log."""
    silence(record, start, end, "stored", "duplicates", "failed", "in flight", "age")
    for now in range(start, end):
        seen = (now - start) % 8 == 0
        record["waiting"][now] = gauge(seen)
        if not seen:
            record["in flight"][now] = gauge(1)


def _paused(record: Record, start: int, end: int) -> None:
    """Nobody receives: the mapping is disabled."""
    silence(record, start, end, "stored", "duplicates", "failed", "oldest failed", "in flight")
    for now in range(start, end):
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
        record["stored"][now] = gauge(1_000)
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
        record["dead letters"][now] = gauge((now - start) % (6 * HOUR) != 17)
    for now in range(end, end + 6 * HOUR):
        record["dead letters"][now] = gauge(0)


def _lone_error(record: Record, start: int, end: int) -> None:
    """One message that the function fails on as a whole: once a visibility timeout."""
    silence(record, start, end, "errors")
    for number in range((end - start) * 60 // 452):
        record["errors"][start + number * 452 // 60] = gauge(1)


def _few_people_and_a_bad_client(record: Record, start: int, end: int) -> None:
    """Ten punch, at the day's peaks, and each is refused."""
    silence(record, start, end, "requests", "4xx", "5xx")
    for now in range(start, end):
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


@pytest.mark.parametrize(
    ("section", "incident"), INCIDENTS, ids=[f"{name} {incident.happens.__name__}" for name, incident in INCIDENTS]
)
def test_an_alarm_fires_in_time_stays_and_clears(prod: Template, section: str, incident: Incident) -> None:
    start = DAY + incident.starts
    end = start + incident.lasts
    days = end // DAY + 2
    record = normal(days)
    incident.happens(record, start, end)
    step = period(alarms(prod)[section])
    for through in states_of(alarms(prod)[section], record, days):
        firing = [minute for minute, state in through if state is State.ALARM]
        assert firing, "it never fires"
        assert start < firing[0] <= start + incident.fires_within
        assert firing[-1] < end + incident.clears_within
        if incident.stays:
            assert firing == list(range(firing[0], firing[-1] + 1, step))
            assert firing[-1] >= end - step


def test_nothing_else_fires_when_a_few_punches_fail_among_others(prod: Template) -> None:
    record = normal(days=3)
    _some_fail(record, DAY + 7 * HOUR, DAY + 19 * HOUR)  # at night, when nothing else comes, the drain has stalled
    fired = {
        section
        for section, alarm in alarms(prod).items()
        for through in states_of(alarm, record, days=3)
        if State.ALARM in {state for _, state in through}
    }
    assert fired == {"keeps-failing"}


def test_no_alarm_looks_at_what_the_proofs_of_deploys_ask_where_employees_sign_in(
    prod: Template, monkeypatch: pytest.MonkeyPatch
) -> None:
    dimensions: list[set[tuple[str, str]]] = []

    def refuse(method: str, url: str, *_: object) -> Response:
        resource = urlsplit(url).path.removeprefix("/prod")
        dimensions.append({("Method", json.dumps(method)), ("Resource", json.dumps(resource))})
        return 401, "{}", {}

    answer_requests(monkeypatch, refuse)
    proof.require_token("https://api.example.com/prod/ponto", "the key")
    watched = [set(of) for alarm in alarms(prod).values() for _, _, of in metrics(alarm)]
    assert [of for of in watched if dimensions[0] <= of] == []


# The evaluation itself, against the tables of AWS's user guide


@pytest.mark.parametrize(
    ("needed", "data", "expected"),
    [
        (3, "0-X-X", State.OK),
        (3, "0----", State.OK),
        (3, "-----", State.OK),
        (3, "0XX-X", State.ALARM),
        (3, "----X", State.OK),
        (2, "0-X-X", State.ALARM),
        (2, "00X0X", State.ALARM),
        (2, "0-X--", State.OK),
    ],
)
def test_missing_data_breaches_nothing_as_the_guide_says(needed: int, data: str, expected: State) -> None:
    breaches = [{"0": False, "X": True, "-": None}[character] for character in data]
    assert judge({"EvaluationPeriods": 3, "DatapointsToAlarm": needed}, breaches) == expected


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("MAX([a, b, none])", 3),
        ("a + none", None),
        ("a / (b + b)", 1 / 6),
        ("a / zero", None),  # no data point, rather than infinity
        ("FILL(none, 9)", 9),
        ("FILL(a, 9)", 1),
        ("IF(a > 0 AND b == 3, 5, 6)", 5),
        ("IF(a > 1 OR b >= 4, 5, 6)", 6),
        ("IF(a, none, 1)", None),
        ("IF(none, 1, 1)", None),
        ("IF(a == 1 AND none, 1, 0)", None),
    ],
)
def test_metric_math(expression: str, expected: float | None) -> None:
    assert calculate(expression, {"a": 1, "b": 3, "none": None, "zero": 0}) == expected
