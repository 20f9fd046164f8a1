"""Requests of a stage, and decisions about them."""

import shlex

from ponto.shared.fields import parse_any_uuid
from slices.corrections.send import describe_failure, post_corrections, post_signed
from slices.corrections.write import CorrectionsRefusedError
from slices.requests.statements import REQUESTS, RequestRow
from tools.kit import reader, target
from tools.kit.clock import Clock
from tools.kit.errors import CommandError
from tools.kit.target import TargetOptions

_MIN_PREFIX_LENGTH = 8
_FIRST_ID, _LAST_ID = ("-".join(digit * count for count in (8, 4, 4, 4, 12)) for digit in "0f")


class UndecidedError(Exception):
    """A request cannot be decided as the user asked: for a reason, or because of its state."""


class IdRange:
    """All UUIDs that begin with a text."""

    def __init__(self, prefix: str = "") -> None:
        """Create a range. Raises ValueError if no UUID begins with the text."""
        self.prefix = prefix
        self.first = parse_any_uuid(prefix + _FIRST_ID[len(prefix) :])
        self.last = parse_any_uuid(prefix + _LAST_ID[len(prefix) :])


def parse_id(text: str) -> IdRange:
    """Parse an id or its first characters. Raises ValueError if they are none, or too few."""
    if len(text) < _MIN_PREFIX_LENGTH:
        raise ValueError(text)
    return IdRange(text)


class Requests:
    """Requests of a stage."""

    def __init__(self, target_options: TargetOptions, clock: Clock) -> None:
        """Find the stage. Raises CommandError: there is none."""
        self._target_options = target_options
        self._clock = clock
        self._deployment = target.find(target_options)

    def find(self, ids: IdRange) -> RequestRow:
        """Return the request whose id begins with a text.

        Raises:
            UndecidedError: there is none, or several.
            CommandError: the requests could not be read.
        """
        query = REQUESTS.bind(first_id=ids.first, last_id=ids.last, mes=None, waiting=False)
        (rows,) = reader.create_reader(self._target_options).read(query)
        match list(rows):
            case [row]:
                return row
            case []:
                raise UndecidedError("no request has this id")
            case several:
                raise UndecidedError(f"several requests have this id: {', '.join(row.id for row in several)}")

    def accept(self, row: RequestRow) -> str:
        """Write the correction that accepts a request, and return the result for the user.

        Raises:
            UndecidedError: the request is decided already, or the correction is refused.
            CommandError: the API failed.
        """
        if row.situacao == "aceita":
            return f"accepted already: {row.id}, by correction {row.correcao_id}"
        if row.situacao != "aguardando":
            raise UndecidedError(_describe_decided(row))
        instant = row.ponto.isoformat() if row.ponto else None
        punch = {"alvo": row.batida_id} if row.batida_id else {"usuarioId": row.usuario_id, "ponto": instant}
        correction = {"tipo": row.tipo, **punch, "motivo": row.motivo, "id": row.aceite}
        deployment = self._deployment
        try:
            post_corrections(
                deployment.api_url, deployment.session, self._target_options.stage, [correction], self._clock
            )
        except CorrectionsRefusedError as error:
            reason = error.reasons[0]
            if f"id {row.aceite} is taken" in reason:
                reason = f"the id {row.aceite} is taken by another correction. {self._name_correction(row)}"
            raise UndecidedError(reason) from None
        return f"accepted: {row.id}, of employee {row.usuario_id}, by correction {row.aceite}"

    def refuse(self, row: RequestRow, reason: str) -> str:
        """Refuse a request, and return the result for the user.

        Raises:
            UndecidedError: the request is decided already.
            CommandError: the reason is invalid (status 1), or the API failed.
        """
        url = f"{self._deployment.api_url.removesuffix('/ponto')}/solicitacao/{row.id}/recusa"
        response = post_signed(url, self._deployment.session, {"motivo": reason}, self._clock)
        if response.status == 400:
            raise CommandError(f"reason: {response.message.rpartition('motivo: ')[2]}", status=1)
        if response.status == 409:
            raise UndecidedError(_describe_decided(self.find(IdRange(row.id))))
        if response.status not in (200, 201):
            raise describe_failure(response, self._target_options.stage)
        return f"refused: {row.id}, of employee {row.usuario_id}"

    def _name_correction(self, row: RequestRow) -> str:
        """Return the sentence that names the command that corrects what is asked for, with an id of its own."""
        punch = (
            ["disregard", row.batida_id]
            if row.batida_id
            else ["add", "--employee", str(row.usuario_id), "--at", row.ponto.isoformat() if row.ponto else ""]
        )
        words = ["ponto", "correct", *punch, "--reason", row.motivo, "--stage", self._target_options.stage]
        return f"Run `{shlex.join(words)}`; the request is then corrected otherwise"


def _describe_decided(row: RequestRow) -> str:
    return "; ".join([row.describe_state(), *row.describe_decisions()])
