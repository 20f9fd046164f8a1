"""The emulator's workers, the processes in which functions run: each ends alone, and with what it was doing done.

Where a function changes, the emulator kills its workers in the middle of what they do; where one of them does not
start, it kills the others too, and those that were starting do the same in turn. What they had received waits for its
visibility timeout. On AWS, an environment of the former code ends what it had begun.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from ministack.core import lambda_runtime as runtime  # type: ignore[import-untyped]
from ministack.services import lambda_svc  # type: ignore[import-untyped]


def replace() -> None:
    """Have the emulator of this process end its workers so."""
    invoke: Callable[..., dict[str, Any]] = runtime.Worker.invoke
    kill: Callable[[Sequence[Any]], None] = runtime.kill_workers
    release: Callable[[Any], None] = runtime.release_worker

    def invoke_alone(worker: Any, *values: Any, **named: Any) -> dict[str, Any]:
        try:
            return invoke(worker, *values, **named)
        except Exception as error:
            logging.getLogger("local").exception("a worker of %s did not start", worker.func_name)
            kill([worker])  # what there is of its process; the next invocation starts another
            return {"status": "error", "error": f"{type(error).__name__}: {error}"}

    def kill_idle(workers: Sequence[Any]) -> None:
        with runtime._lock:  # under which they are leased
            for worker in workers:
                worker.is_former = worker.in_use
        kill([worker for worker in workers if not worker.is_former])

    def release_and_kill(worker: Any) -> None:
        release(worker)
        if getattr(worker, "is_former", False):
            kill([worker])

    runtime.Worker.invoke = invoke_alone
    runtime.kill_workers = kill_idle
    lambda_svc.release_worker = release_and_kill
