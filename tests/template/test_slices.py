"""A disabled slice adds nothing to the template, and an invalid slice stops osls with one message."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ponto import enabled_slices
from tests.template.compiled import (
    SIGN_IN_PARAMETERS,
    PackageProject,
    PackageStage,
    add_slice,
    copy_without_requirements,
    enable_slice,
)
from tools import cli
from tools.develop.templates import SWITCHES
from tools.kit import slice_manifests, stage_parameters
from tools.kit.packaging import PackagingError

MANIFESTS = {manifest.name: manifest for manifest in slice_manifests.enabled_manifests()}
ALL_PARAMETERS = (*SWITCHES, *SIGN_IN_PARAMETERS)
ADDITIONS = [  # modules of slices, and their objects
    ("commands", "COMMANDS"),
    ("dead_letters", "EVENT"),
    ("deploy_hook", "HOOK"),
    ("schema_hooks", "HOOKS"),
    ("statements", "STATEMENTS"),
    ("trace_notes", "NOTES"),
]
FUNCTIONS = {"BatidaPontoLambdaFunction", "ReadLambdaFunction", "SchemaLambdaFunction"}  # of the base


def disable_slices(project: Path, *names: str) -> None:
    file = project / "slices" / "enabled.txt"
    lines = file.read_text().splitlines()
    file.write_text("".join(f"# {line}\n" if line in names else f"{line}\n" for line in lines))


def dependent_slices(name: str) -> set[str]:
    """Return the names of a slice and of all slices that need it, directly or indirectly."""
    dependents = {name}
    for manifest in MANIFESTS.values():
        if dependents & set(manifest.needs):
            dependents.add(manifest.name)
    return dependents


def load_project(project: Path) -> set[str]:
    """Load everything that a project's slices add, and print the help; return the names of the commands."""
    program = (
        "import json; from ponto import enabled_slices; from tools import cli;"
        f"[enabled_slices.collect(*addition) for addition in {ADDITIONS}];"
        "print(json.dumps([cli.__file__, *(name for name, command in cli.COMMANDS.items() if command.load())]));"
        "raise SystemExit(cli.main(['--help']))"
    )
    process = subprocess.run([sys.executable, "-c", program], cwd=project, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    file, *names = json.loads(process.stdout.splitlines()[0])
    assert Path(file).is_relative_to(project)
    return set(names)


@pytest.mark.parametrize("disabled", [*map(dependent_slices, MANIFESTS), {*MANIFESTS}], ids=[*MANIFESTS, "all slices"])
def test_disabled_slices_add_nothing(
    package_project: PackageProject, tmp_path: Path, package_with_slices: PackageStage, disabled: set[str]
) -> None:
    complete = package_with_slices("prod", *ALL_PARAMETERS).template()
    project = copy_without_requirements(tmp_path)
    disable_slices(project, *disabled)
    disabled_parameters = {
        parameter for name in disabled for parameter in stage_parameters.slice_declarations(MANIFESTS[name])
    }
    options = [option for option in ALL_PARAMETERS if option.partition("=")[0] not in disabled_parameters]

    template = package_project(project, "prod", *options).template()

    is_stable = re.compile(r"(?!ApiDeployment[0-9a-f]{16}$)").match  # the Deployment's id depends on the API
    removed = set(filter(is_stable, complete.resources.keys() - template.resources.keys()))
    functions = {f"{name.capitalize()}LambdaFunction" for slice_name in disabled for name in MANIFESTS[slice_name].http}
    assert removed >= functions
    assert removed & set(re.findall(r"\w+", json.dumps(template.document))) == set()
    assert set(filter(is_stable, template.resources.keys() - complete.resources.keys())) == set()
    assert template.by_type("AWS::Lambda::Function").keys() >= FUNCTIONS
    commands = enabled_slices.collect("commands", "COMMANDS")
    disabled_commands = {command for name in disabled for command in commands.get(name, ())}
    assert load_project(project) == cli.COMMANDS.keys() - disabled_commands


def test_slice_whose_folder_is_missing_stops_osls(package_project: PackageProject, bare_project: Path) -> None:
    enable_slice(bare_project, "one")

    with pytest.raises(PackagingError, match="lists `one`, but there is no folder slices/one"):
        package_project(bare_project, "dev")


@pytest.mark.parametrize(
    ("aws", "message"),
    [
        ("needs: [one]", "`one` needs `one`, which `slices/enabled.txt` does not list before it"),
        ("needs: [two]", "there is no folder slices/two"),
        ("Resorces: {}", "unknown key `Resorces`"),
        ("Outputs: { Path: { Value: '${param:path}' } }", "uses the parameter `path`"),
        (
            "parameters: { functionMemory: { type: integer, default: 1, reason: None. } }",
            "declares the parameter `functionMemory`",
        ),
        ("zip: [model.bin]", "has no model.bin to zip"),
        ("functions: { one: { handler: slices/one/functon.main } }", "there is no slices/one/functon.py"),
        ("Resources: { PostPunsh: { Properties: { AuthorizationType: AWS_IAM } } }", "PostPunsh has no Type"),
        ("Resources: { Queue: }", "Resources.Queue is empty"),
        ("graphs: { P: { column: Function, unit: punches, invocationsOf: Reed } }", "invocationsOf is Reed"),
        # What the base defines.
        ("Resources: { Queue: { Type: AWS::SQS::Queue } }", "Resources.Queue exists"),
        ("Resources: { ReadLambdaFunction: { Type: AWS::SQS::Queue } }", "ReadLambdaFunction exists"),
        ("Outputs: { ApiUrl: { Value: here } }", "Outputs.ApiUrl exists"),
        ("functions: { schema: { handler: slices/one/function.main } }", "functions.schema exists"),
        ("alarms: { dead-letters: { MetricName: none } }", "alarms.dead-letters exists"),
        ("http: { read: { get: /x, role: ponto_one } }", "http.read: this project already has a function"),
        ("http: { one: { post: /ponto, role: ponto_one } }", "http.one answers POST /ponto, which exists"),
        # Entries of functions that answer requests.
        ("http: { time-card: { get: /x, role: ponto_one } }", "http.time-card: the name must be camelCase"),
        ("http: { one: { post: /x } }", "http.one lacks `role`"),
        ("http: { one: { role: ponto_one } }", "http.one lacks a method"),
        ("http: { one: { role: ponto_one, past: /x } }", "http.one has the unknown key `past`"),
        ("http: { one: { role: one, post: /x } }", "http.one.role is one. Begin the name with ponto_"),
        ("http: { one: { role: ponto_two, post: /x } }", "slices/one/schema/roles.sql does not create"),
        ("http: { one: { role: ponto_one, post: x } }", "http.one.post is `x`. Write a path"),
        ("http: { one: { role: ponto_one, post: /x, callers: iron } }", "http.one.callers is `iron`"),
    ],
)
def test_invalid_slice_stops_osls_with_one_message(
    package_project: PackageProject, bare_project: Path, aws: str, message: str
) -> None:
    add_slice(bare_project, "one", aws, role="ponto_one")

    with pytest.raises(PackagingError) as caught:
        package_project(bare_project, "dev")

    assert str(caught.value).count(message) == 1
    assert str(caught.value).count("Cannot resolve variable") <= 1


@pytest.mark.parametrize(
    ("aws", "message"),
    [
        ("Outputs: {{ Path: {{ Value: {} }} }}", "Outputs.Path is defined by another slice"),
        ("Resources: {{ Queue: {{ Properties: {{ QueueName: {} }} }} }}", "another slice sets differently"),
    ],
    ids=["definition", "change"],
)
def test_conflicting_definitions_of_two_slices_stop_osls(
    package_project: PackageProject, bare_project: Path, aws: str, message: str
) -> None:
    for name in ("one", "two"):
        add_slice(bare_project, name, aws.format(name))

    with pytest.raises(PackagingError, match=message):
        package_project(bare_project, "dev")


def test_dependencies_that_several_slices_add_to_a_resource_are_merged(
    package_project: PackageProject, bare_project: Path
) -> None:
    for name, role in (("one", "ReadRole"), ("two", "[ApiRole]")):
        change = f"{{ DependsOn: {role}, Properties: {{ DelaySeconds: 0 }} }}"
        add_slice(bare_project, name, f"needs:\nResources: {{ Queue: {change} }}")

    queue = package_project(bare_project, "dev").template().resources["Queue"]

    assert queue["DependsOn"] == ["ReadRole", "ApiRole"]
    assert queue["Properties"]["DelaySeconds"] == 0


def test_parameter_of_a_disabled_slice_stops_osls(package_project: PackageProject, bare_project: Path) -> None:
    """If the line of `sign_in` is removed by mistake, the stage must not accept punches without a sign-in."""
    with pytest.raises(PackagingError, match="--param: signInAt is not declared"):
        package_project(bare_project, "prod", "signInAt=there")
    file = bare_project / "resources" / "parameters.yml"
    file.write_text(file.read_text().replace("prod: {}", "prod: { signInAt: there }"))
    with pytest.raises(PackagingError, match="prod sets signInAt, which is not declared"):
        package_project(bare_project, "prod")


@pytest.mark.parametrize("resource", ["!GetAtt Queue.Arn", "!Sub '${Queue.Arn}'"])
def test_queue_policy_admits_a_slices_role_that_sends_punches(
    package_project: PackageProject, bare_project: Path, resource: str
) -> None:
    send = f"{{ Effect: Allow, Action: [sqs:SendMessage], Resource: {resource} }}"
    policies = f"Policies: [{{ PolicyName: own, PolicyDocument: {{ Statement: [{send}] }} }}]"
    role = f"{{ Type: AWS::IAM::Role, Properties: {{ {policies} }} }}"
    add_slice(bare_project, "one", f"Resources: {{ SenderRole: {role} }}")

    policy = package_project(bare_project, "dev").template().properties("QueuePolicy")

    assert {"Fn::GetAtt": ["SenderRole", "Arn"]} in [
        role
        for statement in policy["PolicyDocument"]["Statement"]
        for role in statement.get("Condition", {}).get("ArnNotEquals", {}).get("aws:PrincipalArn", [])
    ]
