create role ponto_requests login; -- the function that stores and lists requests
create role ponto_refusals login; -- the function that stores refusals
