"""Receipts add nothing to commands and the functions of the reference."""

from slices.definition import Slice

SLICE = Slice()
