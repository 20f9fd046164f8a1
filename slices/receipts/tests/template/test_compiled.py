"""The compiled template of receipts: methods that require an API key, and a function that only reads."""

import pytest

from slices.http import UNAVAILABLE_RETRY_SECONDS
from slices.receipts import function
from tests.template.compiled import CompileStage
from tests.template.function_role import require_function_role
from tests.template.test_compiled_gateway import EXPOSED_HEADERS
from tools.kit.packaging import Template


def test_receipt_requires_a_key_and_is_returned_by_a_function(template: Template) -> None:
    method = template.properties("GetReceipt")
    function = "functions/${ReceiptLambdaFunction.Arn}/invocations"
    assert (method["HttpMethod"], method["ResourceId"]) == ("GET", {"Ref": "ReceiptResource"})
    assert template.properties("ReceiptResource") == {
        "RestApiId": {"Ref": "Api"},
        "ParentId": {"Ref": "EventResource"},
        "PathPart": "{id}",
    }
    assert method["ApiKeyRequired"] is True
    assert method["Integration"] == {
        "Type": "AWS_PROXY",
        "IntegrationHttpMethod": "POST",
        "Credentials": {"Fn::GetAtt": ["ApiRole", "Arn"]},
        "Uri": {"Fn::Sub": f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}:lambda:path/2015-03-31/{function}"},
    }


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


def test_function_has_separate_roles_in_iam_and_the_database(
    compile_stage: CompileStage, prod: Template, local: Template
) -> None:
    assert prod.properties("ReceiptLambdaFunction")["Handler"] == "slices/receipts/function.main"
    require_function_role(compile_stage, prod, local, "Receipt", "ponto_receipts")
