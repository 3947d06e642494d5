"""What the papers print is kept digit for digit, every row is a method of ours, a mistake is one line."""

from pathlib import Path

import pytest

from benchmark.boards.reported import NONE_OF_OURS, load_methods, load_reported
from benchmark.methods.recipe import load_recipe, recipe_names
from mer_lightning.protocols import PROTOCOLS, get_protocol
from mer_lightning.types import DataError

REPORTED = Path(__file__).parents[3] / "leaderboards" / "reported"
COMMITTED = load_reported(REPORTED)
METHODS = """
methods:
- {id: full, title: Full, paper: s7, tier: A}
- {id: cited, title: Cited, paper: Somebody 2020, tier: D, cannot_run: the genome is lost}
"""
PAPER = """
title: A
authors: B
venue: C
year: 2020
note: D
caveats: {smic-3: The same clips., megc2019: Read as parts.}
tables:
- number: Table 1
  caption: Two methods.
  split: Not stated.
  evaluation: unknown
  columns:
  - {id: smic, title: SMIC Acc, metric: accuracy, unit: percent, protocol: smic-3, database: smic}
  - {id: size, title: size, metric: parameters, unit: number, protocol: none of ours, reason: Counted.}
  rows:
  - {name: Full, method: full, cells: {smic: "50.5%", size: "3.2"}, note: Twice., notes: {smic: Odd.}}
  - {name: Cited, method: cited, protocol: megc2019, cells: {smic: null, size: "——"}}
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "papers").mkdir()
    (tmp_path / "methods.yaml").write_text(METHODS)
    (tmp_path / "papers" / "s7.yaml").write_text(PAPER)
    return tmp_path


def table(paper, number):
    (found,) = [t for p in COMMITTED.papers if p.id == paper for t in p.tables if t.number == number]
    return found


def printed(paper, number, column):
    """Digits of one column by method, as numbers in the printed unit."""
    rows = table(paper, number).rows
    return {row.method: float(row.cells[column].rstrip("%")) for row in rows if row.cells[column] not in {None, "——"}}


def test_every_table_of_results_is_there_with_all_its_rows():
    sizes = {p.id: {t.number: (len(t.rows), len(t.columns)) for t in p.tables} for p in COMMITTED.papers}
    assert sizes == {
        "s0": {"Section 3.2": (7, 2), "Table 1": (2, 2), "Table 2": (2, 2), "Table 3": (3, 2), "Table 4": (4, 2)},
        "s1": {
            "Abstract": (1, 3),
            "Figure 9": (7, 3),
            "Figure 10": (8, 3),
            "Table 4, figure 11": (4, 3),
            "Table 5": (6, 6),
        },
        "s2": {
            "Section 3.2": (1, 1),
            "Table 2": (8, 1),
            "Figure 4": (2, 1),
            "Table 3": (2, 3),
            "Table 4": (3, 3),
        },
        "s3": {"Table 1": (2, 1), "Table 2": (4, 1), "Section 3.3": (1, 1), "Table 3": (7, 3)},
        "s4": {"Table 1": (7, 4)},
    }


# what the text of each paper says about two cells of its tables: a figure that was copied wrongly shows here
@pytest.mark.parametrize(
    ("paper", "number", "column", "more", "less", "gain"),
    [
        ("s0", "Table 1", "smic", "s0-fused", "s0-fused-untrained", 5.4),
        ("s0", "Table 1", "casme2", "s0-fused", "s0-fused-untrained", 5.0),
        ("s0", "Table 2", "smic", "s0-fused", "s0-fused-fc6", 6.2),
        ("s0", "Table 2", "casme2", "s0-fused", "s0-fused-fc6", 2.5),
        ("s1", "Table 5", "smic_uf1", "me-resnet", "off-apexnet", 0.0185),
        ("s1", "Table 5", "smic_uar", "me-resnet", "ststnet", 0.0212),
        ("s1", "Table 5", "samm_uf1", "me-resnet", "ststnet", 0.0243),
        ("s1", "Table 5", "samm_uar", "me-resnet", "ststnet", 0.0213),
        ("s2", "Figure 4", "accuracy", "s3d-cnn-transfer", "s3d-cnn", 18.12),
        ("s2", "Table 3", "training_accuracy", "s3d-cnn-transfer", "s3d-cnn", 27.81),
        ("s2", "Table 3", "epochs", "s3d-cnn", "s3d-cnn-transfer", 9.27),
        ("s2", "Table 3", "training_loss", "s3d-cnn", "s3d-cnn-transfer", 0.36),
        ("s3", "Table 1", "accuracy", "dual-attention-focal", "dual-attention-ce", 1.21),
        ("s3", "Table 2", "accuracy", "dual-attention-spatial", "dual-attention-focal", 4.02),
        ("s3", "Table 2", "accuracy", "dual-attention-channel", "dual-attention-focal", 2.41),
        ("s3", "Table 2", "accuracy", "dual-attention", "dual-attention-focal", 4.82),
    ],
)
def test_the_gains_that_a_paper_states_follow_from_its_cells(paper, number, column, more, less, gain):
    cells = printed(paper, number, column)
    assert cells[more] - cells[less] == pytest.approx(gain, abs=1e-9)


@pytest.mark.parametrize(
    ("paper", "one", "other", "column", "factor"),
    [
        ("s1", ("Abstract", "casme2"), ("Table 4, figure 11", "accuracy"), "me-resnet", 1),
        ("s1", ("Table 5", "casme2_uf1"), ("Table 4, figure 11", "uf1"), "me-resnet", 100),
        ("s1", ("Table 5", "casme2_uar"), ("Table 4, figure 11", "uar"), "me-resnet", 100),
        ("s2", ("Table 2", "accuracy"), ("Table 4", "accuracy"), "s3d-cnn-transfer", 1),
        ("s3", ("Table 2", "accuracy"), ("Table 3", "accuracy"), "dual-attention", 1),
        ("s3", ("Table 1", "accuracy"), ("Table 2", "accuracy"), "dual-attention-focal", 1),
    ],
)
def test_a_figure_that_a_paper_prints_twice_is_the_same_here(paper, one, other, column, factor):
    assert factor * printed(paper, *one)[column] == pytest.approx(printed(paper, *other)[column])


def test_the_pooled_accuracies_of_s3_are_whole_numbers_of_its_249_clips():
    cells = printed("s3", "Table 1", "accuracy") | printed("s3", "Table 2", "accuracy")
    cells["dual-attention-transfer"] = printed("s3", "Table 3", "accuracy")["dual-attention-transfer"]
    hits = {method: round(249 * value / 100) for method, value in cells.items()}
    assert sorted(hits.values()) == [93, 96, 102, 106, 108, 112]
    for method, value in cells.items():
        assert int(10000 * hits[method] / 249) / 100 == value  # cut off, not rounded


def test_parameters_of_s2_are_the_exact_counts_rounded():
    counts = {"s3d-cnn-2d-transfer": 3_243_413, "s3d-cnn-transfer": 3_374_453, "s3d-cnn-3d-transfer": 3_829_493}
    assert printed("s2", "Table 4", "parameters") == {name: round(n / 1e6, 2) for name, n in counts.items()}


def test_every_score_is_held_against_a_protocol_of_ours_and_says_how_they_differ():
    for paper in COMMITTED.papers:
        for t in paper.tables:
            for row in t.rows:
                for column in t.columns:
                    place = t.place(row, column)
                    if place is None:
                        assert column.protocol == NONE_OF_OURS
                        assert column.reason
                    else:
                        assert get_protocol(place[0]).name in PROTOCOLS
                        assert paper.caveats[place[0]].endswith(".")


def test_a_part_is_named_only_where_the_protocol_is_a_composite():
    t = table("s1", "Table 5")
    assert {t.place(row, t.columns[4]) for row in t.rows} == {("megc2019", "samm"), ("samm-3+inner_subjects", None)}


def test_methods_and_tables_name_the_same_systems():
    in_tables = {row.method for paper in COMMITTED.papers for t in paper.tables for row in t.rows}
    assert in_tables == {method.id for method in COMMITTED.methods.values() if method.printed}
    beyond = {method.id: method.paper for method in COMMITTED.methods.values() if not method.printed}
    assert set(beyond.values()) <= {paper.id for paper in COMMITTED.papers}  # only ablations of the papers themselves


@pytest.mark.parametrize("name", sorted(COMMITTED.methods.keys() & set(recipe_names())))
def test_a_recipe_of_a_listed_system_has_its_tier(name):
    method, recipe = COMMITTED.methods[name], load_recipe(name)
    assert not method.cannot_run
    assert recipe.tier == method.tier
    assert recipe.paper is not None


def test_what_is_read_is_what_is_written(folder):
    reported = load_reported(folder)
    (paper,) = reported.papers
    (t,) = paper.tables
    smic, size = t.columns
    full, cited = t.rows
    assert paper.id == "s7"
    assert (smic.value(full.cells["smic"]), size.value(full.cells["size"])) == (0.505, 3.2)
    assert (smic.value(cited.cells["smic"]), size.value(cited.cells["size"])) == (None, None)
    assert (t.place(full, smic), t.place(cited, smic), t.place(full, size)) == (
        ("smic-3", None),
        ("megc2019", "smic"),
        None,
    )
    assert reported.methods["cited"].cannot_run == "the genome is lost"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("year: 2020", "jear: 2020", "s7.yaml: jear: unknown key"),
        ('"50.5%"', "50.5", r"tables.0.rows.0.cells.smic: Input should be a valid string, found 50.5"),
        ('"50.5%"', '"5o.5"', r"row 'Full': column 'smic': expected a number in percent or ——, found '5o.5'"),
        ('"50.5%"', '"505"', "row 'Full': column 'smic': '505' is more than 1 as a percent"),
        ('size: "3.2"', 'sice: "3.2"', "row 'Full': cells: no column 'sice'; expected smic, size"),
        (', size: "3.2"', "", "row 'Full': cells: 'size' is missing; write null"),
        ("notes: {smic: Odd.}", "notes: {samm: Odd.}", "row 'Full': notes: no column 'samm'"),
        ("name: Cited", "name: Full", "row 'Full' is given twice"),
        ("id: size", "id: smic", "column 'smic' is given twice"),
        ("protocol: smic-3,", "protocol: smic-4,", "protocol 'smic-4' is unknown; did you mean smic-3"),
        ("protocol: megc2019,", "protocol: casme2-5,", "column 'smic': casme2-5 has no database smic"),
        (", database: smic", "", "column 'smic': which database of megc2019?"),
        ("unit: percent", "unit: number", "column 'smic': accuracy is a fraction or percent"),
        ("reason: Counted.", "database: smic", "'none of ours' and a reason go together"),
        ("metric: parameters", "metric: uf1", "column 'size': uf1 has a protocol"),
        ("smic-3: The same clips., ", "", "caveats: say how smic-3 differs"),
        ("Read as parts.", "Read as parts., samm-3: Unused.", "caveats: no cell is held against samm-3"),
        ("evaluation: unknown", "evaluation: averaged", "tables.0.evaluation: Input should be 'pooled'"),
        ("method: full", "method: foll", "Table 1, row 'Full': methods.yaml has no method 'foll'"),
        ("method: cited", "method: full", "methods.yaml: cited: printed is true, but it stands in no table"),
    ],
)
def test_a_mistake_in_a_paper_is_one_line_with_file_and_place(folder, old, new, says):
    assert PAPER.count(old) >= 1
    (folder / "papers" / "s7.yaml").write_text(PAPER.replace(old, new, 1))
    with pytest.raises(DataError, match=says) as error:
        load_reported(folder)
    assert "\n" not in str(error.value)
    assert str(folder) in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("tier: D", "tier: E", r"methods.1.tier: Input should be 'A', 'B', 'C' or 'D'"),
        ("tier: D", "tier: B", "cited: tier D and a reason under cannot_run go together"),
        ("id: cited", "id: full", "method 'full' is given twice"),
        ("tier: A}", "tier: A, printed: false}", "full: printed is false, but it stands in a table"),
        ("id: full", "id: Full", "methods.0.id: String should match pattern"),
    ],
)
def test_a_mistake_in_the_list_of_methods_is_one_line(folder, old, new, says):
    (folder / "methods.yaml").write_text(METHODS.replace(old, new, 1))
    with pytest.raises(DataError, match=says) as error:
        load_reported(folder)
    assert "\n" not in str(error.value)
    assert "methods.yaml" in str(error.value)


def test_papers_without_a_list_of_methods_are_an_error_and_no_papers_are_none(folder):
    (folder / "methods.yaml").unlink()
    with pytest.raises(DataError, match=r"methods.yaml: no such file"):
        load_reported(folder)
    with pytest.raises(DataError, match=r"methods.yaml: no such file"):
        load_methods(folder)
    (folder / "papers" / "s7.yaml").unlink()
    assert load_reported(folder).papers == ()
