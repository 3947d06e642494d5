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
                + "; labels are read in lower case"
                * (sample.emotion in map(str.lower, emotions))
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


def _same(*names: str) -> dict[str, str | None]:
    return {name: name for name in names}


def _dropped(*names: str) -> dict[str, str | None]:
    return dict.fromkeys(names)


CASME2_5 = LabelScheme(
    name="casme2-5",
    classes=("happiness", "disgust", "repression", "surprise", "others"),
    table={"casme2": _same("happiness", "disgust", "repression", "surprise", "others") | _dropped("sadness", "fear")},
    source="Yan et al., CASME II, PLoS ONE 9(1), 2014: sadness and fear are left out for their few clips",
)

SAMM_5 = LabelScheme(
    name="samm-5",
    classes=("anger", "happiness", "other", "surprise", "contempt"),
    table={
        "samm": _same("anger", "happiness", "other", "surprise", "contempt") | _dropped("disgust", "fear", "sadness")
    },
    source="common five-class use of SAMM: the classes of more than ten clips, 57/26/26/15/12 = 136",
)

CKPLUS_7 = LabelScheme(
    name="ckplus-7",
    classes=("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise"),
    table={"ckplus": _same("anger", "contempt", "disgust", "fear", "happy", "sadness", "surprise")},
    source="Lucey et al., The extended Cohn-Kanade dataset (CK+), CVPRW 2010",
)

FER2013_7 = LabelScheme(
    name="fer2013-7",
    classes=("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"),
    table={"fer2013": _same("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")},
    source="Goodfellow et al., Challenges in representation learning, 2013",
)

PRETRAINING = {"ckplus": CKPLUS_7, "fer2013": FER2013_7}
"""Of the databases of other people that may be learnt from."""

_OBJECTIVE = _same("I", "II", "III", "IV", "V") | _dropped("VI", "VII")

OBJECTIVE_5 = LabelScheme(
    name="objective-5",
    classes=("I", "II", "III", "IV", "V"),
    # the databases are opened with coding: objective
    table={"casme2": _OBJECTIVE, "samm": _OBJECTIVE},
    source="Davison et al., Objective classes for micro-facial expression recognition, 2018; MEGC 2018",
)
