create role ponto_shifts login; -- stores shifts
