"""IAM requests of a deploy, read from its HTTP requests: also from those of osls, which does not use boto3."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import boto3
import urllib3

from tests.iam import ACCOUNT
from tests.serving import Request, Response, http_server
from tools.tests import deploy_roles

_find_service = re.compile(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/").search
_S3_ACTIONS = {
    "GET bucket": "ListBucket",
    "HEAD bucket": "ListBucket",
    "POST bucket": "DeleteObject",  # several
    "DELETE object": "DeleteObject",
    "GET object": "GetObject",
    "HEAD object": "GetObject",
    "POST object": "PutObject",  # in parts
    "PUT object": "PutObject",
}
_OPTIONAL = {
    "logs:DeleteLogGroup",  # by osls, which ignores a refusal
    "sqs:SendMessage",  # on AWS by the operator's role, which the emulator's stage lacks
}
_RDS_RESOURCES = {
    "DBInstanceIdentifier": "db",
    "DBClusterIdentifier": "cluster",
    "DBClusterParameterGroupName": "cluster-pg",
}


def _lambda_action(request: Request, path: str) -> str:
    client: Any = boto3.client("lambda", "us-east-1")
    model = client.meta.service_model
    for name in model.operation_names:
        http = model.operation_model(name).http
        pattern = re.sub(r"\{\w+\}", "[^/]+", http["requestUri"].partition("?")[0])
        if http["method"] == request.method and re.fullmatch(pattern, path):
            return "InvokeFunction" if name == "Invoke" else str(name)
    raise AssertionError(request)


def _form_resource(service: str, form: dict[str, str]) -> str:
    """Return the ARN of the resource that a request of CloudFormation or RDS names, else `*`."""
    stack = form.get("StackName", form.get("ChangeSetName", "*"))
    if service == "cloudformation" and not stack.startswith(("arn:", "*")):
        return f"arn:aws:cloudformation:us-east-1:{ACCOUNT}:stack/{stack}/1"
    for parameter, kind in _RDS_RESOURCES.items():
        if service == "rds" and parameter in form:
            return f"arn:aws:rds:us-east-1:{ACCOUNT}:{kind}:{form[parameter]}"
    return form.get("ResourceName", stack)


def _iam_request(request: Request) -> deploy_roles.Request:
    """Return the action, the resource and the condition keys of a request."""
    match = _find_service(request.headers["authorization"])
    assert match, request
    service, path = match[1], urlsplit(request.path).path
    if target := request.headers.get("x-amz-target"):
        return f"{service}:{target.rpartition('.')[2]}", "*", {}
    if service == "apigateway":
        return f"{service}:{request.method}", f"arn:aws:apigateway:us-east-1::{unquote(path)}", {}
    if service == "lambda":
        function = re.search("/functions/([^/]+)/", path)
        resource = f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{function[1]}" if function else "*"
        return f"{service}:{_lambda_action(request, path)}", resource, {}
    if service == "s3":
        name = path.strip("/")
        kind = "object" if "/" in name else "bucket"
        return f"{service}:{_S3_ACTIONS[f'{request.method} {kind}']}", f"arn:aws:s3:::{name}", {}
    form = dict(parse_qsl(request.body.decode()))
    keys = {"RoleARN": "cloudformation:RoleArn", "AWSServiceName": "iam:AWSServiceName"}
    context = {key: form[parameter] for parameter, key in keys.items() if parameter in form}
    resource = _form_resource(service, form).replace(":000000000000:", f":{ACCOUNT}:")
    return f"{service}:{form['Action']}", resource, context


class RecordedCalls:
    """The IAM requests of the calls to endpoints."""

    def __init__(self) -> None:
        self.requests: list[deploy_roles.Request] = []

    @contextmanager
    def endpoint(self, answer: Callable[[Request], Response]) -> Iterator[str]:
        """Run an endpoint that answers by a function; yield its URL."""

        def record(request: Request) -> Response:
            if "authorization" in request.headers:
                self.requests.append(_iam_request(request))
            return answer(request)

        with http_server(record) as url:
            yield url

    def refused(self, role: deploy_roles.Role) -> list[deploy_roles.Request]:
        """Return the requests that a role may not make, and whose refusal would end the deploy."""
        needed = list({str(request): request for request in self.requests if request[0] not in _OPTIONAL}.values())
        allowed = role.allowed(*needed)
        return [request for request in needed if request not in allowed]


def forward(endpoint: str) -> Callable[[Request], Response]:
    """Return a function that answers as another endpoint does."""
    pool = urllib3.PoolManager(retries=False)

    def answer(request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "connection")}
        url = endpoint + request.path
        response = pool.request(
            request.method, url, body=request.body, headers=headers, redirect=False, decode_content=False
        )
        of_connection = ("connection", "content-length", "transfer-encoding")
        kept = {name: value for name, value in response.headers.items() if name.lower() not in of_connection}
        return response.status, kept, response.data

    return answer
