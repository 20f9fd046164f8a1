"""What reports add to the function `schema`: who employs, and employees that a command sends."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ponto.config import ConfigurationError
from ponto.connection import Parameters
from slices.reports import employees, employer


def prepared(environment: Mapping[str, str]) -> "partial[None]":
    """Give what stores, as the owner and after the migrations, the employer that EMPLOYER names.

    Raises:
        ConfigurationError: it is no employer.
    """
    text = environment.get("EMPLOYER", "")
    try:
        found = employer.read(text) if text else ""
    except ValueError as error:  # the value is not quoted: it may be somebody's CPF
        raise ConfigurationError(f"EMPLOYER: {error}; it is like Padaria Sol Ltda., CNPJ 11.222.333/0001-81.") from None
    return partial(employer.store, employer=found)


def _load(owner: Parameters, event: Mapping[str, Any]) -> dict[str, Any]:
    return employees.load(owner, event["employees"], dry_run=event["dryRun"])


ACTIONS = {"load_employees": _load}
"""{"action": "load_employees", "employees": rows, "dryRun": false} stores these, or counts what that would change; see
`employees.load`."""

LEGACY_KEYS = {"employees": "load_employees"}
"""Action by the key that named it in 1.0.0-rc.1."""
