"""The slice's command of `ponto`."""

from tools.kit.commands import LazyCommand

COMMANDS = {
    "requests": LazyCommand(
        "slices.requests.command:requests",
        "List, accept and refuse the employees' requests for corrections.",
        "ponto requests list --waiting    who asks for which correction, and why",
    )
}
