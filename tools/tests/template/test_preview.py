"""`ponto deploy --preview` on the templates that osls compiles."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.template.compiled import PackageProject, PackageStage
from tools.develop.templates import SWITCHES
from tools.operate.deploy.preview import DATA

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
