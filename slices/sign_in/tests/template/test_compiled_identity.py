"""The compiled template with a user pool, and without one."""

import copy
import json
import re
from typing import Any
from urllib.parse import parse_qs

import pytest

from tests.template.compiled import CompileStage
from tests.template.test_api_deployment import deployment
from tests.template.test_compiled_gateway import KEY
from tests.template.test_stops import stop_message
from tools.kit import slice_manifests
from tools.kit.packaging import Template
from tools.local.velocity import Input, Util, render

USER_POOL = "arn:aws:cognito-idp:sa-east-1:123456789012:userpool/sa-east-1_AbCdEfGhI"
BODY = '{"usuarioId":1,"ponto":"2026-10-01T08:00:00Z"}'
REQUEST_WITHOUT_NUMBER = {
    "Action": ["SendMessage"],
    "MessageBody": [BODY],
    "MessageAttribute.1.Name": ["apiKeyId"],
    "MessageAttribute.1.Value.DataType": ["String"],
    "MessageAttribute.1.Value.StringValue": ["k4r2p0x9ab"],
    "MessageGroupId": ["k4r2p0x9ab"],
}


@pytest.fixture
def template_with_sign_in(compile_stage: CompileStage) -> Template:
    """Return the template of prod with a user pool."""
    return compile_stage("prod", f"userPoolArn={USER_POOL}")


def test_template_without_a_user_pool_mentions_no_sign_in(template: Template) -> None:
    text = re.sub(r"\$!?context\.identity\.apiKeyId", "", json.dumps(template.document))  # on every stage
    assert not re.findall(r"(?i)cognito|authorizer\b|identity|claims|userpool|,Authorization", text)
    assert "MessageAttribute.2" not in text


def test_user_pool_adds_exactly_these_changes(compile_stage: CompileStage, stage: str) -> None:
    plain, template = (
        copy.deepcopy(compile_stage(stage, *parameters).document) for parameters in ([], [f"userPoolArn={USER_POOL}"])
    )

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
    methods = {name: each["Properties"] for name, each in before.items() if each["Type"] == "AWS::ApiGateway::Method"}
    employee_functions = [
        name.capitalize() for name, entry in slice_manifests.endpoints() if entry.get("callers") == "users"
    ]
    employee_methods = [
        name
        for name, method in methods.items()
        if any(f"{function}LambdaFunction" in json.dumps(method) for function in employee_functions)
    ]
    post, *others = (resources[name]["Properties"] for name in ("PostEvent", *employee_methods))
    for method in (post, *others):
        assert method.pop("AuthorizerId") == {"Ref": "EmployeeSignIn"}
        assert method["AuthorizationType"] == "COGNITO_USER_POOLS"
        assert "AuthorizationScopes" not in method  # scopes would require an access token, which has no attributes
    for name in (name for name, resource in resources.items() if resource["Type"] == "AWS::Lambda::Function"):
        assert resources[name]["Properties"]["Environment"]["Variables"].pop("SIGN_IN_REQUIRED") == "true"
    function = resources["BatidaPontoLambdaFunction"]
    assert function["DependsOn"] == [*before["BatidaPontoLambdaFunction"]["DependsOn"], "ApiStage"]
    function["DependsOn"].remove("ApiStage")
    assert before["ApiStage"].pop("DependsOn") == ["BatidaPontoLambdaFunction"]  # with sign-in, a circular dependency
    assert "DependsOn" not in resources["ApiStage"]

    # Everything else is the same without a user pool, except the following.
    for method in (post, *others):
        method["AuthorizationType"] = "NONE"
    post["Integration"]["RequestTemplates"] = before["PostEvent"]["Properties"]["Integration"]["RequestTemplates"]
    allowed = "method.response.header.Access-Control-Allow-"
    for name in (
        "EventPreflight",
        *(name for name, method in methods.items() if method["HttpMethod"] == "OPTIONS" and name != "EventPreflight"),
    ):
        answer, unsigned = _preflight(resources, name), _preflight(before, name)
        headers = unsigned.pop(f"{allowed}Headers").removesuffix("'")
        assert answer.pop(f"{allowed}Headers") == f"{headers},Authorization'"
        if name == "EventPreflight":
            assert answer.pop(f"{allowed}Methods") == "'GET,POST,OPTIONS'"
            del unsigned[f"{allowed}Methods"]
    for compared in (resources, before):
        compared.pop("Dashboard", None)
        del compared[deployment(Template({"Resources": compared, "Outputs": {}}))]
        del compared["ApiStage"]["Properties"]["DeploymentId"]
        for resource in compared.values():
            resource.get("Properties", {}).pop("Code", None)  # a function's S3 key has the time of packaging
    assert template == plain


def test_invalid_user_pool_stops_the_deploy(compile_stage: CompileStage) -> None:
    message = "is not the ARN of a user pool, like arn:aws:cognito-idp:us-east-1"
    assert message in stop_message(compile_stage, "userPoolArn=us-east-1_AbCdEfGhI")


def _preflight(resources: Any, name: str) -> Any:
    (response,) = resources[name]["Properties"]["Integration"]["IntegrationResponses"]
    return response["ResponseParameters"]


def test_the_authorizer_is_published_with_the_api(compile_stage: CompileStage, template_with_sign_in: Template) -> None:
    name = deployment(template_with_sign_in)
    assert "EmployeeSignIn" in template_with_sign_in.resources[name]["DependsOn"]
    another = compile_stage("prod", f"userPoolArn={USER_POOL}2")
    assert len({name, deployment(another), deployment(compile_stage("prod"))}) == 3


def test_with_a_user_pool_the_stage_is_updated_before_the_function(template_with_sign_in: Template) -> None:
    """In the other order, the function would dead-letter punches that were accepted without a token."""
    resources = template_with_sign_in.resources
    assert "ApiStage" in resources["BatidaPontoLambdaFunction"]["DependsOn"]
    pending, dependencies = {"ApiStage"}, set[str]()
    while pending:
        name = pending.pop()
        dependencies.add(name)
        text = json.dumps(resources[name])
        pending |= {other for other in resources if re.search(rf"\b{other}\b", text)} - dependencies
    assert "EmployeeSignIn" in dependencies
    assert "BatidaPontoLambdaFunction" not in dependencies


@pytest.mark.parametrize("claim", ["123", "1&MessageAttribute.3.Name=x", None])
def test_only_a_verified_number_is_sent_as_an_attribute(template_with_sign_in: Template, claim: str | None) -> None:
    claims = {"custom:usuarioid": "9", "sub": "8"} | ({"custom:usuarioId": claim} if claim else {})
    mapping = template_with_sign_in.properties("PostEvent")["Integration"]["RequestTemplates"]["application/json"]
    variables = {"util": Util(), "input": Input(BODY), "context": KEY | {"authorizer": {"claims": claims}}}
    number = {
        "MessageAttribute.2.Name": ["usuarioId"],
        "MessageAttribute.2.Value.DataType": ["String"],
        "MessageAttribute.2.Value.StringValue": [claim],
    }

    sent = parse_qs(render(mapping, variables), keep_blank_values=True, strict_parsing=True)

    assert sent == REQUEST_WITHOUT_NUMBER | (number if claim else {})
