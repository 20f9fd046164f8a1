"""Object of the slice, which adds nothing to commands and to the functions of the reference."""

from slices.definition import Slice

SLICE = Slice()
