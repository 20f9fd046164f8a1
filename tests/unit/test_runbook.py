"""The commands of the runbook: that they exist, with those options. None is run."""

import argparse
import re
import shlex
from pathlib import Path

import pytest
from botocore import xform_name
from botocore.session import Session

from ponto.cli import dlq

RUNBOOK = (Path(__file__).parents[2] / "docs" / "runbook.md").read_text(encoding="utf-8")
OF_THE_CLI = {"query", "output", "max-items"}  # options of every aws command


def commands(program: str) -> list[str]:
    """The command lines of a program, in blocks and in the text."""
    text = RUNBOOK.replace("\\\n", " ")
    lines = re.findall(rf"^{program} .*$", text, re.MULTILINE) + re.findall(rf"`({program} [^`]*)`", text)
    return [line.replace("<", "").replace(">", "") for line in lines]


@pytest.mark.parametrize("line", commands("aws"))
def test_an_aws_command_exists(line: str) -> None:
    _, service, command, *words = shlex.split(line, comments=True)
    model = Session().get_service_model(service)
    operations = {xform_name(name, "-"): model.operation_model(name) for name in model.operation_names}
    shape = operations[command].input_shape
    members = {xform_name(name, "-") for name in shape.members} if shape else set()
    assert {word.removeprefix("--") for word in words if word.startswith("--")} - OF_THE_CLI <= members


@pytest.mark.parametrize("line", commands("python -m ponto"))
def test_a_command_for_dead_letters_exists(line: str) -> None:
    parser = argparse.ArgumentParser()
    dlq.add_to(parser.add_subparsers())
    assert parser.parse_args(shlex.split(line, comments=True)[3:]).run
