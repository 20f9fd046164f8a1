"""`ponto import`: what the stage's bucket does with a file of punches, from a laptop and through the API."""

import json
import math
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import IO, NamedTuple
from zoneinfo import ZoneInfo

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ponto.batches import NotSent, Sent, send_all
from ponto.lines import Line, NotPunches, Position, is_compressed, lines
from tools.imports.api import Api
from tools.kit import commands, files, local_stack, target
from tools.kit import options as opt
from tools.kit.errors import CommandError
from tools.kit.osls import outputs_of
from tools.kit.output import Console, print_json, print_result, print_status

_KEY = "PONTO_API_KEY"
_HEAD = 1 << 16  # bytes that tell whether a file is the one that was begun: a clock's next one is longer
_ZONE = ZoneInfo("UTC")  # of no moment: lines are only checked, and sent as they stand
_EPILOG = f"""examples:
  ponto import october.csv
  {_KEY}=... ponto import october.ndjson.gz --stage dev

exit status: 0 done, 1 stopped or not all of it: the same command goes on, 2 the file or the deployment is wrong
"""


class _Done(NamedTuple):
    """How far a file is; what is kept beside it."""

    target: str  # which file is being sent where
    offset: int = 0
    line: int = 1
    accepted: int = 0
    refused: int = 0

    def after(self, sent: Sent) -> "_Done":
        accepted, refused = self.accepted + sent.accepted, self.refused + len(sent.refused)
        return self._replace(offset=sent.next.offset, line=sent.next.line, accepted=accepted, refused=refused)


@commands.command("import", epilog=_EPILOG)
@click.argument("file", type=opt.FILE)
@opt.as_json
@target.options
def import_file(where: target.Where, file: Path, *, as_json: bool) -> int:
    """Send a file's punches through the API; go on after a stop.

    FILE is NDJSON or CSV, gzip or not, as for the stage's bucket (docs/imports.md). The API key is that of the local
    stack, or of the environment variable PONTO_API_KEY. Refused lines are listed in FILE.refused.ndjson, by number and
    reason; until all is sent, FILE.progress tells how far it is.
    """
    if not file.is_file():
        raise CommandError(f"{file} is no file")
    url, key = _address(where)
    progress, refused = (file.with_name(f"{file.name}.{kind}") for kind in ("progress", "refused.ndjson"))
    done = _begun(progress, _Done(_identity(file, url)))
    if done.line > 1:
        print_status(f"going on at line {done.line}: {done.accepted} accepted, {done.refused} refused before")
    api = Api(url, key)
    start = Position(done.offset, done.line)
    try:
        with _stopped_by_ctrl_c(api), _bar(file) as advance, _kept(progress) as keep, _listed(refused, done) as note:
            for sent in send_all(lines(lambda offset: _open(file, offset), _ZONE, start), api.send, math.inf):
                for line in sent.refused:
                    note(line)
                done = done.after(sent)
                keep(done)
                advance(done)
    except NotPunches as error:
        raise CommandError(f"{file}: {error}") from None
    except NotSent as error:
        raise CommandError(
            f"stopped at line {done.line}: {error}. {done.accepted} accepted, {done.refused} refused; the same command "
            "goes on there",
            1,
        ) from None
    progress.unlink(missing_ok=True)
    result = {
        "accepted": done.accepted,
        "refused": done.refused,
        "refusedLines": str(refused) if done.refused else None,
    }
    if as_json:
        print_json(result)
    else:
        print_result(f"{done.accepted} accepted, {done.refused} refused" + (f": see {refused}" if done.refused else ""))
    return 1 if done.refused else 0


def _address(where: target.Where) -> tuple[str, str]:
    """Give the URL of `POST /ponto` and the key."""
    key = os.environ.get(_KEY, "")
    if where.stage == target.LOCAL:
        address = local_stack.find(where.state)
        return address.api_url, key or address.api_key
    if not key:
        raise CommandError(f"set {_KEY} to an API key of the stage; ponto keys create makes one")
    outputs = outputs_of(target.session_of(where).client("cloudformation"), where.stage)
    return outputs["ApiUrl"], key


def _identity(file: Path, url: str) -> str:
    with file.open("rb") as content:
        return sha256(content.read(_HEAD) + url.encode()).hexdigest()


def _begun(progress: Path, new: _Done) -> _Done:
    try:
        found = _Done(**json.loads(progress.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return new
    except (ValueError, TypeError):
        raise CommandError(f"{progress} is not readable; remove it to begin anew") from None
    if found.target != new.target:
        raise CommandError(f"{progress} is of another file or stage; remove it to begin anew")
    return found


@contextmanager
def _kept(progress: Path) -> Iterator[Callable[[_Done], None]]:
    """Keep how far it is, each second and at the end. What is sent again after a crash does no harm."""
    latest: list[_Done] = []
    next_time = time.monotonic() + 1

    def write() -> None:
        with files.draft(progress) as text:
            text.write(json.dumps(latest.pop()._asdict()))

    def keep(done: _Done) -> None:
        nonlocal next_time
        latest[:] = [done]
        if time.monotonic() > next_time:
            write()
            next_time = time.monotonic() + 1

    try:
        yield keep
    finally:
        if latest:
            write()


def _open(file: Path, offset: int) -> IO[bytes]:
    content = file.open("rb")
    content.seek(offset)
    return content


@contextmanager
def _listed(file: Path, done: _Done) -> Iterator[Callable[[Line], None]]:
    """Add to the list of refused lines, which is there only if there are some."""
    known = _refused_before(file, done.line)
    if (missing := done.refused - len(known)) > 0:
        print_status(f"{file}: of {done.refused} refused before, {missing} are missing: the disk or the machine failed")
    try:
        text = file.open("w", encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{file}: the list of refused lines cannot be written: {error.strerror}") from None
    try:
        with text:
            text.writelines(f"{line}\n" for line in known)

            def note(line: Line) -> None:
                text.write(json.dumps({"line": line.number, "reason": line.refusal}) + "\n")
                text.flush()

            yield note
    finally:
        if not file.stat().st_size:
            file.unlink()


def _refused_before(file: Path, line: int) -> list[str]:
    """Give what is listed of the lines before one. A crash may have left more, and torn what it wrote last."""
    known: list[str] = []
    for text in file.read_bytes().decode(errors="replace").split("\n") if file.exists() else []:
        with suppress(ValueError, KeyError, TypeError):
            if json.loads(text)["line"] < line:
                known.append(text)
    return known


@contextmanager
def _stopped_by_ctrl_c(api: Api) -> Iterator[None]:
    """Let Ctrl-C end the waiting of the threads too."""
    before = signal.getsignal(signal.SIGINT)

    def stop(number: int, frame: FrameType | None) -> None:
        api.stop()
        signal.default_int_handler(number, frame)

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _bar(file: Path) -> Iterator[Callable[[_Done], None]]:
    """Show how far it is, on a terminal; of a compressed file only how many lines."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as shown:
        with file.open("rb") as content:
            size = None if is_compressed(content.read(2)) else file.stat().st_size
        task = shown.add_task("importing", total=size)

        def advance(done: _Done) -> None:
            text = f"{done.accepted} accepted, {done.refused} refused"
            shown.update(task, description=text, completed=done.offset)

        yield advance
