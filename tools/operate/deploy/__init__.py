"""ponto deploy: deploy, migrate, and prove it with one punch."""
