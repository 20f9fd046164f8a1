"""IAM's decisions, as far as the policies of the template and of the deploying role go.

An explicit Deny of any policy counts; else the principal's own policies must allow it, its boundary, and a role's trust
policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_evaluation-logic.html
"""

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from moto.iam.aws_managed_policies import aws_managed_policies_data

from tools.kit.packaging import Template
from tools.kit.project import ROOT

ACCOUNT = "123456789012"
_STACK = "batida-ponto-prod"
_ANYBODY = ("*", {"AWS": f"arn:aws:iam::{ACCOUNT}:root"})  # of the account: the second leaves it to their own policies

Documents = Sequence[Any]  # policies


class Principal(NamedTuple):
    """Caller of AWS's API."""

    arn: str
    policies: Documents
    boundary: Documents | None = None  # None: nothing bounds them


ADMINISTRATOR = Principal(
    f"arn:aws:iam::{ACCOUNT}:user/admin", [{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}]
)


NO_POLICY: Any = {"Statement": []}
"""Of a resource that has none."""


def is_allowed(
    who: Principal,
    action: str,
    resource: str,
    policy: Any = NO_POLICY,
    function: str | None = None,
    request: Mapping[str, str] | None = None,
) -> bool:
    """Return whether a principal may do something over TLS.

    Args:
        who: the principal.
        action: such as "sqs:SendMessage".
        resource: an ARN, or "*" for an action that knows no resources.
        policy: of the resource.
        function: the ARN of the function whose code asks; None: no function's code, but for example Lambda itself.
        request: more condition keys, such as "sts:RoleSessionName".
    """
    context = {"aws:PrincipalArn": who.arn, "aws:SecureTransport": "true", **(request or {})}
    context |= {"lambda:SourceFunctionArn": function} if function else {}
    if ":user/" in who.arn:  # the key exists for IAM users only, not for sessions of roles
        context["aws:username"] = who.arn.rpartition("/")[2]

    def says(effect: str, documents: Documents) -> bool:
        return any(
            statement["Effect"] == effect and _concerns(statement, action, resource, context)
            for document in documents
            for statement in document["Statement"]
        )

    if says("Deny", [*who.policies, *(who.boundary or []), policy]):
        return False
    trusts = action != "sts:AssumeRole" or says("Allow", [policy])
    return trusts and says("Allow", who.policies) and (who.boundary is None or says("Allow", who.boundary))


def trusts_token(trust: Any, claims: Mapping[str, str]) -> bool:
    """Return whether a role trusts a token with these claims, by the names that conditions have for them."""
    (statement,) = trust["Statement"]
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    return _holds(statement["Condition"], claims)


def _concerns(statement: Any, action: str, resource: str, context: Mapping[str, str]) -> bool:
    assert statement.get("Principal", "*") in _ANYBODY
    return (
        _element_matches(statement, "Action", action)
        and _element_matches(statement, "Resource", resource)
        and _holds(statement.get("Condition", {}), context)
    )


def _element_matches(statement: Any, name: str, value: str) -> bool:
    """Return whether Action or Resource matches, or NotAction or NotResource does not."""
    if f"Not{name}" in statement:
        return not _matches(statement[f"Not{name}"], value, ignore_case=name == "Action")
    return _matches(statement.get(name, "*"), value, ignore_case=name == "Action")  # a trust policy has no Resource


def _matches(patterns: Any, value: str, *, ignore_case: bool) -> bool:
    if ignore_case:
        return _matches([each.lower() for each in as_list(patterns)], value.lower(), ignore_case=False)
    return any(fnmatchcase(value, pattern) for pattern in as_list(patterns))


_NEGATED = {"ArnNotEquals": "ArnEquals", "ArnNotLike": "ArnLike", "StringNotEquals": "StringEquals"}


def _holds(conditions: Any, context: Mapping[str, str]) -> bool:
    return all(
        _condition_holds(operator, key, as_list(values), context)
        for operator, keys in conditions.items()
        for key, values in keys.items()
    )


def _condition_holds(operator: str, key: str, values: Sequence[Any], context: Mapping[str, str]) -> bool:
    if operator == "Null":
        return (key not in context) is (str(values[0]).lower() == "true")
    if operator in _NEGATED:  # holds of a request without the key, too
        return not _condition_holds(_NEGATED[operator], key, values, context)
    assert operator in ("ArnEquals", "ArnLike", "Bool", "StringEquals")
    texts = [str(value).lower() if operator == "Bool" else _without_variables(value, context) for value in values]
    assert operator == "ArnLike" or not any("*" in text for text in texts if text)
    return key in context and any(text is not None and fnmatchcase(context[key], text) for text in texts)


def _without_variables(value: str, context: Mapping[str, str]) -> str | None:
    """Return a value with its policy variables replaced; None, which matches nothing, if one is not in the context."""
    variables = re.findall(r"\$\{([\w:]+)\}", value)
    if any(name not in context for name in variables):
        return None
    for name in variables:
        value = value.replace(f"${{{name}}}", context[name])
    return value


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


# The policies of the templates, with values in the place of references


