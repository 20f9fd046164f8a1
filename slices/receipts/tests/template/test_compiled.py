"""The compiled template of receipts: methods that require an API key, and a function that only reads."""

import pytest

from ponto.config import SECRET_FETCH_TIMEOUT_SECONDS
from ponto.http import UNAVAILABLE_RETRY_SECONDS
from ponto.punch import EVENT
from slices.receipts import function, lookup
from tests.template.compiled import CompileStage, PackageStage, slice_files
from tests.template.function_role import require_function_role
from tests.template.test_compiled_gateway import EXPOSED_HEADERS, require_preflight, throttles
from tools.kit.packaging import Template
from tools.kit.project import ROOT

FOLDER = ROOT / "slices" / "receipts"
LIST_PATH = EVENT.path.replace("/", "/~1")
RECEIPT_PATH = f"{LIST_PATH}~1{{id}}"
METHODS = {("GET", RECEIPT_PATH), ("OPTIONS", RECEIPT_PATH), ("GET", LIST_PATH)}


def test_the_zip_has_the_files_that_the_function_loads(package_stage: PackageStage) -> None:
    assert slice_files(package_stage("prod"), "receipts") == {
        "__init__.py",
        "slice.py",
        "function.py",
        "lookup.py",
        "sql/receipt.sql",
        "sql/receipts.sql",
    }


def test_receipt_requires_a_key_and_is_returned_by_a_function(template: Template) -> None:
    method = template.properties("GetReceipt")
    function = "functions/${ReceiptLambdaFunction.Arn}/invocations"
    assert (method["HttpMethod"], method["ResourceId"]) == ("GET", {"Ref": "ReceiptResource"})
    assert template.properties("ReceiptResource") == {
        "RestApiId": {"Ref": "Api"},
        "ParentId": {"Ref": "PunchResource"},
        "PathPart": "{id}",
    }
    assert method["ApiKeyRequired"] is True
    assert method["Integration"] == {
        "Type": "AWS_PROXY",
        "IntegrationHttpMethod": "POST",
        "Credentials": {"Fn::GetAtt": ["ApiRole", "Arn"]},
        "Uri": {"Fn::Sub": f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/{function}"},
    }


def test_list_is_returned_by_the_same_function(template: Template) -> None:
    method = template.properties("ListReceipts")
    assert (method["HttpMethod"], method["ResourceId"]) == ("GET", {"Ref": "PunchResource"})
    assert method == template.properties("GetReceipt") | {"ResourceId": {"Ref": "PunchResource"}}


def test_function_times_out_before_the_gateway(prod: Template) -> None:
    max_seconds = lookup.TIMEOUTS.max_execute_seconds(SECRET_FETCH_TIMEOUT_SECONDS)
    assert max_seconds < prod.properties("ReceiptLambdaFunction")["Timeout"] < 29
    for name in ("README.md", "aws.yml", "lookup.py"):
        assert f"{max_seconds:g} s at most" in (FOLDER / name).read_text(encoding="utf-8"), name


@pytest.mark.parametrize(("stage", "origin"), [("prod", "https://ponto.example.com"), ("local", "*")])
def test_page_may_read_responses_of_function_and_gateway_alike(
    compile_stage: CompileStage, stage: str, origin: str
) -> None:
    template = compile_stage(stage)
    assert template.properties("ReceiptLambdaFunction")["Environment"]["Variables"]["CORS_ORIGIN"] == origin
    (response,) = template.properties("ReceiptPreflight")["Integration"]["IntegrationResponses"]
    allowed = response["ResponseParameters"]["method.response.header.Access-Control-Allow-Origin"]
    assert (response["StatusCode"], allowed) == ("204", f"'{origin}'")
    assert function.EXPOSED_HEADERS == EXPOSED_HEADERS
    retry_after = template.properties("ServerError")["ResponseParameters"]["gatewayresponse.header.Retry-After"]
    assert retry_after == f"'{UNAVAILABLE_RETRY_SECONDS}'"


def test_preflight_requires_no_key(prod: Template) -> None:
    require_preflight(prod, "ReceiptPreflight", "ReceiptResource", "GET,OPTIONS", "X-Api-Key")


def test_each_method_is_throttled(compile_stage: CompileStage) -> None:
    assert {method: limits for method, limits in throttles(compile_stage("prod")).items() if method in METHODS} == {
        ("GET", RECEIPT_PATH): (100, 20),
        ("OPTIONS", RECEIPT_PATH): (200, 200),
        ("GET", LIST_PATH): (100, 20),
    }
    parameters = [f"{name}{kind}=4" for name in ("receipt", "preflight") for kind in ("RateLimit", "BurstLimit")]
    assert {limits for method, limits in throttles(compile_stage("dev", *parameters)).items() if method in METHODS} == {
        (4, 4)
    }


def test_function_has_separate_roles_in_iam_and_the_database(
    compile_stage: CompileStage, prod: Template, local: Template
) -> None:
    assert prod.properties("ReceiptLambdaFunction")["Handler"] == "slices/receipts/function.main"
    require_function_role(compile_stage, prod, local, "Receipt", "ponto_receipts")
