"""moto's side: the member accounts, Security Hub and Organizations, as one WSGI application in its own process."""
