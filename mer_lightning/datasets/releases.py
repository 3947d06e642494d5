"""The annotation releases by name; each is defined beside its database, with its counts and corrections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from mer_lightning.datasets.database import registered
from mer_lightning.mistakes import unknown
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mer_lightning.datasets.annotation import AnnotationRelease


def releases() -> Mapping[str, AnnotationRelease]:
    """Every release by name, in the order of the databases."""
    return registered().releases


def get_release(name: str) -> AnnotationRelease:
    """Find a release by its label, e.g. ``casme2-2014`` or ``casme2-2014-no:casme2-sub04-EP12_01f-apex``.

    Raises:
        DataError: No such release, or it has no such correction to switch.
    """
    base, *switches = re.split(r"-(no|with):", name)
    known = releases()
    if base not in known:
        raise DataError(unknown("annotation release", base, known))
    switched = list(zip(switches[::2], switches[1::2], strict=True))
    return known[base].switch(
        on=[correction for way, correction in switched if way == "with"],
        off=[correction for way, correction in switched if way == "no"],
    )


def releases_of(database: str) -> tuple[AnnotationRelease, ...]:
    """Every release of one database."""
    return tuple(release for release in releases().values() if release.database == database)
