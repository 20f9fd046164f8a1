"""API functions that a slice defines with an entry under `http` in its aws.yml."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.iam import get_arn, get_role, is_allowed
from tests.template.compiled import PackageProject, add_slice, copy_without_requirements
from tests.template.test_compiled_gateway import require_preflight, throttles
from tests.template.test_permissions import connect_permission, extract_permissions
from tools.kit.packaging import PackagingError, Template

Define = Callable[..., Template]

MAX_ROLE_CHARACTERS = 10_240
"""Quota of a role's inline policies: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""


@pytest.fixture
def define(package_project: PackageProject, tmp_path: Path) -> Define:
    """Return a function that compiles dev with one slice that has this entry `http.request`."""

    def define(entry: str, other_definitions: str = "", *parameters: str) -> Template:
        project = copy_without_requirements(Path(tempfile.mkdtemp(dir=tmp_path)), with_slices=False)
        add_slice(project, "one", f"http: {{ request: {entry} }}\n{other_definitions}\n")
        folder = project / "slices" / "one"
        (folder / "function.py").touch()
        (folder / "schema").mkdir()
        (folder / "schema" / "roles.sql").write_text(
            "create role ponto_requests;\ncreate role ponto_shifts;\ncreate role ponto_x;\n"
        )
        return package_project(project, "dev", *parameters).template()

    return define


def test_method_and_role_create_a_function_with_its_permissions(define: Define) -> None:
    template = define("{ post: /solicitacao, role: ponto_requests }")

    function: Any = template.properties("RequestLambdaFunction")
    assert function["Handler"] == "slices/one/function.main"
    assert function["Description"] == "Answers POST /solicitacao"
    assert function["Environment"]["Variables"]["DB_USER"] == "ponto_requests"
    assert (function["Timeout"], function["ReservedConcurrentExecutions"]) == (20, 2)
    assert function["Role"] == {"Fn::GetAtt": ["RequestRole", "Arn"]}
    assert connect_permission("ponto_requests") in extract_permissions(template)["RequestRole"]
    assert ("lambda:InvokeFunction", "RequestLambdaFunction.Arn") in extract_permissions(template)["ApiRole"]
    exemptions = template.resources["RequestLambdaFunction"]["Metadata"]["checkov"]["skip"]
    assert [exemption["id"] for exemption in exemptions] == ["CKV_AWS_116"]


def test_roles_hold_the_permissions_of_twelve_functions(define: Define) -> None:
    names = ("request", *(f"requestOfAnEmployee{number}" for number in range(11)))
    first, *others = (f"{{ post: /{name}, role: ponto_requests }}" for name in names)
    entries = ", ".join([first, *(f"{name}: {entry}" for name, entry in zip(names[1:], others, strict=True))])
    template = define(entries, "", "dbLogin=secret", "tracing=true")

    assert template.by_type("AWS::IAM::ManagedPolicy") == {}  # a role takes ten
    roles = {name: get_role(template, name) for name in template.by_type("AWS::IAM::Role")}
    functions = {name for name in template.resources if name.startswith("Request") and name.endswith("LambdaFunction")}
    assert len(functions) == 12
    assert all(is_allowed(roles["ApiRole"], "lambda:InvokeFunction", get_arn(template, name)) for name in functions)
    for role in roles.values():
        assert sum(len(json.dumps(policy, separators=(",", ":"))) for policy in role.policies) <= MAX_ROLE_CHARACTERS


def test_method_requires_a_key_and_is_throttled(define: Define) -> None:
    template = define("{ post: /solicitacao, role: ponto_requests }")

    method = template.properties("PostRequest")
    assert (method["HttpMethod"], method["AuthorizationType"], method["ApiKeyRequired"]) == ("POST", "NONE", True)
    assert template.properties("RequestResource") == {
        "RestApiId": {"Ref": "Api"},
        "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
        "PathPart": "solicitacao",
    }
    assert throttles(template)["POST", "/~1solicitacao"] == (5, 10)


def test_paths_of_a_function_share_resources_and_employees_get_a_preflight(define: Define) -> None:
    template = define("{ list: /turnos, get: '/turnos/{id}', callers: users, role: ponto_shifts }")

    assert template.properties("ListRequests")["ResourceId"] == {"Ref": "RequestResource"}
    assert template.properties("GetRequest")["ResourceId"] == {"Ref": "RequestResource1"}
    assert template.properties("RequestResource1")["ParentId"] == {"Ref": "RequestResource"}
    require_preflight(template, "RequestPreflight", "RequestResource", "GET,OPTIONS", "X-Api-Key")
    require_preflight(template, "RequestPreflight1", "RequestResource1", "GET,OPTIONS", "X-Api-Key")


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("", "http.request lacks `role`. Add the function's database role: ponto_NAME."),
        ("{ post: /x }", "http.request lacks `role`. Add the function's database role: ponto_NAME."),
        ("{ role: ponto_x }", "http.request lacks a method. Add one of get, list, post, put, delete with its path."),
        ("{ role: ponto_x, past: /x }", "http.request has the unknown key `past`. Use one of get, list, post, "),
        ("{ role: one, post: /x }", "http.request.role is one. Begin the name with ponto_: ponto_one."),
        (
            "{ role: ponto_y, post: /x }",
            "http.request.role is ponto_y, which slices/one/schema/roles.sql does not create. "
            "Add: create role ponto_y login;",
        ),
        ("{ role: ponto_x, post: x }", "http.request.post is `x`. Write a path: /name or /name/{id}."),
        (
            "{ role: ponto_x, post: /x, callers: iron }",
            "http.request.callers is `iron`. Use one of devices, users, iam.",
        ),
    ],
)
def test_mistake_in_an_entry_stops_osls_once(define: Define, entry: str, message: str) -> None:
    with pytest.raises(PackagingError) as caught:
        define(entry)

    assert str(caught.value).count(f"slices/one/aws.yml: {message}") == 1
    assert str(caught.value).count("Cannot resolve variable") == 1
