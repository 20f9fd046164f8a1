"""What tells the tests of the documents a good command from a bad one."""

from pathlib import Path

import pytest

from tests.documents import Block, blocks, commands, in_the_text, is_a_test, links, mistake, resolved, slugs


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "document.md"
    path.write_text(
        "# A `title`, with [a link](there.md#place)!\n\n"
        "Run `make run`, not `run`; see [elsewhere](https://example.com/a_(b)).\n\n"
        '<img src="pictures/a.png" width="50%" alt="A picture">\n\n'
        "```sh aws\n# Not a heading\naws sts get-caller-identity\n```\n\n```text\n[no](link)\n```\n"
    )
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("make run    # a comment\n\n# nothing else", ["make run"]),
        ("aws sqs x \\\n    --y z", ["aws sqs x --y z"]),
        (". venv/bin/activate && make a | head; make b", [". venv/bin/activate", "make a", "head", "make b"]),
        ("X=$(aws sts get-caller-identity) make run", ["aws sts get-caller-identity", "X=x make run"]),
        ("f() { aws s3 ls $1; }", ["aws s3 ls '$1'"]),
        ("psql -c 'select 1; select 2 # no comment'", ["psql -c 'select 1; select 2 # no comment'"]),
    ],
)
def test_a_block_is_parted_into_single_commands(text: str, expected: list[str]) -> None:
    assert list(commands(text)) == expected


def test_a_document_is_read_with_its_blocks_apart(document: Path) -> None:
    assert blocks(document) == [
        Block("sh", "aws", "# Not a heading\naws sts get-caller-identity\n"),
        Block("text", "", "[no](link)\n"),
    ]
    assert slugs(document) == {"a-title-with-a-link"}
    assert links(document) == ["there.md#place", "https://example.com/a_(b)", "pictures/a.png"]
    assert in_the_text(document) == ["make run"]


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


def test_a_test_is_one_that_is_defined() -> None:
    assert is_a_test("tests/unit/test_documents.py::test_a_test_is_one_that_is_defined")
    assert not is_a_test("tests/unit/test_documents.py::test_a_test")
    assert not is_a_test("tests/unit/nothing.py::test_a_test")
