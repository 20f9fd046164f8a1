"""Settings of the template that the emulator ignores, which are set after the deploy.

All values come from the compiled template. Check with each new version of the emulator whether this is still needed.
"""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.kit.local_stack import STAGE

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_lambda import LambdaClient


class LocalDeployment(NamedTuple):
    """Deployed stack: the template's resources, their physical ids, and clients."""

    resources: Mapping[str, Any]  # by logical id, as in the template
    ids: Mapping[str, str]  # by logical id
    api: "APIGatewayClient"
    functions: "LambdaClient"

    def properties(self, logical_id: str) -> Any:
        """Return the properties of a resource in the template."""
        return self.resources[logical_id]["Properties"]


def apply_all(deployment: LocalDeployment) -> None:
    """Set everything that the emulator ignored; may be repeated."""
    _set_validator(deployment)
    _set_concurrency(deployment)
    _set_dead_letter_queues(deployment)
    _set_method_throttles(deployment)


def _set_validator(deployment: LocalDeployment) -> None:
    api, properties = deployment.ids["Api"], deployment.properties("BodyValidator")
    existing = deployment.api.get_request_validators(restApiId=api)["items"]
    current = next((item for item in existing if item["name"] == properties["Name"]), None)
    validator = current or deployment.api.create_request_validator(
        restApiId=api,
        name=properties["Name"],
        validateRequestBody=properties["ValidateRequestBody"],
        validateRequestParameters=properties["ValidateRequestParameters"],
    )
    deployment.api.update_method(
        restApiId=api,
        resourceId=deployment.ids["EventResource"],
        httpMethod=deployment.properties("PostEvent")["HttpMethod"],
        patchOperations=[{"op": "replace", "path": "/requestValidatorId", "value": validator["id"]}],
    )


def _functions_with_property(deployment: LocalDeployment, name: str) -> Iterator[tuple[str, Any]]:
    """Yield the name of each function that has a property in the template, and the property's value."""
    for logical_id, resource in deployment.resources.items():
        if resource["Type"] == "AWS::Lambda::Function" and name in resource["Properties"]:
            yield deployment.ids[logical_id], resource["Properties"][name]


def _set_concurrency(deployment: LocalDeployment) -> None:
    for name, reserved in _functions_with_property(deployment, "ReservedConcurrentExecutions"):
        deployment.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)


def _set_dead_letter_queues(deployment: LocalDeployment) -> None:
    for name, config in _functions_with_property(deployment, "DeadLetterConfig"):
        queue, _ = config["TargetArn"]["Fn::GetAtt"]
        function = deployment.functions.get_function_configuration(FunctionName=name)
        _, _, _, region, account, *_ = function["FunctionArn"].split(":")
        target = f"arn:aws:sqs:{region}:{account}:{deployment.ids[queue].rsplit('/', 1)[-1]}"
        deployment.functions.update_function_configuration(FunctionName=name, DeadLetterConfig={"TargetArn": target})


def _set_method_throttles(deployment: LocalDeployment) -> None:
    # The emulator does not read ~1 as a slash, and would throttle all methods alike.
    for setting in deployment.properties("ApiStage")["MethodSettings"]:
        if setting["ResourcePath"] != "/*":
            method = f"{setting['ResourcePath']}/{setting['HttpMethod']}"
            limits = {"rateLimit": setting["ThrottlingRateLimit"], "burstLimit": setting["ThrottlingBurstLimit"]}
            deployment.api.update_stage(
                restApiId=deployment.ids["Api"],
                stageName=STAGE,
                patchOperations=[
                    {"op": "replace", "path": f"{method}/throttling/{name}", "value": str(value)}
                    for name, value in limits.items()
                ],
            )
