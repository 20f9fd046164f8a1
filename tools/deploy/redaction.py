"""Removal of names, addresses and ids from texts of AWS, PostgreSQL and this project, for publication.

A word stays only if its form is known to be harmless: letters, a short number, a resource type, an action, a region, a
path in a template. All others are replaced, because no list of the forms of names and ids is complete.
"""

import re
from collections.abc import Mapping

_MAX_INPUT_CHARACTERS = 5_000
_MAX_CHARACTERS = 600
_MIN_SENTENCE_WORDS = 5  # a quotation of fewer words may be a name

_PLACEHOLDERS = "account|arn|email|ip|name|number|profile|service|stack|stage|url|value"
_SERVICES = (
    "apigateway|cloudformation|cloudfront|cloudwatch|cognito-idp|ec2|events|freetier|iam|kms|"
    "lambda|logs|rds|rds-db|s3|secretsmanager|servicequotas|sns|sqs|sts|tag|xray"
)
_RESOURCE_TYPE = r"AWS::[A-Za-z0-9]{1,40}::[A-Za-z0-9]{1,60}"
_HARMLESS_WORDS = (
    r"[-=+&|/]?",
    r"(?![A-Z]{13})[A-Za-z]{1,45}('[a-z]{1,2}|\(s)?",  # not of capitals only, as an access key may be
    r"(CREATE|UPDATE|DELETE|REVIEW|ROLLBACK|CLEANUP|IN|PROGRESS|COMPLETE|FAILED|_)+",  # a stack's status
    r"[+-]?\d{1,5}([.,]\d{1,3})?(%|ms|s|[KMGT]i?B)?",
    _RESOURCE_TYPE,
    r"#?/(Resources|Properties)(/[A-Za-z0-9]{1,80})*",  # a path in a template
    rf"({_SERVICES}):[A-Z][A-Za-z]{{2,60}}",  # an IAM action
    r"(af|ap|ca|cn|eu|il|me|mx|sa|us)-(gov-)?(north|south)?(central|east|west|north|south)-\d[a-f]?",
    r"S3|EC2|IPv4|IPv6|UTF-8|db\.serverless|aurora-postgresql|--(stage|region|profile)",
    rf"<({_PLACEHOLDERS})>",
)
_is_harmless = re.compile("|".join(_HARMLESS_WORDS)).fullmatch
_is_harmless_quotation = re.compile(rf"{_RESOURCE_TYPE}|true|false|null|none").fullmatch
_QUOTATION = re.compile(r"""(?<![A-Za-z0-9])(?P<quote>['"`])(?P<content>.*?)(?P=quote)(?![A-Za-z0-9])""", re.DOTALL)
_KINDS = {
    "arn": re.compile("arn:", re.IGNORECASE),
    "url": re.compile("://"),
    "email": re.compile(".@."),
    "ip": re.compile(r"(?<!\d)\d{1,3}(\.\d{1,3}){3}(?!\d)"),
    "account": re.compile(r"(?<!\d)\d{12}(?!\d)"),
}
# Each group of digits is short enough to stay, but together they may be the number of an account or a telephone.
_DIGIT_GROUPS = re.compile(r"[+(]*\d(?:[\s().+-]*\d){8,}")
# A name of letters only is recognised by the words beside it.
_NOUNS = (
    "account|alias|bucket|called|cluster|database|domain|group|host|identifier|key|name|named|"
    "owner|principal|profile|project|queue|role|secret|stack|subnet|topic|user|username|vpc"
)
_NOT_NAMES = (
    "a|already|an|and|are|as|at|be|because|but|by|can|cannot|could|creation|deletion|did|do|"
    "does|doesn't|exist|exists|failed|for|from|had|has|have|if|in|instance|is|it|limit|may|"
    "must|need|needs|no|not|of|on|or|parameter|plan|policy|pool|quota|rule|schema|should|"
    "that|the|this|to|type|until|update|version|was|which|while|with|without|you"
)
_NAME = re.compile(
    rf"\b(?P<noun>(?:{_NOUNS})(?:\s*[:=]\s*|\s+))(?!(?:{_NOUNS}|{_NOT_NAMES})\b)[A-Za-z]\S*",
    re.IGNORECASE,
)
_NAME_BEFORE = re.compile(
    rf"(?<!\S)(?!(?:{_NOUNS}|{_NOT_NAMES}|resource|resources)\b)[A-Za-z]\S*"
    r"(?=\s(?:already exists|does not exist|doesn't exist|cannot be found|was not found|is not authorized)\b)",
    re.IGNORECASE,
)


def redact(text: str, names: Mapping[str, str] | None = None) -> str:
    """Return a text in one line, without names, addresses and ids.

    Args:
        text: any text.
        names: names that look like plain words, with the placeholder of each, such as the stage's name and `stage`.
    """
    if len(text) > _MAX_INPUT_CHARACTERS:
        text = text[:_MAX_INPUT_CHARACTERS].rpartition(" ")[0]
    placeholders = {name.lower(): f"<{placeholder}>" for name, placeholder in (names or {}).items() if name}
    if placeholders:
        longest_first = sorted(placeholders, key=len, reverse=True)
        pattern = rf"(?<![A-Za-z0-9])({'|'.join(map(re.escape, longest_first))})(?![A-Za-z0-9])"
        text = re.sub(pattern, lambda match: placeholders[match[0].lower()], text, flags=re.IGNORECASE)
    text = " ".join(map(_redact_word, _QUOTATION.sub(_redact_quotation, text).split()))
    text = _NAME_BEFORE.sub("<name>", _NAME.sub(r"\g<noun><name>", text))
    text = _DIGIT_GROUPS.sub("<number>", text)
    return text if len(text) <= _MAX_CHARACTERS else f"{text[: _MAX_CHARACTERS - 4].rpartition(' ')[0]} ..."


def _redact_quotation(match: re.Match[str]) -> str:
    content = match["content"]
    if len(content.split()) >= _MIN_SENTENCE_WORDS:
        return _QUOTATION.sub(_redact_quotation, content)
    return content if _is_harmless_quotation(content) else "<name>"


def _redact_word(word: str) -> str:
    core = word.lstrip("([{").rstrip(".,;:!?)]}")
    if not core:
        return word
    before, _, after = word.partition(core)
    if _is_harmless(core) and "::" not in after:  # which ends an IPv6 prefix
        return word
    kind = next((kind for kind, pattern in _KINDS.items() if pattern.search(core)), "name")
    return f"{before}<{kind}>{after}"
