"""`ponto demo`: punches of a made-up company, to try the reports on."""
