"""What a user pool adds to the template, and that nothing of it is there without one."""

import copy
import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.template.compiled import USER_POOL, Compile
from tests.template.test_api_deployment import deployment
from tests.template.test_compiled_gateway import KEY
from tools.kit.packaging import Template
from tools.local.velocity import Input, Util, render

BODY = '{"usuarioId":1,"ponto":"2026-10-01T08:00:00Z"}'
WITHOUT_A_NUMBER = {
    "Action": ["SendMessage"],
    "MessageBody": [BODY],
    "MessageAttribute.1.Name": ["apiKeyId"],
    "MessageAttribute.1.Value.DataType": ["String"],
    "MessageAttribute.1.Value.StringValue": ["k4r2p0x9ab"],
    "MessageGroupId": ["k4r2p0x9ab"],
}


def test_without_a_user_pool_the_template_has_no_word_of_it(template: Template) -> None:
    text = re.sub(r"\$!?context\.identity\.apiKeyId", "", json.dumps(template.document))  # every stage's
    assert not re.findall(r"(?i)cognito|authorizer\b|identity|claims|userpool|,Authorization", text)
    assert "MessageAttribute.2" not in text


def test_a_user_pool_adds_this_and_nothing_else(compiled: Compile, stage: str) -> None:
    plain, template = (copy.deepcopy(compiled(stage, *given).document) for given in ([], [f"userPoolArn={USER_POOL}"]))

    resources = template["Resources"]
    assert resources.pop("EmployeeSignIn") == {
        "Type": "AWS::ApiGateway::Authorizer",
        "Properties": {
            "RestApiId": {"Ref": "Api"},
            "Name": "employees",
            "Type": "COGNITO_USER_POOLS",
            "ProviderARNs": [USER_POOL],
            "IdentitySource": "method.request.header.Authorization",
        },
    }
    before = plain["Resources"]
    post, *receipts = (resources[name]["Properties"] for name in ("PostPunch", "GetReceipt", "ListReceipts"))
    for method in (post, *receipts):
        assert method.pop("AuthorizerId") == {"Ref": "EmployeeSignIn"}
        assert method["AuthorizationType"] == "COGNITO_USER_POOLS"
        assert "AuthorizationScopes" not in method  # with scopes it would ask for an access token, without attributes
    for name in (name for name, found in resources.items() if found["Type"] == "AWS::Lambda::Function"):
        assert resources[name]["Properties"]["Environment"]["Variables"].pop("IDENTITY") == "required"
    function = resources["BatidaPontoLambdaFunction"]
    assert function["DependsOn"] == [*before["BatidaPontoLambdaFunction"]["DependsOn"], "ApiStage"]
    function["DependsOn"].remove("ApiStage")
    assert before["ApiStage"].pop("DependsOn") == ["BatidaPontoLambdaFunction"]  # which it may not wait for in a circle
    assert "DependsOn" not in resources["ApiStage"]

    # As without one, but for:
    for method in (post, *receipts):
        method["AuthorizationType"] = "NONE"
    post["Integration"]["RequestTemplates"] = before["PostPunch"]["Properties"]["Integration"]["RequestTemplates"]
    allowed = "method.response.header.Access-Control-Allow-"
    for name, methods in (("PunchPreflight", "GET,POST,OPTIONS"), ("ReceiptPreflight", "GET,OPTIONS")):
        answer, unsigned = _preflight(resources, name), _preflight(before, name)
        headers = unsigned.pop(f"{allowed}Headers").removesuffix("'")
        assert answer.pop(f"{allowed}Headers") == f"{headers},Authorization'"
        assert answer.pop(f"{allowed}Methods") == f"'{methods}'"
        del unsigned[f"{allowed}Methods"]
    for found in (resources, before):
        found.pop("Dashboard", None)
        del found[deployment(Template({"Resources": found, "Outputs": {}}))]
        del found["ApiStage"]["Properties"]["DeploymentId"]
        for function in (
            "BatidaPontoLambdaFunction",
            "ReceiptLambdaFunction",
            "ReadLambdaFunction",
            "CorrectionLambdaFunction",
            "SchemaLambdaFunction",
        ):
            del found[function]["Properties"]["Code"]  # its key names the time
    assert template == plain


