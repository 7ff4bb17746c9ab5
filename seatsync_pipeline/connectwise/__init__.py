"""ConnectWise PSA: the read-only client, the records, and the agreement scan."""
