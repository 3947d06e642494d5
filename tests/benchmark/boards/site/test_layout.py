"""Every kind of page on a phone, a tablet and a wide screen, light and dark: nothing is cut, and everybody gets in."""

from pathlib import Path

import pytest

from benchmark.boards.site.pages import SITE

pytestmark = pytest.mark.browser
LAYOUT = (Path(__file__).parent / "layout.js").read_text(encoding="utf-8")
AXE = "rules => axe.run({runOnly: rules, resultTypes: ['violations']})"
# rows of a table are alike, and there are hundreds
FEWER_ROWS = "document.querySelectorAll('tbody').forEach(body => [...body.rows].slice(15).forEach(row => row.remove()))"
WIDTHS = (400, 900, 1400)
NOTHING = {width: [] for width in WIDTHS}
EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOUR_RULES = ["color-contrast", "link-in-text-block"]
KINDS = (
    "index",
    "board-megc2019",
    "board-smic-3",
    "board-synthetic-megc2019",
    "method-linear-svm",
    "method-ststnet",
    "methods",
    "claims",
    "leakage",
    "paper-s1",
)


@pytest.fixture(scope="module")
def axe():
    """axe-core, as a page runs it."""
    package = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    return (Path(package.__file__).parent / "axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(params=("light", "dark"))
def scheme(request):
    return request.param


@pytest.fixture
def page(scheme, browser):
    context = browser.new_context(offline=True, color_scheme=scheme, reduced_motion="reduce")
    yield context.new_page()
    context.close()


def widths(page):
    """Make the page as wide as each screen in turn."""
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        # regions that scroll are told from others after a frame
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        yield width


def faults_of(page, path):
    """What cannot be seen or reached, by width."""
    page.goto(path.as_uri())
    return {width: page.evaluate(LAYOUT) for width in widths(page)}


def findings_of(page, path, axe, rules):
    """What axe-core finds, by width."""
    page.goto(path.as_uri())
    page.evaluate(FEWER_ROWS)
    page.evaluate(axe)
    found = {}
    for width in widths(page):
        broken = page.evaluate(AXE, rules)["violations"]
        found[width] = [f"{rule['id']}: {node['html'][:120]}" for rule in broken for node in rule["nodes"]]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut_and_no_text_lies_on_another(page, few, kind):
    assert faults_of(page, few / SITE / f"{kind}.html") == NOTHING


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(page, scheme, few, kind, axe):
    # between light and dark a page differs by its colours alone
    rules = EVERY_RULE if scheme == "light" else COLOUR_RULES
    assert findings_of(page, few / SITE / f"{kind}.html", axe, rules) == NOTHING


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ('<p style="width: 500px">Wide</p>', "the page is"),
        ('<p style="width: 3em; overflow: hidden; white-space: nowrap">Longer than that</p>', "clipped"),
        ('<div style="overflow: auto"><p style="width: 500px">Wide</p></div>', "the keyboard does not reach it"),
        ("<table><tr><td><div style='width: 2em'>unbreakable</div></td></tr></table>", "out of its place"),
        ('<svg width="50" height="20"><text y="10">beyond the edge</text></svg>', "cut off"),
        ('<svg width="50" height="20"><text y="10">one</text><text x="5" y="12">two</text></svg>', "over each other"),
    ],
)
def test_what_would_be_a_fault_is_found(page, body, fault):
    page.set_viewport_size({"width": 400, "height": 900})
    page.set_content(f"<!doctype html><html lang='en'><body style='margin: 0'>{body}</body></html>")
    assert any(fault in found for found in page.evaluate(LAYOUT))


@pytest.mark.slow
@pytest.mark.parametrize("scheme", ["light"], indirect=True)
def test_the_same_holds_for_all_pages_of_the_committed_records(page, whole, axe):
    for path in sorted((whole / SITE).glob("*.html")):
        assert faults_of(page, path) == NOTHING, path.name
        assert findings_of(page, path, axe, EVERY_RULE) == NOTHING, path.name
