"""The roles of .github/deploy-role.yml, as moto creates them and an IAM simulator of others evaluates them."""

import json
import os
import subprocess
from ast import literal_eval
from functools import cache
from typing import Any, NamedTuple

import boto3
from moto import mock_aws

from tests.events import aws_environment
from tests.iam import ACCOUNT
from tools.kit.osls import search_path
from tools.kit.project import ROOT

PARAMETERS = {"Repository": "acme/app", "RepositoryWithIds": "acme@11/app@22", "ProviderArn": "arn:provider"}

Request = tuple[str, str, dict[str, Any]]
"""Action, resource, and condition keys of a request."""


class Role(NamedTuple):
    """A role with its policies; `boundary`: the policy that is its permissions boundary."""

    arn: str
    trust: Any
    policies: list[Any]
    boundary: Any = None

    def decide(self, *requests: Request) -> list[str]:
        """Return the simulator's decision on each request, or what is wrong with the request."""
        boundary = [self.boundary] if self.boundary else None
        simulations = [
            {
                "request": {
                    "principal": self.arn,
                    "action": action,
                    "resource": {"resource": resource, "accountId": ACCOUNT},
                    "contextVariables": context,
                },
                "identityPolicies": [{"name": "", "policy": policy} for policy in self.policies],
                "permissionBoundaryPolicies": boundary and [{"name": "", "policy": policy} for policy in boundary],
                "serviceControlPolicies": [],
                "resourceControlPolicies": [],
            }
            for action, resource, context in requests
        ]
        program = ["node", str(ROOT / "tools" / "tests" / "simulate.mjs")]
        environment = {"PATH": search_path(os.environ)}
        output = subprocess.check_output(program, input=json.dumps(simulations), env=environment, text=True)
        decisions: list[str] = json.loads(output)
        return decisions

    def allowed(self, *requests: Request) -> list[Request]:
        """Return the requests that the role may make."""
        decisions = self.decide(*requests)
        return [request for request, decision in zip(requests, decisions, strict=True) if decision == "Allowed"]


class Roles(NamedTuple):
    deploy: Role
    execution: Role
    boundary_arn: str
    boundary: Any


@cache
def load(stage: str = "prod") -> Roles:
    """Return the roles that moto's CloudFormation creates for a stage."""
    with aws_environment(), mock_aws(config={"iam": {"load_aws_managed_policies": True}}):
        cloudformation, iam = boto3.client("cloudformation"), boto3.client("iam")
        values = PARAMETERS | {"Stage": stage}
        parameters: Any = [{"ParameterKey": key, "ParameterValue": value} for key, value in values.items()]
        template = (ROOT / ".github" / "deploy-role.yml").read_text(encoding="utf-8")
        cloudformation.create_stack(
            StackName="deploy-batida-ponto-prod",
            TemplateBody=template,
            Parameters=parameters,
            Capabilities=["CAPABILITY_IAM"],
        )
        outputs: Any = cloudformation.describe_stacks()["Stacks"][0]["Outputs"]
        arns = {output["OutputKey"]: output["OutputValue"] for output in outputs}

        def managed_policy(arn: str) -> Any:
            version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
            return iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]

        def role(arn: str) -> Role:
            name = arn.rpartition("/")[2]
            attached = iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]
            (inline,) = iam.list_role_policies(RoleName=name)["PolicyNames"]
            # moto keeps the inline policy of a template as Python writes it.
            policy = literal_eval(str(iam.get_role_policy(RoleName=name, PolicyName=inline)["PolicyDocument"]))
            trust = iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"]
            return Role(arn, trust, [policy, *(managed_policy(each["PolicyArn"]) for each in attached)])

        boundary = arns["PermissionsBoundary"]
        return Roles(role(arns["DeployRole"]), role(arns["ExecutionRole"]), boundary, managed_policy(boundary))
