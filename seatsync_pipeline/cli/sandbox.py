"""`seatsync sandbox`: stand-ins for ConnectWise and Duo on this machine, until stopped."""

from __future__ import annotations

import shlex
import signal
import sys
import threading

import click

from seatsync_pipeline.cli.options import json_option
from seatsync_pipeline.cli.output import print_err, write, write_json


@click.command("sandbox")
@json_option
def sandbox_command(*, as_json: bool) -> None:
    """Serve stand-ins for ConnectWise and Duo on this machine, and print the settings that point at them.

    They hold a sample month, in memory, and serve until Ctrl-C or a termination signal. Set the printed lines
    in another shell, together with a SEATSYNC_HOME of its own.
    """
    from seatsync_pipeline.sandbox import Sandbox

    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with Sandbox() as sandbox:
        settings = sandbox.settings()
        if as_json:
            write_json({"settings": settings})
        else:
            write("".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items()))
        sys.stdout.flush()
        print_err("Serving until Ctrl-C.")
        stopped.wait()
