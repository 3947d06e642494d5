"""Several databases side by side, each as it is; a protocol picks what it scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mer_lightning.types import DataError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.types import Dataset, Kind, Sample


class Union:
    """All samples of several databases.

    Args:
        parts: The databases, by the name that their samples have; all real or all synthetic.

    Attributes:
        kind: Always ``frames``.

    Raises:
        DataError: There is none, a database occurs twice, one has no frames, or real and invented ones are mixed.
    """

    kind: Kind = "frames"

    def __init__(self, *parts: Dataset) -> None:
        if not parts or any(part.kind != "frames" for part in parts):
            raise DataError("a union needs at least one database, and frames of each")
        if len({part.synthetic for part in parts}) > 1:
            raise DataError(f"{', '.join(part.name for part in parts)}: real and synthetic databases do not mix")
        self._part_of: dict[str, Dataset] = {}
        for part in parts:
            for database in sorted({sample.database for sample in part.samples}):
                if database in self._part_of:
                    raise DataError(f"{part.name}: {database} is already there")
                self._part_of[database] = part
        self.name = "+".join(part.name for part in parts)
        self.release = "+".join(part.release for part in parts)
        self.synthetic = parts[0].synthetic
        self.samples = tuple(sorted((s for part in parts for s in part.samples), key=lambda sample: sample.key))
        self.choices = {f"{part.name} {name}": value for part in parts for name, value in part.choices.items()}

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read the frames onset..offset of one sample from its database, ``(T, H, W, C)``, uint8.

        Raises:
            DataError: The files are missing, unreadable or not what the table says.
        """
        return self.part_of(sample).read(sample)

    def part_of(self, sample: Sample) -> Dataset:
        """The database that a sample belongs to.

        Raises:
            DataError: It belongs to none of them.
        """
        if sample.database not in self._part_of:
            raise DataError(f"{sample.key}: there are {', '.join(self._part_of)} only")
        return self._part_of[sample.database]
