"""Benchmarks: how far SeatSync is from what the vendors' latency and limits allow.

`make bench` runs every module of `benchmarks.__main__` and prints one table. Each figure is a ratio to an ideal that
was taken in the same run, so that it says something on any machine. None is a test: a busy machine is slow, not wrong.
The ceilings per minute are lifted, except where they are what is measured.
"""
