"""Parsing the employer of the parameter and the option."""

import pytest

from ponto.shared.config import ConfigurationError
from slices.reports import employer, schema_hooks


@pytest.mark.parametrize(
    ("text", "formatted"),
    [
        ("Padaria Sol Ltda., 11222333000181", "Padaria Sol Ltda., CNPJ 11.222.333/0001-81"),
        ("Sol, Lua & Cia., cnpj 12.abc.345/01de-35", "Sol, Lua & Cia., CNPJ 12.ABC.345/01DE-35"),  # with letters
        ("Maria Souza,00000000191", "Maria Souza, CPF 000.000.001-91"),
    ],
)
def test_an_employer_is_a_name_and_a_cnpj_or_a_cpf(text: str, formatted: str) -> None:
    assert employer.parse_employer(text) == formatted
    assert employer.parse_employer(formatted) == formatted


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Padaria Sol Ltda.", "has no name"),
        ("\u3164, 11.222.333/0001-81", "has no name"),
        (f"{'x' * 151}, 11.222.333/0001-81", "has no name"),
        ("Padaria Sol Ltda., 11.222.333/0001-82", "has no valid CNPJ or CPF"),
        ("Padaria Sol Ltda., 529.982.247-24", "has no valid CNPJ or CPF"),
    ],
)
def test_invalid_employer_is_refused_without_quoting_it(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        employer.parse_employer(text)
    with pytest.raises(ConfigurationError, match=f"^EMPLOYER: .*{message}") as caught:
        schema_hooks.employer_step({"EMPLOYER": text})
    assert text not in str(caught.value).partition("; expected a value like")[0]


def test_employer_parameter_is_optional_and_stored_in_the_format_of_time_cards() -> None:
    step = schema_hooks.employer_step({"EMPLOYER": "Padaria Sol Ltda., 11222333000181"})
    assert step.keywords == {"employer": "Padaria Sol Ltda., CNPJ 11.222.333/0001-81"}
    assert schema_hooks.employer_step({}).keywords == {"employer": ""}
