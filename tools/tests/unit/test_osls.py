"""Runs of osls: output, interruption, and the outputs of the stack."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest

from tests.aws import NO_STACK, Calls, stack
from tests.events import aws_environment
from tests.waiting import wait_for
from tools.kit import osls
from tools.kit.errors import CommandError
from tools.kit.project import ROOT
from tools.tests.sls import write_sls

# A fake sls that starts a child process, as osls starts pip, and writes both process ids to a file.
SLOW = 'sleep 600 & echo "$$ $!" > processes.new; mv processes.new processes; wait'


def has_ended(process: psutil.Process) -> bool:
    """Return whether a process has ended; a zombie counts as ended."""
    try:
        return process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.parametrize("log", ["log", ""])
def test_interruption_ends_sls_and_with_a_log_its_child_processes(tmp_path: Path, log: str) -> None:
    write_sls(tmp_path, SLOW)
    code = f"""
import os, subprocess
from pathlib import Path
from tools.kit import osls

wait = subprocess.Popen.wait
def say_and_wait(process):
    Path({str(tmp_path / "waiting")!r}).touch()
    return wait(process)

subprocess.Popen.wait = say_and_wait
project = Path({str(tmp_path)!r})
osls.run("package", [], os.environ, project / {log!r} if {log!r} else None, project)
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL) as run:
        for name in ("waiting", "processes"):
            wait_for((tmp_path / name).exists, f"the file {name}")
        sls, child = map(psutil.Process, map(int, (tmp_path / "processes").read_text().split()))
        try:
            assert (os.getpgid(sls.pid) == os.getpgid(run.pid)) == (not log)
            run.send_signal(signal.SIGINT)
            run.wait()
            wait_for(lambda: has_ended(sls), "sls to end")
            if log:
                wait_for(lambda: has_ended(child), "the child process of sls to end")
            else:
                assert not has_ended(child)
        finally:
            for process in (sls, child):
                if process.is_running():
                    process.kill()


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calls]:
    with aws_environment():
        yield Calls(monkeypatch)


def test_stack_outputs_are_read(calls: Calls) -> None:
    outputs = {name: f"of {name}" for name in ("QueueUrl", "DeadLetterQueueUrl", "ApiId")}
    calls.stubs["DescribeStacks"] = stack(**outputs)

    assert osls.stack_outputs(boto3.client("cloudformation", "sa-east-1"), "dev") == outputs
    assert calls.history[0].parameters == {"StackName": "batida-ponto-dev"}


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (NO_STACK, "there is no stack batida-ponto-dev in sa-east-1; check --stage, --region and --profile"),
        (
            stack(QueueUrl="https://queue", ApiId="abc"),
            "stack batida-ponto-dev in sa-east-1 (CREATE_COMPLETE) has no output DeadLetterQueueUrl; deploy it again",
        ),
    ],
    ids=["missing", "incomplete"],
)
def test_missing_or_incomplete_stack_is_named_with_its_region(calls: Calls, answer: Any, message: str) -> None:
    calls.stubs["DescribeStacks"] = answer
    with pytest.raises(CommandError) as error:
        osls.stack_outputs(boto3.client("cloudformation", "sa-east-1"), "dev")
    assert str(error.value) == message
