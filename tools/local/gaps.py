"""What the emulator drops of the template, and how it is set after the deploy.

A closed list: each gap takes its values from the compiled template, and can tell whether the emulator still has
it, so that a test fails once it has learnt better and the entry can go.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from tools.local import answers
from tools.local.velocity import render

if TYPE_CHECKING:
    from types_boto3_apigateway import APIGatewayClient
    from types_boto3_lambda import LambdaClient


class Deployment(NamedTuple):
    """The deployed stack: the compiled template's resources, their physical ids, and clients."""

    resources: Mapping[str, Any]  # by logical id, as in the template
    ids: Mapping[str, str]  # by logical id
    stage: str
    api: "APIGatewayClient"
    functions: "LambdaClient"
    post: Callable[[bytes], str]  # POST /ponto, returning the answer's body

    def properties(self, logical_id: str) -> Any:
        """The properties of a resource, as in the template."""
        return self.resources[logical_id]["Properties"]


class Gap(NamedTuple):
    """Something of the template that the emulator does not do by itself."""

    name: str
    is_open: Callable[[Deployment], bool]  # asked after a first deploy, the gaps before it closed
    close: Callable[[Deployment], None]  # may be repeated


def close_all(deployment: Deployment) -> None:
    """Set what the emulator dropped."""
    for gap in GAPS:
        gap.close(deployment)


def _method(deployment: Deployment) -> Any:
    return {
        "restApiId": deployment.ids["Api"],
        "resourceId": deployment.ids["PunchResource"],
        "httpMethod": deployment.properties("PostPunch")["HttpMethod"],
    }


def _lacks_validator(deployment: Deployment) -> bool:
    return not deployment.api.get_method(**_method(deployment)).get("requestValidatorId")


def _set_validator(deployment: Deployment) -> None:
    wanted = deployment.properties("BodyValidator")
    existing = deployment.api.get_request_validators(restApiId=deployment.ids["Api"])["items"]
    known = {validator["name"]: validator["id"] for validator in existing}
    identifier = (
        known.get(wanted["Name"])
        or deployment.api.create_request_validator(
            restApiId=deployment.ids["Api"],
            name=wanted["Name"],
            validateRequestBody=wanted["ValidateRequestBody"],
            validateRequestParameters=wanted["ValidateRequestParameters"],
        )["id"]
    )
    deployment.api.update_method(
        **_method(deployment),
        patchOperations=[{"op": "replace", "path": "/requestValidatorId", "value": identifier}],
    )


def _functions_with(deployment: Deployment, name: str) -> Iterator[tuple[str, Any]]:
    """Give the deployed name of each function whose template has a property, and the property."""
    for logical_id, resource in deployment.resources.items():
        if resource["Type"] == "AWS::Lambda::Function" and name in resource["Properties"]:
            yield deployment.ids[logical_id], resource["Properties"][name]


def _lacks_concurrency(deployment: Deployment) -> bool:
    return any(
        "ReservedConcurrentExecutions" not in deployment.functions.get_function_concurrency(FunctionName=name)
        for name, _ in _functions_with(deployment, "ReservedConcurrentExecutions")
    )


def _set_concurrency(deployment: Deployment) -> None:
    for name, reserved in _functions_with(deployment, "ReservedConcurrentExecutions"):
        deployment.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=reserved)


def _lacks_dead_letters(deployment: Deployment) -> bool:
    found = [
        deployment.functions.get_function_configuration(FunctionName=name)
        for name, _ in _functions_with(deployment, "DeadLetterConfig")
    ]
    return not all(each.get("DeadLetterConfig", {}).get("TargetArn") for each in found)


def _set_dead_letters(deployment: Deployment) -> None:
    for name, config in _functions_with(deployment, "DeadLetterConfig"):
        queue, _ = config["TargetArn"]["Fn::GetAtt"]
        function = deployment.functions.get_function_configuration(FunctionName=name)
        _, _, _, region, account, *_ = function["FunctionArn"].split(":")
        target = f"arn:aws:sqs:{region}:{account}:{deployment.ids[queue].rsplit('/', 1)[-1]}"
        deployment.functions.update_function_configuration(FunctionName=name, DeadLetterConfig={"TargetArn": target})


# Each variable's value is its own name, as the emulator knows it: what is rendered so has no condition left.
_NAMES = {
    "util": {"urlEncode": "$util.urlEncode({})".format},
    "input": {"body": "$input.body"},
    "context": {
        "identity": {"apiKeyId": "$context.identity.apiKeyId"},
        "authorizer": {"claims": {"custom:usuarioId": "$context.authorizer.claims.get('custom:usuarioId')"}},
    },
}


