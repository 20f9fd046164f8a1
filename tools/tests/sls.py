"""A fake `sls`, and one that is a shell script."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any


def _function(name: str, **properties: Any) -> Any:
    code = {"S3Bucket": {"Ref": "ServerlessDeploymentBucket"}, "S3Key": "new/batida-ponto.zip"}
    return {
        "Type": "AWS::Lambda::Function",
        "Properties": {"FunctionName": f"batida-ponto-dev-{name}", "Code": code, **properties},
    }


class FakeSls:
    """A fake `sls` that packages `template` and deploys nothing."""

    def __init__(self) -> None:
        self.package_status = 0  # exit status of `package`
        self.status = 0  # exit status of each command except `package`
        self.while_running: Callable[[], object] = lambda: None  # called by each command except `package`
        self.invocations: list[tuple[str, Sequence[str]]] = []  # commands with their options
        self.environments: list[Mapping[str, str]] = []  # of the commands
        self.is_protected = False  # whether the stage has deletion protection
        self.deployment_role: str | None = None  # the parameter deploymentRole
        self.code = b"code"  # the zip of the functions
        self.template: dict[str, Any] = {
            "Resources": {
                "PostEvent": {"Type": "AWS::ApiGateway::Method", "Properties": {"AuthorizationType": "NONE"}},
                "SchemaLambdaFunction": _function(
                    "schema", Environment={"Variables": {"TIME_ZONE": "America/Sao_Paulo"}}
                ),
                "BatidaPontoLambdaFunction": _function("batidaPonto"),
            }
        }

    def __call__(self, command: str, options: Sequence[str], environment: Mapping[str, str]) -> int:
        assert environment["AWS_SECRET_ACCESS_KEY"]
        self.invocations.append((command, options))
        self.environments.append(environment)
        if command == "package":
            self._package(Path(options[options.index("--package") + 1]))
            return self.package_status
        self.while_running()
        return self.status

    @property
    def commands(self) -> list[str]:
        """The commands that were run."""
        return [command for command, _ in self.invocations]

    def add(self, logical_id: str, kind: str, **properties: Any) -> None:
        """Add a resource to the template."""
        self.template["Resources"][logical_id] = {"Type": kind, "Properties": properties}

    def add_cluster(self, *, is_protected: bool = False) -> None:
        self.add(
            "DatabaseCluster",
            "AWS::RDS::DBCluster",
            DeletionProtection=is_protected,
            ServerlessV2ScalingConfiguration={"MaxCapacity": 0},
            BackupRetentionPeriod=0,
        )

    def _package(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        provider = {"deletionProtection": self.is_protected, "stackTags": {"service": "batida-ponto"}}
        state = {"service": {"provider": provider | {"iam": {"deploymentRole": self.deployment_role}}}}
        (folder / "serverless-state.json").write_text(json.dumps(state), encoding="utf-8")
        text = json.dumps(self.template)
        (folder / "cloudformation-template-update-stack.json").write_text(text, encoding="utf-8")
        (folder / "batida-ponto.zip").write_bytes(self.code)


def write_sls(project: Path, script: str) -> None:
    """Write a project's `sls` as a shell script with these lines."""
    file = project / "node_modules" / ".bin" / "sls"
    file.parent.mkdir(parents=True)
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
