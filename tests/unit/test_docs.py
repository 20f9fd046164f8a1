"""What the documents say, held against what they say it of."""

import re
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
import yaml
from PIL import Image, ImageSequence

from ponto.punch import Reason
from slices import enabled
from tests import documents
from tests.documents import blocks, commands, links, mistake, prose, resolved, slugs
from tools import cli
from tools.develop.docs import fields, files, marks, words
from tools.develop.docs.commands import leaves
from tools.kit import parameters, slices
from tools.kit.dead_letters import Way
from tools.kit.project import DOCUMENTS, ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")

CI = ".ci/run"
RUN_BY = {  # the file of tests that runs commands, or CI itself; the longest that a command begins with counts
    CI: (".ci/run", "make setup", "make check", "python -m pytest"),
    "tests/page/test_pictures.py": ("make pictures",),
    "tests/template/test_slices.py": ("cp -r examples/shifts", "echo shifts"),
    "tests/template/test_zip.py": ("make package",),
    "tests/e2e/test_create.py": ("npx osls create", "git grep", "xargs -0 perl"),
    "tests/e2e/test_command.py": ("python -m tools.local", "python -m tools.local.rows"),
    "tests/e2e/test_loadtest.py": ("python -m loadtest",),
    "tests/e2e/test_dlq.py": tuple(
        f"ponto dlq {name}" for name in ("list", "show", "redrive", "purge", "pause", "resume")
    ),
    "tests/unit/test_dlq.py": ("ponto dlq export",),
    "tests/unit/test_plan.py": ("ponto plan",),
    "lab/tests/test_chaos.py": ("python -m lab.chaos",),
    "lab/tests/test_crashes.py": ("python -m lab.crashes",),
    "lab/tests/test_interleavings.py": ("python -m lab.interleavings",),
    "lab/tests/test_simulate.py": ("python -m lab.simulate",),
}
OF_THE_EVENT = {  # by the tests of the event, which go when another event comes
    "tests/event/e2e/test_adapt.py": ("rm -r", "echo", "cp -R", "git grep", "xargs perl", "python -m lab.fork"),
    "tests/event/lab/test_bench_command.py": ("python -m lab.bench",),
}
RUN_BY |= {file: run for file, run in OF_THE_EVENT.items() if (ROOT / file).exists()}


def run_by_slices() -> Iterator[str]:
    """Yield the commands of slices whose words a test of the slice has."""
    every = [name for name, *_ in leaves("ponto", cli.ponto)]
    for slice_name, each in enabled.load().items():
        tests = (enabled.FOLDER / slice_name / "tests").rglob("test_*.py")
        texts = [path.read_text(encoding="utf-8") for path in tests]
        own = tuple(f"ponto {name} " for name in each.commands())
        for name in (name for name in every if f"{name} ".startswith(own)):
            if any(all(word in text for word in name.split()) for text in texts):
                yield name


NOT_RUN = {
    "make format": "it changes the files that it is given",
    "make clean": "it removes what the tests run on",
    "python -m tools.develop.docs": "it writes the files that tests compare",
    "java -jar": "python -m loadtest runs the same, by whichever way to JMeter there is",
}
NOT_RUN |= {
    command: "it is about the event that was replaced"
    for file, run in OF_THE_EVENT.items()
    for command in run
    if file not in RUN_BY
}
OWN_REASONS = [*Reason, Way.EXHAUSTED, Way.ASYNCHRONOUS]
SETTINGS = ("export ", ". ", "cd ")  # of the shell itself
NEEDS_AWS = re.compile(r"^(aws|npx sls|make deploy) |--stage (?!local)|^export \w+=|\bSTAGE=|^psql ")

# Hosts that packages come from: a document says what a package is called, and pip or npm knows where it is.
REGISTRIES = re.compile(
    r"pypi\.|pythonhosted|npmjs|yarnpkg|registry\.|repo\d?\.maven|maven\.org|proxy\.golang|crates\.io"
)