def _set_plain_request(deployment: Deployment) -> None:
    # It prints #if as it stands, and knows no ['...']: an account without a number sends an attribute without a value.
    wanted = deployment.properties("PostPunch")["Integration"]["RequestTemplates"]["application/json"]
    plain = render(wanted, _NAMES)
    if plain == wanted:
        return
    found = deployment.api.get_integration(**_method(deployment))
    deployment.api.put_integration(  # its update cannot name application/json, and this drops the responses
        **_method(deployment),
        type=found["type"],
        integrationHttpMethod=found["httpMethod"],
        uri=found["uri"],
        credentials=found["credentials"],
        requestParameters=found["requestParameters"],
        requestTemplates={"application/json": plain},
        passthroughBehavior=found["passthroughBehavior"],
    )
    for status, response in found["integrationResponses"].items():
        deployment.api.put_integration_response(
            **_method(deployment),
            statusCode=status,
            selectionPattern=response.get("selectionPattern", ""),
            responseParameters=response["responseParameters"],
            responseTemplates=response["responseTemplates"],
        )


_SERVER_ERROR = "500"


def _server_error(deployment: Deployment) -> Any:
    responses = deployment.properties("PostPunch")["Integration"]["IntegrationResponses"]
    return next(response for response in responses if response["StatusCode"] == _SERVER_ERROR)


def _prints_directives(deployment: Deployment) -> bool:
    punch = b'{"usuarioId": 1, "ponto": "2026-10-01T08:00:00Z"}'
    limit: int = deployment.properties("PunchQueue")["MaximumMessageSize"]
    return "#if" in deployment.post(punch.ljust(limit + 1))  # larger than the queue takes: nothing is stored


def _set_plain_server_error(deployment: Deployment) -> None:
    # It prints #if as it stands, and cannot override a status: the guard renders the template.
    template = _server_error(deployment)["ResponseTemplates"]["application/json"]
    deployment.api.put_integration_response(
        **_method(deployment),
        statusCode=_SERVER_ERROR,
        responseParameters=_server_error(deployment)["ResponseParameters"],
        responseTemplates={"application/json": answers.deferred(template)},
    )


_DETAIL = "$context.error.validationErrorString"


def _prints_the_variable(deployment: Deployment) -> bool:
    return _DETAIL in deployment.post(b"{}")


def _set_validation_message(deployment: Deployment) -> None:
    # It does not know what the validator found, and would print the variable's name: the guard says it.
    wanted = deployment.properties("InvalidBody")
    deployment.api.put_gateway_response(
        restApiId=deployment.ids["Api"],
        responseType=wanted["ResponseType"],
        statusCode=wanted["StatusCode"],
        responseParameters=wanted["ResponseParameters"],
        responseTemplates={
            "application/json": wanted["ResponseTemplates"]["application/json"].replace(_DETAIL, answers.FINDING)
        },
    )
    deployment.api.create_deployment(restApiId=deployment.ids["Api"], stageName=deployment.stage)


def _stage(deployment: Deployment) -> Any:
    return {"restApiId": deployment.ids["Api"], "stageName": deployment.stage}


def _lacks_method_throttles(deployment: Deployment) -> bool:
    return "ponto/POST" not in {
        name.lstrip("/") for name in deployment.api.get_stage(**_stage(deployment))["methodSettings"]
    }


def _set_method_throttles(deployment: Deployment) -> None:
    # It does not read ~1 as a slash, and would throttle all methods alike.
    for setting in deployment.properties("ApiStage")["MethodSettings"]:
        if setting["ResourcePath"] != "/*":
            method = f"{setting['ResourcePath']}/{setting['HttpMethod']}"
            limits = {"rateLimit": setting["ThrottlingRateLimit"], "burstLimit": setting["ThrottlingBurstLimit"]}
            deployment.api.update_stage(
                **_stage(deployment),
                patchOperations=[
                    {"op": "replace", "path": f"{method}/throttling/{name}", "value": str(value)}
                    for name, value in limits.items()
                ],
            )


GAPS = (
    Gap("the request validator", _lacks_validator, _set_validator),
    Gap("the reserved concurrency", _lacks_concurrency, _set_concurrency),
    Gap("the function's dead-letter queue", _lacks_dead_letters, _set_dead_letters),
    Gap("conditions in request templates", _prints_directives, _set_plain_request),
    Gap("conditions in response templates", _prints_directives, _set_plain_server_error),
    Gap("the throttles of methods", _lacks_method_throttles, _set_method_throttles),
    Gap("the validator's findings", _prints_the_variable, _set_validation_message),
)
