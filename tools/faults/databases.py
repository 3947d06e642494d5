"""A database: a twin of CASME II, its sheet and its frames."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from mer_lightning.types import DataError
from tools.faults.common import PICTURES, contents_of, save_as
from tools.faults.planting import Area, Fault, Seen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_SHEET = "CASME2-coding-20140508.xlsx"


def _write_database(folder: Path) -> None:
    from mer_lightning.synthetic.twins import write_twin

    write_twin(folder / "CASME2", "casme2", subjects=1, size=(32, 32), frames=0.02)


def _read_database(folder: Path) -> Seen:
    from mer_lightning.datasets.registry import open_database
    from mer_lightning.datasets.verify import verify

    report = verify(folder / "CASME2", "casme2")
    if report.problems:
        raise DataError(str(report.problems[0]))
    return Seen(
        contents_of(open_database("casme2", folder / "CASME2")), (*map(str, report.remarks), f"{report.variant} frames")
    )


def _sheet_fault(name: str, change: Callable[[Any], object]) -> Fault:
    def plant(folder: Path) -> None:
        import openpyxl

        (path,) = (folder / "CASME2").glob("*.xlsx")
        book = openpyxl.load_workbook(path)
        change(book.worksheets[0])
        book.save(path)

    return Fault(f"sheet: {name}", plant)


def _cell(title: str, value: Any, row: int = 2) -> Callable[[Any], object]:  # noqa: ANN401 - any value of a cell
    def change(sheet: Any) -> None:  # noqa: ANN401 - of openpyxl
        column = next(cell.column for cell in sheet[1] if cell.value == title)
        sheet.cell(row, column).value = value(sheet.cell(row, column).value) if callable(value) else value

    return change


def _title(old: str, new: str | None) -> Callable[[Any], object]:
    def change(sheet: Any) -> None:  # noqa: ANN401 - of openpyxl
        next(cell for cell in sheet[1] if cell.value == old).value = new

    return change


def _second_column(title: str) -> Callable[[Any], object]:
    def change(sheet: Any) -> None:  # noqa: ANN401 - of openpyxl
        column = sheet.max_column + 1
        sheet.cell(1, column).value = title
        for row in range(2, sheet.max_row + 1):
            sheet.cell(row, column).value = "others"

    return change


def _end(title: str) -> Callable[[Any], object]:
    def change(sheet: Any) -> None:  # noqa: ANN401 - of openpyxl
        places = {cell.value: cell.column for cell in sheet[1]}
        sheet.cell(2, places["ApexFrame"]).value = sheet.cell(2, places[title]).value

    return change


def database() -> Area:
    """A database with its sheet."""
    titles = ("Subject", "Filename", "OnsetFrame", "ApexFrame", "OffsetFrame", "Estimated Emotion")
    odd: tuple[tuple[str, Any], ...] = (
        ("empty", None),
        ("a number with a fraction", 2.5),
        ("true", True),
        ("a formula without a value", "=A1"),
        ("an error value", "#REF!"),
        ("a negative number", -3),
        ("a long text", "x" * 400),
        ("a path", "../../x"),
    )
    faults = (
        *(_sheet_fault(f"{title} is {name}", _cell(title, value)) for title in titles for name, value in odd),
        *(_sheet_fault(f"no title {title}", _title(title, None)) for title in titles),
        *(_sheet_fault(f"two columns {title}", _second_column(title)) for title in titles),
        _sheet_fault("another emotion", _cell("Estimated Emotion", _other_emotion)),
        _sheet_fault("an emotion in capitals", _cell("Estimated Emotion", str.upper)),
        _sheet_fault("an apex that is the onset", _end("OnsetFrame")),
        _sheet_fault("an apex that is the offset", _end("OffsetFrame")),
        _sheet_fault("a row twice", lambda sheet: sheet.append([cell.value for cell in sheet[2]])),
        _sheet_fault("a row less", lambda sheet: sheet.delete_rows(2)),
        _sheet_fault("an empty row", lambda sheet: sheet.insert_rows(3)),
        _sheet_fault("a note above the header", lambda sheet: sheet.insert_rows(1)),
        _sheet_fault("merged cells", lambda sheet: sheet.merge_cells("A2:A3")),
        _sheet_fault("a subject of two digits as text", _cell("Subject", _with_zeros)),
        Fault("a second sheet", lambda f: shutil.copy(f / "CASME2" / _SHEET, f / "CASME2" / f"Copy of {_SHEET}")),
        Fault("a clip that is gone", lambda f: shutil.rmtree(_a_clip(f))),
        Fault("a clip without frames", lambda f: [path.unlink() for path in _a_clip(f).iterdir()]),
        Fault("a clip that no row names", lambda f: shutil.copytree(_a_clip(f), _a_clip(f).with_name("EP99_01"))),
        Fault("a subject that is gone", lambda f: shutil.rmtree(_a_clip(f).parent)),
        Fault("a frame gone", lambda f: sorted(_a_clip(f).iterdir())[1].unlink()),
        *(
            Fault(f"frame: {name}", _frame_fault(how))
            for name, how in PICTURES
            # of colours and bits as it was, a frame is another frame, which is read as any other
            if how.get("mode") not in {None, "I;16", "F"} or "size" in how
        ),
    )
    return Area("database", _write_database, _read_database, {"sheet": f"CASME2/{_SHEET}"}, frozenset(), faults)


def _with_zeros(value: int | str) -> str:
    return f"{int(value):03d}"


def _other_emotion(value: str) -> str:
    return "disgust" if value != "disgust" else "happiness"


def _a_clip(folder: Path) -> Path:
    from mer_lightning.datasets.registry import open_database

    path = open_database("casme2", folder / "CASME2").samples[0].path
    assert path is not None, "a database lies in files"
    return folder / path.relative_to(folder.resolve())


def _frame_fault(how: dict[str, Any]) -> Callable[[Path], object]:
    def plant(folder: Path) -> None:
        frame = sorted(_a_clip(folder).iterdir())[1].relative_to(folder)
        save_as(str(frame), **{"format": "JPEG", **_jpeg(how)})(folder)

    return plant


def _jpeg(how: dict[str, Any]) -> dict[str, Any]:
    # of what a JPEG can be, as such; anything else as the format that can
    return how | ({"format": "PNG"} if how.get("mode") in {"1", "P", "RGBA"} else {})
