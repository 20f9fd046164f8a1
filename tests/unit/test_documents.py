"""How the tests of documents judge commands."""

import pytest

from tests.documents import commands, mistake


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
def test_mistake_is_named(command: str, what: str) -> None:
    assert what in (mistake(command) or "")


def test_every_command_of_a_line_is_judged() -> None:
    line = "X=$(aws sts get-caller-identity) make run | head"
    assert list(commands(line)) == ["aws sts get-caller-identity", "X=x make run", "head"]
    assert list(commands("f() { aws s3 ls; }")) == ["aws s3 ls"]
