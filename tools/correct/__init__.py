"""`ponto correct`: punches that were forgotten or do not count, by somebody who answers for it."""
