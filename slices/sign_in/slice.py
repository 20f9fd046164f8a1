"""Signing in adds nothing to commands and functions."""

from slices.definition import Slice

SLICE = Slice()
