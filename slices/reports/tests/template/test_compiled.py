"""What the functions load, and the employer, from the parameter to the function that stores it."""

import pytest

from slices.reports.statements import STATEMENTS
from tests.template.compiled import PackageStage, slice_files
from tools.deploy import command as deploy
from tools.kit.errors import CommandError


def test_the_zip_holds_what_the_functions_load(package_stage: PackageStage) -> None:
    assert slice_files(package_stage("prod"), "reports") == {
        *(f"{name}.py" for name in ("__init__", "slice", "statements", "schema_hooks", "employees", "employer")),
        *(f"reads/{name}.sql" for name in STATEMENTS.parameters),
        *(f"sql/{name}.sql" for name in ("compare", "store", "employer")),
    }


def test_what_is_no_employer_stops_the_deploy(package_stage: PackageStage) -> None:
    given = "employer=Padaria Sol Ltda., CNPJ 11.222.333/0001-82"
    with pytest.raises(CommandError, match="EMPLOYER: has no valid CNPJ or CPF"):
        deploy.read_compiled_stage(package_stage("prod", given).folder)


def test_an_employer_is_given_as_it_stands(package_stage: PackageStage) -> None:
    made = package_stage("prod", "employer=Pão & Cia., CNPJ 11.222.333/0001-81")
    deploy.read_compiled_stage(made.folder)
    variables = made.template().properties("SchemaLambdaFunction")["Environment"]["Variables"]
    assert variables["EMPLOYER"] == "Pão & Cia., CNPJ 11.222.333/0001-81"
