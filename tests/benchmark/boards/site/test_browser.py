"""The site in headless Chromium, opened from disk: it sorts, filters, links, and asks nobody for anything."""

import pytest

from benchmark.boards.board import load_boards
from benchmark.boards.site.pages import SITE

pytestmark = pytest.mark.browser
FEW_AND_WHOLE = pytest.mark.parametrize(
    "leaderboards", ["few", pytest.param("whole", marks=pytest.mark.slow)], indirect=True
)
BOARD = "board-megc2019.html"
NAMES = "[...document.querySelectorAll('#lines tbody tr:not([hidden]) th')].map(th => th.firstChild.textContent)"
COLUMN = """n => [...document.querySelectorAll('#lines tbody tr')].map(row => row.cells[n])
  .map(cell => cell.dataset.v ?? cell.innerText)"""
# text on what is painted behind it, for every element that has text of its own (WCAG 2.2, 1.4.3)
CONTRAST = """() => {
  const canvas = new OffscreenCanvas(1, 1).getContext('2d', {willReadFrequently: true});
  const rgba = css => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = css;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [.2126, .7152, .0722][i], 0);
  const found = [];
  for (const element of document.querySelectorAll('main *, header *, footer *')) {
    const own = [...element.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    const style = getComputedStyle(element);
    if (!own || !element.checkVisibility() || style.fontSize === '1px') continue;
    let behind = element, back;
    do { back = rgba(getComputedStyle(behind).backgroundColor); behind = behind.parentElement; } while (!back[3]);
    const [a, b] = [light(rgba(element.closest('svg') ? style.fill : style.color)), light(back)].sort((x, y) => y - x);
    const ratio = (a + .05) / (b + .05);
    const what = element.className.baseVal ?? (element.className || element.tagName);
    if (ratio < 4.5) found.push(`${what} ${element.textContent.trim()} ${ratio.toFixed(2)}`);
  }
  return [...new Set(found)];
}"""


@pytest.fixture(scope="module")
def leaderboards(request):
    """The folder whose site is visited: of a few methods, unless a test says otherwise."""
    return request.getfixturevalue(getattr(request, "param", "few"))


@pytest.fixture(scope="module")
def site(leaderboards):
    return leaderboards / SITE


@pytest.fixture(scope="module")
def board(leaderboards):
    """What the board's page is made of."""
    return next(board for board in load_boards(leaderboards) if board.id == "megc2019")


@pytest.fixture
def visit(browser, site):
    """Open a page; at the end nothing was said on the console and nothing was asked for outside the folder."""
    contexts, said, asked = [], [], []

    def visit(name, **options):
        contexts.append(browser.new_context(offline=True, **options))
        page = contexts[-1].new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{site.as_uri()}/{name}")
        return page

    yield visit
    for context in contexts:
        context.close()
    assert said == []
    assert [url for url in asked if not url.startswith((site.as_uri(), "data:"))] == []


@FEW_AND_WHOLE
def test_every_page_opens_in_light_and_dark_and_has_enough_contrast(visit, site):
    for scheme in ("light", "dark"):
        page = visit("index.html", color_scheme=scheme)
        for path in sorted(site.glob("*.html")):
            page.goto(path.as_uri())
            assert page.locator("h1").count() == 1
            assert page.evaluate(CONTRAST) == [], f"{path.name}, {scheme}"


@FEW_AND_WHOLE
def test_no_page_is_wider_than_a_phone_or_a_sheet_of_paper(visit, site):
    phone, paper = visit("index.html", viewport={"width": 360, "height": 740}), visit("index.html")
    paper.emulate_media(media="print")
    paper.set_viewport_size({"width": 688, "height": 900})  # A4 without its margins
    for page, width in ((phone, 360), (paper, 688)):
        for path in sorted(site.glob("*.html")):
            page.goto(path.as_uri())
            assert page.evaluate("document.documentElement.scrollWidth") <= width, path.name


