"""The load test: its plans, the summary of JMeter's results, and the comparison with the stored rows."""

import json
import os
import re
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from loadtest import __main__ as command
from loadtest import jmeter, proof, results, system
from loadtest.jmeter import JMeter, installed_path
from loadtest.ledger import PunchKey, StoredPunch
from loadtest.system import TargetSystem
from ponto.read.punch_statements import RUN_COUNT
from ponto.read.statements import Query
from tests.aws import Calls, invoke_stub, stack
from tests.commands import runner
from tools.kit import event
from tools.kit.errors import CommandError
from tools.kit.reader import parse_rows
from tools.kit.target import TargetOptions

HEADER = (
    "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,sentBytes,"
    'grpThreads,allThreads,URL,Latency,IdleTime,Connect,"id","subject"\n'
)
IDS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(3)]
EMPLOYEES = [event.subject(number) for number in range(1, 1 + len(IDS))]


def line(
    number: int,
    kind: str = "punch",
    began: int = 1000,
    elapsed: int = 10,
    code: str = "202",
    failure: str = "",
) -> str:
    success = str(not failure).lower()
    return (
        f'{began},{elapsed},{kind},{code},Words,Devices 1-1,text,{success},"{failure}",331,374,1,1,'
        f"http://127.0.0.1/ponto,7,0,0,{IDS[number]},{EMPLOYEES[number]}\n"
    )


def row(number: int, at: float = 2000) -> StoredPunch:
    return StoredPunch(
        PunchKey(IDS[number], EMPLOYEES[number], None), IDS[number], datetime.fromtimestamp(at / 1000, UTC)
    )


# Results of JMeter


def test_punch_accepted_twice_counts_once(tmp_path: Path) -> None:
    failure = "Test failed: code expected to equal /\n202\n/, received java.net.SocketException "
    file = tmp_path / "results.jtl"
    file.write_text(
        HEADER
        + line(0, began=1000, elapsed=50)
        + line(0, kind="repeat", began=1050, elapsed=10)
        + line(1, code="Non HTTP response code: java.net.SocketException", failure=failure, elapsed=5)
        + line(1, kind="repeat", began=1100, elapsed=20)
        + line(1, kind="malformed", code="400", began=1900, elapsed=100)
    )

    summary = results.summarize(results.read_samples(file))

    assert summary.requests == 5
    assert summary.accepted == {IDS[0]: EMPLOYEES[0], IDS[1]: EMPLOYEES[1]}
    assert summary.accepted_ms == [1050, 1120]
    assert summary.last_accepted_ms == 1120
    assert (summary.repeats, summary.refused, summary.errors) == (1, 1, 1)
    [failed] = summary.failures
    assert failed == "punch: Non HTTP response code: java.net.SocketException: Test failed: code expected to equal /"
    assert summary.seconds == 1.0
    assert summary.requests_per_second == 5.0


# The command, with a fake JMeter


class LoadTestResult(NamedTuple):
    """Result of the load test command."""

    status: int
    summary: Any  # content of summary.json; None: the command did not write it
    out: str
    err: str


Command = Callable[..., LoadTestResult]
SYSTEM = TargetSystem("http://127.0.0.1:1/ponto", "key", "queue", "dead-letters", cast(Any, None), cast(Any, None))
THROTTLED = line(1, code="429", failure="no_such_thing")


STATISTICS = (
    '{"Total": {"meanResTime": 37.25, "minResTime": 5.0, "medianResTime": 20.0, "pct1ResTime": 90.0,'
    ' "pct2ResTime": 95.0, "pct3ResTime": 99.0, "maxResTime": 1000.0}}'
)
FAKE_JMETER = """
import os, signal, sys
if "-g" in sys.argv:
    report = sys.argv[sys.argv.index("-o") + 1]
    os.mkdir(report)
    open(report + "/statistics.json", "w").write({statistics!r})
else:
    results = sys.argv[sys.argv.index("-l") + 1]
    if os.path.dirname(results).endswith("open"):
        exec({in_open_model!r})
    open(results, "w").write({lines!r})
"""


class FakeStorage:
    """A fake of the database, and of the queues with one waiting punch and no dead letter."""

    def __init__(self, rows: list[StoredPunch]) -> None:
        self._rows = [(row.key, row.punch.employee_id, row.stored_at) for row in rows]

    def read(self, query: Query[Any]) -> Any:
        if query.statement is RUN_COUNT:
            return [parse_rows(query, [(len(self._rows),)])]
        return [parse_rows(query, [(*row, 0) for row in self._rows])]

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        return {"Attributes": dict.fromkeys(AttributeNames, "0") | {AttributeNames[0]: str(int(QueueUrl == "queue"))}}


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    return fake_command(tmp_path, capsys)


