"""Whatever becomes of a file, its reader says what is wrong in one line that names it, or reads what is there."""

import json
from io import BytesIO
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook
from xlwt import Workbook as OldWorkbook

from benchmark.boards.board import Reported
from benchmark.boards.rendered import rendered
from benchmark.boards.reported import PrintedPaper
from benchmark.evidence.claims.verdicts import judge_claims
from benchmark.evidence.habits import load_leak
from benchmark.evidence.predictions import read_file
from benchmark.files import load_yaml
from benchmark.methods.budget import Budget
from benchmark.methods.protocol_files import load_definition
from benchmark.methods.recipe import Recipe
from benchmark.methods.suite import load_suite
from benchmark.places import BUDGETS, RECIPES, REPORTED, SHIPPED, SUITES
from benchmark.records.network_sizes import load_networks
from benchmark.records.run import load_run
from mer_lightning.datasets.clip_rows import read_clip_rows
from mer_lightning.datasets.manifest import MANIFEST, read_twin
from mer_lightning.datasets.workbooks import open_workbook
from mer_lightning.faces.landmarks import read_landmarks
from mer_lightning.faces.openface import read_openface
from mer_lightning.faces.units import read_units
from mer_lightning.types import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Reader(NamedTuple):
    """A reader, what its file is called and what is in it when all is well."""

    file: str
    whole: bytes
    read: "Callable[[Path], object]"


def points(*titles):
    """A row of 68 points whose columns have such titles."""
    names = [title.format(number) for number in range(68) for title in titles]
    return names, [f"{20 + number % 17 * 4}.5" for number in range(len(names))]


def table(*rows):
    return "\n".join(map(",".join, rows)).encode()


def sheet(rows=(("Subject", "Filename", "OnsetFrame"), ("01", "EP02_01f", 46), ("02", "EP03", 7.5))):
    book, content = Workbook(), BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(content)
    return content.getvalue()


def old_sheet():
    book, content = OldWorkbook(), BytesIO()
    table = book.add_sheet("labels")
    for place, value in enumerate(("Subject", "01", 46, 7.5, True)):
        table.write(place, place, value)
    book.save(content)
    return content.getvalue()


def grids(path):
    book = open_workbook(path.parent, path)
    return [book.grid(title) for title in book.sheets]


NAMES, VALUES = points("x{0}", "y{0}")
OPEN_NAMES, OPEN_VALUES = points("x_{0}", "y_{0}")
RUN = SHIPPED / "records" / "megc2019" / "majority" / "seed0.json"
NETWORKS = "networks.json"
TABLE = "database,subject,clip,label,prediction,score_0,score_1\nsmic,s01,a,0,1,.2,.8\nsmic,s02,b,1,1,.4,.6\n"
LOG = "smic s01\na 0 1\nb 2 2\ncasme2 sub02\nEP1 1 1\n"

