"""What every database is to the rest of the house: a table of samples and a way to read one."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    from numpy.typing import NDArray

    from mer_lightning.types import Sample

Kind = Literal["frames", "flow_maps"]
NO_CHOICES: Mapping[str, str] = MappingProxyType({})


class Dataset(Protocol):
    """A database as a table of samples plus a reader; knows nothing of folds, classes or models.

    Attributes:
        name: Short name, e.g. ``casme2``; a composite has a name of its own.
        release: Annotation release that the table follows, e.g. ``megc2019-442``.
        kind: ``frames`` when ``read`` gives video frames, ``flow_maps`` when it gives one precomputed map.
        synthetic: True when no real person was recorded; every table made from it says so.
        samples: All samples, sorted by key.
        choices: What the release leaves open and was chosen, e.g. SMIC's apex; part of every record.
    """

    @property
    def name(self) -> str: ...
    @property
    def release(self) -> str: ...
    @property
    def kind(self) -> Kind: ...
    @property
    def synthetic(self) -> bool: ...
    @property
    def samples(self) -> tuple[Sample, ...]: ...
    @property
    def choices(self) -> Mapping[str, str]: ...

    def read(self, sample: Sample) -> NDArray[np.uint8]:
        """Read one sample.

        Returns:
            ``(T, H, W, C)``, uint8: the frames onset..offset in order, or one map (T = 1) whose channels
            are horizontal flow, vertical flow and optical strain, each scaled to 0..255.

        Raises:
            DataError: The files of the sample are missing, unreadable or not what the table says.
        """
        ...
