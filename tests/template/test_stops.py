"""Invalid parameters that stop a deploy before it changes anything, with a message that says what to do."""

import re

import pytest

from tests.template.compiled import ARN, TOPIC, CompileStage
from tools.kit.osls import stack_name
from tools.kit.packaging import PackagingError

TAGS = "is not name=value; separate several with commas"
NOT_A_TOPIC = "is not the ARN of a standard topic in us-east-1"  # the stack's region; FIFO topics are refused too
EXPRESS = "database=express"
TOKENS = ["database=existing", "dbLogin=iam"]
CERTIFICATES = "https://truststore.pki.rds.amazonaws.com/mx-central-1/mx-central-1-bundle.pem"


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (["database=foo"], "database: 'foo' is not one of create, existing, express"),
        ([EXPRESS, "dbLogin=secret"], "dbLogin: 'secret' does not work with database: express, which accepts iam only"),
        (["dbLogin=iam", "dataApi=true"], "dataApi: the Data API needs a password"),
        ([EXPRESS, "dataApi=true"], "dataApi: the Data API needs a password"),
        ([f"dbSecretArn={ARN}"], "dbSecretArn: dbLogin: iam uses no secret"),
        (
            [*TOKENS, "dbResourceId=cluster-ABC", "dbSecretArn=arn"],
            "dbSecretArn: dbLogin: iam uses no secret",
        ),
        (["dbSslMode=disable"], "dbSslMode: a login by IAM needs TLS"),
        (TOKENS, "dbResourceId: '' is not a resource id, like cluster-ABCDEFGHIJKL01234"),
        ([*TOKENS, "dbResourceId=batida-ponto"], "dbResourceId: 'batida-ponto' is not a resource id"),
        (
            ["dbResourceId=cluster-ABC"],
            "dbResourceId is for database: existing only; with database: create leave it out",
        ),
        (["database=existing", "dbResourceId=cluster-ABC"], "dbResourceId is for dbLogin: iam only"),
        (
            [EXPRESS, "vpcName=company"],
            "vpcName: the cluster of database: express has no VPC; leave vpcName out",
        ),
        (
            [EXPRESS, "subnetIds=subnet-1", "securityGroupIds=sg-1"],
            "subnetIds: the cluster of database: express has no VPC",
        ),
        (
            ["alarmEmail="],
            "--param: alarmEmail= has no value, and sls does not accept that. Set it to '' in resources/",
        ),
        # A concurrency of 0 would disable the function.
        (["reservedConcurrency=0"], "reservedConcurrency: '0' is not a whole number of 1 or more, or none"),
        (["maximumConcurrency=6"], "maximumConcurrency: 6 is above reservedConcurrency (5), so throttled receives"),
        (["maximumConcurrency=1"], "maximumConcurrency: '1' is not a whole number from 2 to 1000"),
        (
            ["batchSize=11", "batchingWindow=0"],
            "batchingWindow: must be 1 s or more with a batchSize above 10 (it is 11)",
        ),  # a rule of AWS
        (["permissionsBoundary=boundary"], "permissionsBoundary: 'boundary' is not the ARN of a managed policy"),
        (["tags=owner"], TAGS),
        (["tags=owner=a=b"], TAGS),
        (["alarmTopicArn=oncall"], f"alarmTopicArn: 'oncall' {NOT_A_TOPIC}"),
        (["alarmTopicArn=arn:aws:sns:sa-east-1:123456789012:oncall"], NOT_A_TOPIC),
        (
            [f"alarmTopicArn={TOPIC}", "alarmEmail=oncall@example.com"],
            "alarmEmail: cannot subscribe to the topic of alarmTopicArn",
        ),
        (["subnetNames=private-a"], "subnetNames or securityGroupNames are set without vpcName"),
        (["vpcId=vpc-1", "securityGroupIds=sg-1"], "The network lacks: subnets, a second subnet"),
        (["subnetIds=subnet-1,subnet-2"], "The network lacks: security groups, vpcId."),
        (["database=existing", "securityGroupIds=sg-1"], "The network lacks: subnets."),
        (
            ["zones=us-east-1a"],
            "zones: 'us-east-1a' is not a list of two zones of us-east-1, like us-east-1a,us-east-1c",
        ),
        (["zones=sa-east-1a,us-east-1b"], "is not a list of two zones of us-east-1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_invalid_parameters_stop_the_deploy(compile_stage: CompileStage, parameters: list[str], message: str) -> None:
    assert message in stop_message(compile_stage, *parameters)


@pytest.mark.parametrize("region", ["ap-south-2"])
def test_a_region_without_the_data_api_stops_the_deploy_until_it_is_off(
    compile_stage: CompileStage, region: str
) -> None:
    parameters = ("dbSslRootCert=system", "dbLogin=secret")
    assert f"{region} has no Data API: set dataApi to false" in stop_message(
        compile_stage, *parameters, AWS_REGION=region
    )

    cluster = compile_stage("dev", *parameters, "dataApi=false", AWS_REGION=region).properties("DatabaseCluster")
    assert cluster["EnableHttpEndpoint"] is False
    compile_stage("dev", "database=existing", "dbHost=db.example.com", AWS_REGION=region)


def test_region_without_packaged_certificates_stops_the_deploy_with_their_url(
    compile_stage: CompileStage,
) -> None:
    assert f"has no certificates for mx-central-1. Save {CERTIFICATES}" in stop_message(
        compile_stage, AWS_REGION="mx-central-1"
    )

    compile_stage("dev", "dbSslRootCert=ponto/certificates/mx-central-1-bundle.pem", AWS_REGION="mx-central-1")
    compile_stage("dev", AWS_REGION="sa-east-1")


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1", "me-central-1", "me-south-1"])
def test_a_region_without_the_express_configuration_stops_the_deploy(compile_stage: CompileStage, region: str) -> None:
    assert f"{region} has no express configuration; set database to create" in stop_message(
        compile_stage, EXPRESS, AWS_REGION=region
    )


def test_stage_with_which_the_name_of_a_function_is_too_long_is_refused(compile_stage: CompileStage) -> None:
    functions = compile_stage("dev").by_type("AWS::Lambda::Function").values()
    ending = max((function["FunctionName"].removeprefix(stack_name("dev")) for function in functions), key=len)
    stage = "s" * (64 - len(stack_name("") + ending))
    compile_stage(stage)

    with pytest.raises(PackagingError) as caught:
        compile_stage(f"{stage}s")

    refusal = f"The name {stack_name(stage)}s{ending} would have 65 characters, but AWS allows 64. "
    assert f"{refusal}Choose a stage name of at most {len(stage)} characters (docs/" in str(caught.value)


def stop_message(compile_stage: CompileStage, *parameters: str, **aws: str) -> str:
    """Return the output of a deploy that these parameters stop."""
    with pytest.raises(PackagingError) as caught:
        compile_stage("dev", *parameters, **aws)
    printed = str(caught.value)
    assert not re.search(r"ENOENT|\.js:\d", printed)  # neither a stack trace nor consequential errors
    assert printed.count("Cannot resolve variable") == 1
    return printed
