create role ponto_shifts login; -- closes shifts
