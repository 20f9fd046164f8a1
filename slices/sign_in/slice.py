"""The sign-in slice, which adds nothing to the commands and to the functions of the reference."""

from slices.definition import Slice

SLICE = Slice()
