"""The zip contains binaries for the right interpreter, the project's code, and no other files."""

import re
import shutil
import stat
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from functools import cache
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.template.compiled import SIGN_IN_PARAMETERS, PackageProject, PackageStage, zip_names
from tools.develop.templates import SWITCHES
from tools.kit.packaging import NO_AWS, Package, copy_project, package
from tools.kit.project import ROOT
from tools.local.stack import quick_package

Zip = Callable[[str], Package]  # packages a stage with its requirements, for local as `make run` does


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Zip:
    folder = tmp_path_factory.mktemp("zipped")
    project = copy_project(folder / "project", with_requirements=True)

    def zipped(stage: str) -> Package:
        environment = {"LOCAL_PIP_CACHE": str(folder / "pip")}
        if stage == "local":
            environment["NODE_OPTIONS"] = quick_package()
        return package(project, stage, aws=NO_AWS | environment)

    return cache(zipped)


@pytest.fixture(scope="module")
def littered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the base, without requirements, with other files of a developer's folder."""
    project = copy_project(tmp_path_factory.mktemp("littered") / "project", with_slices=False)
    shutil.copy(project / "rds_config.example.py", project / "rds_config.py")
    for name in ("ponto/__pycache__/store.cpython-313.pyc", "dist/prod/batida-ponto.zip", "notes.txt", ".env"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    return project


def test_binaries_of_prod_match_the_functions_runtime(zipped: Zip) -> None:
    prod = zipped("prod")
    assert prod.zip_file.stat().st_size < 6_000_000
    for function in prod.template().by_type("AWS::Lambda::Function").values():
        (architecture,) = function["Architectures"]
        tag = function["Runtime"].replace("python3.", "cpython-3")
        assert _tags(prod) == {f"{tag}-{architecture}-linux-gnu"}


def test_binaries_of_local_match_the_emulators_interpreter(zipped: Zip) -> None:
    local = zipped("local")
    suffix: str = sysconfig.get_config_var("EXT_SUFFIX")  # .cpython-311-x86_64-linux-gnu.so
    assert _tags(local) == {suffix.removeprefix(".").removesuffix(".so")}


@pytest.mark.parametrize("stage", ["prod", "local"])
def test_zip_has_the_packages_of_requirements_txt(zipped: Zip, stage: str) -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    requirements = {line.partition(" ")[0].replace("-", "_") for line in lines if line}
    distributions = {name.partition(".dist-info/")[0] for name in zip_names(zipped(stage)) if ".dist-info/" in name}
    assert distributions == {requirement.replace("==", "-") for requirement in requirements}


@pytest.mark.parametrize(("stage", "configuration"), [("prod", {"rds_config.py"}), ("local", set())])
def test_zip_has_the_code_and_in_the_cloud_rds_config(
    littered: Path, package_project: PackageProject, stage: str, configuration: set[str]
) -> None:
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "ponto").rglob("*") if path.is_file()}
    code = {name for name in code if "__pycache__" not in name}
    assert {Path(name).suffix for name in code} == {".py", ".sql", ".json", ".pem"}
    assert zip_names(package_project(littered, stage)) == {
        "handler.py",
        "slices/__init__.py",
        "slices/enabled.txt",
        *code,
        *configuration,
    }


def test_functions_find_all_that_they_import_in_the_zip(package_with_slices: PackageStage, tmp_path: Path) -> None:
    package = package_with_slices("prod", *SWITCHES, *SIGN_IN_PARAMETERS)
    handlers = [function["Handler"] for function in package.template().by_type("AWS::Lambda::Function").values()]
    modules = ["ponto.schema.actions", *(handler.replace("/", ".").rpartition(".")[0] for handler in handlers)]
    program = (
        f"import sys; from importlib import import_module; [import_module(name) for name in {modules}];"
        "from ponto import enabled_slices as slices; slices.statements(); slices.schema_hooks();"
        "slices.collect('file_format', 'FORMAT'); raise SystemExit('tools' in sys.modules)"
    )

    with ZipFile(package.zip_file) as archive:
        archive.extractall(tmp_path)

    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


@pytest.mark.parametrize("stage", ["prod", "local"])
def test_every_file_in_the_zip_is_readable_by_the_user_that_lambda_runs_as(zipped: Zip, stage: str) -> None:
    with ZipFile(zipped(stage).zip_file) as archive:
        modes = {file.filename: stat.filemode(file.external_attr >> 16) for file in archive.infolist()}
    assert {name: mode for name, mode in modes.items() if mode not in ("-rw-r--r--", "-rwxr-xr-x")} == {}


def _tags(zip_package: Package) -> set[str]:
    """Return the ABI and platform tags in the names of extension modules."""
    return {match[1] for name in zip_names(zip_package) if (match := re.search(r"\.(cpython-[^.]+)\.so$", name))}
