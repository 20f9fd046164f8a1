create role ponto_receipts login; -- looks receipts up
