"""What the rows of a setup file decide, and everything that is wrong with them.

What belongs here: one row's decision, and the rules between rows. What does not: cells (`spreadsheet`), and
writing anything (`file`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from seatsync_pipeline.errors import Fault, InputRefused
from seatsync_pipeline.reconcile.matching import Rule, is_live
from seatsync_pipeline.reconcile.setup.lookup import Known, known_source
from seatsync_pipeline.reconcile.setup.tables import REMOVED, Change, Link, Mapping, Tables, TypeFilter
from seatsync_pipeline.reconcile.spreadsheet import Line


@dataclass(frozen=True)
class _Shape:
    """Which cells a decision needs, and which it must leave blank."""

    needs: tuple[str, ...]
    blank: tuple[str, ...] = ()


_SHAPES = {
    "mapping": {
        "product": _Shape(("key", "target")),
        "no_charge": _Shape(("key",), ("target",)),
    },
    "link": {
        "company": _Shape(("key", "target")),
        "not_billed": _Shape(("key", "reason"), ("target",)),
    },
    "agreement_type": {
        "include": _Shape(("target",), ("key",)),
        "all": _Shape((), ("key", "target")),
    },
}


class SetupRows:
    """The changes of a whole file. `faults` is complete once `changes` was called."""

    def __init__(self, known: Known, tables: Tables) -> None:
        self.faults: list[Fault] = []
        self._known = known
        self._tables = tables

    def changes(self, lines: Iterable[Line]) -> tuple[Change, ...]:
        """One change per decision, in the order of the file; filters last, one per source."""
        sound = [line for line in lines if self._is_sound(line)]
        if any(line["target"] for line in sound):
            _ = self._known.scan  # without a scan nothing can be named: one message, not one per row
        mappings = [(line, self._mapping(line)) for line in sound if line["kind"] == "mapping"]
        links = [(line, self._link(line)) for line in sound if line["kind"] == "link"]
        filters = self._filters([line for line in sound if line["kind"] == "agreement_type"])
        self._check_twice(line for line in sound if line["kind"] != "agreement_type")
        self._check_products([(line, m.now) for line, m in mappings if m and isinstance(m.now, Mapping)])
        decided = sorted([*mappings, *links], key=lambda pair: pair[0].number)
        return (*(change for _, change in decided if change is not None), *filters)

    def _is_sound(self, line: Line) -> bool:
        before = len(self.faults)
        decisions = _SHAPES.get(line["kind"])
        try:
            known_source(line["source"], "")
        except InputRefused as error:
            self._fault(line, "source", error.found, error.remedy)
        if decisions is None:
            self._fault(line, "kind", "unknown kind", f"The kinds are {', '.join(_SHAPES)}.")
        elif line["decision"] not in decisions:
            allowed = " or ".join(decisions)
            self._fault(line, "decision", f"unknown decision for a {line['kind']}", f"Write {allowed}.")
        else:
            shape = decisions[line["decision"]]
            for column in shape.needs:
                if not line[column]:
                    self._fault(line, column, f"{line['decision']} needs a {column}", "Fill it in.")
            for column in shape.blank:
                if line[column]:
                    self._fault(line, column, f"{line['decision']} takes no {column}", "Leave it blank.")
        return len(self.faults) == before

    def _mapping(self, line: Line) -> Change | None:
        source, name = line["source"], line["key"]
        now = Mapping(source, name, line["decision"])
        before = self._tables.before(now)
        if line["decision"] == "product":
            if isinstance(before, Mapping) and line["target"] == str(before.product_id):
                return Change(
                    before, before, changed=False
                )  # in force, also if the product was retired since
            try:
                now = replace(now, product_id=self._known.product(line["target"]).product_id)
            except InputRefused as error:
                self._fault(line, "target", error.found, error.remedy)
                return None
        notes = self._unread_license(line) + self._another_product(line, now)
        return Change(now, before, changed=now != before, notes=notes)

    def _another_product(self, line: Line, mapping: Mapping) -> tuple[str, ...]:
        """The id decides; a name beside it that is another product's may be what was meant."""
        if mapping.product_id is None or not line["target_name"]:
            return ()
        identifier = self._known.product_name(mapping.product_id)
        if identifier.strip() == line["target_name"]:
            return ()
        return (
            f"line {line.number}: product {mapping.product_id} is {identifier!r}, not {line['target_name']!r}",
        )

    def _unread_license(self, line: Line) -> tuple[str, ...]:
        source, name = line["source"], line["key"]
        if self._known.snapshot(source) is None or name in self._known.licenses(source):
            return ()
        return (f"line {line.number}: the latest snapshot of {source} has no license {name!r}",)

    def _link(self, line: Line) -> Change | None:
        source, key = line["source"], line["key"]
        read = self._known.accounts(source)
        if key not in read and (named := [a.key for a in read.values() if a.name.strip() == key]):
            self._fault(line, "key", "this is an account's name, not its key", f"Use {named[0]}.")
            return None
        # The file's name is the one the account had when it was linked: a rename since then has to stay visible.
        name = line["key_name"] or (read[key].name if key in read else key)
        now = Link(source, key, name, line["decision"], None, line["reason"] or None, Rule.OPERATOR)
        before = self._tables.before(now)
        held = before if isinstance(before, Link) else None
        if line["decision"] == "company":
            if held and line["target"] == str(held.company_id) and now.reason == held.reason:
                return Change(held, held, changed=False)  # an automatic link stays one
            try:
                company = self._known.company(line["target"], live=False)
                now = replace(now, company_id=company.company_id)
            except InputRefused as error:
                self._fault(line, "target", error.found, error.remedy)
                return None
        changed = held is None or held.target != now.target
        unread = self._known.snapshot(source) is not None and key not in read
        notes = (
            (f"line {line.number}: the latest snapshot of {source} has no account {key!r}",) if unread else ()
        )
        return Change(now, before, changed=changed, notes=notes + self._about_company(line, now))

    def _about_company(self, line: Line, link: Link) -> tuple[str, ...]:
        """A link to a company that is gone is kept, since its account is then shown as Unmatched with the reason."""
        if link.company_id is None:
            return ()
        notes = []
        company = self._known.company(str(link.company_id), live=False)
        if not is_live(company):
            notes.append(f"line {line.number}: {company.name} was deleted or made inactive")
        if line["target_name"] and company.name.strip() != line["target_name"]:
            notes.append(
                f"line {line.number}: company {link.company_id} is {company.name!r}, not {line['target_name']!r}"
            )
        return tuple(notes)

    def _filters(self, lines: list[Line]) -> list[Change]:
        included: dict[str, set[str]] = defaultdict(set)
        whole = {line["source"] for line in lines if line["decision"] == "all"}
        for line in lines:
            names = included[line["source"]]
            if line["decision"] == "all":
                continue
            if line["source"] in whole:
                self._fault(line, "decision", "the source has an all row too", "Keep one of the two.")
            try:
                names.add(self._known.agreement_type(line["target"]))
            except InputRefused as error:
                self._fault(line, "target", error.found, error.remedy)
        changes = []
        for source, names in included.items():
            now = TypeFilter(source, tuple(sorted(names)))
            before = self._tables.before(now)
            changes.append(Change(now, before, changed=now != (before or TypeFilter(source, ()))))
        return changes

    def _check_twice(self, lines: Iterable[Line]) -> None:
        first: dict[tuple[str, str, str], Line] = {}
        for line in lines:
            earlier = first.setdefault((line["kind"], line["source"], line["key"]), line)
            if earlier is not line:
                self._fault(line, "key", f"line {earlier.number} decides the same", "Keep one of the two.")

    def _check_products(self, decided: list[tuple[Line, Mapping]]) -> None:
        """A product belongs to one source only, as it would stand after the whole file."""
        after = {
            key: mapping for key, mapping in self._tables.mappings.items() if mapping.decision != REMOVED
        }
        after |= {(mapping.source, mapping.license): mapping for _, mapping in decided}
        sources: dict[int, set[str]] = defaultdict(set)
        for mapping in after.values():
            if mapping.product_id is not None:
                sources[mapping.product_id].add(mapping.source)
        for line, mapping in decided:
            others = sources[mapping.product_id] - {mapping.source} if mapping.product_id else set()
            if others:
                self._fault(
                    line,
                    "target",
                    f"the product is billed for {', '.join(others)} too",
                    "A product belongs to one source: name another product, or unmap it there first.",
                )

    def _fault(self, line: Line, column: str, rule: str, remedy: str) -> None:
        self.faults.append(Fault(line.number, column, line[column], rule, remedy))
