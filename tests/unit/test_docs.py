"""What the documents say, held against what they say it of."""

import json
import re
from pathlib import Path

import pytest
import yaml

from ponto.punch import Reason

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "loadtest").rglob("*.md"))]


def test_the_table_of_fields_is_the_schemas() -> None:
    schema = json.loads((ROOT / "ponto" / "punch.schema.json").read_text(encoding="utf-8"))
    rows = ["| field | type | |", "|---|---|---|"]
    for name, rule in schema["properties"].items():
        kind = rule["type"] + (", required" if name in schema["required"] else "")
        limits = f" From {rule['minimum']} to {rule['maximum']}." if "minimum" in rule else ""
        rows.append(f"| `{name}` | {kind} | {rule['description']}{limits} |")
    expected = "\n".join(rows)

    written = re.search(r"<!-- from ponto/punch.schema.json -->\n(.*?)\n<!-- end -->", README, re.DOTALL)

    assert written
    assert written[1] == expected


def test_every_reason_of_a_dead_letter_is_explained() -> None:
    table = README.partition("| `reason` | |")[2].partition("\n\n")[0]

    assert re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE) == [reason.value for reason in Reason]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8"))

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make ([a-z-]+)", document.read_text(encoding="utf-8"), re.MULTILINE))

    assert named <= targets


def _parameters() -> dict[str, dict[str, str | list[str]]]:
    """By stage, `default` among them."""
    text = (ROOT / "serverless.yml").read_text(encoding="utf-8")
    stages: dict[str, dict[str, str | list[str]]] = yaml.load(text, yaml.BaseLoader)["params"]  # noqa: S506  texts
    return stages


def _cell(value: str | list[str]) -> str:
    if not value:
        return "`[]`" if isinstance(value, list) else "empty"
    return f"`{value}`"


def test_the_table_of_parameters_is_serverless_ymls() -> None:
    stages = _parameters()
    defaults = stages.pop("default")
    expected = []
    for name, value in defaults.items():
        elsewhere = ", ".join(f"{stage} {_cell(own[name])}" for stage, own in stages.items() if name in own)
        expected.append(f"| `{name}` | {_cell(value)} | {elsewhere} |".replace("|  |", "| |"))

    document = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^(\| `\w+` \|[^|]*\|[^|]*\|)[^|]*\| [^|]+\. \|$", document, re.MULTILINE)

    # One that is missing there goes into the table of its kind, with its unit and a sentence on when to change it.
    assert sorted(rows) == sorted(expected)


def test_no_stage_has_a_parameter_without_a_default() -> None:
    stages = _parameters()
    assert {name for own in stages.values() for name in own} == set(stages["default"])


def test_every_parameter_that_deploying_names_exists() -> None:
    serverless = (ROOT / "serverless.yml").read_text(encoding="utf-8")
    defaults = serverless.partition("  default:\n")[2].partition("\n  dev:\n")[0]
    parameters = set(re.findall(r"^    (\w+):", defaults, re.MULTILINE))
    named = set(
        re.findall(
            r"`(db\w+|\w*Acu|secondsUntilAutoPause|vpcId|\w+Ids|\w+Names?|\w+Concurrency)`",
            (ROOT / "docs" / "deploy.md").read_text(encoding="utf-8"),
        )
    )

    assert named - parameters == set()
