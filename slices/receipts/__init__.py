"""Receipts: whether a punch is a row."""