def test_without_a_user_pool_any_more_the_function_stops_asking_before_the_gateway_stops_saying_who_it_is(
    template: Template,
) -> None:
    """What is accepted while a user pool is given up has no sign-in, and a function that asks dead-letters it."""
    resources = template.resources
    assert resources["ApiStage"]["DependsOn"] == ["BatidaPontoLambdaFunction"]
    assert "IDENTITY" not in resources["BatidaPontoLambdaFunction"]["Properties"]["Environment"]["Variables"]
    # The stage publishes the deployment; until then the old one sends what it sent.
    assert "ApiStage" not in json.dumps(resources["BatidaPontoLambdaFunction"])


def _preflight(resources: Any, name: str = "PunchPreflight") -> Any:
    (response,) = resources[name]["Properties"]["Integration"]["IntegrationResponses"]
    return response["ResponseParameters"]


def test_a_browser_may_send_its_token_and_asks_without_one(signed_in: Template) -> None:
    allowed = _preflight(signed_in.resources)["method.response.header.Access-Control-Allow-Headers"]
    assert allowed == "'Content-Type,X-Api-Key,Authorization'"
    assert signed_in.properties("PunchPreflight")["AuthorizationType"] == "NONE"
    assert signed_in.properties("PostPunch")["ApiKeyRequired"] is True


def test_the_authorizer_is_published_with_the_api(compiled: Compile, signed_in: Template) -> None:
    name = deployment(signed_in)
    assert "EmployeeSignIn" in signed_in.resources[name]["DependsOn"]
    assert len(set(signed_in.resources[name]["DependsOn"])) == len(signed_in.resources[name]["DependsOn"])
    another = compiled("prod", f"userPoolArn={USER_POOL}2")
    assert len({name, deployment(another), deployment(compiled("prod"))}) == 3


def test_the_stage_asks_for_tokens_before_the_function_does(signed_in: Template) -> None:
    """What was accepted without a token would be a dead letter. Nor may the stage wait for the function."""
    resources = signed_in.resources
    assert "ApiStage" in resources["BatidaPontoLambdaFunction"]["DependsOn"]
    waited_for, found = {"ApiStage"}, set[str]()
    while waited_for:
        name = waited_for.pop()
        found.add(name)
        text = json.dumps(resources[name])
        waited_for |= {other for other in resources if re.search(rf"\b{other}\b", text)} - found
    assert "EmployeeSignIn" in found
    assert "BatidaPontoLambdaFunction" not in found


@pytest.mark.parametrize("claim", ["123", "9007199254740991", "1&MessageAttribute.3.Name=x", "a b%26+ção"])
def test_the_verified_number_goes_with_the_body_and_adds_nothing_else(signed_in: Template, claim: str) -> None:
    assert _request(signed_in, {"custom:usuarioId": claim, "custom:usuarioid": "9", "sub": "8"}) == {
        **WITHOUT_A_NUMBER,
        "MessageAttribute.2.Name": ["usuarioId"],
        "MessageAttribute.2.Value.DataType": ["String"],
        "MessageAttribute.2.Value.StringValue": [claim],
    }


@pytest.mark.parametrize("claims", [{}, {"custom:usuarioId": ""}, {"sub": "8"}])
def test_without_a_number_there_is_no_attribute_which_sqs_would_refuse_empty(
    signed_in: Template, claims: dict[str, str]
) -> None:
    assert _request(signed_in, claims) == WITHOUT_A_NUMBER


def _request(template: Template, claims: dict[str, str]) -> dict[str, list[str]]:
    mapping = template.properties("PostPunch")["Integration"]["RequestTemplates"]["application/json"]
    variables = {"util": Util(), "input": Input(BODY), "context": KEY | {"authorizer": {"claims": claims}}}
    return parse_qs(render(mapping, variables), keep_blank_values=True, strict_parsing=True)
