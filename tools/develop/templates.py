"""Compile the templates that `make check` audits: each stage and each value of `database`, with all options enabled."""

import shutil
import tempfile
from pathlib import Path

from tools.kit import slice_manifests, stage_parameters
from tools.kit.packaging import copy_project, package
from tools.kit.project import ROOT

SWITCHES = [  # enable all options of slices that are off by default
    f"{name}=true"
    for manifest in slice_manifests.enabled_manifests()
    for name, declaration in stage_parameters.slice_declarations(manifest).items()
    if (declaration["type"], declaration["default"]) == ("boolean", "false")
]

_TOKENS = ("dbLogin=iam", "dbResourceId=cluster-ABCDEFGHIJKL01234")
_PASSWORD = ("dbSecretArn=arn:aws:secretsmanager:us-east-1:123456789012:secret:ponto-AbCdEf",)

DATABASES = {  # values of `database` with logins, except the default: create with iam
    "create-secret": ("dbLogin=secret",),
    "existing-iam": ("database=existing", "dbHost=db.example.com", *_TOKENS),
    "existing-secret": ("database=existing", "dbHost=db.example.com", *_PASSWORD),
    "express-iam": ("database=express",),
}


def main() -> None:
    """Write .cache/templates/STAGE.json and prod-DATABASE.json, without an AWS account."""
    folder = ROOT / ".cache" / "templates"
    shutil.rmtree(folder, ignore_errors=True)  # make check validates every file of the folder
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory(prefix="ponto-") as temporary:
        project = copy_project(Path(temporary) / "project")
        builds: dict[str, tuple[str, tuple[str, ...]]] = {stage: (stage, ()) for stage in ("prod", "dev", "local")}
        builds |= {f"prod-{name}": ("prod", parameters) for name, parameters in DATABASES.items()}
        for name, (stage, parameters) in builds.items():
            shutil.copy(package(project, stage, *SWITCHES, *parameters).template_file, folder / f"{name}.json")


if __name__ == "__main__":
    main()
