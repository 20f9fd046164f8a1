"""A slice goes by its folder: what is left compiles, and has no part of it."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.template.compiled import Pack, Packaged, copied
from tools.develop.templates import SWITCHES
from tools.kit import slices
from tools.kit.packaging import PackagingError

ALL = {each.name: each for each in slices.installed()}
EVERYTHING = (*SWITCHES, *slices.said("signInBy"))
FUNCTIONS = {"BatidaPontoLambdaFunction", "ReadLambdaFunction", "SchemaLambdaFunction"}  # the reference's

Without = Callable[..., Path]


@pytest.fixture
def without(tmp_path: Path) -> Without:
    """Give a copy of the project without these slices, and without those that need them."""

    def without(*names: str) -> Path:
        project = copied(tmp_path)
        for name, each in ALL.items():
            if {name, *(each.says.get("needs") or ())} & set(names):
                shutil.rmtree(project / "slices" / name)
        return project

    return without


@pytest.mark.parametrize("stage", ["dev", "prod", "local"])
def test_without_any_slice_the_reference_is_left(packed: Pack, without: Without, stage: str) -> None:
    left = packed(without(*ALL), stage)
    template = left.template()
    assert template.of_type("AWS::Lambda::Function").keys() == FUNCTIONS
    assert {method["HttpMethod"] for method in template.of_type("AWS::ApiGateway::Method").values()} == {
        "POST",
        "OPTIONS",
    }


@pytest.mark.parametrize("name", ALL)
def test_without_one_slice_nothing_of_it_is_left(packed: Pack, without: Without, whole: Packaged, name: str) -> None:
    everything = whole("prod", *EVERYTHING).template()
    project = without(name)
    known = {
        parameter
        for each in ALL.values()
        if (project / "slices" / each.name).exists()
        for parameter in each.says.get("parameters") or {}
    }
    left = packed(project, "prod", *(given for given in EVERYTHING if given.partition("=")[0] in known)).template()
    is_ours = re.compile(r"(?!ApiDeployment[0-9a-f]{16}$)").match  # which is another one for each API
    packed(project, "dev")
    gone = set(filter(is_ours, everything.resources.keys() - left.resources.keys()))
    says = ALL[name].says
    assert gone >= {f"{each['id']}LambdaFunction" for each in says.get("databaseFunctions") or ()}
    assert gone >= {each["id"] for each in says.get("methods") or ()}
    went = [each.folder for each in ALL.values() if not (project / "slices" / each.name).exists()]
    assert bool(gone) == any(any(folder.glob("aws.*")) for folder in went)
    assert gone & set(re.findall(r"\w+", json.dumps(left.document))) == set()
    assert set(filter(is_ours, left.resources.keys() - everything.resources.keys())) == set()
    assert left.of_type("AWS::Lambda::Function").keys() >= FUNCTIONS


def test_a_slice_without_one_that_it_needs_stops_the_deploy(packed: Pack, without: Without) -> None:
    project = without()
    (project / "slices" / "one").mkdir()
    (project / "slices" / "one" / "slice.yml").write_text("needs: [two]\n")
    with pytest.raises(PackagingError, match="slices/one needs slices/two, which is not there") as caught:
        packed(project, "dev")
    assert str(caught.value).count("Cannot resolve variable") == 1


def test_two_slices_that_differ_about_a_resource_stop_the_deploy(packed: Pack, without: Without) -> None:
    project = without()
    for name, path in (("one", "um"), ("two", "dois")):
        folder = project / "slices" / name
        folder.mkdir()
        (folder / "slice.yml").write_text("needs: []\n")
        (folder / "aws.yml").write_text(f"Outputs: {{ Path: {{ Value: {path} }} }}\n")
    with pytest.raises(PackagingError, match=r"Two slices differ about Outputs\.Path\.Value"):
        packed(project, "dev")


READ_TWICE = "databaseFunctions: [{ name: read, id: Other, role: other, does: reads, reserves: readConcurrency }]"


@pytest.mark.parametrize(
    ("declared", "brought", "message"),
    [
        ("", "Resources: { PunchQueue: { Type: AWS::SQS::Queue } }", "Resources has PunchQueue"),  # of queues.yml
        ("", "Resources: { ReadRole: { Type: AWS::IAM::Role } }", "Resources has ReadRole"),  # of roles.js
        ("", "Resources: { ReadLambdaFunction: { Type: AWS::SQS::Queue } }", "Resources has ReadLambdaFunction"),
        ("", "Outputs: { ApiUrl: { Value: here } }", "Outputs has ApiUrl"),
        ("", "functions: { schema: { handler: slices/one/function.main } }", "functions has schema"),
        ("", "alarms: { dead-letters: { MetricName: none } }", "alarms has dead-letters"),
        (READ_TWICE, "", "databaseFunctions: two are called read"),
    ],
)
def test_a_slice_cannot_take_what_the_reference_has(
    packed: Pack, without: Without, declared: str, brought: str, message: str
) -> None:
    project = without()
    folder = project / "slices" / "one"
    folder.mkdir()
    (folder / "slice.yml").write_text(declared or "needs: []")
    (folder / "aws.yml").write_text(brought)
    with pytest.raises(PackagingError, match=message) as caught:
        packed(project, "dev")
    assert not declared or str(caught.value).count("Cannot resolve variable") == 1


def test_a_slice_cannot_take_a_parameter_that_there_is(packed: Pack, without: Without) -> None:
    project = without()
    folder = project / "slices" / "another"
    folder.mkdir()
    (folder / "slice.yml").write_text("parameters: { memory: 1 }\n")
    with pytest.raises(PackagingError, match=r"slices/another/slice\.yml: there is a parameter memory already"):
        packed(project, "dev")


def test_a_stage_of_ones_own_may_have_parameters_of_a_slice(packed: Pack, without: Without) -> None:
    project = without()
    with (project / "resources" / "parameters.yml").open("a") as file:
        file.write("staging: { path: dois }\n")
    folder = project / "slices" / "another"
    folder.mkdir()
    (folder / "slice.yml").write_text("parameters: { path: { type: text, default: um, reason: A path. } }\n")
    (folder / "aws.yml").write_text("Outputs: { Path: { Value: '${param:path}' } }\n")
    assert packed(project, "staging").template().outputs["Path"]["Value"] == "dois"
    assert packed(project, "prod").template().outputs["Path"]["Value"] == "um"


def test_a_slice_whose_yaml_is_broken_is_named(packed: Pack, without: Without) -> None:
    project = without()
    (project / "slices" / "another").mkdir()
    (project / "slices" / "another" / "slice.yml").write_text("needs: [\n")
    with pytest.raises(PackagingError, match=r"slices/another/slice\.yml"):
        packed(project, "dev")


def test_a_parameter_of_a_slice_that_is_gone_stops_the_deploy_however_it_is_given(
    packed: Pack, without: Without
) -> None:
    """Or a stage where employees must sign in would take punches of anybody, because a folder went."""
    project = without()
    with pytest.raises(PackagingError, match="there is no parameter signInAt; is the slice that has it gone"):
        packed(project, "prod", "signInAt=there")
    file = project / "resources" / "parameters.yml"
    file.write_text(file.read_text().replace("prod: {}", "prod: { signInAt: there }"))
    with pytest.raises(PackagingError, match="prod has a parameter signInAt, which has no default"):
        packed(project, "prod")


def test_slices_that_need_one_another_stop_the_deploy(packed: Pack, without: Without) -> None:
    project = without()
    for name, other in (("one", "two"), ("two", "one")):
        (project / "slices" / name).mkdir()
        (project / "slices" / name / "slice.yml").write_text(f"needs: [{other}]\n")
    with pytest.raises(PackagingError, match="slices/one needs itself"):
        packed(project, "dev")
