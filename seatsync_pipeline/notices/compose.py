"""From facts to words: what happened, what it means, what to do next.

Pure. Nothing here reads the text of an error or the name of a client into a sentence: both go to `Notice.clients`,
and only where `names` allows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from seatsync_pipeline.errors import FileRefused
from seatsync_pipeline.exact_json import plain
from seatsync_pipeline.notices.explain import explained
from seatsync_pipeline.notices.facts import PreviewFacts, PushFacts, PushRun, RunFailure, SourceAge
from seatsync_pipeline.notices.notice import Notice

PUSH_JOB = "push_to_connectwise"
_TITLES = {"duo": "Duo", "avanan": "Avanan"}
_READ_AGAIN = {"duo": "seatsync pull duo", "avanan": "seatsync import avanan FILE"}
_KEPT = "Nothing half-done is kept: the last good data and the last preview stay. Nothing was written to ConnectWise."
_PUSHED = (
    "Some approved changes may not be in ConnectWise yet. Those that are were read back and stand in the audit log; no "
    "row was written twice. No other push starts until this one is settled."
)
_RESUME = "Pushing the same selection again resumes it."
_REHEARSED = "It was a rehearsal, without `confirm`: nothing was written to ConnectWise."
_UNBEGUN = "Nothing was written to ConnectWise: the push ended before its first row."
_ENDED = "The push itself came to its end; what it wrote was read back and stands in the audit log."
_FAULTY_SELECTION = (
    "Open the run: it lists every fault with its line. Correct them, or approve from a new preview."
)
_MOST_NAMES, _LONGEST_NAME, _LONGEST_TEXT = 20, 100, 1000


@dataclass(frozen=True)
class Voice:
    """How to speak: the address of the Dagster UI, if known, and whether clients may be named."""

    ui_url: str | None = None
    names: bool = False

    def link(self, path: str) -> str | None:
        return f"{self.ui_url}/{path}" if self.ui_url else None


def run_failed(failure: RunFailure, voice: Voice) -> Notice:
    """A run ended without doing its work."""
    words = explained(failure.error)
    means, remedy = _KEPT, words.remedy
    if failure.job == PUSH_JOB:
        refused = failure.error == FileRefused.__name__
        means, remedy = _of_push(failure.push, _FAULTY_SELECTION if refused else words.remedy)
    name = ", ".join(failure.assets) or failure.job
    facts = [("assets" if failure.assets else "job", name), ("run", failure.run_id)]
    facts += [(label, str(value)) for label, value in _details(failure) if value]
    return Notice(
        event="run_failed",
        notice_id=f"run_failed:{failure.run_id}",
        title=f"{name} failed",
        happened=f"The run {failure.run_id[:8]} of {name} failed. It stopped because {words.what}.",
        means=means,
        next_step=remedy,
        facts=tuple(facts),
        clients=_quoted((failure.text,) if failure.text else (), voice, _LONGEST_TEXT),
        url=voice.link(f"runs/{failure.run_id}"),
    )


def _of_push(push: PushRun | None, remedy: str) -> tuple[str, str]:
    """What the end of a push means, by what it had done until then, and the next step."""
    if push is None or not push.known:
        return _PUSHED, f"`seatsync operations` tells what is open. {remedy} {_RESUME}"
    if push.begun is not None and push.left_open:
        return _PUSHED, f"`seatsync operations {push.begun}` tells what is open. {remedy} {_RESUME}"
    means = _REHEARSED if push.rehearsal else _ENDED if push.begun else _UNBEGUN
    if push.begun:
        remedy = f"`seatsync operations {push.begun}` tells of each row. {remedy}"
    if push.unfinished:
        means += f" The operation {push.unfinished} is unfinished: no other push starts until it is settled."
        remedy += f" `seatsync operations {push.unfinished}` tells what is open there."
    return means, remedy


def push_canceled(run_id: str, push: PushRun, voice: Voice) -> Notice:
    """Somebody terminated a push, and its operation is open or nobody can tell now."""
    means, next_step = _of_push(push, "Open the run to see how far it came.")
    return Notice(
        event="push_canceled",
        notice_id=f"push_canceled:{run_id}",
        title="A push was terminated",
        happened=f"The run {run_id[:8]} of {PUSH_JOB} was terminated before its work was done.",
        means=means,
        next_step=next_step,
        facts=(("run", run_id), *((("operation", push.begun),) if push.begun else ())),
        url=voice.link(f"runs/{run_id}"),
    )


def _details(failure: RunFailure) -> Iterable[tuple[str, object]]:
    yield "step", failure.step
    yield "error", failure.error
    yield "HTTP status", failure.status
    yield "faults in the file", failure.fault_count
    yield "settings named", ", ".join(failure.settings)
    yield "operation", failure.push and failure.push.begun


def push_left_rows(push: PushFacts, voice: Voice) -> Notice:
    """A push ended, and some of its rows failed or nobody knows what became of them."""
    open_ends = [
        f"{_count(number, 'row')} {what}"
        for number, what in ((push.failed, "failed"), (push.unresolved, "may or may not have been written"))
        if number
    ]
    return Notice(
        event="push_left_rows",
        notice_id=f"push_left_rows:{push.operation_id}",
        title="A push left rows undone",
        happened=f"The push {push.operation_id} ended: {_count(push.written, 'row')} written, {', '.join(open_ends)}.",
        means="A row that failed bills as before. What was written was read back and stands in the audit log.",
        next_step=f"See what each row met with `seatsync operations {push.operation_id}`, or in the run. Remove the "
        "cause, run seat_sync, and approve these rows from the new preview: this selection does not try them again.",
        facts=(
            ("operation", push.operation_id),
            ("run", push.run_id),
            ("written", str(push.written)),
            ("failed", str(push.failed)),
            ("unresolved", str(push.unresolved)),
        ),
        url=voice.link(f"runs/{push.run_id}"),
    )


def preview_needs_you(
    new: PreviewFacts, before: PreviewFacts | None, *, drift_limit: Decimal, voice: Voice
) -> Notice | None:
    """What is new in a preview that a person has to look at; None when nothing is.

    `before` is the preview of that source that was looked at last. A drift is told once for each snapshot: mapping
    and linking make many previews from one.
    """
    fresh = [key for key in new.without_company if before is None or key not in before.without_company]
    told = before is not None and before.snapshot_id == new.snapshot_id and before.drifts(drift_limit)
    drifts = new.drifts(drift_limit) and not told
    if not fresh and not drifts:
        return None
    title = _TITLES[new.source]
    reasons, steps = [], [f"Look at it with `seatsync preview {new.source}` or in the Dagster UI."]
    if drifts:
        reasons.append(_drift(new, drift_limit))
    if fresh:
        reasons.append(
            f"{_count(len(fresh), 'account')} without a company {'is' if len(fresh) == 1 else 'are'} new since the "
            "preview before"
        )
        steps.append(
            f"Say whom each new account belongs to with `seatsync link {new.source} ACCOUNT COMPANY`, or the job "
            "link_company."
        )
    steps.append("Then approve what is right, before the next invoices.")
    names = [new.without_company[key] for key in fresh]
    return Notice(
        event="preview_needs_you",
        notice_id=f"preview_needs_you:{new.preview_id}",
        title=f"{title} preview needs you",
        happened=f"In the new {title} preview, {' and '.join(reasons)}.",
        means="Nothing changes by itself: ConnectWise bills as before until somebody approves and pushes. An account "
        "without a company is not billed by this preview.",
        next_step=" ".join(steps),
        facts=_preview_table(new, len(fresh)),
        clients=_quoted(names, voice, _LONGEST_NAME),
        url=voice.link(f"assets/{new.source}/preview"),
    )


def _drift(new: PreviewFacts, limit: Decimal) -> str:
    change = f"{plain(new.up + new.down)} of {plain(new.billed)} billed seats would change"
    if new.drift_percent is None:
        return f"{plain(new.up)} seats would be billed, where none are now"
    return f"{change} ({plain(new.drift_percent)} %, the limit is {plain(limit)} %)"


def _preview_table(new: PreviewFacts, fresh: int) -> tuple[tuple[str, str], ...]:
    rows = ", ".join(f"{status} {count}" for status, count in sorted(new.rows.items()))
    return (
        ("preview", new.preview_id),
        ("snapshot", f"{new.snapshot_id}, {new.verdict}"),
        ("rows", rows or "none"),
        ("seats billed now", plain(new.billed)),
        ("seats up", plain(new.up)),
        ("seats down", plain(new.down)),
        ("money per billing cycle", plain(new.amount)),
        ("new accounts without a company", str(fresh)),
    )


def source_stale(age: SourceAge, *, days: int, limit: int, voice: Voice) -> Notice:
    """A source that nobody has read well for too long. `days` is its age."""
    title = _TITLES[age.source]
    when = age.accepted_at or age.first_at
    last = (
        "has no accepted snapshot since it was first read,"
        if age.accepted_at is None
        else "was last read well"
    )
    return Notice(
        event="source_stale",
        notice_id=f"source_stale:{age.source}:{when:%Y-%m-%d}:{days}",
        title=f"{title} has gone stale",
        happened=f"{title} {last} on {when:%Y-%m-%d}, {days} days ago; the limit is {limit}.",
        means="What ConnectWise bills for it rests on old numbers, and the next invoices will too.",
        next_step=f"Read it again (`{_READ_AGAIN[age.source]}`, or its job in the Dagster UI). If it was read and was "
        f"not complete, look at why, and accept it with a reason if it is right.",
        facts=(("source", age.source), ("days", str(days)), ("limit", str(limit))),
        url=voice.link(f"assets/{age.source}/preview"),
    )


def trial(moment: str, voice: Voice) -> Notice:
    """A message that shows that a channel works. `moment` makes its id."""
    return Notice(
        event="test",
        notice_id=f"test:{moment}",
        title="Test message",
        happened="Somebody ran `seatsync notify` to see whether notices arrive.",
        means="They do. You will be told here when a run fails, a preview needs you, or a source goes stale.",
        next_step="Nothing to do.",
        url=voice.ui_url,
    )


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _quoted(texts: Iterable[str], voice: Voice, longest: int) -> tuple[str, ...]:
    """What may name clients, on one line each; nothing at all where that is not allowed."""
    if not voice.names:
        return ()
    listed = [
        _cut(" ".join("".join(c if c.isprintable() else " " for c in t).split()), longest) for t in texts
    ]
    left = len(listed) - _MOST_NAMES
    return (*listed[:_MOST_NAMES], *((f"and {left} more",) if left > 0 else ()))


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
