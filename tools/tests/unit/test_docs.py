"""Commands, tables and samples of the documents, compared with the code."""

import re
from pathlib import Path

import pytest

from ponto.parser import Reason
from slices import enabled
from tests.documents import blocks, commands_in_prose, find_mistake, split_commands
from tools.kit import parameters, slices
from tools.kit.dead_letters import Source
from tools.kit.project import DOCUMENTS, ROOT

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
    incomplete = re.compile(r"are required: |Missing (argument|option) |^$")
    assert [f"{command}: {text}" for command, text in wrong_in_prose.items() if not incomplete.search(text)] == []


def test_document_has_each_reason_of_a_dead_letter_with_its_remedy() -> None:
    document = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    table = document.partition("| reason | cause | remedy |")[2].partition("\n\n")[0]
    reasons = [*Reason, Source.EXHAUSTED, Source.ASYNCHRONOUS]

    assert re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", table, re.MULTILINE) == reasons


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
