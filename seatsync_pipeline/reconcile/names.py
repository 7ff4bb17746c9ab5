"""Company names: when two spellings mean the same company, and when they only look alike.

Precision first: a wrong link bills the wrong client, a missing one asks the operator once.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_LEGAL_FORMS = frozenset(
    "ab ag as bv co company corp corporation gmbh inc incorporated kg lc llc llp lp ltd limited nv oy plc "
    "pc pllc pte pty sa sarl sas srl spa ug".split()
)

# Of these, what may as well be a place (Colorado, Nevada) or a word of the name: taken off for finding a company, and
# never enough for a link by itself.
_DOUBTFUL_FORMS = frozenset("ab ag as co nv sa spa".split())

# Words that tell two sites or sister companies apart. A name that differs in one of them is another company.
_TELLING_WORDS = frozenset(
    # ordinals and counts
    "first second third fourth fifth sixth seventh eighth ninth tenth one two three four five six seven eight "
    "nine ten primary secondary "
    # directions and places
    "north south east west northern southern eastern western northeast northwest southeast southwest central "
    "upper lower inner outer downtown uptown midtown metro city county town village valley lake river hill "
    "hills mountain coast coastal beach bay harbor harbour island islands park street avenue road plaza square "
    "center centre heights "
    # countries, states and regions in everyday company names
    "america american usa canada canadian europe european asia asian pacific atlantic africa african australia "
    "australian germany german france french britain british england english scotland scottish wales welsh "
    "ireland irish mexico mexican texas california florida york jersey virginia carolina dakota georgia "
    "washington oregon nevada arizona colorado ohio michigan illinois indiana iowa kansas utah maine "
    "vermont montana idaho wyoming alaska hawaii alabama arkansas louisiana mississippi missouri tennessee "
    "kentucky maryland delaware pennsylvania connecticut massachusetts minnesota wisconsin nebraska oklahoma "
    "london paris berlin chicago boston dallas houston austin denver seattle portland phoenix miami atlanta "
    "detroit toronto montreal vancouver sydney melbourne brisbane perth".split()
)

_MIN_TYPO_LENGTH = 5
_PUNCTUATION = re.compile(r"[^\w\s]|_", re.UNICODE)
_COMPANY = re.compile(r"\bco\.(?!\w)")
_DOTTED_INITIALS = re.compile(r"\b(?:\w\.){2,}")


def normalise(name: str) -> str:
    """NFKC, case, punctuation, `&`/and, a leading "the" and legal forms at the end taken out.

    `The Smith & Jones Co., Inc.` and `smith and jones` both give `smith and jones`. A name that consists of
    nothing but such words is kept as it is, and so is one of punctuation alone: two of those are not the same.
    """
    return " ".join(_parted(name)[0])


def same_but_for_legal_forms(left: str, right: str) -> bool:
    """Whether what `normalise` takes off the ends of both are legal forms and nothing else.

    `Summit Roofing CO` and `Summit Roofing NV` may be two states, `Serenity Spa` is not `Serenity LLC`. A `Co.` with
    its dot is a company.
    """
    one, other = set(_parted(left)[1]), set(_parted(right)[1])
    doubtful = (one ^ other) & _DOUBTFUL_FORMS
    return not doubtful or (doubtful == {"co"} and "company" in one | other)


@lru_cache(maxsize=32_768)  # a name is looked at once to find its like, and once more to be sure
def _parted(name: str) -> tuple[Sequence[str], Sequence[str]]:
    """The words of a name, and the legal forms behind them."""
    text = unicodedata.normalize("NFKC", name).casefold().replace("&", " and ").replace("+", " plus ")
    if "." in text:
        text = _COMPANY.sub("company", text)
        text = _DOTTED_INITIALS.sub(lambda match: match[0].replace(".", ""), text)  # L.L.C. is one word
    text = text.replace("'", "").replace("\u2019", "")  # O'Brien is OBrien, not "o brien"
    words = text.split()
    if not "".join(words).isalnum():
        words = _PUNCTUATION.sub(" ", text).split() or words
    if len(words) > 1 and words[0] == "the":
        words = words[1:]
    end = len(words)
    while end > 1 and words[end - 1] in _LEGAL_FORMS:
        end -= 1
    return words[:end], words[end:]


def has_unseen(name: str) -> bool:
    """Whether the name holds a character that nobody sees: of no width, a mark of direction, a control.

    Two names can then look the same and be two. No-break and other wide blanks are seen, as blanks.
    """
    return not name.isprintable() and any(unicodedata.category(c)[0] == "C" for c in name)


def differ_only_by_typos(left: str, right: str) -> bool:
    """Whether two different normalised names can be one name, mistyped.

    True only when they have the same words but for some of five or more letters, in each of which one letter
    was left out, doubled, added or swapped with its neighbour. A number, an ordinal, a direction, a place, a
    short word, an initial, an exchanged letter or a word more or less all tell companies apart.
    """
    left_words, right_words = left.split(), right.split()
    if len(left_words) != len(right_words):
        return False
    return all(a == b or _typo(a, b) for a, b in zip(left_words, right_words, strict=True))


def _typo(left: str, right: str) -> bool:
    if min(len(left), len(right)) < _MIN_TYPO_LENGTH or not (left.isalpha() and right.isalpha()):
        return False
    if left in _TELLING_WORDS or right in _TELLING_WORDS:
        return False
    if left[0] != right[0]:
        return False
    return _one_letter_more(left, right) or _one_letter_more(right, left) or _swapped(left, right)


def _one_letter_more(longer: str, shorter: str) -> bool:
    if len(longer) != len(shorter) + 1:
        return False
    return any(longer[:i] + longer[i + 1 :] == shorter for i in range(len(longer)))


def _swapped(left: str, right: str) -> bool:
    if len(left) != len(right):
        return False
    differing = [i for i, (a, b) in enumerate(zip(left, right, strict=True)) if a != b]
    match differing:
        case [i, j] if j == i + 1:
            return left[i] == right[j] and left[j] == right[i]
        case _:
            return False


def web_host(address: str | None) -> str | None:
    """The host of a website or domain field, without `www.`; None where there is none."""
    if not address or not address.strip():
        return None
    host = re.sub(r"^[a-z][a-z0-9+.-]*://", "", address.strip().casefold())
    host = re.split(r"[/:?#]", host, maxsplit=1)[0].removeprefix("www.").strip(".")
    return host if "." in host else None
