"""The resources of each stage, their deletion policies, and the absence of secrets."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ponto import __version__
from tests.database import SCHEMA_ENVIRONMENT
from tests.template.cloudwatch import ALARM, alarms
from tests.template.compiled import SIGN_IN_PARAMETERS, CompileStage, PackageStage
from tools.deploy import compiled_stage, quotas
from tools.develop.templates import SWITCHES
from tools.kit.errors import CommandError
from tools.kit.packaging import Template
from tools.kit.project import ROOT

CORE_RESOURCES = {
    *("ServerlessDeploymentBucket", "ServerlessDeploymentBucketPolicy", "BatidaPontoLogGroup"),
    *("BatidaPontoLambdaFunction", "BatidaPontoEventSourceMappingSQSPunchQueue", "BatidaPontoRole"),
    *("ReadLogGroup", "ReadLambdaFunction", "ReadRole", "ReaderRole", "SchemaLogGroup"),
    *("SchemaLambdaFunction", "SchemaRole", "PunchQueue", "DeadLetterQueue", "PunchQueuePolicy"),
    *("DeadLetterQueuePolicy", "Api", "ApiDeployment", "ApiKey", "ApiRole", "OperatorRole", "ApiStage"),
    *("BodyValidator", "ClientError", "InvalidBody", "ServerError", "PostPunch", "PunchPreflight"),
    *("PunchModel", "PunchResource", "UsagePlan", "UsagePlanKey"),
}
DASHBOARD = {"Dashboard"}
PLAIN_TOPIC = {"AlarmTopic", "AlarmTopicPolicy"}
ENCRYPTED_TOPIC = PLAIN_TOPIC | {"AlarmKey"}
OBSERVABILITY = {"AccessLogGroup"}
SECRET_RESOURCES = {"FunctionSecret", "ReadSecret"}
DATABASE = {
    *("DatabaseCluster", "DatabaseInstance", "DatabaseParameters", "DatabaseSubnets"),
    "DatabaseSecurityGroup",
}
NETWORK = {  # no internet gateway, no NAT
    *("Vpc", "SubnetA", "SubnetB", "FunctionSecurityGroup", "EndpointSecurityGroup", "SqsEndpoint"),
}
CORE_AND_CLUSTER = CORE_RESOURCES | DATABASE
CREATED_DATABASE = CORE_AND_CLUSTER | DASHBOARD | ENCRYPTED_TOPIC
LOCAL_RESOURCES = CORE_RESOURCES | DASHBOARD
CORE_AND_TOPIC = CORE_RESOURCES | PLAIN_TOPIC
EXISTING_SUBNETS = ("subnetIds=subnet-1,subnet-2", "securityGroupIds=sg-1")


@pytest.mark.parametrize(
    ("stage", "parameters", "expected"),  # `expected` excludes alarms, which are compared with the runbook
    [
        ("prod", [], CREATED_DATABASE | NETWORK),
        ("dev", [], CORE_AND_CLUSTER | NETWORK | PLAIN_TOPIC),
        ("prod", ["dbLogin=secret"], CREATED_DATABASE | NETWORK | SECRET_RESOURCES | {"SecretsManagerEndpoint"}),
        ("prod", ["database=express"], CORE_RESOURCES | DASHBOARD | ENCRYPTED_TOPIC),
        ("dev", ["database=existing", "dbLogin=iam", "dbResourceId=cluster-ABC"], CORE_AND_TOPIC),
        ("local", [], LOCAL_RESOURCES | ENCRYPTED_TOPIC),
        ("prod", ["alarmEmail=oncall@example.com"], CREATED_DATABASE | NETWORK | {"AlarmEmail"}),
        ("prod", ["accessLogs=true", "tracing=true"], CREATED_DATABASE | NETWORK | OBSERVABILITY),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_template_has_exactly_these_resources(
    compile_stage: CompileStage, prod: Template, stage: str, parameters: list[str], expected: set[str]
) -> None:
    template = compile_stage(stage, *parameters)
    has_cluster = "DatabaseCluster" in expected or "database=express" in parameters
    sections = {
        section
        for section, alarm in alarms(prod).items()
        if (stage != "local" or "Metrics" not in alarm) and (has_cluster or "AWS/RDS" not in str(alarm))
    }
    if stage == "dev" and "alarms=all" not in parameters:
        sections = {"dead-letters", "keeps-failing", "function-errors"}
    assert alarms(template, stage).keys() == sections
    assert {
        re.sub("^ApiDeployment[0-9a-f]{16}$", "ApiDeployment", name)
        for name, resource in template.resources.items()
        if resource["Type"] != ALARM
    } == expected
    assert "Conditions" not in template.document


def test_document_lists_each_resource(package_with_slices: PackageStage) -> None:
    options = [*SWITCHES, *SIGN_IN_PARAMETERS, "dbLogin=secret", "accessLogs=true", "alarmEmail=oncall@example.com"]
    template = package_with_slices("prod", *options).template()
    document = (ROOT / "docs" / "resources.md").read_text(encoding="utf-8")

    names = {re.sub("^ApiDeployment[0-9a-f]{16}$", "ApiDeployment", name) for name in template.resources}

    assert {name for name in names if f"`{name}`" not in document} == set()


QUEUES = {"PunchQueue", "DeadLetterQueue", "PunchQueuePolicy", "DeadLetterQueuePolicy"}
RETAINED = {
    *QUEUES,
    *DATABASE,
    # The network that contains the database and its security groups.
    "Vpc",
    "SubnetA",
    "SubnetB",
    "FunctionSecurityGroup",
}


@pytest.mark.parametrize(
    ("stage", "parameters", "deleted", "replaced", "expected"),
    [
        ("prod", [], "RetainExceptOnCreate", "Retain", RETAINED),
        ("prod", ["vpcId=vpc-1", *EXISTING_SUBNETS], "RetainExceptOnCreate", "Retain", {*QUEUES, *DATABASE}),
        # A stage without separate settings has the policies of prod.
        ("staging", [], "RetainExceptOnCreate", "Retain", RETAINED),
        ("dev", [], "Delete", "Delete", RETAINED),
        ("local", [], "Delete", "Delete", QUEUES),
    ],
)
def test_resources_with_punches_are_retained_in_prod_and_deleted_elsewhere(
    compile_stage: CompileStage, stage: str, parameters: list[str], deleted: str, replaced: str, expected: set[str]
) -> None:
    resources = compile_stage(stage, *parameters).resources
    for attribute, policy in (("DeletionPolicy", deleted), ("UpdateReplacePolicy", replaced)):
        policies = {name: resource[attribute] for name, resource in resources.items() if attribute in resource}
        assert policies == dict.fromkeys(expected, policy), attribute


def test_retained_resources_refer_to_no_deleted_ones(prod: Template) -> None:
    senders = {"ApiRole", "OperatorRole"}  # PunchQueuePolicy may refer to deleted roles, which no longer send
    for name in RETAINED:
        assert _references(prod.resources[name]) <= RETAINED | (senders if name == "PunchQueuePolicy" else set()), name


@pytest.mark.parametrize(
    ("stage", "parameters", "expected"),
    [
        ("prod", [], True),
        ("dev", [], False),
        ("prod", ["terminationProtection=false"], False),
    ],
)
def test_termination_protection_is_on_except_in_dev_and_local(
    package_stage: PackageStage, stage: str, parameters: list[str], expected: bool
) -> None:
    # The template does not contain this setting; `sls deploy` sets it after the deploy.
    assert package_stage(stage, *parameters).configuration["provider"]["deletionProtection"] is expected


def test_deploy_reads_demand_and_protection_from_the_package(package_stage: PackageStage) -> None:
    expected = quotas.Demand(
        {"batida-ponto-prod-batidaPonto": 5, "batida-ponto-prod-read": 2},
        creates_cluster=True,
        maximum_acu=4,
        backup_days=7,
    )
    prod = package_stage("prod")
    assert compiled_stage.read_compiled_stage(prod.folder) == compiled_stage.CompiledStage(
        is_protected=True,
        needs_token=False,
        demand=expected,
        deferred_resources=(compiled_stage.CLUSTER_PROTECTION,),
    )

    dev = compiled_stage.read_compiled_stage(package_stage("dev").folder)
    assert dev == compiled_stage.CompiledStage(False, False, dev.demand)
    # The last of two values takes effect, because a first deploy appends its value.
    repeated = package_stage("prod", "deletionProtection=true", "deletionProtection=false")
    assert compiled_stage.read_compiled_stage(repeated.folder).deferred_resources == ()


def test_invalid_variable_of_the_functions_stops_the_deploy(package_stage: PackageStage) -> None:
    message = "TIME_ZONE: 'America/SaoPaulo' is not a time zone; .* Nothing was deployed"
    with pytest.raises(CommandError, match=message):
        compiled_stage.read_compiled_stage(package_stage("prod", "timeZone=America/SaoPaulo").folder)


def test_schema_function_gets_the_slices_in_order_and_all_roles(package_with_slices: PackageStage, stage: str) -> None:
    function = package_with_slices(stage).template().resources["SchemaLambdaFunction"]
    variables = function["Properties"]["Environment"]["Variables"]
    assert {name: variables[name] for name in SCHEMA_ENVIRONMENT} == SCHEMA_ENVIRONMENT


@pytest.mark.parametrize("parameters", [[], SWITCHES, ["dbLogin=secret"]], ids=["plain", "all on", "passwords"])
def test_no_property_holds_a_secret(package_with_slices: PackageStage, stage: str, parameters: list[str]) -> None:
    template = package_with_slices(stage, *parameters).template()
    suspicious = {
        (key, json.dumps(value))
        for resource in template.resources.values()
        # Secrets Manager generates the value of its secrets (test_compiled_database.py).
        if resource["Type"] != "AWS::SecretsManager::Secret"
        for key, value in _properties(resource["Properties"])
        if re.search("passw|pwd|secret|token|api.?key|credential", key, re.IGNORECASE)
    }
    harmless = {
        ("ManageMasterUserPassword", "true"),  # RDS generates and stores the password
        ("DB_SECRET_ARN", '{"Fn::GetAtt": ["DatabaseCluster", "MasterUserSecret.SecretArn"]}'),
        *(
            (f"{prefix}_SECRET_ARN", json.dumps({"Ref": secret}))
            for secret in template.by_type("AWS::SecretsManager::Secret")
            for prefix in ("DB", secret.removesuffix("Secret").upper())
        ),
        ("ApiKeyRequired", "true"),
        ("Credentials", '{"Fn::GetAtt": ["ApiRole", "Arn"]}'),  # role of the gateway's integration
    }
    nonempty = {(name, value) for name, value in suspicious if not (name.endswith("_SECRET_ARN") and value == '""')}
    assert nonempty <= harmless
    assert set(template.properties("ApiKey")) == {"Enabled", "Description"}  # AWS generates the value


def test_outputs_addresses_and_the_id_of_the_key_but_not_the_key(template: Template, stage: str) -> None:
    outputs = {name: output["Value"] for name, output in template.outputs.items()}
    url = f"https://${{Api}}.execute-api.${{AWS::Region}}.${{AWS::URLSuffix}}/{stage}/ponto"
    cluster = None if stage == "local" else template.properties("DatabaseCluster")
    assert outputs == {
        "ServerlessDeploymentBucketName": {"Ref": "ServerlessDeploymentBucket"},
        "PunchQueueUrl": {"Ref": "PunchQueue"},
        "DeadLetterQueueUrl": {"Ref": "DeadLetterQueue"},
        "OperatorRoleArn": {"Fn::GetAtt": ["OperatorRole", "Arn"]},
        "ReaderRoleArn": {"Fn::GetAtt": ["ReaderRole", "Arn"]},
        "ApiUrl": {"Fn::Sub": url},
        "ApiId": {"Ref": "Api"},
        "ApiKeyId": {"Ref": "ApiKey"},
        "AlarmTopicArn": {"Ref": "AlarmTopic"},
        "Version": __version__,
        "Database": "create" if cluster else "existing",
        "DatabaseLogin": "iam" if cluster else "secret",
        **({"BackupDays": str(cluster["BackupRetentionPeriod"])} if cluster else {}),
    }


def _references(value: Any) -> set[str]:
    """Return the logical ids that a value refers to."""
    if isinstance(value, list):
        return {name for item in value for name in _references(item)}
    if not isinstance(value, dict):
        return set()
    if isinstance(value.get("Ref"), str):
        return {value["Ref"]} - {"AWS::Region"}
    if "Fn::GetAtt" in value:
        return {value["Fn::GetAtt"][0]}
    return {name for item in value.values() for name in _references(item)}


def _properties(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every key with its value, at any depth."""
    if isinstance(value, dict):
        yield from value.items()
        for item in value.values():
            yield from _properties(item)
    elif isinstance(value, list):
        for item in value:
            yield from _properties(item)
