"""Receipts, which show that a punch is stored."""
