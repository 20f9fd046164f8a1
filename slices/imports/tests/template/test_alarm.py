"""The alarm of a failed import: when it fires, and its section in the README."""

from tests.template.cloudwatch import Point, State, alarms, metric, period, states
from tests.template.compiled import CompileStage
from tools.kit.project import ROOT

SECTION = "imports-failed"
FAILED = metric("AWS/Lambda", "AsyncEventsDropped", {"FunctionName": {"Ref": "ImportacaoLambdaFunction"}})
DAY = 24 * 60  # minutes, like all times in this module


def test_alarm_fires_within_minutes_of_a_failed_import_and_clears(compile_stage: CompileStage) -> None:
    alarm = alarms(compile_stage("prod", "uploads=true"))[SECTION]
    start, second = 455, 459  # a second file fails
    recorded = {FAILED: {minute: Point(1, 1, 1, 1) for minute in (start, second)}}
    for phase in range(period(alarm)):
        firing = [minute for minute, state in states(alarm, recorded, DAY, phase) if state is State.ALARM]
        assert start < firing[0] <= start + 6
        assert firing[-1] <= second + 15
        assert firing == list(range(firing[0], firing[-1] + 1, period(alarm)))


def test_alarm_does_not_fire_without_failed_imports(compile_stage: CompileStage) -> None:
    alarm = alarms(compile_stage("prod", "uploads=true"))[SECTION]
    zeros = {FAILED: {minute: Point(0, 1, 0, 0) for minute in range(0, DAY, 7)}}
    for recorded in (zeros, {}):
        assert {state for _, state in states(alarm, recorded, DAY)} == {State.OK}


def test_section_of_the_alarm_has_its_three_parts(compile_stage: CompileStage) -> None:
    description = alarms(compile_stage("prod", "uploads=true"))[SECTION]["AlarmDescription"]
    file, _, anchor = description.rpartition(" ")[2].partition("#")
    section = (ROOT / file).read_text(encoding="utf-8").partition(f"\n## {anchor}\n")[2].partition("\n## ")[0]
    assert [word for word in ("**Means**", "**Look**", "**Do**") if word not in section] == []