def names(document: Path) -> str:
    return str(document.relative_to(ROOT))


each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=names)


def shell(document: Path, *marks: str) -> list[str]:
    """The commands of a document's blocks with these marks."""
    return [
        command
        for block in blocks(document)
        if block.language == "sh" and block.mark in marks
        for command in commands(block.text)
    ]


def test_the_gateways_model_follows_from_the_declaration() -> None:
    assert fields.SCHEMA.read_text(encoding="utf-8") == fields.schema(), "make docs writes it"


@each_document
def test_what_follows_from_the_code_is_current(document: Path) -> None:
    assert document.read_text(encoding="utf-8") == files.document(document), "make docs writes it"


def test_a_part_that_nothing_writes_is_an_error() -> None:
    with pytest.raises(ValueError, match="nothing writes what stands below <!-- from nowhere -->"):
        marks.filled("<!-- from nowhere -->\n| table |\n<!-- end -->\n")


def test_of_every_reason_of_a_dead_letter_it_is_said_why_and_what_helps() -> None:
    document = (ROOT / "docs" / "dead-letters.md").read_text(encoding="utf-8")
    table = document.partition("| reason | why | what helps |")[2].partition("\n\n")[0]

    assert re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", table, re.MULTILINE) == OWN_REASONS


def test_the_readme_is_read_in_minutes() -> None:
    by_hand = marks.by_hand(README)  # a further field is no reason to fail
    assert len(by_hand.split()) <= 1_100


def test_words_are_counted_without_decisions_and_what_the_code_writes() -> None:
    counts = words.by_folder()
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")]
    tables = re.findall(r"^<!-- (?:from|columns).*?^<!-- end -->$", "".join(texts), re.MULTILINE | re.DOTALL)

    assert counts["docs"] == sum(len(text.split()) for text in texts) - sum(len(table.split()) for table in tables)
    assert counts["the reference"] == counts["."] + counts["docs"] + counts["loadtest"]
    assert counts["together"] == sum(counts.values()) - counts["the reference"] - counts["together"]


@each_document
def test_every_command_is_one_that_exists_with_arguments_that_it_takes(document: Path) -> None:
    if document.name == "CHANGELOG.md":  # commands of slices that may be gone
        return
    written = {command: mistake(command) for command in shell(document, "", "aws")}
    named = {command: mistake(command) for command in documents.in_the_text(document)}

    assert {command: wrong for command, wrong in written.items() if wrong} == {}
    # A sentence may name a command without all that it needs.
    incomplete = ("are required: ", "lacks --", "Missing argument ", "Missing option ")
    assert {
        command: wrong for command, wrong in named.items() if wrong and not any(map(wrong.__contains__, incomplete))
    } == {}


@each_document
def test_every_command_is_run_by_a_test_or_marked_as_needing_aws(document: Path) -> None:
    known = (*chain.from_iterable(RUN_BY.values()), *run_by_slices(), *NOT_RUN, *SETTINGS)

    assert [c for c in map(resolved, shell(document, "")) if not c.startswith(known) and c != "make test"] == []


@each_document
def test_what_is_marked_as_needing_aws_does(document: Path) -> None:
    marked = [block.text for block in blocks(document) if block.mark == "aws"]

    assert [text for text in marked if not any(map(NEEDS_AWS.search, commands(text)))] == []


@each_document
def test_a_block_has_a_language_and_no_mark_that_nobody_reads(document: Path) -> None:
    assert [block for block in blocks(document) if not block.language] == []
    assert {block.mark for block in blocks(document)} <= {"", "aws"}


