"""The load test: its plans, the summary of JMeter's results, and the comparison with the stored rows."""

import hashlib
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, cast

import pytest

from loadtest import __main__ as command
from loadtest import jmeter, proof, results, system
from loadtest.jmeter import FOLDER, JMeter
from loadtest.ledger import PunchKey, StoredPunch
from loadtest.system import TargetSystem
from tests.aws import Calls, invoke_stub, stack
from tests.commands import runner
from tools.kit import jmeter as kit
from tools.kit.errors import CommandError
from tools.kit.project import ROOT
from tools.kit.reader import Query
from tools.kit.target import TargetOptions

HEADER = (
    "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success,failureMessage,bytes,sentBytes,"
    'grpThreads,allThreads,URL,Latency,IdleTime,Connect,"id","subject"\n'
)
IDS = [f"00000000-0000-4000-8000-00000000000{number}" for number in range(3)]
FIRST = 7_000_000_000_000_000


def line(
    number: int,
    kind: str = "punch",
    began: int = 1000,
    elapsed: int = 10,
    code: str = "202",
    failure: str = "",
    message: str = "Words",
) -> str:
    success = str(not failure).lower()
    return (
        f'{began},{elapsed},{kind},{code},{message},Devices 1-1,text,{success},"{failure}",331,374,1,1,'
        f"http://127.0.0.1/ponto,7,0,0,{IDS[number]},{FIRST + number}\n"
    )


def row(number: int, at: float = 2000) -> StoredPunch:
    return StoredPunch(PunchKey(IDS[number], FIRST + number, None), IDS[number], datetime.fromtimestamp(at / 1000, UTC))


# Plans


def plan(name: str) -> str:
    return (FOLDER / f"{name}.jmx").read_text(encoding="utf-8")


def properties(text: str) -> dict[str, str]:
    """Return the properties that a plan reads, with their defaults."""
    return dict(re.findall(r"\$\{__P\((\w+),(.*?)\)\}", text))


def test_plans_have_the_defaults_of_the_command() -> None:
    defaults = properties(plan("punches") + plan("device"))

    assert {name: defaults[name] for name in ("threads", "loops", "rampUp", "repeats", "malformed")} == {
        "threads": "200",
        "loops": "100",
        "rampUp": "1",
        "repeats": "0",
        "malformed": "0",
    }
    assert f"${{__P(schedule,{command.schedule(200, 20)})}}" in plan("arrivals")


def test_plan_of_a_device_asserts_status_and_body() -> None:
    device = ElementTree.fromstring(plan("device"))  # noqa: S314  our own file

    texts = {text.text for text in device.iterfind(".//ResponseAssertion/collectionProp/stringProp")}
    assert texts == {"202", '"message":"accepted"', "400", '"message":"there is an error in your request'}


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
    assert summary.accepted == {IDS[0]: FIRST, IDS[1]: FIRST + 1}
    assert summary.accepted_ms == [1050, 1120]
    assert summary.last_accepted_ms == 1120
    assert (summary.repeats, summary.refused, summary.errors) == (1, 1, 1)
    [failed] = summary.failures
    assert failed == "punch: Non HTTP response code: java.net.SocketException: Test failed: code expected to equal /"
    assert summary.seconds == 1.0
    assert summary.requests_per_second == 5.0
    assert summary.latency == results.Latency(average=37.0, min=5, p50=20, p95=100, p99=100, max=100)


# The command, with a fake JMeter


class LoadTestResult(NamedTuple):
    """Result of the load test command."""

    status: int
    summary: Any  # content of summary.json; None: the command did not write it
    out: str
    err: str


SOCKET = "Non HTTP response code: java.net.SocketException"
CLOSED = "Non HTTP response message: Socket closed"  # by the client; "Connection reset" if the server closes it
INTERRUPTED = "no answer when the schedule ended, so JMeter closed the connection"

Command = Callable[..., LoadTestResult]
SYSTEM = TargetSystem("http://127.0.0.1:1/ponto", "key", "queue", "dead-letters", cast(Any, None), cast(Any, None))
THROTTLED = line(1, code="429", failure="no_such_thing")


