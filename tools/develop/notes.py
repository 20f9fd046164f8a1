"""Release notes: the part of CHANGELOG.md for the version of a tag.

.github/workflows/deploy.yml runs it without any packages: `PYTHONPATH=. python3 tools/develop/notes.py v1.0.0`.
"""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ponto import __version__

_CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"
_HEADING = re.compile(r"^## \[(.+)\](.*)$", re.MULTILINE)


def release_notes(tag: str, changelog: str) -> str:
    """Return the release notes of a tag.

    Args:
        tag: a tag like `v1.0.0`.
        changelog: text of CHANGELOG.md.

    Raises:
        ValueError: the tag is not the code's version, or the changelog has no dated section for it.
    """
    if tag != f"v{__version__}":
        raise ValueError(f"the tag is {tag}, and the code's version {__version__}; see docs/releasing.md")
    headings = list(_HEADING.finditer(changelog))
    ends = [*(heading.start() for heading in headings[1:]), len(changelog)]
    for heading, end in zip(headings, ends, strict=True):
        if heading[1] == __version__ and re.fullmatch(r" - \d{4}-\d\d-\d\d", heading[2]):
            return changelog[heading.end() : end].strip() + "\n"
    raise ValueError(f"CHANGELOG.md has no heading '## [{__version__}] - YYYY-MM-DD'")


def main(words: Sequence[str]) -> int:
    """Print the release notes of the tag in `words`.

    Returns:
        The exit status: 0 printed, 2 the tag cannot be released.
    """
    (tag,) = words
    try:
        sys.stdout.write(release_notes(tag, _CHANGELOG.read_text(encoding="utf-8")))
    except ValueError as error:
        sys.stderr.write(f"notes: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
