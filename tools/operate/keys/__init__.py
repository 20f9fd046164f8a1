"""ponto keys: manage the API keys of devices and sites."""