def test_a_column_sorts_both_ways_and_rows_without_a_value_stay_last(visit, board):
    page = visit(BOARD)
    head = page.locator("#lines th[data-key=uf1]")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    down = [float(value) for value in page.evaluate(COLUMN, 2) if value != "–"]
    assert down == sorted(down, reverse=True)
    assert len(down) == len(board.rows)
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    values = page.evaluate(COLUMN, 2)
    assert [float(value) for value in values[: len(down)]] == down[::-1]
    assert set(values[len(down) :]) == {"–"}
    assert page.locator("#lines [aria-sort]").count() == 1


def test_names_sort_as_text(visit):
    page = visit(BOARD)
    page.locator("#lines th[data-key=method] button").click()
    names = page.evaluate(NAMES)
    assert names == sorted(names, key=str.lower)


def test_rows_are_filtered_by_word_kind_and_choice_of_epoch(visit):
    page = visit(BOARD)
    total = page.locator("#lines tbody tr").count()
    page.get_by_label("Find").fill("net fg")
    names = page.evaluate(NAMES)
    assert "STSTNet" in names
    assert "Linear SVM" not in names
    assert page.locator("form output").inner_text() == f"{len(names)} of {total} rows"
    page.get_by_label("Find").fill("")
    page.get_by_label("Epoch of published").select_option("on the test subject")
    assert sorted(page.evaluate(NAMES)) == ["CapsuleNet", "CausalNet", "HTNet"]
    page.get_by_label("Show").select_option("measured and published")
    assert page.evaluate(NAMES) == []


def test_a_link_brings_back_sorting_and_filters(visit):
    page = visit(BOARD)
    page.get_by_label("Show").select_option("published")
    page.locator("#lines th[data-key=published] button").click()
    names, address = page.evaluate(NAMES), page.url
    assert address.endswith("#sort=published-desc&show=published")
    assert names[0] == "CausalNet"
    page.goto("about:blank")
    page.goto(address)
    assert page.evaluate(NAMES) == names
    assert page.get_by_label("Show").input_value() == "published"
    assert page.locator("#lines th[data-key=published]").get_attribute("aria-sort") == "descending"
    page.evaluate("location.hash = 'q=emr'")
    page.wait_for_function("document.querySelector('form output').textContent.startsWith('1 ')")
    assert page.evaluate(NAMES) == ["EMR"]


def test_a_link_to_a_method_marks_its_row(visit):
    page = visit(f"{BOARD}#ststnet")
    assert page.evaluate("document.querySelector(':target th').innerText") == "STSTNet"
    # the page glides there
    page.wait_for_function("document.querySelector(':target').getBoundingClientRect().top < 100", timeout=5000)


def test_a_link_with_nonsense_in_it_does_no_harm(visit):
    page = visit(f"{BOARD}#sort=nothing-desc&show=elsewhere&x=%E0%A4")
    assert page.locator("#lines tbody tr:visible").count() == page.locator("#lines tbody tr").count()


def test_the_map_of_subjects_is_read_with_the_keyboard(visit, board):
    first, second = (row.title for row in board.rows[:2])
    page = visit(BOARD)
    page.locator(".heat tbody td").first.focus()
    before = page.locator(".heat output").inner_text()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    after = page.locator(".heat output").inner_text()
    assert before.startswith(f"{first}, s")
    assert after.startswith(f"{second}, s")
    right, clips = after.removesuffix(" right").rpartition(": ")[2].split(" of ")
    assert 0 <= float(right) <= int(clips)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")  # there is no method above
    assert page.locator(".heat output").inner_text().startswith(f"{first}, s")


def test_without_scripts_every_row_is_there_and_no_dead_control(visit, board):
    measured = {row.method for row in board.rows}
    alone = [row for row in board.reported if row.method not in measured]
    page = visit(BOARD, java_script_enabled=False)
    assert page.locator("#lines tbody tr:visible").count() == len(board.rows) + len(alone)
    assert page.locator("form:visible").count() == 0
    assert page.locator("thead button").count() == 0


def test_claims_and_methods_are_filtered_too(visit):
    page = visit("claims.html#show=impossible")
    assert set(page.locator("#claims tbody tr:visible .verdict").all_inner_texts()) == {"impossible"}
    page = visit("methods.html#q=ststnet")
    assert page.locator("#methods tbody tr:visible").count() == 1
