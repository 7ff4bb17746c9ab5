"""The command group: finds a command's module when it is asked for, and turns errors into messages and exit codes.

Exit codes: 0 done; 1 finished with failures; 2 refused, nothing written; 130 interrupted; 141 nobody reads the
output any more.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click

from seatsync_pipeline.cli.interrupts import watched_interrupts
from seatsync_pipeline.cli.output import OutputClosed, clean, print_err, show_error
from seatsync_pipeline.cli.streams import make_usable
from seatsync_pipeline.errors import SeatSyncError

INTERRUPTED = 130
NOBODY_READS = 141
_AFTER_INTERRUPT = (
    "Nothing half-done is kept. A push may have written some rows already: run it again with the same selection, and "
    "it carries on."
)

# command: (module, what `seatsync --help` says). The function has the command's name, with underscores.
COMMANDS = {
    "demo": ("demo", "The whole cycle on the built-in sandbox, to finished pushes, in a folder of its own."),
    "doctor": ("doctor", "Check settings, credentials, clock, disk and database; one line each."),
    "scan": ("runs", "Read agreements and additions from ConnectWise."),
    "pull": ("runs", "Count the users of every Duo subaccount, and make a preview."),
    "import": ("runs", "Read an Avanan tenant export, and make a preview."),
    "reconcile": ("runs", "Make a new preview from what is stored."),
    "preview": ("preview", "Show what should change in ConnectWise."),
    "why": ("why", "Show the ordered rules that gave a row its status."),
    "map": ("mappings", "Have a license billed as a catalog product, or never."),
    "unmap": ("mappings", "Take a license's mapping away."),
    "link": ("links", "Have an account billed to a company, or never."),
    "unlink": ("links", "Take an account's link away."),
    "agreement-types": ("setup", "Choose the agreement types a source looks at."),
    "setup": ("setup", "Export or import all mappings, links and agreement types."),
    "accept": ("accept", "Accept a suspect or incomplete snapshot, with a reason."),
    "approve": ("approve", "Write the selection file of rows you approve."),
    "push": ("push", "Write an approved selection to ConnectWise."),
    "operations": ("operations", "Show what was pushed, or abandon an unfinished operation."),
    "audit": ("audit", "Show the audit log, or verify it."),
    "notify": ("notify", "Send a test message through every channel for notices."),
    "backup": ("backup", "Write database and files to one file, while runs go on."),
    "restore": ("backup", "Bring a backup back."),
    "prune": ("prune", "Remove snapshots and previews that are older than they are kept."),
    "sandbox": ("sandbox", "Serve stand-ins for ConnectWise and Duo on this machine."),
}


class Interrupted(SeatSyncError):
    """Ctrl-C. It has no place in the tree of errors: nothing was refused and nothing failed."""

    def __init__(self) -> None:
        super().__init__("running seatsync", "interrupted", _AFTER_INTERRUPT)


class App(click.Group):
    """The `seatsync` group."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  # click's signature
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"seatsync_pipeline.cli.{COMMANDS[cmd_name][0]}")
        command = getattr(module, f"{cmd_name.replace('-', '_')}_command")
        if not isinstance(command, click.Command):
            raise TypeError(f"{cmd_name} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def main(self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any) -> NoReturn:  # type: ignore[override]
        """Run one command and exit. A command returns its exit code, or None for 0."""
        arguments = list(sys.argv[1:] if args is None else args)
        before_dashes = arguments[: arguments.index("--")] if "--" in arguments else arguments
        as_json = "--json" in before_dashes
        extra["standalone_mode"] = False
        with watched_interrupts() as interrupted:
            try:
                code = super().main(arguments, prog_name or "seatsync", **extra) or 0
                sys.stdout.flush()
            except BaseException as error:
                known = _exit_code(error, as_json=as_json, interrupted=interrupted())
                if known is None:
                    raise
                code = known
        sys.exit(code)


def _exit_code(error: BaseException, *, as_json: bool, interrupted: bool) -> int | None:
    """Tell what happened and give the exit code; None for what only a defect can raise."""
    if interrupted or isinstance(error, click.Abort | KeyboardInterrupt):
        # Also where the interrupt comes out as something else: a half-done import, an error of the database.
        return _tell(Interrupted(), as_json=as_json, code=INTERRUPTED)
    match error:
        case SeatSyncError():
            return _tell(error, as_json=as_json)
        case click.UsageError() if not as_json:
            return _show_usage(error)
        case click.ClickException():
            return _tell(_usage(error), as_json=as_json)
        case OutputClosed() | BrokenPipeError():
            return _leave_quietly()
        case _:
            return None


def _tell(error: SeatSyncError, *, as_json: bool, code: int = 2) -> int:
    try:
        if isinstance(error, Interrupted) and not as_json:
            print_err(f"Interrupted. {_AFTER_INTERRUPT}")
        else:
            show_error(error, as_json=as_json)
        sys.stdout.flush()
    except (OutputClosed, BrokenPipeError):
        return _leave_quietly()
    return code


def _show_usage(error: click.UsageError) -> int:
    """As click shows it, but for its quoting the arguments as they are: a file's name may be among them."""
    if error.ctx is not None:
        help_option = error.ctx.help_option_names[0]
        print_err(f"{error.ctx.get_usage()}\nTry '{error.ctx.command_path} {help_option}' for help.\n")
    print_err(f"Error: {clean(error.format_message())}")
    return 2


def _usage(error: click.ClickException) -> SeatSyncError:
    context = error.ctx if isinstance(error, click.UsageError) else None
    path = context.command_path if context else "seatsync"
    return SeatSyncError("reading the command line", error.format_message(), f"See `{path} --help`.")


def _leave_quietly() -> int:
    # The interpreter flushes stdout once more at its end, which would complain into the closed pipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return NOBODY_READS


@click.group(cls=App, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="seatsync", prog_name="seatsync")
def seatsync() -> None:
    """Reconcile Duo and Avanan seats with ConnectWise agreement additions.

    SeatSync proposes, a person approves: only `push --yes` (or a yes on its question) writes to ConnectWise.
    """


def main() -> NoReturn:
    """The entry point of the `seatsync` script. All that it writes is readable by its owner alone."""
    os.umask(0o077)
    make_usable()
    seatsync.main()
