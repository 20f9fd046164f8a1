"""What tells the tests of the documents a good command from a bad one."""

from pathlib import Path

import pytest

from tests.documents import commands, in_the_text, mistake, resolved


def test_a_target_of_make_comes_to_the_module_that_it_runs() -> None:
    assert resolved('make loadtest ARGS="--repeats 5"') == "python -m loadtest --repeats 5"
    assert resolved("make setup") == "make setup"


@pytest.mark.parametrize(
    "command",
    [
        "make run ARGS='--port 4567'",
        "ponto dlq list --stage prod --since 2h",
        ".venv/bin/python -m lab.bench --help",
        "aws sqs set-queue-attributes --queue-url <PunchQueueUrl> --attributes A=1 --region sa-east-1",
        "aws ec2 wait instance-running --instance-ids i-1",
        "npx sls deploy --stage dev --param=a=b",
        "curl https://example.com",
    ],
)
def test_a_command_that_can_be_run_has_no_mistake(command: str) -> None:
    assert mistake(command) is None


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("make everything", "no target everything"),
        ("make run ARGS='--port none'", "'none' is not a whole number"),
        ("ponto dlq list --staeg prod", "No such option '--staeg'"),
        ("ponto dlq destroy", "No such command 'destroy'"),
        ("python -m nothing", "nothing is no command"),
        ("aws sqz list-queues", "no service sqz"),
        ("aws sqs list-queue", "no operation sqs list-queue"),
        ("aws sqs purge-queue", "lacks --queue-url"),
        ("aws sqs list-queues --prefix a", "no option --prefix"),
        ("aws rds wait instance-available", "no waiter instance-available"),
        ("npx sls destroy", "no command destroy of sls"),
        ("npx sls deploy --where dev", "no option --where"),
    ],
)
def test_a_mistake_is_told(command: str, what: str) -> None:
    assert what in (mistake(command) or "")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (". venv/bin/activate && make a | head; make b", [". venv/bin/activate", "make a", "head", "make b"]),
        ("X=$(aws sts get-caller-identity) make run", ["aws sts get-caller-identity", "X=x make run"]),
        ("f() { aws s3 ls $1; }", ["aws s3 ls '$1'"]),
    ],
)
def test_every_command_of_a_block_is_looked_at(text: str, expected: list[str]) -> None:
    assert list(commands(text)) == expected


def test_a_command_within_a_sentence_is_looked_at(tmp_path: Path) -> None:
    document = tmp_path / "document.md"
    document.write_text("Run `make run`, not `run`.\n\n```sh\nmake check\n```\n")
    assert in_the_text(document) == ["make run"]
