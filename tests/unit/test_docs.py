"""Commands, tables and samples of the documents, compared with the code."""

import re
from functools import cache
from itertools import chain
from pathlib import Path

import pytest
import yaml

from ponto.parser import Reason
from slices import enabled
from tests.documents import blocks, commands_in_prose, expand_make, find_mistake, heading_anchors, split_commands
from tools.develop.docs.tables import leaf_commands
from tools.kit import parameters, slices
from tools.kit.dead_letters import Source
from tools.kit.project import DOCUMENTS, ROOT

UNTESTED_COMMANDS = (  # prefixes of commands that need no test that names them
    *(". ", "cd ", "export "),
    # only in the reference: begin
    # Tests run the blocks of docs/adapt.md and slices/README.md.
    *("cp ", "echo ", "git "),
    "python -m lab.bench",  # run by tests of the event
    "make pictures",
    # only in the reference: end
    # CI runs the first four; the last one only changes files.
    *(".ci/run", "make check", "make setup", "python -m pytest", "make format"),
    "java -jar",  # python -m loadtest runs the same command
)


@cache
def texts_of_tests() -> list[str]:
    """Return the contents of all test modules."""
    paths = chain.from_iterable((ROOT / folder).rglob("test_*.py") for folder in ("lab", "slices", "tests"))
    return [path.read_text(encoding="utf-8") for path in paths]


def is_run_by_a_test(command: str) -> bool:
    """Return whether a test module has all words of a subcommand of `ponto`, or a module's name."""
    names = [name for name, *_ in leaf_commands() if f"{command} ".startswith(f"{name} ")]
    words = names[0].split()[1:] if names else re.findall(r"^python -m (\S+)", command)
    return any(words and all(re.search(rf"\b{word}\b", text) for word in words) for text in texts_of_tests())


with_each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def shell(document: Path, *marks: str) -> list[str]:
    """Return the commands of a document's `sh` blocks with these marks."""
    return [
        command
        for block in blocks(document)
        if block.language == "sh" and block.mark in marks
        for command in split_commands(block.text)
    ]


@with_each_document
def test_every_command_exists_with_its_arguments(document: Path) -> None:
    if document.name == "CHANGELOG.md":  # it names commands of older versions
        return
    wrong = {command: find_mistake(command) for command in shell(document, "", "aws")}
    wrong_in_prose = {command: find_mistake(command) or "" for command in commands_in_prose(document)}

    assert [f"{command}: {text}" for command, text in wrong.items() if text] == []
    # A sentence may name a command without its required arguments.
    incomplete = re.compile(r"are required: |lacks --|Missing (argument|option) |^$")
    assert [f"{command}: {text}" for command, text in wrong_in_prose.items() if not incomplete.search(text)] == []


@with_each_document
def test_every_command_is_run_by_a_test_or_marked_as_needing_aws(document: Path) -> None:
    local = [command for command in map(expand_make, shell(document, "")) if not command.startswith(UNTESTED_COMMANDS)]

    assert [command for command in local if not is_run_by_a_test(command)] == []
    assert [block for block in blocks(document) if not block.language or block.mark not in {"", "aws"}] == []


def test_files_for_agents_and_language_models_are_documents() -> None:
    assert {ROOT / "AGENTS.md", ROOT / "llms.txt"} <= {document for document in DOCUMENTS if document.exists()}


def test_document_has_each_reason_of_a_dead_letter_with_its_remedy() -> None:
    document = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    table = document.partition("| reason | cause | remedy |")[2].partition("\n\n")[0]
    reasons = [*Reason, Source.EXHAUSTED, Source.ASYNCHRONOUS]

    assert re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", table, re.MULTILINE) == reasons


def test_sections_that_code_names_exist() -> None:
    named = {
        section
        for folder in ("ponto", "tools", "resources", "slices")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".js", ".sql", ".yml"}
        for section in re.findall(r"(docs/[\w-]+\.md)#([\w-]+)", path.read_text(encoding="utf-8"))
    }

    assert ("docs/operations.md", "copy-the-rows-of-an-older-stage") in named
    assert [(page, anchor) for page, anchor in named if anchor not in heading_anchors(ROOT / page)] == []


