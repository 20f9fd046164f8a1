"""Declarations of parameters: which values osls accepts, as which types, and what it prints of the others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.template.compiled import Compile, Pack, copied
from tools.kit.packaging import PackagingError

Declare = Callable[[str], Path]


@pytest.fixture
def declare(tmp_path: Path) -> Declare:
    """Return a copy of the reference whose stack has an output of the parameter `path`, declared so."""

    def declare(declaration: str) -> Path:
        project = copied(tmp_path, with_slices=False)
        folder = project / "slices" / "another"
        folder.mkdir()
        outputs = "Outputs: { Path: { Value: '${file(resources/parameters.js):path, null}' } }\n"
        (folder / "aws.yml").write_text(f"parameters: {{ path: {declaration} }}\n{outputs}")
        (project / "slices" / "enabled.txt").write_text("another\n")
        return project

    return declare


@pytest.mark.parametrize(
    ("parameter", "allowed"),
    [
        ("memory=64", "a whole number from 128 to 10240"),
        ("maximumAcu=256.5", "a number from 1 to 256"),
        ("keyRateLimit=-1", "a number of 0 or more"),
        ("tracing=yes", "one of true, false"),
        ("dbSslMode=prefer", "one of verify-full, verify-ca, require, disable"),
    ],
)
def test_excluded_value_is_reported_once_with_what_is_allowed(compiled: Compile, parameter: str, allowed: str) -> None:
    name, _, value = parameter.partition("=")

    with pytest.raises(PackagingError) as caught:
        compiled("prod", parameter)

    message = f"{name}: '{value}' is not {allowed}. Set it by --param, or in resources/parameters.yml under prod."
    assert str(caught.value).count("\n  - ") == str(caught.value).count(message) == 1


def test_excluded_value_of_a_stage_stops_this_stage_only(packed: Pack, tmp_path: Path) -> None:
    project = copied(tmp_path, with_slices=False)
    file = project / "resources" / "parameters.yml"
    file.write_text(file.read_text().replace("prod: {}", "prod: { backupDays: 36 }"))

    with pytest.raises(PackagingError, match=r"backupDays: '36' is not .* resources/parameters\.yml under prod"):
        packed(project, "prod")

    packed(project, "prod", "backupDays=35")
    packed(project, "dev")


def test_defaults_of_the_former_form_stop_the_deploy_instead_of_being_ignored(packed: Pack, tmp_path: Path) -> None:
    project = copied(tmp_path, with_slices=False)
    with (project / "resources" / "parameters.yml").open("a") as file:
        file.write("default: { backupDays: 30 }\n")

    with pytest.raises(PackagingError, match=r"has `default:`, which no stage reads\. Move its values"):
        packed(project, "prod")


@pytest.mark.parametrize(
    ("declaration", "given", "value"),
    [
        ("{ type: text, default: um }", "dois", "dois"),
        ("{ type: list, default: '' }", "um, dois", ["um", "dois"]),
        ("{ type: boolean, default: false }", "true", True),
        ("{ type: integer, min: 2, default: 5 }", "2", 2),
        ("{ type: number, default: 5 }", "0.5", 0.5),
        ("{ type: choice, values: [1, um], default: um }", "1", 1),
        ("{ type: integer, optional: true, default: '' }", "0", 0),
    ],
)
def test_value_has_the_declared_type(
    packed: Pack, declare: Declare, declaration: str, given: str, value: object
) -> None:
    assert packed(declare(declaration), "dev", f"path={given}").template().outputs["Path"]["Value"] == value


@pytest.mark.parametrize("declaration", ["um", "{ default: um }", "{ type: words, default: um }", "{ type: text }"])
def test_parameter_without_type_or_default_stops_the_deploy(packed: Pack, declare: Declare, declaration: str) -> None:
    with pytest.raises(PackagingError, match="path: declare it with default, reason and a type of text, list,"):
        packed(declare(declaration), "dev")
