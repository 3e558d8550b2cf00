"""moto's side, in a process of its own: the member accounts, Security Hub and Organizations."""