class FakeStorage:
    """A fake of the database, and of the queues with one waiting punch and no dead letter."""

    def __init__(self, rows: list[StoredPunch]) -> None:
        self._rows = [(row.key, row.punch.employee_id, row.stored_at) for row in rows]

    def read(self, query: Query[Any]) -> Any:
        if query.name == "run_count":
            return [query.rows([(len(self._rows), query.values["primeiro"])])]
        return [query.rows(self._rows)]

    def get_queue_attributes(self, *, QueueUrl: str, AttributeNames: list[str]) -> Any:  # noqa: N803
        return {"Attributes": dict.fromkeys(AttributeNames, "0") | {AttributeNames[0]: str(int(QueueUrl == "queue"))}}


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Command:
    def run(
        lines: str,
        rows: list[StoredPunch],
        *words: str,
        description: str | None = None,
        typed: str | None = None,
        in_open_model: str = "",
    ) -> LoadTestResult:
        script = (
            f"import os, signal, sys; results = sys.argv[sys.argv.index('-l') + 1]\n"
            f"if os.path.dirname(results).endswith('open'): exec({in_open_model!r})\n"
            f"open(results, 'w').write({HEADER + lines!r})"
        )
        stored: Any = FakeStorage(rows)
        arrivals = [] if {"--rate", "--open-rate"} & {*words} else ["--open-rate", "0"]
        system = SYSTEM._replace(sqs=stored, reader=lambda: nullcontext(stored), description=description)
        collaborators = command.LoadTestCollaborators(
            lambda: JMeter((sys.executable, "-c", script), {}), lambda *_: system
        )
        start = runner(capsys, "--state", tmp_path, "--no-report", "--patience", "1", main=command.main)
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
        (line(0), [row(0), row(0)], 1, {"stored_twice": 2}),  # counted by punch id and by employee
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


# only in the reference: begin
def test_table_compares_with_the_2020_prototype(run: Command) -> None:
    table = run(line(0, elapsed=1000), [row(0)]).out

    assert re.search(r"^ +the original  closed model, 200 users$", table, re.MULTILINE)
    assert re.search(r"^requests/s +909\.1 +1\.0$", table, re.MULTILINE)
    assert re.search(r"^average, ms +197 +1,000$", table, re.MULTILINE)
    assert table.splitlines()[-1] == "1 accepted punches = 1 rows"
    assert max(map(len, table.splitlines())) <= 80


# only in the reference: end


def test_rows_of_requests_without_a_response_are_counted_separately(run: Command) -> None:
    unanswered = [line(each, code=SOCKET, failure="x", message=CLOSED) for each in (1, 2)]
    outcome = run(line(0) + "".join(unanswered) + THROTTLED, [row(0), row(1)])

    assert (outcome.status, outcome.summary["stored"], outcome.summary["stored_unanswered"]) == (4, 1, 1)
    assert re.search(r"^rows +(not counted +)?1$", outcome.out, re.MULTILINE)
    assert re.search(r"^rows without a 202 +1$", outcome.out, re.MULTILINE)
    assert outcome.out.splitlines()[-1] == (
        f"1 accepted punches = 1 rows; 3 requests failed: 2 punch: {INTERRUPTED}; 1 punch: 429: no_such_thing; "
        "1 row without a 202"
    )


