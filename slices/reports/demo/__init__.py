"""ponto demo: a made-up company, to try the reports on."""
