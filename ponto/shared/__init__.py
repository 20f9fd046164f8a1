"""The event, settings, connections and logs, which several functions use."""
