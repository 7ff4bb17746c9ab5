"""Reconciliation: who the seats belong to, what ConnectWise bills, and what should change.

Read it in this order: `matching` (account to company), `placement` (where each observation goes), `book` (what
ConnectWise bills), `lines` and `lone_rows` (the rows), `orphans` (billed but not used), `guards`, `watch` (what
has changed since it was set up), `totals`, and `preview`, which puts them together. Those are pure functions.
`load`, `store` and `service` carry them from and to the warehouse; `setup` keeps what the operator decided;
`sheet` and `spreadsheet` are the files an operator edits. `review` is what a person looks at: trend, drift, what
changed, what is blocked.
"""
