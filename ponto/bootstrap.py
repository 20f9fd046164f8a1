"""Wiring of the drain: the one place that creates its collaborators, or takes a test's in their place."""

from ponto import config
from ponto.dead_letters import DeadLetters
from ponto.drain import Drain, Parse
from ponto.punch import parse as parse_punch
from ponto.redelivery import Redelivery
from ponto.store import Store


def create_drain(
    settings: config.DrainSettings,
    *,
    store: Store | None = None,
    dead_letters: DeadLetters | None = None,
    redelivery: Redelivery | None = None,
    parse: Parse | None = None,
) -> Drain:
    """Return a drain that works as the settings say; it connects to nothing yet.

    Args:
        settings: of the function, as `config.load_drain` reads them.
        store: of punches; by default the settings' database.
        dead_letters: by default the settings' dead-letter queue.
        redelivery: by default that of the settings' queue.
        parse: reads the body of a message; by default `punch.parse`.
    """
    return Drain(
        settings.zone,
        store or Store(settings.database.connection_parameters),
        dead_letters or DeadLetters(settings.dlq_url),
        redelivery or Redelivery(settings.queue_url, settings.retry_delays),
        identity=settings.identity,
        visibility_timeout_seconds=settings.visibility_timeout_seconds,
        parse=parse or parse_punch,
    )