@pytest.mark.parametrize("file", RUN_BY)
def test_the_tests_of_a_command_name_its_words(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    named = [command.removeprefix("python -m ").removeprefix("make ").split() for command in RUN_BY[file]]

    assert "make test" in text if file == CI else [word for words in named for word in words if word not in text] == []


def test_sections_that_code_names_exist() -> None:
    named = {
        found
        for folder in ("ponto", "tools", "resources", "slices")
        for path in (ROOT / folder).rglob("*")
        if path.suffix in {".py", ".js", ".sql", ".yml"}
        for found in re.findall(r"(docs/[\w-]+\.md)#([\w-]+)", path.read_text(encoding="utf-8"))
    }

    assert ("docs/operations.md", "copy-the-rows-of-an-older-stage") in named
    assert [found for found in sorted(named) if found[1] not in slugs(ROOT / found[0])] == []


@each_document
def test_addresses_elsewhere_are_encrypted_without_tracking_and_no_registrys(document: Path) -> None:
    text = prose(document)
    addresses = re.findall(r"https?://[^\s)>\"'`]+", text)

    assert [address for address in addresses if address.startswith("http://")] == []
    assert [address for address in addresses if re.search(r"[?&](utm_|ref=|fbclid|gclid)", address)] == []
    assert REGISTRIES.findall(document.read_text(encoding="utf-8")) == []


@each_document
def test_every_test_that_is_named_exists(document: Path) -> None:
    named = re.findall(r"`((?:slices/\w+/)?tests/[\w/]+\.py::\w+)`", document.read_text(encoding="utf-8"))

    assert [node for node in named if not documents.is_a_test(node)] == []


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


def test_the_example_of_a_stages_parameters_is_as_the_file_takes_it() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    (example,) = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL))
    assert example.keys() <= parameters.stages().keys()
    assert {name for own in example.values() for name in own} <= parameters.declarations().keys()


def test_every_parameter_that_deploying_names_exists() -> None:
    text = (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8")
    named = re.findall(r"`(db\w+|\w*Acu|secondsUntilAutoPause|vpcId|\w+Ids|\w+Names?|\w+Concurrency)`", text)

    assert named
    assert set(named) <= parameters.declarations().keys()


def sampled(document: Path) -> list[tuple[str, str]]:
    """The golden files that a document shows lines of, each with these lines; `...` stands for what is left out."""
    text = document.read_text(encoding="utf-8")
    return re.findall(
        r"^<!-- from ((?:slices/\w+/)?tests/golden/\S+) -->\n```text\n(.*?)^```$", text, re.MULTILINE | re.DOTALL
    )


@each_document
def test_a_sample_is_what_a_command_is_known_to_print(document: Path) -> None:
    for golden, sample in sampled(document):
        printed = iter([line.rstrip() for line in (ROOT / golden).read_text(encoding="utf-8").splitlines()])
        shown = [line for line in sample.splitlines() if line != "..."]
        assert [line for line in shown if line not in printed] == []


# The two READMEs.

PORTUGUESE = ROOT / "README.pt-BR.md"


def test_each_readme_begins_with_a_link_to_the_other() -> None:
    assert "(README.pt-BR.md)" in README.partition("\n\n")[2].partition("\n\n")[0]
    assert "(README.md)" in PORTUGUESE.read_text(encoding="utf-8").partition("\n\n")[2].partition("\n\n")[0]


def test_both_readmes_have_the_same_commands() -> None:
    assert list(shell(PORTUGUESE, "", "aws")) == list(shell(ROOT / "README.md", "", "aws"))


@pytest.mark.parametrize("document", [ROOT / "README.md", PORTUGUESE], ids=names)
def test_a_readme_has_one_picture_which_is_small_short_and_in_its_language(document: Path) -> None:
    language = "pt-BR" if document == PORTUGUESE else "en"
    [link] = [link for link in links(document) if Path(link).suffix in {".gif", ".png"}]

    assert link == f"docs/pictures/moving.{language}.gif"
    assert (ROOT / link).stat().st_size < 1_500_000
    with Image.open(ROOT / link) as picture:
        frames = [frame.info["duration"] for frame in ImageSequence.Iterator(picture)]
    assert 15_000 <= sum(frames) <= 20_000  # ms
