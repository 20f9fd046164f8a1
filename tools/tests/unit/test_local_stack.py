"""Addresses of the local stack, and the commands that `make run` prints."""

import json
import shlex
from pathlib import Path

import pytest

from ponto.punch import EVENT
from tests.commands import write_stack
from tools.kit import local_stack

ID = "0190163d-8694-739b-aea5-966c26f8ad91"


def test_printed_command_sends_an_event_of_the_first_example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = EVENT.fields[EVENT.subject].name
    monkeypatch.setattr(EVENT, "examples", ({**EVENT.examples[0], subject: 41}, *EVENT.examples[1:]))
    write_stack(tmp_path)

    words = shlex.split(local_stack.find(tmp_path).post_command(ID).replace("\\\n", ""))

    body = json.loads(words[words.index("-d") + 1])
    assert (body["id"], body[subject]) == (ID, 41)
