"""The command line, on real data."""
