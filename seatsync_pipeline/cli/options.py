"""Options and arguments that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.shell_completion import CompletionItem

from seatsync_pipeline.errors import NotFound
from seatsync_pipeline.system_user import system_user

_Function = TypeVar("_Function", bound=Callable[..., Any])


class SourceName(click.ParamType):  # type: ignore[type-arg]  # generic in newer click only
    """`duo` or `avanan`. An unknown one raises NotFound with what is near."""

    name = "source"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ARG002
        from seatsync_pipeline.reconcile.suggest import did_you_mean
        from seatsync_pipeline.sources.base import SOURCES

        name = str(value).strip().casefold()
        if name in SOURCES:
            return name
        raise NotFound(
            "looking up the source",
            f"there is no source {value!r}",
            did_you_mean(name, SOURCES, f"The sources are {' and '.join(SOURCES)}."),
        )

    def shell_complete(
        self, _ctx: click.Context, _param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        from seatsync_pipeline.sources.base import SOURCES

        return [CompletionItem(source) for source in SOURCES if source.startswith(incomplete)]


source_argument = click.argument("source", type=SourceName())


def json_option(function: _Function) -> _Function:
    """`--json`: one document on stdout, nothing else there."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of text.")(
        function
    )


def by_option(function: _Function) -> _Function:
    """`--by`: who makes this change."""
    return click.option(
        "--by",
        default=system_user,
        metavar="NAME",
        show_default="your user name",
        help="Who makes this change; kept with it.",
    )(function)
