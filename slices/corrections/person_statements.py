"""The statement about corrections that `ponto person` runs."""

from slices.corrections.rows import PERSON_CORRECTIONS

STATEMENTS = [PERSON_CORRECTIONS]
