"""The Dagster glue that assets, sensors and the command line share.

What belongs here: resources, jobs, blocking checks, metadata, the translation of SeatSync's errors into
Dagster failures, and running a job in-process. What does not: what is fetched, counted or decided, which lives
below and knows nothing of Dagster; and the assets themselves, which are in `assets/`.
"""
