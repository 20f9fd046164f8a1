"""The consumer of the queue of punches: reads each record, stores it, dead-letters what can never be stored."""
