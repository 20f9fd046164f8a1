"""Databases in whose schema others than the owner may create."""

import pytest

from ponto.admin.migrations import migrate
from ponto.admin.roles import set_password
from tests.database import ROLES, SCHEMA, ask
from tests.postgres.servers import Server
from tests.postgres.storing import add

ZONE = "America/Sao_Paulo"
PUNCH = "88888888-8888-4888-8888-888888888888"
EMPLOYEE = 123


def migrated(server: Server, schema: str) -> dict[str, str]:
    """Give the way of an owner to a migrated database in which there is a punch."""
    owner = server.owner("master")
    if schema != "public":
        ask(owner, f'create schema "{schema}"')
        server.ask(f'alter database master set search_path = "{schema}"')
    migrate(owner, ZONE, SCHEMA)
    for role in ROLES:
        set_password(owner, role, "its own")
    add(owner, EMPLOYEE, id=PUNCH)
    return owner


def way_of(role: str, owner: dict[str, str]) -> dict[str, str]:
    """Give the way of a role to the database of an owner."""
    return {**owner, "user": role, "password": "its own"}


@pytest.fixture(params=["public", "Ponto de Batida"])
def schema(request: pytest.FixtureRequest) -> str:
    """Give the name of the deployed schema."""
    name: str = request.param
    return name


@pytest.fixture
def owner(server: Server, schema: str) -> dict[str, str]:
    """Give the way of an owner to a migrated database in which there is a punch."""
    return migrated(server, schema)


@pytest.fixture
def intruder(owner: dict[str, str], schema: str) -> dict[str, str]:
    """Give the way of a function that was taken over where everybody may create, as before PostgreSQL 15."""
    ask(owner, f'grant usage, create on schema "{schema}" to public')
    return way_of("ponto_function", owner)
