"""The alarm of a failed import: when it fires, and its section in the README."""

from tests.template.cloudwatch import Point, alarms, firing_minutes, metric, period
from tests.template.compiled import CompileStage

SECTION = "imports-failed"
FAILED = metric("AWS/Lambda", "AsyncEventsDropped", {"FunctionName": {"Ref": "ImportacaoLambdaFunction"}})
DAY = 24 * 60  # minutes, like all times in this module


def test_alarm_fires_within_minutes_of_a_failed_import_and_clears(compile_stage: CompileStage) -> None:
    alarm = alarms(compile_stage("prod", "uploads=true"))[SECTION]
    start, second = 455, 459  # a second file fails
    recorded = {FAILED: {minute: Point(1, 1, 1, 1) for minute in (start, second)}}
    for firing in firing_minutes(alarm, recorded, DAY):
        assert start < firing[0] <= start + 6
        assert firing[-1] <= second + 15
        assert firing == list(range(firing[0], firing[-1] + 1, period(alarm)))
