"""Table of the template's resources, with the file of each, and its purpose.

The purpose is the comment beside the logical id, or the resource's description.
"""

import re
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

from ponto.punch import EVENT
from tools.develop.docs.tables import table
from tools.kit import slice_manifests
from tools.kit.project import ROOT

_RESOURCE = re.compile(r"^ *([A-Z]\w+):(?: \{)?(?: (?:#|//) (.*))?\n *Type: '?AWS::", re.MULTILINE)
_DESCRIPTION = re.compile(r"Description: '?(.*?)'?(?: \})?$", re.MULTILINE)
_ALARM = re.compile(r"^ +([a-z\d-]+):\n(?: *#.*\n)* +AlarmDescription: (.*?\.)(?: |$)", re.MULTILINE)
_FUNCTION = re.compile(r"^ *(?:- )?(\w+):.*\n +handler: .*\n +description: (.*)\n", re.MULTILINE)
_ROLE = re.compile(r"\b(\w+Role): await role\(")
_VERBS = ("get", "list", "post", "put", "delete")
_API_FUNCTIONS = "resources/lib/api-functions.yml"  # templates of the slices' functions, not resources


class _Row(NamedTuple):
    """Resources with one declaration."""

    ids: list[str]
    file: str
    declaration: str  # words that find it in the file, where the ids do not
    purpose: str


_LOGINS = (
    ("Role", "resources/roles.js", "Roles of the functions that connect to the database"),
    ("Secret", "resources/login.js", "Passwords of these functions in the database, with `dbLogin: secret`"),
)


def resource_table() -> str:
    """Return the resources of the base and of the enabled slices."""
    resources = ROOT / "resources"
    folders = [resources, resources / "lib", *(manifest.folder for manifest in slice_manifests.enabled_manifests())]
    files = [ROOT / "serverless.yml", *(file for folder in folders for file in sorted(folder.glob("*.[yj]*")))]
    rows = [*_logins(), *(row for file in files for row in _declared(file)), *_endpoints()]
    return table(
        ("logical id", "declared in", "what it is for"),
        [
            (
                ", ".join(f"`{name}`" for name in row.ids),
                f"[{row.file}](../{row.file}) {row.declaration}".rstrip(),
                row.purpose[:1].upper() + row.purpose[1:].removesuffix("."),
            )
            for row in rows
        ],
    )


def _declared(file: Path) -> Iterator[_Row]:
    """Yield the resources of a file: literal ids, those that osls derives from a function's key, roles, alarms."""
    name, text = file.relative_to(ROOT).as_posix(), file.read_text(encoding="utf-8")
    if name == _API_FUNCTIONS:
        return
    for logical_id, comment, rest in _split(_RESOURCE, text):
        description = _DESCRIPTION.search(rest)
        yield _Row([logical_id], name, "", comment or (description[1] if description else ""))
    for key, purpose, rest in _split(_FUNCTION, text):
        suffixes = ["LambdaFunction", "LogGroup"]
        suffixes += [f"EventSourceMappingSQS{queue}" for queue in re.findall(r"arn: !GetAtt (\w+)\.Arn", rest)]
        suffixes += ["LambdaEvConf"] if "maximumEventAge" in rest else []
        yield _Row([_capitalise(key) + suffix for suffix in suffixes], name, f"`{key}`", purpose or "")
    for role in _ROLE.findall(text):
        yield _Row([role], name, "", f"Role of the function {role.removesuffix('Role').lower()}")
    for alarm, purpose in _ALARM.findall(text):
        logical_id = "".join(map(_capitalise, alarm.split("-"))) + "Alarm"
        yield _Row([logical_id], name, f"`{alarm}`", purpose)


def _split(declaration: re.Pattern[str], text: str) -> Iterator[tuple[str, str | None, str]]:
    """Yield the two groups of each declaration, and the text until the next one."""
    _, *parts = declaration.split(text)
    return zip(*[iter(parts)] * 3, strict=True)


def _logins() -> Iterator[_Row]:
    """Yield the roles and secrets of the functions that connect to the database (resources/functions.js)."""
    functions = (ROOT / "resources" / "functions.js").read_text(encoding="utf-8")
    names = re.findall(r"\{ name: '(\w+)'", functions)
    names += [name for manifest in slice_manifests.enabled_manifests() for name in manifest.http]
    for suffix, file, purpose in _LOGINS:
        yield _Row([_capitalise(name) + suffix for name in names], file, "", purpose)


def _endpoints() -> Iterator[_Row]:
    """Yield the other resources of the slices' API functions, with the ids of resources/lib/api-functions.js."""
    paths = {"", EVENT.path}
    for manifest in slice_manifests.enabled_manifests():
        for name, entry in manifest.http.items():
            prefix = _capitalise(name)
            ids = [prefix + suffix for suffix in ("LambdaFunction", "LogGroup")]
            resources: list[str] = []
            for verb, path in entry.items():
                if verb in _VERBS:
                    ids.append(verb.capitalize() + prefix + ("s" if verb == "list" else ""))
                    count = len(resources)
                    for parent in accumulate(path.split("/")[1:], lambda *segments: "/".join(segments), initial=""):
                        if parent not in paths:
                            paths.add(parent)
                            resources.append(f"{prefix}Resource{len(resources) or ''}")
                    if len(resources) > count and entry.get("callers") == "users":
                        ids.append(resources[-1].replace("Resource", "Preflight"))
            file = f"slices/{manifest.name}/aws.yml"
            yield _Row([*ids, *resources], file, f"`{name}`", entry.get("description", entry.get("purpose", "")))


def _capitalise(word: str) -> str:
    return word[:1].upper() + word[1:]