def get_arn(template: Template, name: str) -> str:
    """An ARN as CloudFormation might give it to a resource of prod."""
    made = template.resources[name]
    physical = f"{_STACK}-{name}-A1B2C3"
    of_account = f"us-east-1:{ACCOUNT}"
    match made["Type"].split("::")[1:]:
        case "ApiGateway", "RestApi":
            return "a1b2c3d4e5"  # its id, by which ARNs name it
        case "IAM", "Role":
            return f"arn:aws:iam::{ACCOUNT}:role/{physical}"
        case "S3", "Bucket":
            return f"arn:aws:s3:::{physical.lower()}"
        case "Lambda", "Function":
            return f"arn:aws:lambda:{of_account}:function:{made['Properties']['FunctionName']}"
        case "Logs", "LogGroup":
            return f"arn:aws:logs:{of_account}:log-group:{made['Properties']['LogGroupName']}:*"
        case service, _:
            return f"arn:aws:{service.lower()}:{of_account}:{physical}"
    raise AssertionError(made["Type"])


def get_role(template: Template, name: str, boundary: Documents | None = None) -> Principal:
    """A role of prod, with the policies that it is written with, and those that it or they name."""
    role = template.properties(name)
    policies = [each["PolicyDocument"] for each in role["Policies"]]
    for managed, properties in template.by_type("AWS::IAM::ManagedPolicy").items():
        if {"Ref": managed} in role.get("ManagedPolicyArns", []) or {"Ref": name} in properties.get("Roles", []):
            policies.append(properties["PolicyDocument"])
    return Principal(get_arn(template, name), resolve_policy(template, policies), boundary)


def resolve_policy(template: Template, document: Any) -> Any:
    """A policy of prod."""
    names = {name: get_arn(template, name) for name in template.resources}
    secret = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:rds!cluster-1"
    cluster = {"MasterUserSecret.SecretArn": secret, "DBClusterResourceId": "cluster-A1B2C3"}
    return _resolved(document, names | {f"DatabaseCluster.{name}": value for name, value in cluster.items()}, {})


class DeployRole(NamedTuple):
    """Resources of .github/deploy-role.yml."""

    trust: Any
    principal: Principal
    limits: Documents  # policies of the principal that only deny
    stages_boundary: Documents  # of each role that it makes


def get_deploy_role(**parameters: str) -> DeployRole:
    """Return the role as CloudFormation makes it with these parameters.

    Raises:
        ValueError: naming a parameter that does not match its pattern, or with what a rule of the template says.
    """
    from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]  # here: it takes two seconds

    document = cfn_yaml.load(str(ROOT / ".github" / "deploy-role.yml"))
    for name, value in parameters.items():
        if not re.fullmatch(document["Parameters"][name].get("AllowedPattern", ".*"), value):
            raise ValueError(f"{name} does not match its AllowedPattern")
    names = {name: each.get("Default") for name, each in document["Parameters"].items()}
    names |= {name: f"arn:aws:iam::{ACCOUNT}:the-{name}" for name in document["Resources"]} | parameters
    conditions: dict[str, bool] = {}
    for assertion in (each for rule in document["Rules"].values() for each in rule["Assertions"]):
        if not _resolved(assertion["Assert"], names, conditions):
            raise ValueError(assertion["AssertDescription"])
    for name, condition in document["Conditions"].items():
        conditions[name] = _resolved(condition, names, conditions)
    made = {name: _resolved(each["Properties"], names, conditions) for name, each in document["Resources"].items()}
    role = made["DeployRole"]
    managed = json.loads(aws_managed_policies_data)  # AWS's own
    limits = [made["DeployLimits"]["PolicyDocument"]]
    assert names["DeployLimits"] in role["ManagedPolicyArns"]
    return DeployRole(
        role["AssumeRolePolicyDocument"],
        Principal(
            names["DeployRole"],
            [
                *(managed[arn.rpartition("/")[2]]["Document"] for arn in role["ManagedPolicyArns"] if "::aws:" in arn),
                *limits,
                *(policy["PolicyDocument"] for policy in role["Policies"]),
            ],
            [made["DeployBoundary"]["PolicyDocument"]],
        ),
        limits,
        [made["RoleBoundary"]["PolicyDocument"]],
    )


_NOTHING = object()


def _resolved(value: Any, names: Mapping[str, Any], conditions: Mapping[str, bool]) -> Any:
    def resolve(each: Any) -> Any:
        return _resolved(each, names, conditions)

    match value:
        case {"Ref": "AWS::NoValue"}:
            return _NOTHING
        case {"Ref": str(name)} | {"Fn::GetAtt": [name, "Arn"]}:
            return names[name]
        case {"Fn::GetAtt": [name, attribute]}:
            return names[f"{name}.{attribute}"]
        case {"Fn::Sub": [text, own]}:
            return _resolved({"Fn::Sub": text}, {**names, **resolve(own)}, conditions)
        case {"Fn::Sub": str(text)}:
            known = {"AWS::Partition": "aws", "AWS::Region": "us-east-1", "AWS::AccountId": ACCOUNT, **names}
            known["AWS::StackName"] = _STACK
            return re.sub(r"\$\{([\w:.]+?)(?:\.Arn)?\}", lambda found: str(known[found[1]]), text)
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(resolve(parts))
        case {"Fn::If": [condition, yes, no]}:
            return resolve(yes if conditions[condition] else no)
        case {"Fn::Equals": [one, other]}:
            return resolve(one) == resolve(other)
        case {"Fn::Not": [condition]}:
            return not resolve(condition)
        case {"Fn::And": list(several)}:
            return all(map(resolve, several))
        case {"Fn::Or": list(several)}:
            return any(map(resolve, several))
        case {"Fn::Select": [index, several]}:
            return resolve(several)[index]
        case {"Fn::Split": [separator, text]}:
            return resolve(text).split(separator)
        case dict():
            return {key: resolve(each) for key, each in value.items()}
        case list():
            return [found for found in map(resolve, value) if found is not _NOTHING]
    return value
