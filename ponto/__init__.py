"""The consumer of the queue of punches: reads each record, stores it, puts aside what can never be stored."""
