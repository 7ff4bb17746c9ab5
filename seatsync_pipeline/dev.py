"""`make dev`: the Dagster UI on the user's own data, with a history that survives a restart."""

import argparse
import os
import socket
import sys
from collections.abc import Sequence

from seatsync_pipeline.errors import SeatSyncError
from seatsync_pipeline.orchestration.instance import WORKSPACE, dagster_home, open_instance
from seatsync_pipeline.settings import load_settings
from seatsync_pipeline.settings.environment import kept

HOST = "127.0.0.1"  # Dagster has no log-in: the UI is for this machine alone


def main(arguments: Sequence[str] | None = None) -> None:
    """Prepare the folders and become `dagster dev`; returns only with `--prepare`."""
    parser = argparse.ArgumentParser(prog="make dev", description=__doc__)
    parser.add_argument("--port", type=int, default=3000, help="first port to try (default: 3000)")
    parser.add_argument(
        "--prepare", action="store_true", help="only make the folders and Dagster's instance, and end"
    )
    options = parser.parse_args(arguments)
    os.umask(0o077)  # for the servers as well: run history and logs name clients
    try:
        settings = load_settings()
        settings.make_folders()
        home = dagster_home(settings)
        with open_instance(
            settings
        ):  # its tables exist before several processes of Dagster's open them at once
            pass
    except SeatSyncError as error:
        sys.exit(f"{error}")
    if options.prepare:
        return
    port = free_port(options.port)
    sys.stderr.write(
        f"\nDagster UI: http://{HOST}:{port}   (stop with Ctrl-C)\n"
        f"Data:       {settings.home}\nHistory:    {home}\n\n"
    )
    sys.stderr.flush()
    command = [sys.executable, "-m", "dagster", "dev", "-w", str(WORKSPACE), "-h", HOST, "-p", str(port)]
    environment = {**os.environ, **kept(os.environ), "DAGSTER_HOME": str(home)}
    os.execve(sys.executable, command, environment)  # noqa: S606  # our own interpreter


def free_port(first: int) -> int:
    """The first port from there on that nobody listens on; `first` itself when 20 are taken."""
    for port in range(first, first + 20):
        with socket.socket() as probe:
            if probe.connect_ex((HOST, port)) != 0:
                return port
    return first


if __name__ == "__main__":
    main()
