"""API functions that a slice defines with an entry under `http` in its aws.yml."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.iam import get_arn, get_role, is_allowed
from tests.template.compiled import PackageProject, add_slice
from tests.template.test_compiled_gateway import throttles
from tests.template.test_permissions import connect_permission, extract_permissions
from tools.kit.packaging import Template

Define = Callable[..., Template]

MAX_ROLE_CHARACTERS = 10_240
"""Quota of a role's inline policies: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


@pytest.fixture
def define(package_project: PackageProject, bare_project: Path) -> Define:
    """Return a function that compiles dev with one slice that has this entry `http.request`."""

    def define(entry: str, *parameters: str) -> Template:
        add_slice(bare_project, "one", f"http: {{ request: {entry} }}", role="ponto_requests")
        return package_project(bare_project, "dev", *parameters).template()

    return define


def test_entry_creates_a_function_with_its_permissions_and_a_method_with_a_key_and_throttles(define: Define) -> None:
    template = define("{ post: /solicitacao, role: ponto_requests }")

    function: Any = template.properties("RequestLambdaFunction")
    assert function["Handler"] == "slices/one/function.main"
    assert function["Description"] == "Answers POST /solicitacao"
    assert function["Environment"]["Variables"]["DB_USER"] == "ponto_requests"
    assert (function["Timeout"], function["ReservedConcurrentExecutions"]) == (20, 2)
    assert function["Role"] == {"Fn::GetAtt": ["RequestRole", "Arn"]}
    assert connect_permission("ponto_requests") in extract_permissions(template)["RequestRole"]
    assert ("lambda:InvokeFunction", "RequestLambdaFunction.Arn") in extract_permissions(template)["ApiRole"]
    method = template.properties("PostRequest")
    assert (method["HttpMethod"], method["AuthorizationType"], method["ApiKeyRequired"]) == ("POST", "NONE", True)
    assert template.properties("RequestResource")["PathPart"] == "solicitacao"
    assert throttles(template)["POST", "/~1solicitacao"] == (5, 10)


def test_roles_hold_the_permissions_of_twelve_functions(define: Define) -> None:
    others = [f"requestOfAnEmployee{number}: {{ post: /{number}, role: ponto_requests }}" for number in range(11)]
    template = define(
        ", ".join(["{ post: /solicitacao, role: ponto_requests }", *others]), "dbLogin=secret", "tracing=true"
    )

    assert template.by_type("AWS::IAM::ManagedPolicy") == {}  # a role takes ten
    roles = {name: get_role(template, name) for name in template.by_type("AWS::IAM::Role")}
    functions = {name for name in template.resources if name.startswith("Request") and name.endswith("LambdaFunction")}
    assert len(functions) == 12
    assert all(is_allowed(roles["ApiRole"], "lambda:InvokeFunction", get_arn(template, name)) for name in functions)
    for role in roles.values():
        assert sum(len(json.dumps(policy, separators=(",", ":"))) for policy in role.policies) <= MAX_ROLE_CHARACTERS


def test_paths_of_a_function_share_resources_and_employees_get_a_preflight(define: Define) -> None:
    template = define("{ list: /turnos, get: '/turnos/{id}', callers: users, role: ponto_requests }")

    assert template.properties("RequestResource1")["ParentId"] == {"Ref": "RequestResource"}
    for resource, method, number in (("RequestResource", "ListRequests", ""), ("RequestResource1", "GetRequest", "1")):
        preflight = template.properties(f"RequestPreflight{number}")
        assert preflight["ResourceId"] == template.properties(method)["ResourceId"] == {"Ref": resource}
        assert "ApiKeyRequired" not in preflight
        (response,) = preflight["Integration"]["IntegrationResponses"]
        allowed = response["ResponseParameters"]
        assert allowed["method.response.header.Access-Control-Allow-Methods"] == "'GET,OPTIONS'"
        assert allowed["method.response.header.Access-Control-Allow-Headers"] == "'Content-Type,X-Api-Key'"
