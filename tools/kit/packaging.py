"""`sls package` on a copy of the project, which needs no account and leaves no files in the working tree."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tools.kit import osls
from tools.kit.errors import CommandError
from tools.kit.project import ROOT

NO_AWS = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",  # no program listens there, so calls to AWS fail
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
}


class PackagingError(CommandError):
    """`sls package` failed; the message has its output."""


class Package(NamedTuple):
    """Output folder of `sls package`."""

    folder: Path

    @property
    def template_file(self) -> Path:
        return self.folder / "cloudformation-template-update-stack.json"

    @property
    def zip_file(self) -> Path:
        return self.folder / f"{self.configuration['service']}.zip"

    @property
    def configuration(self) -> Any:
        """serverless.yml with its variables resolved."""
        return json.loads((self.folder / "serverless-state.json").read_text())["service"]

    def template(self) -> "Template":
        return Template(json.loads(self.template_file.read_text()))


class Template:
    """A compiled template."""

    def __init__(self, document: Any) -> None:
        self.document: Any = _remove_no_values(document)
        self.resources: dict[str, Any] = self.document["Resources"]
        self.outputs: dict[str, Any] = self.document["Outputs"]

    def properties(self, logical_id: str) -> Any:
        return self.resources[logical_id]["Properties"]

    def by_type(self, resource_type: str) -> dict[str, Any]:
        """Return the properties of all resources of a type, by logical id."""
        return {
            name: resource["Properties"]
            for name, resource in self.resources.items()
            if resource["Type"] == resource_type
        }


def _remove_no_values(value: Any) -> Any:
    """Remove values that are AWS::NoValue, as CloudFormation does."""
    no_value = {"Ref": "AWS::NoValue"}
    if isinstance(value, list):
        return [_remove_no_values(item) for item in value if item != no_value]
    if isinstance(value, dict):
        return {key: _remove_no_values(item) for key, item in value.items() if item != no_value}
    return value


def copy_project(target: Path, *, with_requirements: bool = False, with_slices: bool = True) -> Path:
    """Copy the project, without hidden and generated files, into a folder that does not exist yet.

    Args:
        target: the new folder.
        with_requirements: whether to package the requirements, which takes six seconds instead of one.
        with_slices: whether to copy the slices, too.
    """
    excluded = [".*", "node_modules", "dist", "__pycache__", "rds_config.py"]
    shutil.copytree(ROOT, target, ignore=shutil.ignore_patterns(*excluded))
    (target / "node_modules").symlink_to(ROOT / "node_modules")
    if not with_slices:
        for folder in (target / "slices").glob("*/"):
            shutil.rmtree(folder)
        (target / "slices" / "enabled.txt").write_text("")
    if not with_requirements:
        (target / "locks" / "requirements.txt").unlink()
    return target


def package(
    project: Path,
    stage: str,
    *parameters: str,
    aws: Mapping[str, str] = NO_AWS,
    run_sls: Callable[..., int] = osls.run,
) -> Package:
    """Run `sls package`.

    Args:
        parameters: values of --param, `name=value`.
        aws: AWS_ variables of the environment of `sls`; by default, it has no account and cannot reach AWS.
        run_sls: replacement of `osls.run`.

    Raises:
        PackagingError: `sls package` failed.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"{stage}-", dir=project.parent))
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "DB_", "LOCAL_", "SLS_"))
        or name == "SLS_SCHEMA_CACHE_BASE_DIR"  # set by the Makefile
    }
    options = ["--stage", stage, "--package", str(folder), *(f"--param={parameter}" for parameter in parameters)]
    log = folder.with_suffix(".log")
    if run_sls("package", options, {**environment, **aws}, log, project):
        raise PackagingError(f"sls package --stage {stage} {' '.join(parameters)}\n{log.read_text()}")
    return Package(folder)
