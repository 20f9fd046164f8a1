"""Modules that are loaded only when needed; the rules of imports are in pyproject.toml."""

import json
import subprocess
import sys
from importlib.metadata import packages_distributions

from tools.kit.project import ROOT


def loaded_modules(code: str) -> set[str]:
    """Return the names of the modules that a new Python process has loaded after running some code."""
    code += "\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    return set(json.loads(result.stdout.splitlines()[-1]))


def packages(names: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in names}


def installed(names: set[str]) -> set[str]:
    return packages(names) & packages_distributions().keys()


def test_handler_loads_only_psycopg2_and_orjson() -> None:
    loaded = loaded_modules("import handler") - loaded_modules("")
    assert installed(loaded) == {"orjson", "psycopg2"}
    assert not loaded & {"ponto.read", "ponto.schema", "slices"}  # a batch does not need them
    assert not packages(loaded) & {"tools", "tests"}  # they are not in the zip


def test_batch_of_valid_punches_loads_neither_boto3_nor_botocore() -> None:
    code = """
import json
import handler
from tools.kit.event import body
from ponto.drain.dead_letters import DeadLetters
from ponto.drain.retry_backoff import RetryBackoff
from tests.fakes import ZONE, InMemoryStore

class Context:
    aws_request_id = "1"
    def get_remaining_time_in_millis(self):
        return 60_000

drain = handler.Drain(ZONE, InMemoryStore([]), DeadLetters("https://queue"), RetryBackoff("https://punches", (5, 10)))
record = {
    "eventSource": "aws:sqs",
    "messageId": "1",
    "receiptHandle": "handle",
    "attributes": {"SentTimestamp": "1790852401234", "ApproximateReceiveCount": "1"},
    "messageAttributes": {},
    "body": json.dumps(body(1, "2026-10-01T08:00")),
}
assert handler.main({"Records": [record]}, Context(), drain) == {"batchItemFailures": []}
"""
    assert not packages(loaded_modules(code)) & {"boto3", "botocore"}
