"""Reconciliation: who the seats belong to, what ConnectWise bills, and what should change.

Read it in this order: `matching` (account to company), `book` (what ConnectWise bills), `classify` (observations
to rows), `orphans` (billed but not used), `guards`, `totals`. Those are pure functions. `store` and `service`
carry them to and from the warehouse, `setup` keeps what the operator decided.
"""
