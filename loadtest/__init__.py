"""Load from JMeter on the running system, and the proof that every accepted punch became one row."""
