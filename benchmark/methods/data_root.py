"""Where the user keeps the databases: a flag, an environment variable or a configuration file."""

from __future__ import annotations

import os
from pathlib import Path

from platformdirs import user_config_path

from benchmark.files import load_yaml
from mer_lightning.datasets.paths import expanded
from mer_lightning.settings import Settings
from mer_lightning.types import DataError

CONFIG = "config.yaml"
VARIABLE = "MER_DATA"


class UserConfig(Settings):
    """The user's configuration file.

    Attributes:
        data: Folder of the databases.
    """

    data: str


def data_root(flag: Path | None = None) -> Path | None:
    """Find the data root: the flag, else ``MER_DATA``, else ``data`` in the user's configuration file.

    Returns:
        The folder, None if none of the three names one.

    Raises:
        DataError: The configuration file is not what it should be, or the folder does not exist.
    """
    if flag is not None:
        return _existing(flag, "--data")
    if named := os.environ.get(VARIABLE):
        return _existing(Path(named), VARIABLE)
    file = config_file()
    if not file.is_file():
        return None
    return _existing(Path(load_yaml(file, UserConfig).data), str(file))


def config_file() -> Path:
    """The user's configuration file, which need not exist."""
    return user_config_path("mer-bench") / CONFIG


def _existing(path: Path, source: str) -> Path:
    path = expanded(path)
    if not path.is_dir():
        raise DataError(f"{path}: the data root named by {source} is not a folder")
    return path
