"""Software bill of materials, in CycloneDX's JSON: the packages that locks/ and package-lock.json name.

.github/workflows/deploy.yml runs it without any packages: `PYTHONPATH=. python3 tools/develop/sbom.py`.
"""

import json
import re
import sys
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ponto import __version__

_ROOT = Path(__file__).parents[2]
_DEPLOYED = "locks/requirements.txt"
"""The lock of the packages that the functions' zip has; the others are tools."""


def bill_of_materials(root: Path) -> dict[str, Any]:
    """Return the CycloneDX document of a checkout.

    A package that the functions deploy is `required`; one of the tools, which no function has, is `excluded`.
    """
    components: dict[str, dict[str, Any]] = {}
    for lock in sorted((root / "locks").glob("*.txt")):
        scope = "required" if lock == root / _DEPLOYED else "excluded"
        for name, version in re.findall(r"^([\w.-]+)==([^\s;]+)", lock.read_text(encoding="utf-8"), re.MULTILINE):
            component = _component("pypi", name, version, scope)
            if scope == "required" or component["purl"] not in components:
                components[component["purl"]] = component
    node = json.loads((root / "package-lock.json").read_text(encoding="utf-8"))
    for path, package in node["packages"].items():
        if path:  # the entry without a path is this project
            component = _component("npm", path.rpartition("node_modules/")[2], package["version"], "excluded")
            algorithm, _, digest = package["integrity"].partition("-")
            component["hashes"] = [{"alg": f"SHA-{algorithm[3:]}", "content": b64decode(digest).hex()}]
            components[component["purl"]] = component
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": node["name"], "version": __version__}},
        "components": [components[purl] for purl in sorted(components)],
    }


def _component(registry: str, name: str, version: str, scope: str) -> dict[str, Any]:
    """Return a package as a component, identified by its package URL."""
    purl = f"pkg:{registry}/{quote(name)}@{quote(version)}"
    return {"type": "library", "bom-ref": purl, "name": name, "version": version, "scope": scope, "purl": purl}


if __name__ == "__main__":
    json.dump(bill_of_materials(_ROOT), sys.stdout, indent=2)
