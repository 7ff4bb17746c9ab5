"""Sources of seats: each module turns one outside system into a `SourceSnapshot`."""
