"""The software-defined assets: one module per group, each asset a table of contents.

What belongs here: the order of the work (fetch, store, report) and what the UI shows of it. What does not: the
work itself, which is in `seatsync_pipeline` and knows nothing of Dagster.
"""
