"""Hooks of reports in the function `schema`: who employs, and employees that a command sends."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from ponto.admin.actions import SchemaHooks
from ponto.config import ConfigurationError
from ponto.connection import Parameters
from slices.reports import employees, employer


def employer_step(environment: Mapping[str, str]) -> "partial[None]":
    """Return the step that stores the employer that EMPLOYER names.

    Raises:
        ConfigurationError: EMPLOYER names no employer.
    """
    text = environment.get("EMPLOYER", "")
    try:
        found = employer.read(text) if text else ""
    except ValueError as error:  # the value is not quoted: it may be somebody's CPF
        raise ConfigurationError(f"EMPLOYER: {error}; it is like Padaria Sol Ltda., CNPJ 11.222.333/0001-81.") from None
    return partial(employer.store, employer=found)


def _load(owner: Parameters, event: Mapping[str, Any]) -> dict[str, Any]:
    return employees.load(owner, event["employees"], dry_run=event["dryRun"])


HOOKS = SchemaHooks(
    # {"action": "load_employees", "employees": rows, "dryRun": false} stores these, or counts what that would change.
    actions={"load_employees": _load},
    legacy_keys={"employees": "load_employees"},
    prepare_post_migration=employer_step,
)
