"""The emulator's logs and metrics, in one run and over several."""

import json
from pathlib import Path
from typing import Any

import pytest
from ministack.core import persistence  # type: ignore[import-untyped]
from ministack.services import cloudwatch, lambda_svc  # type: ignore[import-untyped]
from ministack.services import cloudwatch_logs as logs

from tools.local import adapter, replacements, watch


def test_only_the_newest_entries_are_kept_and_none_is_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    replacements.install_patches(monkeypatch.setattr)
    try:
        for number in range(adapter.MAX_KEPT_ENTRIES + 10):
            function = {"config": {"FunctionName": "function"}}
            lambda_svc._emit_lambda_logs(function, str(number), "printed", error=False, duration_ms=1)
            lambda_svc._emit_lambda_metrics("function", 1.0, error=False, throttle=False)
        group = logs._log_groups["/aws/lambda/function"]
        group["retentionInDays"] = 30

        requests = [stream["events"][0]["message"].split()[2] for stream in group["streams"].values()]
        assert requests == [str(number) for number in range(10, adapter.MAX_KEPT_ENTRIES + 10)]
        # Old points are dropped before a new one is added.
        assert {len(points) for points in cloudwatch._metrics.values()} == {adapter.MAX_KEPT_ENTRIES + 1}

        def saved(state: Any) -> Any:
            return json.loads(json.dumps(state, default=persistence._json_default))

        (group,) = saved(logs.get_state())["log_groups"]["data"].values()
        assert (group["retentionInDays"], group["streams"]) == (30, {})
        assert saved(cloudwatch.get_state())["metrics"]["data"] == {}
    finally:
        logs.reset()
        cloudwatch.reset()


def test_failure_of_a_function_behind_the_api_is_read_from_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    replacements.install_patches(monkeypatch.setattr)
    refused, served, batch = (
        json.dumps({"level": level, "message": message, "error": "CheckViolation 23514"})
        for level, message in (("WARNING", "shift"), ("INFO", "shift"), ("WARNING", "batch"))
    )
    lambda_svc.lambda_execute_result_to_api_proxy_response({"body": {}, "log": f"{refused}\n{served}\n{batch}"})
    lambda_svc.lambda_execute_result_to_api_proxy_response({"error": True, "log": "Traceback"})
    log = tmp_path / "emulator.log"
    log.write_text(capsys.readouterr().out)

    assert watch.FunctionLog(log).read_new_failures() == ["shift: CheckViolation 23514", "Traceback"]
