"""The push: the only road on which anything is written to ConnectWise.

Read it in this order: `selection` (what an operator approved, as a file), `gate` (whether it may be pushed),
`plan` (what is to be done), `live` and `recheck` (whether it is still true), `apply` (one write after another),
`settle` (what became of a write whose answer was lost), `journal` and `audit` (what is on record). `operate` puts
them together. The gate and the re-check are pure functions.
"""