def fake_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    """Return a function that runs the command with a fake of JMeter, which writes certain results."""

    def run(
        lines: str,
        rows: list[StoredPunch],
        *words: str,
        description: str | None = None,
        typed: str | None = None,
        in_open_model: str = "",
    ) -> LoadTestResult:
        script = FAKE_JMETER.format(in_open_model=in_open_model, lines=HEADER + lines, statistics=STATISTICS)
        stored: Any = FakeStorage(rows)
        arrivals = [] if {"--rate", "--open-rate"} & {*words} else ["--open-rate", "0"]
        system = SYSTEM._replace(sqs=stored, reader=stored, description=description)
        collaborators = command.LoadTestCollaborators(
            lambda: JMeter((sys.executable, "-c", script), {}), lambda *_: system
        )
        start = runner(capsys, "--state", tmp_path, "--patience", "1", main=command.main)
        result = start(*arrivals, *words, typed=typed, collaborators=collaborators)
        file = tmp_path / "loadtest" / "summary.json"
        return LoadTestResult(
            result.status, json.loads(file.read_text()) if file.exists() else None, result.out, result.err
        )

    return run


@pytest.mark.parametrize(
    ("lines", "rows", "status", "figures"),
    [
        (
            line(0) + line(1) + line(1, kind="repeat"),
            [row(0), row(1, at=1500)],
            0,  # from 1,010 ms to 2,000
            {"accepted": 2, "stored": 2, "repeats": 1, "missing": 0, "stored_twice": 0, "drain_lag_seconds": 0.99},
        ),
        (
            line(0) + line(1),
            [row(0)],
            1,
            {"accepted": 2, "stored": 1, "missing": 1, "examples": {"missing": [IDS[1]], "stored_twice": []}},
        ),
        (line(0), [row(0), row(0)], 1, {"stored_twice": 1}),
        (line(0) + THROTTLED, [row(0)], 4, {"failures": {"punch: 429: no_such_thing": 1}}),
    ],
    ids=["all stored", "one missing", "one stored twice", "a request failed"],
)
def test_status_depends_on_missing_and_duplicate_rows(
    run: Command, tmp_path: Path, lines: str, rows: list[StoredPunch], status: int, figures: dict[str, object]
) -> None:
    outcome = run(lines, rows)

    assert outcome.status == status
    assert ("BROKEN: " in outcome.out) is (status == 1)
    assert {name: outcome.summary[name] for name in figures} == figures
    picture = tmp_path / "loadtest" / "arrivals.png"
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_open_model_has_ids_and_a_column_of_its_own(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")  # wide enough for headings of one line
    outcome = run(line(0), [row(0)], "--open-rate", "50", "--open-seconds", "7")

    arrivals = outcome.summary["open_model"]
    latency_ms = {"average": 37.2, "min": 5.0, "p50": 20.0, "p95": 95.0, "p99": 99.0, "max": 1000.0}
    assert (outcome.status, arrivals["stored"], arrivals["latency_ms"]) == (0, 1, latency_ms)
    assert arrivals["id_prefix"] > outcome.summary["id_prefix"]
    assert arrivals["properties"]["schedule"] == "rate(50/s) random_arrivals(7 s) rate(50/s) pause(3 s)"
    assert re.search(r"closed model, 200 users +open model, 50 punches/s$", outcome.out, re.MULTILINE)
    assert re.search(r"^p99 +99 +99$", outcome.out, re.MULTILINE)
    assert outcome.out.splitlines()[-1] == "open model, 50 punches/s: 1 accepted punches = 1 rows"


# The parent must not be interrupted before it waits for JMeter: until then a signal would leak the process.
TERMINATE_WAITING_PARENT = """
stat = f"/proc/{os.getppid()}/stat"
while os.path.exists(stat) and open(stat).read().rsplit(")")[-1].split()[0] != "S":
    pass
os.kill(os.getppid(), signal.SIGTERM)
signal.pause()
"""


@pytest.mark.parametrize(("in_open_model", "status"), [("sys.exit(1)", 2), (TERMINATE_WAITING_PARENT, 130)])
def test_result_of_the_closed_model_is_kept_if_the_open_one_fails(
    run: Command, in_open_model: str, status: int
) -> None:
    outcome = run(line(0), [row(0)], "--open-rate", "50", in_open_model=in_open_model)

    assert outcome.status == status
    assert (outcome.summary["accepted"], outcome.summary["stored"]) == (1, 1)
    assert "open_model" not in outcome.summary


def test_jmeter_without_requests_exits_with_2(run: Command) -> None:
    outcome = run("", [])

    assert (outcome.status, outcome.summary) == (2, None)
    assert "JMeter sent nothing; the output ends:" in outcome.err


# Requests to JMeter


_READS = """
import json, os, sys
files = [sys.argv[at + 1] for at, word in enumerate(sys.argv) if word == "-q"]
read = {file: [oct(os.stat(file).st_mode), open(file).read()] for file in files}
print(json.dumps([sys.argv, read]))
"""


@pytest.mark.parametrize("key", ["kTq-8", "k=\\ t\n#\u00e9\U0001f600"])
def test_api_key_is_passed_in_a_private_file_that_is_deleted(tmp_path: Path, key: str) -> None:
    tool = JMeter((sys.executable, "-c", _READS), {})

    with tool.run_plan(tmp_path / "plan.jmx", tmp_path, {"apiKey": key}) as process:
        assert process.wait() == 0

    words, read = json.loads((tmp_path / "jmeter.out").read_text())
    assert not [word for word in words if key in word]
    private, common = read
    assert common == str(jmeter.PROPERTIES)
    mode, text = read[private]
    assert mode == "0o100600"
    assert json.loads(f'"{text.rstrip()}"') == f"apiKey={key}"  # java.util.Properties reads \u as JSON does
    assert [path.name for path in tmp_path.iterdir()] == ["jmeter.out"]


# Deployed stages

OUTPUTS = {
    "QueueUrl": "https://sqs/punches",
    "DeadLetterQueueUrl": "https://sqs/dead",
    "ApiUrl": "https://abc.execute-api.us-east-1.amazonaws.com/dev/ponto",
    "ApiId": "abc",
    "ApiKeyId": "k1",
}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return the calls to an account with stage dev."""
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    calls = Calls(monkeypatch)
    calls.stubs = {
        "GetCallerIdentity": {"Account": "123456789012", "Arn": "arn:aws:iam::123456789012:user/ana"},
        "DescribeStacks": stack(**OUTPUTS),
        "GetResources": {"items": [{"id": "r1", "path": "/ponto"}]},
        "GetMethod": {"authorizationType": "NONE"},
        "GetApiKey": {"value": "kTq-8"},
    }
    return calls


def test_stage_is_found_by_the_outputs_of_its_stack(calls: Calls) -> None:
    stage = system.find_system("dev", TargetOptions(region="us-east-1"))

    host = "abc.execute-api.us-east-1.amazonaws.com"
    assert stage.properties() == {"protocol": "https", "host": host, "port": 443, "path": "/dev/ponto"}
    assert (stage.api_key, stage.queue_url, stage.dlq_url) == ("kTq-8", "https://sqs/punches", "https://sqs/dead")
    calls.stubs["Invoke"] = invoke_stub({"error": "invalid request", "message": "unknown statement"})
    with pytest.raises(CommandError, match="batida-ponto-dev-read and this command have different versions"):
        proof.RunTable(stage.reader, began_ms=0).count()


def test_stage_with_sign_in_is_refused(calls: Calls) -> None:
    calls.stubs["GetMethod"] = {"authorizationType": "COGNITO_USER_POOLS"}

    with pytest.raises(CommandError, match="requires sign-in"):
        system.find_system("dev", TargetOptions())


@pytest.mark.parametrize("stage", [None, "local"])
def test_local_stack_is_the_default(tmp_path: Path, calls: Calls, stage: str | None) -> None:
    with pytest.raises(CommandError, match="start it with make run, or name another deployment"):
        system.find_system(stage, TargetOptions(state=tmp_path))
    assert not calls.history


STAGE = "stage dev of account 1, region us-east-1"
SENT = f"to {STAGE}: 0."


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ([], f"About 20,000 requests {SENT}09 US dollars by the list prices of us-east-1, database included."),
        (["--repeats", "5", "--malformed", "10", "--open-rate", "200"], f"About 27,600 requests {SENT}12"),
        (["--duration", "36000", "--rate", "1", "--open-rate", "0"], f"About 36,000 requests {SENT}84"),
        (["--loops", "5", "--rate", "100", "--duration", "600"], "About 3,000 requests "),  # 2,000 of arrivals
        (["--rate", "900"], "About 24,000 requests "),  # 4,000 of arrivals
    ],
    ids=["defaults", "with repeats, refusals and open model", "a soak", "loops end first", "open model by default"],
)
def test_number_of_requests_stage_and_price_are_confirmed(run: Command, words: list[str], sentence: str) -> None:
    refused = run(line(0), [row(0)], *words, description=STAGE, typed="n\n")

    assert (refused.status, refused.summary) == (2, None)
    assert sentence in refused.err


def test_nothing_is_sent_to_a_stage_without_confirmation(run: Command) -> None:
    assert run(line(0), [row(0)], description=STAGE, typed="").summary is None
    assert run(line(0), [row(0)], description=STAGE, typed="y\n").summary["accepted"] == 1
    assert "Send them?" not in run(line(0), [row(0)], "--yes", description=STAGE).err


@pytest.mark.parametrize(("version", "is_used"), [("5.5", False), ("5.6.3", True)])
def test_old_jmeter_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, is_used: bool) -> None:
    program = tmp_path / "jmeter"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert bool(installed_path()) is is_used