@with_each_document
def test_every_test_that_is_named_exists(document: Path) -> None:
    named = re.findall(r"`((?:slices/\w+/)?tests/[\w/]+\.py)::(\w+)`", document.read_text(encoding="utf-8"))

    assert [test for file, test in named if f"\ndef {test}(" not in (ROOT / file).read_text(encoding="utf-8")] == []


def _listed_parameters(text: str) -> list[str]:
    """Return the names in a document's tables of parameters; a row without a description does not count."""
    tables = re.findall(r"<!-- from the parameters.*-->\n((?:\|.*\n)+)<!-- end -->", text)
    return sorted(re.findall(r"^\| `(\w+)` \|(?:[^|]*\|){2} [^|]+\. \|$", "".join(tables), re.MULTILINE))


def test_configuration_lists_each_parameter_of_the_reference_once() -> None:
    with slices.without_slices():
        declared = parameters.declarations()
    assert _listed_parameters((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")) == sorted(declared)


def test_readme_of_each_slice_has_its_parameters_and_reasons_of_dead_letters() -> None:
    for manifest in slices.enabled_manifests():
        text = "".join(document.read_text(encoding="utf-8") for document in manifest.folder.glob("*.md"))
        assert _listed_parameters(text) == sorted(parameters.slice_declarations(manifest)), manifest.name
        definition = enabled.load()[manifest.name]
        event = definition.dead_letter_event()
        assert event is None or f"`{event.reason}`" in text, manifest.name
        assert f"<!-- from ponto --help: {manifest.name} -->" in text or not definition.commands(), manifest.name


def test_every_parameter_in_examples_and_the_deploy_guide_exists() -> None:
    configuration, guide = ((ROOT / "docs" / name).read_text("utf-8") for name in ("configuration.md", "deploy.md"))
    (example,) = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", configuration, re.DOTALL))
    named = re.findall(r"`(db\w+|\w*Acu|secondsUntilAutoPause|vpcId|\w+Ids|\w+Names?|\w+Concurrency)`", guide)

    assert example.keys() <= parameters.stages().keys()
    assert {*named, *(name for values in example.values() for name in values)} <= parameters.declarations().keys()


@with_each_document
def test_sample_is_part_of_a_golden_file(document: Path) -> None:
    samples = re.findall(
        r"^<!-- from ((?:slices/\w+/)?tests/golden/\S+) -->\n```text\n(.*?)^```$",
        document.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    for golden, sample in samples:
        printed = iter([line.rstrip() for line in (ROOT / golden).read_text(encoding="utf-8").splitlines()])
        assert [line for line in sample.splitlines() if line != "..." and line not in printed] == []


# Checks of commands


@pytest.mark.parametrize(
    ("command", "mistake"),
    [
        ("make everything", "no target everything"),
        ("make run ARGS='--port none'", "'none' is not a whole number"),
        ("ponto dlq list --staeg prod", "No such option '--staeg'"),
        ("ponto dlq destroy", "No such command 'destroy'"),
        ("python -m nothing", "nothing is not a command"),
        ("aws sqz list-queues", "no service sqz"),
        ("aws sqs list-queue", "no operation sqs list-queue"),
        ("aws sqs purge-queue", "lacks --queue-url"),
        ("aws sqs list-queues --prefix a", "no option --prefix"),
        ("aws rds wait instance-available", "no waiter instance-available"),
        ("npx sls destroy", "no command destroy of sls"),
        ("npx sls deploy --where dev", "no option --where"),
    ],
)
def test_mistake_in_a_command_is_found(command: str, mistake: str) -> None:
    assert mistake in (find_mistake(command) or "")


def test_line_is_split_into_its_commands() -> None:
    line = "X=$(aws sts get-caller-identity) make run | head"
    assert list(split_commands(line)) == ["aws sts get-caller-identity", "X=x make run", "head"]
    assert list(split_commands("f() { aws s3 ls; }")) == ["aws s3 ls"]
