"""Object of the slice, which adds nothing to commands and functions."""

from slices.definition import Slice

SLICE = Slice()
