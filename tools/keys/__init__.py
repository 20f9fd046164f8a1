"""ponto keys: API keys of devices and sites."""