READERS = {
    "a record": Reader("seed0.json", RUN.read_bytes(), load_run),
    "a leak study": Reader(
        "seed0.json", (SHIPPED / "leaks" / "megc2019" / "majority" / "seed0.json").read_bytes(), load_leak
    ),
    "counted networks": Reader(
        NETWORKS,
        json.dumps(json.loads((SHIPPED / NETWORKS).read_text())[:1]).encode(),
        lambda path: load_networks(path.parent),
    ),
    "a list of pages": Reader(".rendered.json", b'["mine.md", ".rendered.json"]', lambda path: rendered(path.parent)),
    "a twin's manifest": Reader(MANIFEST, b'{"counts": {"happiness": 3}}', lambda path: read_twin(path.parent)),
    "a recipe": Reader(
        "mine.yaml", (RECIPES / "ststnet.yaml").read_bytes(), lambda path: load_yaml(path, Recipe, name="mine")
    ),
    "a suite": Reader("mine.yaml", (SUITES / "paper-s1.yaml").read_bytes(), lambda path: load_suite(str(path))),
    "a budget": Reader(
        "mine.yaml", (BUDGETS / "s2.yaml").read_bytes(), lambda path: load_yaml(path, Budget, name="mine")
    ),
    "a protocol": Reader(
        "mine.yaml",
        b"title: Two\nversion: 1\nclasses: [other, surprise]\nheld_out: subject\n"
        b"labels: {smic: {negative: other, surprise: surprise}}\n",
        load_definition,
    ),
    "published rows": Reader(
        "megc2019.yaml", (REPORTED / "megc2019.yaml").read_bytes(), lambda path: load_yaml(path, Reported)
    ),
    "a printed paper": Reader(
        "s3.yaml", (REPORTED / "papers" / "s3.yaml").read_bytes(), lambda path: load_yaml(path, PrintedPaper, id="s3")
    ),
    "claims": Reader(
        "claims.csv", b"".join((SHIPPED / "claims.csv").read_bytes().splitlines(keepends=True)[:3]), judge_claims
    ),
    "a table of predictions": Reader("mine.csv", TABLE.encode(), read_file),
    "a log of predictions": Reader("mine.txt", LOG.encode(), read_file),
    "a table of clips": Reader(
        "clips.csv",
        b"subject,clip,path,label,onset,apex,offset\ns1,a,a.mp4,happiness,1,3,9\n",
        lambda path: read_clip_rows(path, "mine"),
    ),
    "landmarks": Reader(
        "landmarks.csv",
        table(["database", "subject", "clip", "frame", *NAMES], ["smic", "s01", "a", "3", *VALUES]),
        read_landmarks,
    ),
    "a file of OpenFace": Reader(
        "a.csv",
        table(["frame", "confidence", "success", *OPEN_NAMES, "AU01_r"], ["1", ".9", "1", *OPEN_VALUES, "1.5"]),
        read_openface,
    ),
    "action units": Reader(
        "units.csv", b"database,subject,clip,frame,AU01_r,AU12_c\nsmic,s01,a,3,1.25,1\n", read_units
    ),
    "a sheet": Reader("labels.xlsx", sheet(), grids),
    "an old sheet": Reader("labels.xls", old_sheet(), grids),
    "a sheet as text": Reader("labels.csv", b"Subject,Filename\n01,EP02_01f\n", grids),
}
ODD = [b"\x00", b"\xff\xfe", b'"', b"'", b"{", b"[" * 3000, b"- " * 300, b"&a [*a]", b"1e999", b"NaN", b"9" * 5000]
ODD += [b"\n\n", b"\r", b",,,,", b": ", b"!!python/none x", b"2014-13-45", b"\xed\xa0\x80", b"=1+1"]


@st.composite
def damaged(draw, whole):
    """What is left of a file after one to three accidents."""
    content = whole
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + draw(st.sampled_from([1, 8, 200, 10**6])))))
        lines = content.splitlines(keepends=True) or [b""]
        line = lines[draw(st.integers(0, len(lines) - 1))]
        put = draw(
            st.one_of(st.just(b""), st.sampled_from(ODD), st.binary(max_size=12), st.just(line), st.just(content[:end]))
        )
        content = content[:start] + put + content[end:]
    return content


@pytest.mark.parametrize("name", READERS)
class TestReader:
    def test_reads_what_is_whole(self, name, tmp_path):
        file, whole, read = READERS[name]
        (tmp_path / file).write_bytes(whole)
        assert read(tmp_path / file)

    @settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
    @given(data=st.data())
    def test_of_damage_is_one_line_or_what_is_there(self, name, data, tmp_path):
        file, whole, read = READERS[name]
        place = tmp_path / file
        place.write_bytes(data.draw(damaged(whole)))
        try:
            read(place)
        except DataError as error:
            said = str(error)
            assert len(said.splitlines()) == 1
            assert place.stem in said

    def test_of_a_folder_or_of_nothing_is_one_line(self, name, tmp_path):
        file, _, read = READERS[name]
        for make in (lambda: None, (tmp_path / file).mkdir):
            make()
            try:
                found = read(tmp_path / file)
            except DataError as error:
                assert len(str(error).splitlines()) == 1
            else:
                assert not found, "nothing is there"
