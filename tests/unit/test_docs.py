"""What the documents say, compared with what they describe."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml

from ponto.punch import Reason
from slices import enabled
from tests.documents import blocks, commands, commands_in_prose, mistake, resolved, slugs
from tools.develop.docs.tables import leaf_commands
from tools.kit import parameters, slices
from tools.kit.dead_letters import Way
from tools.kit.project import DOCUMENTS, ROOT

CI = ".ci/run"
RUN_BY = {  # the file of tests that runs commands, or CI itself; the longest that a command begins with counts
    CI: (".ci/run", "make setup", "make check", "python -m pytest"),
    "tests/page/test_pictures.py": ("make pictures",),
    "tests/template/test_slices.py": ("cp -r examples/shifts", "echo shifts"),
    "tests/template/test_zip.py": ("make package",),
    "tests/e2e/test_create.py": ("npx osls create", "git grep", "xargs -0 perl"),
    "tests/e2e/test_command.py": ("python -m tools.local", "python -m tools.local.rows"),
    "tests/e2e/test_loadtest.py": ("python -m loadtest",),
    "tests/e2e/test_dlq.py": tuple(f"ponto dlq {name}" for name in ("list", "show", "redrive", "pause", "resume")),
    "tests/unit/test_dlq.py": ("ponto dlq export", "ponto dlq purge"),
    "tests/unit/test_plan.py": ("ponto plan",),
    "lab/tests/test_chaos.py": ("python -m lab.chaos",),
    "lab/tests/test_crashes.py": ("python -m lab.crashes",),
    "lab/tests/test_interleavings.py": ("python -m lab.interleavings",),
    "lab/tests/test_simulate.py": ("python -m lab.simulate",),
}
EVENT = {  # by the tests of the event, which go when another event comes
    "tests/event/e2e/test_adapt.py": ("rm -r", "echo", "cp -R", "git grep", "xargs perl", "python -m lab.fork"),
    "tests/event/lab/test_bench.py": ("python -m lab.bench",),
}
RUN_BY |= {file: run for file, run in EVENT.items() if (ROOT / file).exists()}


def run_by_slices() -> Iterator[str]:
    """Yield the commands of slices whose words a test of the slice has."""
    names = [name for name, *_ in leaf_commands()]
    for slice_name, manifest in enabled.load().items():
        tests = (enabled.FOLDER / slice_name / "tests").rglob("test_*.py")
        texts = [path.read_text(encoding="utf-8") for path in tests]
        own = tuple(f"ponto {name} " for name in manifest.commands())
        for name in names:
            if f"{name} ".startswith(own) and any(all(word in text for word in name.split()) for text in texts):
                yield name


NOT_RUN = {
    "make format": "it changes the files that it is given",
    "make clean": "it removes what the tests run on",
    "make test": "it runs the tests",
    "python -m tools.develop.docs": "it writes the files that tests compare",
    "java -jar": "python -m loadtest runs the same, by whichever way to JMeter there is",
    **{command: "another event replaced it" for file in EVENT.keys() - RUN_BY.keys() for command in EVENT[file]},
}
SHELL = ("export ", ". ", "cd ")

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def shell(document: Path, *marks: str) -> list[str]:
    """Return the commands of a document's blocks with these marks."""
    return [
        command
        for block in blocks(document)
        if block.language == "sh" and block.mark in marks
        for command in commands(block.text)
    ]


@each_document
def test_every_command_is_one_that_exists_with_arguments_that_it_takes(document: Path) -> None:
    if document.name == "CHANGELOG.md":  # commands of slices that may be gone
        return
    wrong = {command: mistake(command) for command in shell(document, "", "aws")}
    wrong_in_prose = {command: mistake(command) or "" for command in commands_in_prose(document)}

    assert [f"{command}: {text}" for command, text in wrong.items() if text] == []
    # A sentence may name a command without all that it needs.
    incomplete = re.compile(r"are required: |lacks --|Missing (argument|option) |^$")
    assert [f"{command}: {text}" for command, text in wrong_in_prose.items() if not incomplete.search(text)] == []


