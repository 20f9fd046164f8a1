"""Evaluation of IAM policies, with the elements that the template uses.

An explicit Deny in any policy refuses a request. Otherwise the principal's policies and, to assume a role, the role's
trust policy must allow it:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from tools.kit.packaging import Template

ACCOUNT = "123456789012"
_STACK = "batida-ponto-prod"
# Principals of the account's resource policies; root stands for all principals whose own policies allow the action.
_PRINCIPALS = ("*", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})

Documents = Sequence[Any]  # policy documents


class Principal(NamedTuple):
    """Caller of the AWS API."""

    arn: str
    policies: Documents


ADMINISTRATOR = Principal(
    f"arn:aws:iam::{ACCOUNT}:user/admin", [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
)


NO_POLICY: Any = {"Statement": []}
"""Policy of a resource without a policy."""


def is_allowed(
    principal: Principal,
    action: str,
    resource: str,
    policy: Any = NO_POLICY,
    function: str | None = None,
    request: Mapping[str, str] | None = None,
) -> bool:
    """Return whether IAM allows a principal's request over TLS.

    Args:
        principal: Caller.
        action: Action such as "sqs:SendMessage".
        resource: ARN, or "*" for an action without resources.
        policy: Policy of the resource.
        function: ARN of the Lambda function whose code makes the request; None: it is not made by a function's code.
        request: Further condition keys, such as "sts:RoleSessionName".
    """
    context = {"aws:PrincipalArn": principal.arn, "aws:SecureTransport": "true", **(request or {})}
    context |= {"lambda:SourceFunctionArn": function} if function else {}
    if ":user/" in principal.arn:  # the key exists only for IAM users, not for role sessions
        context["aws:username"] = principal.arn.rpartition("/")[2]

    def has_statement(effect: str, documents: Documents) -> bool:
        return any(
            statement["Effect"] == effect and _applies(statement, action, resource, context)
            for document in documents
            for statement in document["Statement"]
        )

    if has_statement("Deny", [*principal.policies, policy]):
        return False
    is_trusted = action != "sts:AssumeRole" or has_statement("Allow", [policy])
    return is_trusted and has_statement("Allow", principal.policies)


def _applies(statement: Any, action: str, resource: str, context: Mapping[str, str]) -> bool:
    assert statement.get("Principal", "*") in _PRINCIPALS
    assert not statement.keys() & {"NotAction", "NotResource"}
    return (
        any(fnmatchcase(action.lower(), pattern.lower()) for pattern in as_list(statement["Action"]))
        and any(fnmatchcase(resource, pattern) for pattern in as_list(statement.get("Resource", "*")))
        and _conditions_hold(statement.get("Condition", {}), context)
    )


def _conditions_hold(conditions: Any, context: Mapping[str, str]) -> bool:
    return all(
        _condition_holds(operator, key, as_list(values), context)
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _condition_holds(operator: str, key: str, values: Sequence[Any], context: Mapping[str, str]) -> bool:
    if operator == "ArnNotEquals":  # also true for a request without the key
        return not _condition_holds("ArnEquals", key, values, context)
    assert operator in ("ArnEquals", "ArnLike", "Bool", "StringEquals", "StringLike")
    texts = [str(value).lower() if operator == "Bool" else _substitute_variables(value, context) for value in values]
    assert operator in ("ArnLike", "StringLike") or not any("*" in text for text in texts if text)
    return key in context and any(text is not None and fnmatchcase(context[key], text) for text in texts)


def _substitute_variables(value: str, context: Mapping[str, str]) -> str | None:
    """Return a value with its policy variables replaced; None if the context lacks one of them: it matches nothing."""
    variables = re.findall(r"\$\{([\w:]+)\}", value)
    if any(name not in context for name in variables):
        return None
    for name in variables:
        value = value.replace(f"${{{name}}}", context[name])
    return value


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# Policies of the templates, with their references resolved


def get_arn(template: Template, name: str) -> str:
    """Return the ARN of a resource of stage prod, with an invented physical id."""
    resource = template.resources[name]
    physical = f"{_STACK}-{name}-A1B2C3"
    region_account = f"us-east-1:{ACCOUNT}"
    match resource["Type"].split("::")[1:]:
        case "ApiGateway", "RestApi":
            return "a1b2c3d4e5"  # the id of the API, which its ARNs contain
        case "IAM", "Role":
            return f"arn:aws:iam::{ACCOUNT}:role/{physical}"
        case "S3", "Bucket":
            return f"arn:aws:s3:::{physical.lower()}"
        case "Lambda", "Function":
            return f"arn:aws:lambda:{region_account}:function:{resource['Properties']['FunctionName']}"
        case "Logs", "LogGroup":
            return f"arn:aws:logs:{region_account}:log-group:{resource['Properties']['LogGroupName']}:*"
        case service, _:
            return f"arn:aws:{service.lower()}:{region_account}:{physical}"
    raise AssertionError(resource["Type"])


def get_role(template: Template, name: str) -> Principal:
    """Return a role of stage prod, with its policies."""
    role = template.properties(name)
    policies = [inline["PolicyDocument"] for inline in role["Policies"]]
    separate = template.by_type("AWS::IAM::Policy").values()
    policies += [policy["PolicyDocument"] for policy in separate if {"Ref": name} in policy["Roles"]]
    return Principal(get_arn(template, name), resolve_policy(template, policies))


def resolve_policy(template: Template, document: Any) -> Any:
    """Return a policy of stage prod with its references resolved."""
    names = {name: get_arn(template, name) for name in template.resources}
    secret = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:rds!cluster-1"
    cluster = {"MasterUserSecret.SecretArn": secret, "DBClusterResourceId": "cluster-A1B2C3"}
    return _resolve(document, names | {f"DatabaseCluster.{name}": value for name, value in cluster.items()})


def _resolve(value: Any, names: Mapping[str, Any]) -> Any:
    match value:
        case {"Ref": str(name)} | {"Fn::GetAtt": [name, "Arn"]}:
            return names[name]
        case {"Fn::GetAtt": [name, attribute]}:
            return names[f"{name}.{attribute}"]
        case {"Fn::Sub": str(text)}:
            values = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": ACCOUNT, **names}
            values["AWS::StackName"] = _STACK
            return re.sub(r"\$\{([\w:.]+?)(?:\.Arn)?\}", lambda match: str(values[match[1]]), text)
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_resolve(parts, names))
        case dict():
            return {key: _resolve(part, names) for key, part in value.items()}
        case list():
            return [_resolve(part, names) for part in value]
    return value
