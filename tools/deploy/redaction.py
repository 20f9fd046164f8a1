"""Removal of names, addresses and ids from texts of AWS, PostgreSQL and this project, for publication.

A word stays only if its form is known to be harmless. All others are replaced, because no list of the forms of names
and ids is complete. A name that is a plain word stays, unless it is known or its place in the sentence shows it.
"""

import re
import textwrap
from collections.abc import Set

_REPLACEMENT = "<removed>"
_MAX_INPUT_CHARACTERS = 5_000
_MAX_CHARACTERS = 600

_HARMLESS_WORDS = (
    r"[-=+&|/]",
    r"(--)?(?![A-Z]{13})[A-Za-z]{1,45}(\d|'[a-z]{1,2}|\(s)?",  # not of capitals only, as an access key may be
    r"(CREATE|UPDATE|DELETE|REVIEW|ROLLBACK|CLEANUP|IN|PROGRESS|COMPLETE|FAILED|_)+",  # a stack's status
    r"[+-]?\d{1,5}([.,]\d{1,3})?(%|ms|s|[KMGT]i?B)?",
    r"[a-z]{2}-(gov-)?(north|south)?(central|east|west|north|south)-\d[a-f]?",  # a region or zone
    r"AWS(::[A-Za-z0-9]{1,60}){2,3}",  # a resource type
    r"#?/(Resources|Properties)(/[A-Za-z0-9]{1,80})*",  # a path in a template
    r"[a-z0-9-]{2,20}:(Create|Delete|Describe|Get|List|Modify|Pass|Put|Tag|Update)[A-Za-z]{1,60}",  # an IAM action
)
_is_harmless = re.compile("|".join(_HARMLESS_WORDS)).fullmatch
# Up to four words in quotation marks; more are a sentence, whose words are looked at one by one.
_QUOTED_NAME = re.compile(r"""(?<![A-Za-z0-9])(["'`])\S+?(?: \S+?){0,3}?\1(?![A-Za-z0-9])""")
_UNQUOTED_NAME = re.compile(
    r"(?<=\bnamed )[A-Za-z]\S*|(?<=\bname: )[A-Za-z]\S*|(?<!\bthe )(?<!\bspecified )(?<!\S)[A-Za-z]\S*"
    r"(?= (?:already exists|does not exist|doesn't exist|cannot be found|was not found|is not authorized)\b)",
    re.IGNORECASE,
)
# Words that follow a user, role, account or owner in sentences of AWS, PostgreSQL and this project. Others are names.
_COMMON_WORDS = (
    "about|allows|already|also|and|are|as|at|be|because|before|by|can|cannot|could|credentials|did|does|doesn't|exceeds|"
    "exists|failed|for|from|had|has|have|id|ids|if|in|is|isn't|itself|its|level|limits?|mapping|may|must|name|names|named|"
    "needs|not|of|on|only|or|plan|policy|pool|quotas?|session|settings|should|specified|status|that|there|to|trust|type|"
    "until|used|verification|was|were|when|which|who|will|with|without|would"
)
_NAME_AFTER_NOUN = re.compile(
    rf"\b(user|role|account|owner) (?!(?:{_COMMON_WORDS})(?![A-Za-z0-9']))[A-Za-z][A-Za-z0-9']*", re.IGNORECASE
)
# Each group of digits is short enough to stay, but together they may be the number of an account or a telephone.
_DIGIT_GROUPS = re.compile(r"[+(]*\d(?:[\s().+-]*\d){8,}")


def redact(text: str, names: Set[str] = frozenset()) -> str:
    """Return a text in one line, without names, addresses and ids.

    Args:
        text: any text.
        names: words that are names, such as the stage's, in lower case, without punctuation.
    """

    def redact_word(word: str) -> str:
        core = word.lstrip('([{"').rstrip('.,;:!?)]}"')
        if not core:
            return word
        before, _, after = word.partition(core)
        is_name = not names.isdisjoint(re.split("[^a-z0-9]+", core.lower()))
        is_ipv6_prefix = "::" in after
        return word if _is_harmless(core) and not (is_name or is_ipv6_prefix) else f"{before}{_REPLACEMENT}{after}"

    text = _QUOTED_NAME.sub(_REPLACEMENT, " ".join(text[:_MAX_INPUT_CHARACTERS].split()))
    text = " ".join(map(redact_word, text.split()))
    text = _NAME_AFTER_NOUN.sub(rf"\1 {_REPLACEMENT}", _UNQUOTED_NAME.sub(_REPLACEMENT, text))
    text = _DIGIT_GROUPS.sub(_REPLACEMENT, text)
    return textwrap.shorten(text, _MAX_CHARACTERS, placeholder=" ...")
