"""A slice goes by its folder: what is left compiles, and has no part of it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tools.deploy import command as deploy
from tools.kit import slices
from tools.kit.packaging import PackagingError, Template, copy_project, package

ALL = {each.name: each for each in slices.installed()}
FUNCTIONS = {"BatidaPontoLambdaFunction", "ReportLambdaFunction", "SchemaLambdaFunction"}  # the reference's

Without = Callable[..., Path]


@pytest.fixture
def without(tmp_path: Path) -> Without:
    """Give a copy of the project without these slices, and without those that need them."""

    def without(*names: str) -> Path:
        project = copy_project(tmp_path / "project")
        for name, each in ALL.items():
            if {name, *(each.says.get("needs") or ())} & set(names):
                shutil.rmtree(project / "slices" / name)
        return project

    return without


def logical_ids(names: Iterator[str]) -> set[str]:
    return {f"{name}LambdaFunction" for name in names}


@pytest.mark.parametrize("stage", ["dev", "prod", "local"])
def test_without_any_slice_the_reference_is_left(without: Without, stage: str) -> None:
    left = package(without(*ALL), stage)
    template = left.template()
    assert template.of_type("AWS::Lambda::Function").keys() == FUNCTIONS
    assert {method["HttpMethod"] for method in template.of_type("AWS::ApiGateway::Method").values()} == {
        "POST",
        "OPTIONS",
    }
    assert not deploy.read(left.folder).takes_corrections


@pytest.mark.parametrize("name", ALL)
def test_without_one_slice_nothing_of_it_is_left(without: Without, complete: Template, name: str) -> None:
    left = package(without(name), "prod").template()
    gone = {each["id"] for each in ALL[name].says.get("databaseFunctions") or ()}
    gone_methods = {each["id"] for each in ALL[name].says.get("methods") or ()}
    assert gone_methods <= complete.resources.keys()
    assert not (logical_ids(iter(gone)) | gone_methods) & left.resources.keys()
    assert left.of_type("AWS::Lambda::Function").keys() >= FUNCTIONS


def test_a_slice_without_one_that_it_needs_stops_the_deploy(without: Without) -> None:
    project = without()
    shutil.rmtree(project / "slices" / "receipts")
    with pytest.raises(PackagingError, match="slices/page needs slices/receipts, which is not there"):
        package(project, "dev")


def test_two_slices_that_differ_about_a_resource_stop_the_deploy(without: Without) -> None:
    project = without()
    for name, path in (("one", "um"), ("two", "dois")):
        folder = project / "slices" / name
        folder.mkdir()
        (folder / "slice.yml").write_text("needs: []\n")
        (folder / "aws.yml").write_text(f"Outputs: {{ Path: {{ Value: {path} }} }}\n")
    with pytest.raises(PackagingError, match=r"Two slices differ about Outputs\.Path\.Value"):
        package(project, "dev")


def test_a_slice_cannot_take_a_parameter_that_there_is(without: Without) -> None:
    project = without()
    folder = project / "slices" / "another"
    folder.mkdir()
    (folder / "slice.yml").write_text("parameters: { default: { memory: 1 } }\n")
    with pytest.raises(PackagingError, match=r"slices/another/slice\.yml: there is a parameter memory already"):
        package(project, "dev")
