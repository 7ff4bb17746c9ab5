"""The words of the reference page for names whose code carries none.

What belongs here: what a status, guard, outcome, column or folder means, for an operator. What does not: the
order of the page (`make_reference.py`), and flags, settings, commands and jobs, which describe themselves.
"""  # noqa: INP001  # a module beside the script that uses it, no package

from __future__ import annotations

from seatsync_pipeline.cli.app import INTERRUPTED, NOBODY_READS
from seatsync_pipeline.push import recheck
from seatsync_pipeline.reconcile import orphans
from seatsync_pipeline.reconcile.rows import Action, Guard, Status
from seatsync_pipeline.settings.guards import DEFAULT_LIMITS
from seatsync_pipeline.sources import verdict
from seatsync_pipeline.sources.base import State, Verdict

STATUSES = {
    Status.READY: "One addition bills the line, with another quantity than the source counts.",
    Status.NO_ADDITION: "Seats are in use and no addition in scope bills them.",
    Status.ORPHANED: "An addition bills seats that no present account of the source uses.",
    Status.MULTIPLE_ADDITIONS: "Two or more additions bill the line: which one is right, a person has to say.",
    Status.SOURCE_ERROR: "A number behind the line could not be read, so nothing is said about it.",
    Status.UNMATCHED: "No company fits the account.",
    Status.AMBIGUOUS: "A company fits the account, but not beyond doubt.",
    Status.LICENSE_UNMAPPED: "Nobody has said which product the license is billed as.",
    Status.SKIPPED: "A proof of concept: present, and not billed.",
    Status.NO_CHANGE: "ConnectWise bills what is used, or there is nothing to do.",
}
ACTIONS = {
    Status.READY: Action.UPDATE,
    Status.NO_ADDITION: Action.CREATE,
    Status.ORPHANED: Action.CANCEL,
}
LIMITS = DEFAULT_LIMITS
GUARDS = {
    Guard.DECREASE_TO_ZERO: "falls to 0",
    Guard.LARGE_DECREASE: f"falls by more than {LIMITS.max_decrease_percent} %, or by more than "
    f"{LIMITS.max_decrease_seats}",
    Guard.LARGE_INCREASE: f"rises by more than {LIMITS.max_increase_percent} % and by more than "
    f"{LIMITS.max_increase_seats}",
    Guard.UNACCEPTED_DECREASE: "falls, and the snapshot is not complete",
    Guard.POSSIBLE_MISSING_ACCOUNT: "falls, and an unresolved account could be this company's",
    Guard.ACCOUNTS_CHANGED: "its accounts are not those of the last accepted snapshot, or of the last push",
    Guard.ORPHAN_SHARE: f"more than {LIMITS.max_orphans_percent} % of the lines in scope, and more than "
    f"{LIMITS.max_orphans}, are orphaned: all orphans are blocked, until the approval overrides this guard by name",
}
EVIDENCE = {
    orphans.EXPIRED_IN_SOURCE: "An account of the line is still listed, with an ended contract.",
    "absent on N days": "An account contributed before, and is absent on N days with a complete snapshot.",
    orphans.ABSENT_ONCE: "An account contributed before, and is absent on one day. Look again another day.",
    orphans.NEVER_SEEN: "No snapshot ever had it: it may be sold by another route. One by one only, with a reason.",
}
OUTCOMES = {
    "created": "A new addition is there, and was read back as it was sent.",
    "updated": "The quantity was written and read back.",
    "cancelled": "The cancelled date was written and read back.",
    "skipped": "Nothing was written; the reason says why (see below).",
    "failed": "ConnectWise refused the write, or could not be read before it, or the operation was abandoned. Nothing "
    "was changed.",
    "unresolved": "Somebody else has edited the line meanwhile, the write cannot be told from another one, or its "
    "operation was abandoned before its addition showed: look at both values in ConnectWise. Never written again.",
    "not_attempted": "The operation ended before this row.",
    "outcome unknown": "The write was sent and nobody can tell yet whether it was taken (counted as unresolved). Push "
    "the same selection again: it looks first.",
}
SKIPPED_FOR = {
    recheck.ALREADY_APPLIED: "ConnectWise has the approved value already.",
    recheck.CHANGED: "Something the approval was bound to is different now; both values are named.",
    recheck.MOVED: "The planned date would come out otherwise now, or has passed.",
    "the create it is paired with": "That create did not succeed: the old line stays until the new one bills.",
}
STATES_OF_SEATS = {
    State.COUNTED: "billable seats",
    State.POC: "a proof of concept or trial: present, not billed",
    State.EXPIRED: "an ended contract: no row; its line may become Orphaned",
    State.FAILED: "could not be read: no number, never zero",
}
VERDICTS = {
    Verdict.COMPLETE: "proves what it says, also that an account is absent",
    Verdict.SUSPECT: "readable, and odd: proves no absence",
    Verdict.INCOMPLETE: "parts are missing: proves no absence",
}
FINDINGS = {
    "empty account list": (
        Verdict.INCOMPLETE,
        "Duo listed no subaccount. The run fails and the preview before it stays.",
    ),
    "failed accounts": (
        Verdict.INCOMPLETE,
        f"more than {LIMITS.max_failed_accounts_percent} % of Duo's subaccounts could not be read",
    ),
    "failed rows": (
        Verdict.INCOMPLETE,
        (
            f"more than {LIMITS.max_failed_rows_percent} % and more than {LIMITS.max_failed_rows} rows could not "
            "be read, or all"
        ),
    ),
    "footer total": (
        Verdict.SUSPECT,
        "the export's total cannot be compared, because some rows could not be read",
    ),
    verdict.ACCOUNTS_FELL: (
        Verdict.INCOMPLETE,
        (
            f"paid accounts fell by more than {LIMITS.max_accounts_fall_percent} % and by more than "
            f"{LIMITS.max_accounts_fall} against the last accepted snapshot, or to none"
        ),
    ),
    verdict.TIER_VANISHED: (
        Verdict.SUSPECT,
        (
            f"a license that {LIMITS.vanished_tier_accounts} or more accounts had in the last accepted snapshot "
            "has none now"
        ),
    ),
    verdict.SEATS_FELL: (
        Verdict.SUSPECT,
        (
            f"all seats together fell by more than {LIMITS.max_seats_fall_percent} %, with a steady number of "
            "accounts"
        ),
    ),
    verdict.SAME_FILE: (Verdict.SUSPECT, "this very file was imported in an earlier month already"),
    verdict.OLD_FILE: (
        Verdict.SUSPECT,
        f"the file was last changed more than {LIMITS.max_file_age_days} days before it was read",
    ),
    verdict.OLDER_FILE: (
        Verdict.SUSPECT,
        "the file was last changed more than a day before the last accepted one",
    ),
    verdict.COLUMNS_CHANGED: (Verdict.SUSPECT, "the file has other columns than the last accepted one"),
}
EXIT_CODES = {
    0: "done",
    1: "finished with failures: a subaccount or row that could not be read, a failed check of `doctor`, an operation "
    "that is not `finished`, a broken audit log",
    2: "refused: bad input, bad selection, not configured; nothing was written",
    INTERRUPTED: "interrupted with Ctrl-C",
    NOBODY_READS: "nobody reads the output any more, as in `seatsync preview duo | head`",
}
PREVIEW_COLUMNS = {
    "preview_id": "the preview, `prev_...`",
    "source": "where the seats come from",
    "row_id": "the line, account or addition, `row_...`; the same from preview to preview",
    "fingerprint": "sha256 of what an approval is bound to, `fp_...`",
    "status": "see Statuses",
    "action": "what a push would do",
    "selected_by_default": "whether approving the defaults takes it",
    "blocked": "whether it cannot be approved",
    "needs_reason": "whether it can only be approved with a reason",
    "accounts": "list of {account_key, account_name, license, seats}: what each observation contributed",
    "company_id": "ConnectWise company",
    "company_name": "its name",
    "agreement_id": "the agreement of the one addition, or of the addition to be made; empty where it must be chosen",
    "agreement_name": "its name",
    "addition_id": "the one addition; empty when there is none, or several",
    "additions": "list of every addition the row carries",
    "product_id": "catalog product",
    "product_identifier": "its identifier",
    "current_quantity": "sum of the additions' quantities; empty when there is none",
    "new_quantity": "what it should be; empty when that is not known",
    "delta": "new quantity less current quantity",
    "less_included": "units that the base agreement covers; shown, never changed",
    "unit_price": "price of the addition; for a new one, of the catalog",
    "amount_delta": "money per billing cycle: price x change of max(0, quantity - less included); 0 unless Billable",
    "billing_cycle": "of the agreement",
    "next_invoice_date": "of the agreement",
    "planned_date": "create: the day it takes effect; cancel: the last billed day",
    "paired_row_id": "the other row of a pair",
    "flags": "see Flags",
    "guards": "list of {guard, observed, limit}: those that tripped",
    "candidates": "list of {company_id, company_name, score}: companies an account could belong to, at most 3",
    "agreements": "list of {agreement_id, agreement_name}, where the operator must choose",
    "evidence": "see Evidence",
    "reason": "one sentence",
}
SELECTION_COLUMNS = {
    "preview_id": "leave as it is",
    "row_id": "leave as it is",
    "fingerprint": "leave as it is",
    "approve": "`yes`, or blank",
    "agreement_id": "for a new addition in a company with several agreements: the id of one of them",
    "approval_reason": "why; for rows that need a reason",
    "overrides": "names of guards, separated by `;`, that the approver overrides for this row; needs a reason",
    "approved_by": "who approves; the same name in every approved row",
}
SETUP_COLUMNS = {
    "kind": "`mapping`, `link` or `agreement_type`",
    "source": "the source",
    "key": "mapping: the license; link: the account's key",
    "key_name": "for the reader",
    "decision": "mapping: `product`, `no_charge`; link: `company`, `not_billed`; agreement_type: `include`, `all`",
    "target": "the product's id or identifier, the company's id, or the agreement type's name",
    "target_name": "for the reader",
    "reason": "why; needed by `not_billed`",
}
IN_HOME = {
    "database": "all data: snapshots, setup, previews, operations, audit log",
    "previews": "a sheet to tick for every preview, `<source>-<preview_id>.csv`",
    "avanan_inbox": "drop folder: `avanan_export_drop` imports what is put here",
    "selections_inbox": "drop folder: `selection_drop`, once it is switched on, pushes what is put here",
    "archive": "dropped files that were imported or pushed, by month: `archive/2026-11/`",
    "rejected": "dropped files that were refused, each beside `<name>.errors.csv`",
    "dagster_home": "Dagster's history, unless DAGSTER_HOME says otherwise",
}
