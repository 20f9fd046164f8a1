"""The slice's command of `ponto`. Every command imports this file, and only `ponto notes` imports the command."""

from tools.kit.commands import LazyCommand

COMMANDS = {"notes": LazyCommand("slices.notes.command:notes", "List notes.", "ponto notes                      notes")}
