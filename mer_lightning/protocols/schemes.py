"""Label schemes: which native emotion is which class, as tables with their source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mer_lightning.types import Sample


@dataclass(frozen=True, slots=True)
class LabelScheme:
    """A merge of native emotions into classes.

    Attributes:
        name: Short name, part of the protocol's identity.
        classes: Class names in index order.
        table: Per database, native emotion -> class name, or None where the scheme drops the emotion.
        source: Where the merge is stated.
    """

    name: str
    classes: tuple[str, ...]
    table: Mapping[str, Mapping[str, str | None]]
    source: str

    def label(self, sample: Sample) -> int | None:
        """Class index of a sample, None where the scheme drops it.

        Raises:
            DataError: The database or the emotion is not in the table.
        """
        emotions = self.table.get(sample.database)
        if emotions is None:
            raise DataError(
                f"{sample.key}: label scheme {self.name} knows {', '.join(self.table)}, not {sample.database}"
            )
        if sample.emotion not in emotions:
            raise DataError(
                f"{sample.key}: emotion '{sample.emotion}' is unknown to label scheme {self.name}; "
                f"expected one of {', '.join(emotions)}"
            )
        name = emotions[sample.emotion]
        return None if name is None else self.classes.index(name)


_THREE = {"negative": "negative", "positive": "positive", "surprise": "surprise"}

MEGC2019 = LabelScheme(
    name="megc2019-3",
    classes=("negative", "positive", "surprise"),
    table={
        "smic": _THREE,
        "casme2": _THREE
        | {
            "disgust": "negative",
            "repression": "negative",
            "happiness": "positive",
            "others": None,
            "fear": None,
            "sadness": None,
        },
        "samm": _THREE
        | {
            "anger": "negative",
            "contempt": "negative",
            "disgust": "negative",
            "fear": "negative",
            "sadness": "negative",
            "happiness": "positive",
            "other": None,
        },
    },
    source="See et al., MEGC 2019 - the second facial micro-expressions grand challenge, FG 2019, section III",
)
