"""Where studies of Optuna are kept: a file, a database server, or its proxy."""

from __future__ import annotations

import time
import warnings
from contextlib import contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from optuna.storages import BaseStorage

_PAUSES = (0.5, 2.0)
HEARTBEAT_SECONDS = 30
"""A worker on a database server says so often that it lives; three times that, and its trial is done again."""


def storage_place(wanted: str, folder: Path) -> tuple[str, bool]:
    """Where studies are, and whether others may be there too.

    Args:
        wanted: ``sqlite`` or ``journal``: a file in the folder of the run; else an URL.
        folder: For those files.

    Raises:
        DataError: Nothing of the kind is known, or what it needs is not installed.
    """
    match wanted.partition("://")[0]:
        case "sqlite" if wanted == "sqlite":
            return f"sqlite:///{folder / 'studies.db'}", False
        case "journal" if wanted == "journal":
            return str(folder / "studies.journal"), False
        case "grpc":
            host, _, port = wanted.removeprefix("grpc://").rpartition(":")
            if not host or not port.isdigit():
                raise DataError(f"--storage {wanted}: expected grpc://<host>:<port>")
            return wanted, True
        case kind if kind.split("+")[0] in {"sqlite", "postgresql", "mysql"} and "://" in wanted:
            return wanted, True
        case _:
            raise DataError(
                f"--storage {wanted}: expected sqlite, journal, or an URL that begins with sqlite://, postgresql://, "
                "postgresql+psycopg://, mysql:// or grpc://"
            )


def check_storage(place: str) -> None:
    """Find out before anything is trained that studies can be kept.

    Raises:
        DataError: A package is missing, or nobody answers.
    """
    try:
        open_storage(place).get_all_studies()
    except ImportError as error:
        raise DataError(
            f"--storage {_without_password(place)}: {' '.join(str(error).split())[:120]}; pip install '.[tune]'"
        ) from error
    except DataError:
        raise
    except Exception as error:
        # each database has errors of its own
        line = " ".join(str(error).split())[:200]
        raise DataError(f"--storage {_without_password(place)}: cannot be used: {line}") from error


@lru_cache(maxsize=4)
def open_storage(place: str) -> BaseStorage:
    """The storage at a place that ``storage_place`` gave; the same object each time."""
    from optuna import storages
    from optuna.storages.journal import JournalFileBackend

    if place.endswith(".journal"):
        return storages.JournalStorage(JournalFileBackend(place))
    with no_warnings():
        if place.startswith("grpc://"):
            host, _, port = place.removeprefix("grpc://").rpartition(":")
            proxy = storages.GrpcStorageProxy(host=host, port=int(port))
            try:
                proxy.wait_server_ready(timeout=5)
            except Exception as error:
                raise DataError(f"--storage {place}: no gRPC proxy answers there") from error
            return proxy
        if not has_heartbeat(place):
            # several workers of one machine: wait for each other's writes instead of failing
            return _make_tables(place, engine_kwargs={"connect_args": {"timeout": 60}})
        return _make_tables(
            place,
            engine_kwargs={"pool_pre_ping": True},
            heartbeat_interval=HEARTBEAT_SECONDS,
            grace_period=3 * HEARTBEAT_SECONDS,
            heartbeat_stale_trial_callback=storages.RetryHeartbeatStaleTrialCallback(max_retry=2),
        )


def _make_tables(place: str, **options: Any) -> BaseStorage:  # noqa: ANN401 - as Optuna takes them
    """A database; where two commands find it empty at the same moment, one of them finds the other's tables then."""
    from optuna.storages import RDBStorage

    for pause in _PAUSES:
        try:
            return RDBStorage(place, **options)
        except Exception as error:
            # each database has errors of its own
            if not any(word in str(error) for word in ("UNIQUE constraint", "unique constraint", "already exists")):
                raise
            time.sleep(pause)
    return RDBStorage(place, **options)


def has_heartbeat(place: str) -> bool:
    """True where a worker that dies is noticed by the others."""
    return place.startswith(("postgresql", "mysql"))


def _without_password(place: str) -> str:
    head, _, tail = place.rpartition("@")
    return f"{head.rpartition(':')[0]}:***@{tail}" if head.count(":") > 1 else place


def drop_torn_line(journal: Path) -> None:
    """A full disk or a power cut leaves half a line, behind which Optuna would read nothing any more."""
    if journal.exists():
        text = journal.read_bytes()
        if not text.endswith(b"\n"):
            journal.write_bytes(text[: text.rfind(b"\n") + 1])


@contextmanager
def no_warnings() -> Generator[None]:
    """What Optuna calls experimental is chosen on purpose."""
    from optuna.exceptions import ExperimentalWarning

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        warnings.filterwarnings("ignore", message=".*greenlet.*")
        yield
