"""The zip's files of the slice, and the parameter `employer` in the compiled template."""

import pytest

from tests.template.compiled import PackageStage
from tools.kit.errors import CommandError
from tools.operate.deploy import compiled_stage


def test_invalid_employer_stops_the_deploy(package_stage: PackageStage) -> None:
    parameter = "employer=Padaria Sol Ltda., CNPJ 11.222.333/0001-82"
    with pytest.raises(CommandError, match="EMPLOYER: has no valid CNPJ or CPF"):
        compiled_stage.read_compiled_stage(package_stage("prod", parameter).folder)


def test_employer_is_passed_unchanged(package_stage: PackageStage) -> None:
    package = package_stage("prod", "employer=Pão & Cia., CNPJ 11.222.333/0001-81")
    compiled_stage.read_compiled_stage(package.folder)
    variables = package.template().properties("SchemaLambdaFunction")["Environment"]["Variables"]
    assert variables["EMPLOYER"] == "Pão & Cia., CNPJ 11.222.333/0001-81"