def test_open_model_has_separate_employees_and_a_column(run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")  # wide enough for headings of one line
    outcome = run(line(0, elapsed=40), [row(0)], "--open-rate", "50", "--open-seconds", "7")

    arrivals = outcome.summary["open_model"]
    assert (outcome.status, arrivals["stored"], arrivals["latency_ms"]["p99"]) == (0, 1, 40)
    assert arrivals["properties"]["firstEmployee"] == outcome.summary["properties"]["firstEmployee"] + 10**9
    assert arrivals["properties"]["schedule"] == "rate(50/s) random_arrivals(7 s) rate(50/s) pause(3 s)"
    assert re.search(r"closed model, 200 users +open model, 50 punches/s$", outcome.out, re.MULTILINE)
    assert re.search(r"^p50 +40 +40$", outcome.out, re.MULTILINE)
    assert outcome.out.splitlines()[-1] == "open model, 50 punches/s: 1 accepted punches = 1 rows"


def test_json_has_camel_case_names_and_unchanged_failures(run: Command) -> None:
    outcome = run(line(0) + THROTTLED, [row(0)], "--json", "--open-rate", "50")

    printed = json.loads(outcome.out)
    for each in (printed, printed["openModel"]):
        assert each["failures"] == {"punch: 429: no_such_thing": 1}
        assert each["deadLetters"] == 0
    assert printed["latencyMs"] == outcome.summary["latency_ms"]
    assert len(printed) == len(outcome.summary)


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
    assert "JMeter sent nothing; its output ends:" in outcome.err


# Requirements


def executable(folder: Path, name: str, words: str) -> None:
    file = folder / name
    file.write_text(f"#!/bin/sh\ncat <<'EOF'\n{words}\nEOF\n")
    file.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the only folder of PATH, which has nothing but `cat`."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "cat").symlink_to("/bin/cat")
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    return folder


def test_changed_files_of_jmeter_are_refused(tmp_path: Path) -> None:
    jars = {"bin/ApacheJMeter.jar": b"launcher", "lib/ext/http.jar": b"http"}
    for name, content in jars.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    hashes = tmp_path / "jmeter.sha256"
    hashes.write_text("".join(f"{hashlib.sha256(content).hexdigest()}  {name}\n" for name, content in jars.items()))

    jmeter.verify_jars(tmp_path, hashes)

    (tmp_path / "lib" / "ext" / "http.jar").write_bytes(b"another")
    (tmp_path / "lib" / "more.jar").write_bytes(b"more")
    (tmp_path / "bin" / "ApacheJMeter.jar").unlink()
    with pytest.raises(CommandError, match=r": bin/ApacheJMeter\.jar, lib/ext/http\.jar, lib/more\.jar\. Nothing"):
        jmeter.verify_jars(tmp_path, hashes)
    pinned = {line.split()[1] for line in jmeter.CHECKSUMS_FILE.read_text().splitlines()}
    assert pinned >= {"bin/ApacheJMeter.jar", f"lib/ext/ApacheJMeter_http-{kit.VERSION}.jar"}


JAVA = 'openjdk version "17.0.15" 2025-04-15'


@pytest.mark.parametrize(
    ("installed", "why"),
    [
        ({}, "JMeter needs Java 17 or newer, which is neither on the PATH nor in JAVA_HOME"),
        ({"java": 'openjdk version "1.8.0_392"'}, r"is 8$"),
        ({"java": JAVA}, r"neither jmeter 5\.6 or newer nor mvn is on the PATH"),
        ({"java": JAVA, "jmeter": "Version 2.13.20180731"}, r"neither jmeter 5\.6 or newer nor mvn is on the PATH"),
    ],
    ids=["no Java", "an old Java", "no JMeter", "an old JMeter"],
)
def test_missing_requirement_is_reported(path: Path, tmp_path: Path, installed: dict[str, str], why: str) -> None:
    for name, words in installed.items():
        executable(path, name, words)

    with pytest.raises(CommandError, match=why):
        jmeter.find_jmeter(tmp_path / "home")

    executable(path, "java", 'openjdk version "21" 2023-09-19')
    executable(path, "jmeter", "/_/  \\_\\_|   \\___|_| \\_\\ 5.6.3\n\nCopyright (c) 1999-2024 The Apache Software ...")
    assert jmeter.find_jmeter(tmp_path / "home").command == (str(path / "jmeter"),)


_READS = """
import json, os, sys
files = [sys.argv[at + 1] for at, word in enumerate(sys.argv) if word == "-q"]
read = {file: [oct(os.stat(file).st_mode), open(file).read()] for file in files}
print(json.dumps([sys.argv, read]))
"""


@pytest.mark.parametrize("key", ["kTq-8", "k=\\ t\n#\u00e9\U0001f600"])
def test_api_key_is_passed_in_a_private_file_that_is_deleted(tmp_path: Path, key: str) -> None:
    tool = JMeter((sys.executable, "-c", _READS), {})

    with tool.run_plan(tmp_path / "plan.jmx", tmp_path, {"host": "h"}, {"apiKey": key}) as process:
        assert process.wait() == 0

    words, read = json.loads((tmp_path / "jmeter.out").read_text())
    assert "-Jhost=h" in words
    assert not [word for word in words if key in word]
    private, common = read
    assert common == str(jmeter.PROPERTIES)
    mode, text = read[private]
    assert mode == "0o100600"
    name, _, value = text.rstrip("\n").partition("=")
    assert (name, json.loads(f'"{value}"')) == ("apiKey", key)  # java.util.Properties reads \u as JSON does
    assert [path.name for path in tmp_path.iterdir()] == ["jmeter.out"]


# Deployed stages

OUTPUTS = {
    "PunchQueueUrl": "https://sqs/punches",
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
    calls.stubs["Invoke"] = invoke_stub({"why": "not asked", "message": "unknown statement"})
    with pytest.raises(CommandError, match="batida-ponto-dev-read and this command have different versions"):
        proof.RunTable(stage.reader, FIRST).count()


def test_stage_with_sign_in_is_refused(calls: Calls) -> None:
    calls.stubs["GetMethod"] = {"authorizationType": "COGNITO_USER_POOLS"}

    with pytest.raises(CommandError, match="requires sign-in"):
        system.find_system("dev", TargetOptions())


@pytest.mark.parametrize("stage", [None, "local"])
def test_local_stack_is_the_default(tmp_path: Path, calls: Calls, stage: str | None) -> None:
    with pytest.raises(CommandError, match="start it with make run, or name another deployment"):
        system.find_system(stage, TargetOptions(state=tmp_path))
    assert not calls.history


def test_make_takes_the_stage_only_from_the_command_line() -> None:
    def recipe(*words: str, **environment: str) -> str:
        command = ["make", "-C", str(ROOT), "-n", "loadtest", *words]
        others = {name: value for name, value in os.environ.items() if name != "STAGE"}
        completed = subprocess.run(command, env=others | environment, stdout=subprocess.PIPE, text=True, check=True)
        return completed.stdout

    assert "--stage" not in recipe()
    assert "--stage" not in recipe("ARGS=--rate 5")
    assert "python -m loadtest --rate 5 --stage dev\n" in recipe("STAGE=dev", "ARGS=--rate 5")
    assert "--stage" not in recipe("STAGE=")
    assert "--stage" not in recipe(STAGE="prod")


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


def test_soak_without_a_rate_is_refused(run: Command) -> None:
    outcome = run(line(0), [row(0)], "--duration", "600", "--yes", description="stage dev")

    assert (outcome.status, outcome.summary) == (2, None)
    assert "add --rate" in outcome.err
