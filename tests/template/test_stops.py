"""Invalid parameters that stop a deploy before it changes anything, with a message that says what to do."""

import re

import pytest

from tests.template.compiled import ARN, TOPIC, CompileStage
from tools.kit.osls import stack_name
from tools.kit.packaging import PackagingError

EXPRESS = "database=express"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (["database=foo"], "database: 'foo' is not one of"),
        ([EXPRESS, "dbLogin=secret"], "accepts iam only"),
        (["dbLogin=iam", "dataApi=true"], "the Data API needs a password"),
        ([f"dbSecretArn={ARN}"], "dbLogin: iam uses no secret"),
        (["rolePrefix=Shop_"], "is not a prefix of names"),
        (["dbSslMode=disable"], "a login by IAM needs TLS"),
        (["database=existing", "dbLogin=iam"], "dbResourceId: '' is not a resource id"),
        (["dbResourceId=cluster-ABC"], "with database: create leave it out"),
        ([EXPRESS, "vpcName=company"], "has no VPC"),
        (["drainConcurrency=0"], "'0' is not a whole number"),  # would disable the function
        (["drainMaximumConcurrency=6"], "is above drainConcurrency"),
        (["permissionsBoundary=boundary"], "is not an ARN like"),
        (["tags=owner"], "is not name=value"),
        ([f"alarmTopicArn={TOPIC.replace('us-east-1', 'sa-east-1')}"], "standard topic in us-east-1"),
        ([f"alarmTopicArn={TOPIC}", "alarmEmail=oncall@example.com"], "cannot subscribe"),
        (["vpcId=vpc-1", "securityGroupIds=sg-1"], "The network lacks: subnets"),
        (["zones=sa-east-1a,us-east-1b"], "is not a list of two zones of us-east-1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_invalid_parameters_stop_the_deploy(compile_stage: CompileStage, parameters: list[str], message: str) -> None:
    assert message in stop_message(compile_stage, *parameters)


def test_a_region_without_the_data_api_stops_the_deploy_until_it_is_off(compile_stage: CompileStage) -> None:
    stage = {"AWS_REGION": "ap-south-2"}
    parameters = ("dbSslRootCert=system", "dbLogin=secret")
    assert "no Data API: set dataApi to false" in stop_message(compile_stage, *parameters, **stage)

    cluster = compile_stage("dev", *parameters, "dataApi=false", **stage).properties("DatabaseCluster")
    assert cluster["EnableHttpEndpoint"] is False


def test_region_without_packaged_certificates_stops_the_deploy_with_their_url(compile_stage: CompileStage) -> None:
    url = "https://truststore.pki.rds.amazonaws.com/mx-central-1/mx-central-1-bundle.pem"
    assert url in stop_message(compile_stage, AWS_REGION="mx-central-1")

    compile_stage("dev", "dbSslRootCert=ponto/certificates/mx-central-1-bundle.pem", AWS_REGION="mx-central-1")
    compile_stage("dev", AWS_REGION="sa-east-1")


def test_a_region_without_the_express_configuration_stops_the_deploy(compile_stage: CompileStage) -> None:
    assert "no express configuration" in stop_message(compile_stage, EXPRESS, AWS_REGION="me-central-1")


def test_stage_with_which_the_name_of_a_function_is_too_long_is_refused(compile_stage: CompileStage) -> None:
    functions = compile_stage("dev").by_type("AWS::Lambda::Function").values()
    ending = max((function["FunctionName"].removeprefix(stack_name("dev")) for function in functions), key=len)
    stage = "s" * (64 - len(stack_name("") + ending))
    compile_stage(stage)

    with pytest.raises(PackagingError) as caught:
        compile_stage(f"{stage}s")

    assert f"Choose a stage name of at most {len(stage)} characters" in str(caught.value)


def stop_message(compile_stage: CompileStage, *parameters: str, **aws: str) -> str:
    """Return the output of a deploy that these parameters stop."""
    with pytest.raises(PackagingError) as caught:
        compile_stage("dev", *parameters, **aws)
    printed = str(caught.value)
    assert not re.search(r"ENOENT|\.js:\d", printed)  # neither a stack trace nor consequential errors
    assert printed.count("Cannot resolve variable") == 1
    return printed
