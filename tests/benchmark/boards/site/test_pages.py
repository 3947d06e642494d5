"""The site is one folder that follows from the records alone and asks for nothing outside itself."""

import re
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmark.boards.board import ALL, load_boards
from benchmark.boards.leakage import load_leak_boards
from benchmark.boards.papers import load_papers
from benchmark.boards.scale import board_scale
from benchmark.boards.site.pages import SITE, Contents, duration, render_site
from benchmark.boards.site.strips import Strip
from benchmark.evidence.claims.verdicts import judge_claims
from benchmark.records.curves import MeanCurve
from benchmark.records.fold import confusion_of
from benchmark.records.network_sizes import NetworkSize, load_networks, networks_json
from benchmark.records.run import load_run, save_run
from mer_lightning.metrics import METRICS
from mer_lightning.types import DataError
from tests.benchmark.example_records import BAD, fold, record, run_record

PROJECT = Path(__file__).parents[4]
VOID = {"meta", "link", "input", "br", "img", "path", "rect", "circle", "use"}
REPORTED = """board: megc2019
rows:
- name: Bad et al.
  method: ststnet
  selection: test
  scores: {all: {uf1: 0.7353, uar: 0.7186}}
  source: Somewhere 2020
- name: Elsewhere <i>
  selection: honest
  scores: {all: {uf1: 0.6, uar: 0.6}, smic: {uf1: 0.2000, uar: 0.5280}, casme2: {uf1: 0.7026, uar: 0.7429}}
  source: Nowhere 2021
  note: Quoted & more.
"""


