"""`ponto deploy --preview` on the templates that osls compiles."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.template.compiled import PackageProject, PackageStage
from tools.deploy.change_set import MAX_BODY_BYTES
from tools.deploy.preview import DATA, encode_template
from tools.develop.templates import SWITCHES

# Types that the template keeps although they hold nothing: what has data needs them.
WITHOUT_DATA = {
    "AWS::EC2::SecurityGroup",
    "AWS::EC2::Subnet",
    "AWS::EC2::VPC",
    "AWS::RDS::DBClusterParameterGroup",
    "AWS::RDS::DBInstance",
    "AWS::RDS::DBSubnetGroup",
    "AWS::S3::BucketPolicy",
    "AWS::SQS::QueuePolicy",
}


@pytest.mark.parametrize("parameters", [SWITCHES, ["dbLogin=secret", *SWITCHES]], ids=["iam", "secret"])
def test_each_type_that_the_template_keeps_is_known_to_hold_data(
    package_with_slices: PackageStage, parameters: list[str]
) -> None:
    resources = package_with_slices("prod", *parameters).template().resources.values()
    kept = {resource["Type"] for resource in resources if resource.get("DeletionPolicy", "").startswith("Retain")}
    assert len(kept) > 5
    assert kept - WITHOUT_DATA <= DATA.keys()


@pytest.mark.parametrize(
    ("stage", "parameters"), [("dev", []), ("prod", []), ("prod", ["database=express"]), ("prod", ["dbLogin=secret"])]
)
def test_template_of_the_reference_fits_into_a_request(
    package_reference: PackageStage, stage: str, parameters: list[str]
) -> None:
    template = json.loads(package_reference(stage, *parameters).template_file.read_text())
    text, _ = encode_template(template, "batida-ponto-prod")
    assert len(text) <= MAX_BODY_BYTES
    assert json.loads(text)["Resources"].keys() == template["Resources"].keys()


# only in the reference: begin
def test_template_with_all_slices_does_not_fit_and_stays_whole(package_with_slices: PackageStage) -> None:
    template: Any = json.loads(package_with_slices("prod", *SWITCHES).template_file.read_text())
    text, is_reduced = encode_template(template, None)
    assert (json.loads(text), is_reduced) == (template, False)
    assert len(text) > MAX_BODY_BYTES


# only in the reference: end


def test_second_compilation_differs_only_in_the_keys_of_the_code(
    project: Path, package_project: PackageProject
) -> None:
    first, second = (package_project(project, "prod") for _ in range(2))
    assert first.zip_file.read_bytes() == second.zip_file.read_bytes()
    templates = [json.loads(package.template_file.read_text()) for package in (first, second)]
    keys = [
        {
            resource["Properties"]["Code"].pop("S3Key")
            for resource in template["Resources"].values()
            if is_function(resource)
        }
        for template in templates
    ]
    assert keys[0] != keys[1]
    assert templates[0] == templates[1]


def is_function(resource: Any) -> bool:
    return bool(resource["Type"] == "AWS::Lambda::Function")
