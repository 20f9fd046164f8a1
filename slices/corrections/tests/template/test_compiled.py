"""The compiled template of corrections: a signed method and a separate function."""

import json
import re

import pytest

from tests.iam import ACCOUNT, Principal, get_arn, get_role, is_allowed, resolve_policy
from tests.template.compiled import SIGN_IN_PARAMETERS, CompileStage
from tests.template.function_role import require_function_role
from tests.template.test_permissions import DESCRIBE_STACK, extract_permissions
from tools.kit.packaging import Template
from tools.kit.project import ROOT

METHODS = "arn:${AWS::Partition}:execute-api:${AWS::Region}:${AWS::AccountId}:${Api}"


def test_corrections_are_signed_and_have_a_separate_function(template: Template, compile_stage: CompileStage) -> None:
    for each in (template, *(compile_stage("prod", by) for by in SIGN_IN_PARAMETERS)):
        method = each.properties("PostCorrection")
        assert (method["HttpMethod"], method["ResourceId"]) == ("POST", {"Ref": "CorrectionResource"})
        assert method["AuthorizationType"] == "AWS_IAM"
        assert "ApiKeyRequired" not in method
        assert each.properties("CorrectionResource") == {
            "RestApiId": {"Ref": "Api"},
            "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
            "PathPart": "correcao",
        }
        integration = method["Integration"]
        assert (integration["Type"], integration["Credentials"]) == ("AWS_PROXY", {"Fn::GetAtt": ["ApiRole", "Arn"]})
        assert integration["Uri"]["Fn::Sub"].endswith("functions/${CorrectionLambdaFunction.Arn}/invocations")
        assert "Policy" not in each.properties("Api")  # callers are of this account, and IAM decides who may send


def test_only_the_local_stage_sets_an_author(compile_stage: CompileStage) -> None:
    authors = {
        stage: compile_stage(stage).properties("CorrectionLambdaFunction")["Environment"]["Variables"]["AUTHOR"]
        for stage in ("prod", "dev", "local", "locally")
    }
    assert authors == {"prod": "", "dev": "", "local": "local", "locally": ""}


@pytest.mark.parametrize("stage", ["prod", "dev"])
def test_corrector_role_may_post_corrections_and_read_punches(compile_stage: CompileStage, stage: str) -> None:
    template = compile_stage(stage)
    assert template.outputs["CorrectorRoleArn"] == {"Value": {"Fn::GetAtt": ["CorrectorRole", "Arn"]}}
    assert extract_permissions(template)["CorrectorRole"] == {
        ("execute-api:Invoke", json.dumps({"Fn::Sub": f"{METHODS}/{stage}/POST/correcao"})),
        ("lambda:InvokeFunction", "ReadLambdaFunction.Arn"),
        DESCRIBE_STACK,
    }


def test_documented_policy_has_the_permissions_of_the_corrector_role(prod: Template) -> None:
    readme = (ROOT / "slices" / "corrections" / "README.md").read_text(encoding="utf-8")
    policies = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", readme, re.DOTALL)]
    (policy,) = [each for each in policies if "Statement" in each]
    values = {"<region>": "us-east-1", "<account>": ACCOUNT, "<ApiId>": get_arn(prod, "Api")}
    text = re.sub("<.*?>", lambda match: values[match[0]], json.dumps(policy))
    role_policies = get_role(prod, "CorrectorRole").policies  # other slices may attach more
    assert json.loads(text)["Statement"] in [each["Statement"] for each in role_policies]


USERS = f"arn:aws:iam::{ACCOUNT}:user"
SESSIONS = f"arn:aws:sts::{ACCOUNT}:assumed-role"


@pytest.mark.parametrize(
    ("caller", "session_name", "expected"),
    [
        (f"{USERS}/maria", "maria", True),
        (f"{USERS}/payroll/maria", "maria", True),
        (f"{USERS}/maria", "ana", False),
        (f"{USERS}/maria", "Maria", False),
        (f"{USERS}/maria", "maria2", False),
        (f"{USERS}/maria", "*", False),
        (f"{SESSIONS}/Clerks/maria", "maria", False),  # this session's name may have been chosen freely
        (f"{SESSIONS}/AWSReservedSSO_Clerks_0123456789abcdef/maria", "maria", False),
    ],
)
def test_corrector_role_requires_the_users_name_as_session_name(
    prod: Template, caller: str, session_name: str, *, expected: bool
) -> None:
    trust = resolve_policy(prod, prod.properties("CorrectorRole")["AssumeRolePolicyDocument"])
    anything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    request = {"sts:RoleSessionName": session_name}
    assert (
        is_allowed(
            Principal(caller, [anything]), "sts:AssumeRole", get_arn(prod, "CorrectorRole"), trust, request=request
        )
        is expected
    )


def test_only_the_gateway_may_invoke_the_function(prod: Template) -> None:
    function, method = (
        get_arn(prod, "CorrectionLambdaFunction"),
        resolve_policy(prod, {"Fn::Sub": f"{METHODS}/prod/POST/correcao"}),
    )
    roles = {name: get_role(prod, name) for name in prod.by_type("AWS::IAM::Role")}
    assert {name for name, role in roles.items() if is_allowed(role, "lambda:InvokeFunction", function)} == {"ApiRole"}
    assert {name for name, role in roles.items() if is_allowed(role, "execute-api:Invoke", method)} == {"CorrectorRole"}


def test_function_has_separate_roles_in_iam_and_the_database(
    compile_stage: CompileStage, prod: Template, local: Template
) -> None:
    assert prod.properties("CorrectionLambdaFunction")["Handler"] == "slices/corrections/function.main"
    require_function_role(compile_stage, prod, local, "Correction", "ponto_corrections")
