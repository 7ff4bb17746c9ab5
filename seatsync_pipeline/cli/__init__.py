"""The `seatsync` command: `app` starts it, `output` and `options` are shared, each other module is commands.

What belongs here: words, tables and exit codes. What does not: any rule about seats or money, which is the
same for the command line and the web UI. Commands import what they need when they run: `seatsync --help` and
reading a preview must not wait for Dagster.
"""

from seatsync_pipeline.cli.app import main

__all__ = ["main"]
