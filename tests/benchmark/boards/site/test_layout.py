"""Every kind of page on a phone, a tablet and a wide screen, light and dark: nothing is cut, and everybody gets in."""

from pathlib import Path

import pytest

from benchmark.boards.site.pages import SITE

pytestmark = pytest.mark.browser
LAYOUT = (Path(__file__).parent / "layout.js").read_text(encoding="utf-8")
WIDTHS = (400, 900, 1400)
EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
COLOUR_RULES = ["cat.color"]
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
    """axe-core, whose text a page runs."""
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


def faults_of(page, path):
    """What cannot be seen or reached, by width."""
    page.goto(path.as_uri())
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        # the observer of regions runs after a frame
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        found[width] = page.evaluate(LAYOUT)
    return found


def findings_of(page, path, axe, rules):
    """What axe-core finds, by width."""
    page.goto(path.as_uri())
    page.evaluate(axe)
    found = {}
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        result = page.evaluate("rules => axe.run({runOnly: rules, resultTypes: ['violations']})", rules)
        found[width] = [
            f"{rule['id']}: {node['html'][:120]}" for rule in result["violations"] for node in rule["nodes"]
        ]
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_is_cut_and_no_text_lies_on_another(page, few, kind):
    assert faults_of(page, few / SITE / f"{kind}.html") == dict.fromkeys(WIDTHS, [])


@pytest.mark.parametrize("kind", KINDS)
def test_axe_finds_nothing(page, scheme, few, kind, axe):
    # a page differs between light and dark by its colours alone
    rules = EVERY_RULE if scheme == "light" else COLOUR_RULES
    assert findings_of(page, few / SITE / f"{kind}.html", axe, rules) == dict.fromkeys(WIDTHS, [])
