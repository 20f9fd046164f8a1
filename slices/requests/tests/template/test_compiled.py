"""The compiled template of requests: methods of employees, a signed refusal, and functions with separate roles."""

import json

import pytest

from ponto import enabled_slices
from tests.template.compiled import SIGN_IN_PARAMETERS, CompileStage
from tests.template.function_role import require_function_role
from tests.template.test_permissions import extract_permissions
from tools.kit.packaging import Template

METHODS = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}"


def test_requests_need_a_key_and_with_sign_in_a_token(prod: Template, compile_stage: CompileStage) -> None:
    signed_in = compile_stage("prod", *SIGN_IN_PARAMETERS)
    for name, verb in (("PostRequest", "POST"), ("ListRequests", "GET")):
        assert prod.properties(name).items() >= {"HttpMethod": verb, "ApiKeyRequired": True}.items()
        if "sign_in" in enabled_slices.names():
            assert signed_in.properties(name)["AuthorizationType"] == "COGNITO_USER_POOLS"
        assert signed_in.properties(name)["ApiKeyRequired"] is True


def test_refusals_are_signed_and_allowed_to_the_corrector_role(prod: Template) -> None:
    assert prod.properties("PostRefusal")["AuthorizationType"] == "AWS_IAM"
    assert prod.properties("CorrectorRefusalPolicy")["Roles"] == [{"Ref": "CorrectorRole"}]
    assert extract_permissions(prod)["CorrectorRefusalPolicy"] == {
        ("execute-api:Invoke", json.dumps({"Fn::Sub": f"{METHODS}/prod/POST/solicitacao/*/recusa"}))
    }


def test_keys_are_admitted_only_by_the_parameter_and_only_the_local_stage_sets_an_author(
    compile_stage: CompileStage,
) -> None:
    def variable(name: str, function: str, *parameters: str) -> str:
        template = compile_stage(*parameters)
        return str(template.properties(f"{function}LambdaFunction")["Environment"]["Variables"][name])

    assert variable("WITHOUT_SIGN_IN", "Request", "prod") == "false"
    assert variable("WITHOUT_SIGN_IN", "Request", "prod", "requestsWithoutSignIn=true") == "true"
    assert compile_stage("prod").outputs["RequestsWithoutSignIn"]["Value"] == "false"
    assert [variable("AUTHOR", "Refusal", stage) for stage in ("prod", "local")] == ["", "local"]


@pytest.mark.parametrize(("name", "role"), [("Request", "ponto_requests"), ("Refusal", "ponto_refusals")])
def test_functions_have_separate_roles_in_iam_and_the_database(
    compile_stage: CompileStage, prod: Template, local: Template, name: str, role: str
) -> None:
    assert prod.properties(f"{name}LambdaFunction")["Handler"] == "slices/requests/function.main"
    require_function_role(compile_stage, prod, local, name, role)
