"""The zip: binaries of the interpreter that will load them, the project's own code, and nothing by accident."""

import re
import shutil
import struct
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.template.compiled import Zip
from tools.kit import slices
from tools.kit.packaging import Package, copy_project, package
from tools.kit.project import ROOT

DEPLOYED = {  # of a slice that is there, only what its functions load
    "clocks": [f"slices/clocks/{name}.py" for name in ("__init__", "form", "afd", "documents")],
    "corrections": [
        *(f"slices/corrections/{name}.py" for name in ("__init__", "function", "request", "statements", "write")),
        *(f"slices/corrections/reads/{name}.sql" for name in ("correction_list", "employee_punches")),
        *(f"slices/corrections/sql/{name}.sql" for name in ("insert", "insert_own", "instant", "standing", "zone")),
    ],
    "imports": [
        f"slices/imports/{name}.py"
        for name in ("__init__", "function", "uploads", "lines", "stored", "split", "text", "forms", "batches")
    ],
    "receipts": [
        f"slices/receipts/{name}"
        for name in ("__init__.py", "function.py", "lookup.py", "sql/receipt.sql", "sql/receipts.sql")
    ],
}
MACHINES = {"x86_64": 62, "arm64": 183, "aarch64": 183}  # ELF's e_machine


@pytest.fixture(scope="module")
def littered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the project, without requirements, with what a developer's folder may hold besides."""
    project = copy_project(tmp_path_factory.mktemp("littered") / "project")
    shutil.copy(project / "rds_config.example.py", project / "rds_config.py")
    for name in ("ponto/__pycache__/store.cpython-313.pyc", "dist/prod/batida-ponto.zip", "notes.txt", ".env"):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    return project


def test_prods_binaries_fit_the_functions_runtime(zipped: Zip) -> None:
    prod = zipped("prod")
    for function in prod.template().of_type("AWS::Lambda::Function").values():
        (architecture,) = function["Architectures"]
        tag = function["Runtime"].replace("python3.", "cpython-3")
        assert _tags(prod) == {f"{tag}-{architecture}-linux-gnu"}
        assert _machines(prod) == {MACHINES[architecture]}


def test_pip_is_told_the_runtimes_version(zipped: Zip) -> None:
    configuration = zipped("prod").configuration
    runtime, architecture = configuration["provider"]["runtime"], configuration["provider"]["architecture"]
    minor = runtime.removeprefix("python3.")
    arguments = configuration["custom"]["pythonRequirements"]["pipCmdExtraArgs"]
    assert f"--python-version=3.{minor}" in arguments
    assert f"--abi=cp3{minor}" in arguments
    assert f"--platform=manylinux2014_{architecture}" in arguments


def test_locals_binaries_fit_the_interpreter_that_the_emulator_runs_on(zipped: Zip) -> None:
    local = zipped("local")
    suffix: str = sysconfig.get_config_var("EXT_SUFFIX")  # .cpython-311-x86_64-linux-gnu.so
    assert _tags(local) == {suffix.removeprefix(".").removesuffix(".so")}
    assert local.configuration["custom"]["pythonRequirements"]["pipCmdExtraArgs"] == ["--no-deps"]


def test_local_packages_are_fetched_once(zipped: Zip) -> None:
    assert _names(zipped("local")) == _names(zipped("local", offline=True))


def test_prods_zip_is_small(zipped: Zip) -> None:
    assert zipped("prod").zip_file.stat().st_size < 6_000_000


@pytest.mark.parametrize("stage", ["prod", "local"])
def test_holds_the_packages_that_requirements_txt_names(zipped: Zip, stage: str) -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    wanted = {line.partition(" ")[0].replace("-", "_") for line in lines if line}
    distributions = {name.partition(".dist-info/")[0] for name in _names(zipped(stage)) if ".dist-info/" in name}
    assert distributions == {requirement.replace("==", "-") for requirement in wanted}


@pytest.mark.parametrize(("stage", "configuration"), [("prod", {"rds_config.py"}), ("local", set())])
def test_holds_the_code_and_in_the_cloud_the_configuration_that_is_there(
    littered: Path, stage: str, configuration: set[str]
) -> None:
    deployed = [path for each in slices.installed() for path in DEPLOYED.get(each.name, [])]
    code = {str(path.relative_to(ROOT)) for path in (ROOT / "ponto").rglob("*") if path.is_file()} | set(deployed)
    code = {name for name in code if "__pycache__" not in name}
    assert {Path(name).suffix for name in code} == {".py", ".sql", ".json", ".pem"}
    assert _names(package(littered, stage)) == {"handler.py", "slices/__init__.py", *code, *configuration}


@pytest.mark.parametrize("stage", ["prod", "local"])
def test_holds_no_configuration_that_is_not_there_and_no_tests(zipped: Zip, stage: str) -> None:
    names = _names(zipped(stage))
    own = {name for name in names if not re.match(r"orjson|psycopg2|tzdata", name)}
    plugins = {"requirements.txt"} | ({".completed_requirements"} if stage == "local" else set())
    assert {name.partition("/")[0] for name in own} == {"handler.py", "ponto", "slices"} | plugins


def _names(package: Package) -> set[str]:
    with ZipFile(package.zip_file) as archive:
        return {name for name in archive.namelist() if not name.endswith("/")}


def _tags(package: Package) -> set[str]:
    """ABI and platform that the names of extension modules carry."""
    return {match[1] for name in _names(package) if (match := re.search(r"\.(cpython-[^.]+)\.so$", name))}


def _machines(package: Package) -> set[int]:
    """The processors that the libraries were built for."""
    return {struct.unpack_from("<H", header, 18)[0] for header in _libraries(package)}


def _libraries(package: Package) -> Iterator[bytes]:
    with ZipFile(package.zip_file) as archive:
        for name in archive.namelist():
            with archive.open(name) as file:
                header = file.read(20)
            if header.startswith(b"\x7fELF"):
                yield header