class Page(HTMLParser):
    """Tags in order; fails where one is closed that is not open."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.ids, self.links = [], [], [], []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self.tags.append((tag, attributes))
        self.ids += [attributes["id"]] if "id" in attributes else []
        self.links += [attributes[name] for name in ("href", "src") if name in attributes]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture
def leaderboards(tmp_path, monkeypatch, few_recipes):
    monkeypatch.setattr("benchmark.boards.site.pages.load_recipes", few_recipes)
    curve = MeanCurve(epochs=(1, 2), values={"train_loss": (1.0, 0.5), "train_accuracy": (0.25, 0.75)})
    for made in (
        record("ststnet", curve=curve),
        record("ststnet", 1, BAD, curve=curve),
        record("linear-svm", pairs=BAD),
        record("gone", pairs=BAD, recipe={"deviations": [], "training": {"epochs": 1}}),
        record("waiting", folds=68),
        record("linear-svm", board="synthetic-megc2019"),
    ):
        save_run(tmp_path / "records", made)
    (tmp_path / "reported").mkdir()
    (tmp_path / "reported" / "megc2019.yaml").write_text(REPORTED)
    return tmp_path


def site(leaderboards):
    boards, papers = load_boards(leaderboards), load_papers(leaderboards)
    claims = judge_claims(leaderboards / "claims.csv") if (leaderboards / "claims.csv").exists() else []
    files = render_site(leaderboards, Contents(boards, papers, claims, load_leak_boards(leaderboards)))
    return {path.relative_to(leaderboards / "site").as_posix(): text for path, text in files.items()}


def row(page, start):
    (found,) = [part for part in page.split("<tr ") if part.startswith(f'id="{start}"')]
    return found.partition("</tr>")[0]


def test_there_is_a_page_for_every_board_and_method_and_copies_of_the_tables(leaderboards):
    names = set(site(leaderboards))
    assert {"index.html", "board-megc2019.html", "board-synthetic-megc2019.html", "style.css", "site.js"} <= names
    assert {"method-ststnet.html", "method-gone.html", "tables/megc2019.csv", "tables/megc2019.tex"} <= names
    assert not names & {"claims.html", "leakage.html"}


def test_published_stands_beside_reproduced_beside_feasible(leaderboards):
    page = site(leaderboards)["board-megc2019.html"]
    ours = row(page, "ststnet")
    assert "0.7353" in ours
    assert "on the test subject" in ours
    assert 'class="verdict possible"' in ours  # 1,879 matrices have this pair
    # the challenge baseline: no matrix has its SMIC pair, nine have that of CASME II
    theirs = row(page, "published-1")
    assert 'class="verdict impossible"' in theirs
    assert "<small>SMIC</small>" in theirs
    assert "CASME II" not in theirs
    assert theirs.count("<td") + theirs.count("<th") == ours.count("<td") + ours.count("<th")


def test_what_was_published_may_stand_on_a_board_of_invented_people_too(leaderboards):
    reported = REPORTED.replace("board: megc2019", "board: synthetic-megc2019")
    (leaderboards / "reported" / "synthetic-megc2019.yaml").write_text(reported)
    page = site(leaderboards)["board-synthetic-megc2019.html"]
    assert 'class="verdict impossible"' in row(page, "published-2")


def test_intervals_are_drawn_where_the_csv_has_them(leaderboards):
    files = site(leaderboards)
    ours = row(files["board-megc2019.html"], "ststnet")
    cells = files["tables/megc2019.csv"].splitlines()
    header = cells[0].split(",")
    board = load_boards(leaderboards)[0]
    (line,) = [text.split(",") for text in cells if text.startswith("measured,ststnet")]
    low, high = (float(line[header.index(f"all_uf1_{end}")]) for end in ("low", "high"))
    x, width = (float(value) for value in re.search(r'class="range" x="([\d.]+)".*?width="([\d.]+)"', ours).groups())
    strip = Strip(board_scale(board.rows, board.reported, ALL))
    assert (x, x + width) == pytest.approx((strip.x(low), strip.x(high)), abs=0.11)
    assert f"interval {low:.4f} to {high:.4f}" in ours


def test_the_head_of_a_column_says_what_its_scale_is(leaderboards):
    page = site(leaderboards)["board-megc2019.html"]
    head = page[page.index('id="lines"') :].partition("</thead>")[0]
    board = load_boards(leaderboards)[0]
    scale = board_scale(board.rows, board.reported, ALL)
    assert f'aria-label="scale from {scale.low} to {scale.high}"' in head
    assert re.findall(r"<text [^>]*>([^<]+)</text>", head) == [f"{tick:.1f}" for tick in scale.ticks]


def test_mere_guessing_far_below_the_others_is_an_arrow_with_its_score_in_words(leaderboards):
    people = ("smic/s01", "smic/s02")

    def guess(method, right):
        pairs = {person: [(0, 0), (0, 0), (1, 1 if right else 0), (2, 2 if right else 0)] for person in people}
        folds = [fold(person, own) for person, own in pairs.items()]
        save_run(leaderboards / "records", run_record(method=method, confusion=confusion_of(folds, 3)))
        return row(site(leaderboards)["board-smic-3.html"], "majority")

    # nobody else is there: the scale is its own
    assert '<circle class="dot"' in guess("majority", right=False)
    beside = guess("ststnet", right=True)
    assert '<path class="dot" d="M1 9l7-4v8z"/>' in beside
    assert 'aria-label="UF1 0.2222, interval 0.2222 to 0.2222"' in beside


def test_every_page_says_version_records_and_how_to_cite(leaderboards):
    files = site(leaderboards)
    for name, text in files.items():
        if name.endswith(".html"):
            foot = text[text.index('<p class="about">') :].partition("</p>")[0]
            assert re.search(r"6 records, fingerprint [0-9a-f]{12}", foot), name
            assert 'href="index.html#cite"' in foot
    assert "@software{mer-bench," in files["index.html"]


def test_all_scores_stand_on_the_page_with_their_intervals(leaderboards):
    page = site(leaderboards)["board-megc2019.html"]
    section = page[page.index('<h2 id="scores">') :].partition("</table>")[0]
    found = load_boards(leaderboards)[0].rows[0]
    heads = re.findall(r'data-sort="number">([^<]+)</th>', section)
    assert list(map(unescape, heads)) == [metric.title for metric in METRICS]
    cells = section[section.index("<tbody>") :].partition("</tr>")[0]
    for metric in METRICS:
        interval = found.intervals["all"][metric.name]
        assert f'data-v="{found.scores["all"][metric.name].mean}"' in cells
        assert f"<small>{interval}</small>" in cells


def test_confusion_is_the_mean_over_seeds_with_recall(leaderboards):
    page = site(leaderboards)["board-megc2019.html"]
    card = page[page.index('<a href="method-ststnet.html">STSTNET</a></figcaption>') :]
    cells = re.findall(r"<td class=\"(?:s\d[^\"]*|sum)\">([^<]*)<", card.partition("</table>")[0])
    # two subjects, one clip per class: all right with one seed, all taken for class 0 with the other
    assert cells == ["2", "0", "0", "1.00", "1", "1", "0", "0.50", "1", "0", "1", "0.50"]


def test_subjects_are_shown_database_after_database(leaderboards):
    page = site(leaderboards)["board-megc2019.html"]
    heat = page[page.index('class="people"') :].partition("</table>")[0]
    assert re.findall(r"<th scope=\"col\"><span>([^<]+)", heat) == ["s01", "sub01"]  # smic before casme2
    assert re.findall(r"<span>([\d.]+/\d+)</span>", heat)[:2] == ["2/3", "2/3"]


def test_a_run_with_missing_folds_has_no_number(leaderboards):
    page = site(leaderboards)["board-megc2019.html"]
    assert "WAITING (incomplete 2/68)" in page
    assert 'id="waiting"' not in page


def test_learning_curves_are_drawn_or_said_to_be_missing(leaderboards):
    files = site(leaderboards)
    assert "ends after 2 epochs with train accuracy 0.750, train loss 0.500" in files["method-ststnet.html"]
    assert "Records without a curve: GONE" in files["board-megc2019.html"]
    assert "No record of this board holds a learning curve" in files["board-synthetic-megc2019.html"]


def test_a_method_page_has_its_recipe_and_how_to_run_it(leaderboards):
    page = site(leaderboards)["method-ststnet.html"]
    assert "epochs: 800" in page
    assert "make bench SUITE=megc2019" in page
    assert "--method ststnet --protocol megc2019" in page
    assert "no longer in the suite" in site(leaderboards)["method-gone.html"]


def test_counts_of_a_network_are_shown_only_while_they_fit_the_recipe(leaderboards):
    real = load_networks(PROJECT / "leaderboards")["ststnet"]
    (leaderboards / "networks.json").write_text(networks_json([real]))
    assert load_networks(leaderboards) == {"ststnet": real}
    assert "<dd>1,683</dd>" in site(leaderboards)["method-ststnet.html"]
    other = NetworkSize.model_validate(real.model_dump() | {"representation": "flow_sequence"})
    (leaderboards / "networks.json").write_text(networks_json([other]))
    assert "<dd>1,683</dd>" not in site(leaderboards)["method-ststnet.html"]


def test_a_torn_file_of_networks_is_named(leaderboards):
    (leaderboards / "networks.json").write_text('[{"method": "a"}]')
    with pytest.raises(DataError, match=r"networks.json: 0.model: missing"):
        site(leaderboards)


def test_the_page_of_leaks_is_there_as_soon_as_there_was_a_study(leaderboards):
    studies = PROJECT / "leaderboards" / "leaks"
    (leaderboards / "leaks" / "megc2019").mkdir(parents=True)
    for name in ("elsewhere.yaml", "megc2019/linear-svm", "megc2019/ststnet"):
        (leaderboards / "leaks" / name).symlink_to(studies / name)
    files = site(leaderboards)
    page = files["leakage.html"]
    Page(page)
    assert 'href="leakage.html"' in files["index.html"]
    assert 'aria-label="Honest beside leaky UF1 of every habit' in page
    assert "fill: var(--page)" in page
    (board,) = load_leak_boards(leaderboards)
    lines = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in page.split("<tr>")]
    for found in board.rows:
        start = [found.title, f"<code>{found.name}</code>", found.candidates or "–"]
        assert [*start, str(found.honest["uf1"]), str(found.leaky["uf1"]), f"{found.gap:+.4f}"] in [
            line[:6] for line in lines
        ]
    for title, curve in board.curves.items():
        assert [title, *("" if value is None else f"{value:.4f}" for value in curve)] in lines
    for theirs, ours in board.elsewhere:
        gaps = [f"{theirs.leaky - theirs.honest:+.4f}", "not tried" if ours is None else f"{ours:+.4f}"]
        assert [theirs.what, *gaps, theirs.source] in [
            [line[i] for i in (2, 5, 6, 8)] for line in lines if len(line) == 9
        ]
    assert all(f"<li>{line}.</li>" in page for line in board.data)


def test_every_page_is_well_formed_and_links_only_to_what_is_there(leaderboards):
    (leaderboards / "claims.csv").write_bytes((PROJECT / "leaderboards" / "claims.csv").read_bytes())
    files = site(leaderboards)
    pages = {name: Page(text) for name, text in files.items() if name.endswith(".html")}
    for name, page in pages.items():
        assert len(page.ids) == len(set(page.ids)), name
        for link in page.links:
            file, _, anchor = link.partition("#")
            target = file or name
            assert target in files or link == "data:,", f"{name} links to {link}"
            assert not anchor or anchor in pages[target].ids or target != name, f"{name} links to {link}"


def test_text_of_sources_is_never_markup(leaderboards):
    page = site(leaderboards)["board-megc2019.html"]
    assert "Elsewhere &lt;i&gt;" in page
    assert "Quoted &amp; more." in page


def test_pictures_are_described_and_fields_are_labelled(leaderboards):
    for name, text in site(leaderboards).items():
        if not name.endswith(".html"):
            continue
        for tag, attributes in Page(text).tags:
            if tag == "svg":
                assert attributes.get("aria-label") or attributes.get("aria-hidden") == "true", name
            if tag == "th":
                assert attributes["scope"] in {"col", "row", "colgroup"}, name
            if tag == "div" and attributes.get("class") == "scroll":
                assert attributes["tabindex"] == "0", name
                assert attributes["aria-label"], name


def test_the_same_files_give_the_same_bytes(leaderboards):
    assert site(leaderboards) == site(leaderboards)


@pytest.mark.parametrize("which", ["few", pytest.param("whole", marks=pytest.mark.slow)])
def test_the_committed_records_render(request, which):
    folder = request.getfixturevalue(which)
    names = {path.name for path in (folder / SITE).iterdir()}
    assert names >= {"index.html", "methods.html", "claims.html", "leakage.html", "board-megc2019.html"}
    assert len([name for name in names if name.startswith("paper-")]) == 5
    assert sum(path.stat().st_size for path in (folder / SITE).rglob("*.*")) < 8_000_000
    for path in (folder / "records").glob("*/*/seed0.json"):
        assert f"method-{load_run(path).method}.html" in names


@pytest.mark.parametrize(
    ("seconds", "said"), [(0.25, "0.2 s"), (59.4, "59.4 s"), (61, "1 min 01 s"), (7500.2, "2 h 05 min")]
)
def test_times_are_said_as_people_do(seconds, said):
    assert duration(seconds) == said


def test_a_board_of_one_database_has_no_columns_by_database(leaderboards):
    save_run(leaderboards / "records", run_record(confusion=confusion_of([fold("smic/s01"), fold("smic/s02")], 3)))
    assert 'id="databases"' not in site(leaderboards)["board-smic-3.html"]
