"""The slice's command of `ponto`."""

from tools.kit.commands import LazyCommand

COMMANDS = {
    "requests": LazyCommand(
        "slices.requests.command:requests",
        "List, review, accept and refuse the employees' requests for corrections.",
        "ponto requests review    decide the waiting requests one after the other",
    )
}
