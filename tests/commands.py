"""Runs of commands in tests: their results, local stacks' folders, and a fake `sls`."""

import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tools import cli
from tools.kit import jmeter
from tools.kit.local_stack import Address
from tools.kit.project import ROOT


class CommandResult(NamedTuple):
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Run = Callable[..., CommandResult]


def needs(program: str) -> pytest.MarkDecorator:
    """Skip the test if a program is missing."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"no {program}; apt-get install {program}")


def needs_jmeter() -> pytest.MarkDecorator:
    """Skip the test if JMeter cannot run."""
    reason = f"no Java {jmeter.MIN_JAVA_VERSION} with JMeter or Maven; apt-get install maven"
    return pytest.mark.skipif(not jmeter.is_available(), reason=reason)


def runner(
    capsys: pytest.CaptureFixture[str],
    *before: object,
    collaborators: object = None,
    main: Callable[[Sequence[str], Any], int] = cli.main,
) -> Run:
    """Return a function that runs `ponto`, or another command, with the words `before` and its own arguments.

    Its argument `typed` is the user's input at the terminal; None: standard input is not a terminal.
    """

    def run(*words: object, typed: str | None = None, collaborators: object = collaborators) -> CommandResult:
        capsys.readouterr()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.stdin", io.StringIO() if typed is None else _Keyboard(_Typed(typed.encode())))
            return CommandResult(main([str(word) for word in (*before, *words)], collaborators), *capsys.readouterr())

    return run


def run_process(*words: object, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> CommandResult:
    """Run `ponto` in a subprocess, by default with the environment of this process."""
    command = [sys.executable, "-m", "tools.cli", *map(str, words)]
    completed = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    return CommandResult(completed.returncode, completed.stdout, completed.stderr)


class _Typed(io.BytesIO):
    name = "<stdin>"


class _Keyboard(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


class Terminal(io.StringIO):
    """Standard output that is a terminal."""

    def isatty(self) -> bool:
        return True


def write_stack(folder: Path, **fields: str | int) -> Path:
    """Write the stack.json of a local stack that appears to run; return its folder.

    Args:
        folder: Folder of the local stack.
        fields: Fields of `Address`; the others are empty, except `pid`, which is the id of this process.
    """
    address = dict.fromkeys(Address._fields, "") | {"pid": os.getpid()}
    (folder / "stack.json").write_text(json.dumps(address | fields), encoding="utf-8")
    return folder


def write_stack_with_database(folder: Path, url: str, dlq_url: str = "", aws: str = "http://127.0.0.1:9") -> Path:
    """Write the stack.json of a local stack with this database; return its folder.

    By default its AWS endpoint is port 9, where no process listens.
    """
    return write_stack(
        folder,
        database_url=url,
        queue_url=dlq_url,
        dlq_url=dlq_url,
        aws_endpoint_url=aws,
        aws_access_key_id="LOCAL",
    )


def _function(name: str, **properties: Any) -> Any:
    code = {"S3Bucket": {"Ref": "ServerlessDeploymentBucket"}, "S3Key": "new/batida-ponto.zip"}
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {"FunctionName": f"batida-ponto-dev-{name}", "Code": code, **properties},
    }


class FakeSls:
    """A fake `sls` that packages `template` and deploys nothing."""

    def __init__(self) -> None:
        self.package_status = 0  # exit status of `package`
        self.status = 0  # exit status of each command except `package`
        self.while_running: Callable[[], object] = lambda: None  # called by each command except `package`
        self.invocations: list[tuple[str, Sequence[str]]] = []  # commands with their options
        self.environments: list[Mapping[str, str]] = []  # of the commands
        self.is_protected = False  # whether the stage has deletion protection
        self.code = b"code"  # the zip of the functions
        self.template: dict[str, Any] = {
            "Resources": {
                "PostPunch": {"Type": "AWS::ApiGateway::Method", "Properties": {"AuthorizationType": "NONE"}},
                "SchemaLambdaFunction": _function(
                    "schema", Environment={"Variables": {"TIME_ZONE": "America/Sao_Paulo"}}
                ),
                "BatidaPontoLambdaFunction": _function("batidaPonto"),
            }
        }

    def __call__(self, command: str, options: Sequence[str], environment: Mapping[str, str]) -> int:
        assert environment["AWS_SECRET_ACCESS_KEY"]
        self.invocations.append((command, options))
        self.environments.append(environment)
        if command == "package":
            self._package(Path(options[options.index("--package") + 1]))
            return self.package_status
        self.while_running()
        return self.status

    @property
    def commands(self) -> list[str]:
        """The commands that were run."""
        return [command for command, _ in self.invocations]

    def add(self, logical_id: str, kind: str, **properties: Any) -> None:
        """Add a resource to the template."""
        self.template["Resources"][logical_id] = {"Type": kind, "Properties": properties}

    def add_cluster(self, *, is_protected: bool = False) -> None:
        self.add(
            "DatabaseCluster",
            "AWS::RDS::DBCluster",
            DeletionProtection=is_protected,
            ServerlessV2ScalingConfiguration={"MaxCapacity": 0},
            BackupRetentionPeriod=0,
        )

    def _package(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        provider = {"deletionProtection": self.is_protected, "stackTags": {"service": "batida-ponto"}}
        state = {"service": {"provider": provider}}
        (folder / "serverless-state.json").write_text(json.dumps(state), encoding="utf-8")
        text = json.dumps(self.template)
        (folder / "cloudformation-template-update-stack.json").write_text(text, encoding="utf-8")
        (folder / "batida-ponto.zip").write_bytes(self.code)


def write_sls(project: Path, script: str) -> None:
    """Write a project's `sls` as a shell script with these lines."""
    file = project / "node_modules" / ".bin" / "sls"
    file.parent.mkdir(parents=True)
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
