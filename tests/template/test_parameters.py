"""Declarations of parameters: accepted values, their types, and messages about invalid ones."""

from pathlib import Path

import pytest

from tests.template.compiled import CompileStage, PackageProject, add_slice
from tools.kit.packaging import PackagingError


def declare(project: Path, declaration: str) -> None:
    """Add a slice with this declaration of the parameter `path` and an output with its value."""
    output = "Outputs: { Path: { Value: '${file(resources/parameters.js):path, null}' } }"
    add_slice(project, "another", f"parameters: {{ path: {declaration} }}\n{output}")


@pytest.mark.parametrize(
    ("parameter", "allowed"),
    [
        ("functionMemory=64", "a whole number from 128 to 10240"),
        ("maximumAcu=256.5", "a number from 1 to 256"),
        ("keyRateLimit=-1", "a number of 0 or more"),
        ("tracing=yes", "one of true, false"),
        ("dbSslMode=prefer", "one of verify-full, verify-ca, require, disable"),
    ],
)
def test_invalid_value_is_reported_once_with_the_allowed_values(
    compile_stage: CompileStage, parameter: str, allowed: str
) -> None:
    name, _, value = parameter.partition("=")

    with pytest.raises(PackagingError) as caught:
        compile_stage("prod", parameter)

    message = f"{name}: '{value}' is not {allowed}"
    assert str(caught.value).count("\n  - ") == str(caught.value).count(message) == 1


def test_invalid_value_of_a_stage_stops_only_this_stage(package_project: PackageProject, bare_project: Path) -> None:
    file = bare_project / "resources" / "parameters.yml"
    file.write_text(file.read_text().replace("prod: {}", "prod: { backupDays: 36 }"))

    with pytest.raises(PackagingError, match=r"backupDays: '36' is not .* resources/parameters\.yml under prod"):
        package_project(bare_project, "prod")

    package_project(bare_project, "prod", "backupDays=35")
    package_project(bare_project, "dev")


@pytest.mark.parametrize(
    ("declaration", "text", "value"),
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
    package_project: PackageProject, bare_project: Path, declaration: str, text: str, value: object
) -> None:
    declare(bare_project, declaration)
    assert package_project(bare_project, "dev", f"path={text}").template().outputs["Path"]["Value"] == value


@pytest.mark.parametrize("declaration", ["um", "{ default: um }", "{ type: words, default: um }", "{ type: text }"])
def test_parameter_without_type_or_default_stops_the_deploy(
    package_project: PackageProject, bare_project: Path, declaration: str
) -> None:
    declare(bare_project, declaration)
    with pytest.raises(PackagingError, match="path: declare it with `default`"):
        package_project(bare_project, "dev")