@each_document
def test_every_command_is_run_by_a_test_or_marked_as_needing_aws(document: Path) -> None:
    known = (*chain.from_iterable(RUN_BY.values()), *run_by_slices(), *NOT_RUN, *SHELL)

    assert [command for command in map(resolved, shell(document, "")) if not command.startswith(known)] == []
    assert [block for block in blocks(document) if not block.language or block.mark not in {"", "aws"}] == []


@pytest.mark.parametrize("file", RUN_BY)
def test_the_tests_of_a_command_name_its_words(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    named = [command.removeprefix("python -m ").removeprefix("make ").split() for command in RUN_BY[file]]

    assert "make test" in text if file == CI else [word for words in named for word in words if word not in text] == []


def test_both_readmes_have_the_same_commands() -> None:
    assert shell(ROOT / "README.pt-BR.md", "", "aws") == shell(ROOT / "README.md", "", "aws")


def test_document_has_each_reason_of_a_dead_letter_with_what_helps() -> None:
    document = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    table = document.partition("| reason | why | what helps |")[2].partition("\n\n")[0]
    reasons = [*Reason, Way.EXHAUSTED, Way.ASYNCHRONOUS]

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
    assert [(page, anchor) for page, anchor in named if anchor not in slugs(ROOT / page)] == []


@each_document
def test_every_test_that_is_named_exists(document: Path) -> None:
    named = re.findall(r"`((?:slices/\w+/)?tests/[\w/]+\.py)::(\w+)`", document.read_text(encoding="utf-8"))

    assert [test for file, test in named if f"\ndef {test}(" not in (ROOT / file).read_text(encoding="utf-8")] == []


def _listed(text: str) -> list[str]:
    """Return the names in a document's tables of parameters, each of which has a sentence."""
    tables = re.findall(r"<!-- from the parameters.*-->\n((?:\|.*\n)+)<!-- end -->", text)
    return sorted(re.findall(r"^\| `(\w+)` \|(?:[^|]*\|){3} [^|]+\. \|$", "".join(tables), re.MULTILINE))


def test_configuration_lists_each_parameter_of_the_reference_once() -> None:
    with slices.absent():
        declared = parameters.declarations()
    assert _listed((ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")) == sorted(declared)


def test_every_slices_readme_has_its_parameters_and_reasons_of_dead_letters() -> None:
    for each in slices.installed():
        text = "".join(document.read_text(encoding="utf-8") for document in each.folder.glob("*.md"))
        assert _listed(text) == sorted(parameters.of_slice(each)), each.name
        own = enabled.load()[each.name]
        event = own.dead_letter_event()
        assert event is None or f"`{event.reason}`" in text, each.name
        assert f"<!-- from ponto --help: {each.name} -->" in text or not own.commands(), each.name


def test_every_parameter_in_examples_and_the_deploy_guide_exists() -> None:
    configuration, guide = ((ROOT / "docs" / name).read_text("utf-8") for name in ("configuration.md", "deploy.md"))
    (example,) = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", configuration, re.DOTALL))
    named = re.findall(r"`(db\w+|\w*Acu|secondsUntilAutoPause|vpcId|\w+Ids|\w+Names?|\w+Concurrency)`", guide)

    assert example.keys() <= parameters.stages().keys()
    assert {*named, *(name for values in example.values() for name in values)} <= parameters.declarations().keys()


@each_document
def test_a_sample_is_what_a_command_is_known_to_print(document: Path) -> None:
    samples = re.findall(
        r"^<!-- from ((?:slices/\w+/)?tests/golden/\S+) -->\n```text\n(.*?)^```$",
        document.read_text(encoding="utf-8"),
        re.MULTILINE | re.DOTALL,
    )
    for golden, sample in samples:
        printed = iter([line.rstrip() for line in (ROOT / golden).read_text(encoding="utf-8").splitlines()])
        assert [line for line in sample.splitlines() if line != "..." and line not in printed] == []
