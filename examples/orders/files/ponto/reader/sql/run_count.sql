select count(*), max(loja)
from batida
where criado >= %(desde)s and loja between %(primeiro)s and %(ultimo)s
