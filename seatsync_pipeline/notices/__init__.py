"""Notices: telling people that a run failed, that a preview needs them, or that a source has gone stale.

What belongs here: the words (`compose.py`, `explain.py`), the facts behind them (`facts.py`), the formats of each
channel (`formats.py`), and sending (`deliver.py`, `web.py`, `mail.py`). What does not: deciding when to look, which
is a sensor.

Notices leave the house. They are made from typed facts (a count, a status code, the name of a setting), never from
the text of an error, because such a text may name a client. Where SEATSYNC_NOTICE_CLIENT_NAMES allows it, names and
texts come along, apart from the rest.
"""
