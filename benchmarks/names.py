"""Company names for the matching benchmark: 10,000 that look like clients, and how a vendor's list spells them."""

from __future__ import annotations

import random

_FIRST = (
    "Alder Amber Ash Bay Beacon Birch Blue Bright Brook Cedar Clear Copper Coral Crest Crown Dover Eagle "
    "Elm Ember Fair Falcon Fern Field Flint Fox Garden Glen Golden Granite Green Grove Harbor Haven Hazel "
    "Heron High Hollow Iron Ivory Jade Juniper Keen Kestrel Lake Lantern Larch Laurel Linden Long Lunar "
    "Maple Marble Meadow Mill Mist Moss North Oak Ocean Olive Orchard Otter Pearl Pebble Pine Plum "
    "Prairie Quarry Quill Rain Raven Red Ridge River Robin Rock Rose Rowan Saffron Sage Sand Shore Silver "
    "Sky Slate Spring Spruce Star Stone Summer Sun Swan Thistle Timber Valley Violet"
).split()
_LAST = (
    "bridge brook bury by dale field ford gate ham hill ley mont point port side stead ton view ville wick"
).split()
_TRADES = (
    "Dental Group,Family Law,Accounting,Veterinary Clinic,Logistics,Credit Union,Architects,Brewing Company,Insurance,"
    "Property Partners,Physiotherapy,Manufacturing,Hospice,Orchards,Robotics,Surveying,Nursery,Charter School,Capital,"
    "Marine Services,Printing,Pharmacy,Eye Care,Construction,Interiors"
).split(",")
_FORMS = ("", ", Inc.", " LLC", " Ltd", " Co.")


def company_names(count: int) -> list[str]:
    """Different names; the same for the same count."""
    chance = random.Random(count)  # noqa: S311  # not a secret
    made: dict[str, None] = {}
    while len(made) < count:
        made[
            f"{chance.choice(_FIRST)}{chance.choice(_LAST)} {chance.choice(_FIRST)} {chance.choice(_TRADES)}"
        ] = None
    return list(made)


def altered(names: list[str], share: float) -> list[str]:
    """The same names, so many of them spelt otherwise: a legal form, case, or one letter doubled, lost or swapped."""
    chance = random.Random(len(names))  # noqa: S311  # not a secret
    return [_altered(name, chance) if chance.random() < share else name for name in names]


def _altered(name: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(name) - 1)
    return chance.choice(
        (
            name + chance.choice(_FORMS[1:]),
            name.upper(),
            name[:at] + name[at] + name[at:],
            name[:at] + name[at + 1 :],
            name[:at] + name[at + 1] + name[at] + name[at + 2 :],
        )
    )
