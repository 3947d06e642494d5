"""A picture of learning curves is whole whatever the curves are, and says in words what it shows."""

import re
import xml.etree.ElementTree as ET

from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.boards.site.curves import SERIES, Curve, curve_picture
from benchmark.records.curves import MeanCurve


def one(title="STSTNet", epochs=(1, 2, 3), **values):
    return Curve(title, MeanCurve(epochs=epochs, values=values or {"train_loss": (1.0, 0.5, 0.25)}))


@st.composite
def curves(draw):
    epochs = draw(st.lists(st.integers(1, 10_000), min_size=1, max_size=8, unique=True).map(sorted))
    number = st.floats(allow_nan=False, allow_infinity=False)
    names = draw(st.sets(st.sampled_from(["train_loss", "val_loss", "train_accuracy", "val_accuracy", "lr"])))
    values = {name: tuple(draw(number) for _ in epochs) for name in names}
    return Curve(draw(st.text(max_size=60)), MeanCurve(epochs=tuple(epochs), values=values))


def points(svg):
    pairs = " ".join(re.findall(r'points="([^"]+)"', svg)).split()
    return [tuple(map(float, pair.split(","))) for pair in pairs]


@settings(max_examples=200, deadline=None)
@given(st.lists(curves(), min_size=1, max_size=SERIES))
def test_every_point_of_any_curve_lies_in_its_panel(lines):
    svg = curve_picture(lines)
    width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', svg).groups())
    assert all(0 <= x <= width and 0 <= y <= height for x, y in points(svg))
    assert len(points(svg)) == sum(len(line.curve.epochs) * len(line.curve.values.keys() - {"lr"}) for line in lines)
    # what XML cannot hold is left to HTML, which shows it as it does elsewhere on the page
    ET.fromstring(re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]", "", svg))


def test_titles_are_text_and_never_markup():
    svg = curve_picture([one("<script>&\"'")])
    assert "<script>" not in svg
    assert "&lt;script&gt;&amp;" in svg


def test_axes_carry_round_numbers_with_the_same_digits():
    svg = curve_picture([one(epochs=(1, 400, 800), train_loss=(1.2, 0.6, 0.2), train_accuracy=(0.3, 0.6, 0.9))])
    labels = re.findall(r"<text[^>]*>([^<]*)</text>", svg)
    assert labels == [
        *("Training loss", "0.2", "0.4", "0.6", "0.8", "1.0", "1.2", "0", "200", "400", "600", "800", "epoch"),
        *("Training accuracy", "0.0", "0.2", "0.4", "0.6", "0.8", "1.0", "0", "200", "400", "600", "800", "epoch"),
        "STSTNet",
    ]


def test_a_curve_of_one_epoch_stands_in_the_middle():
    svg = curve_picture([one(epochs=(7,), train_loss=(0.5,))])
    assert points(svg) == [(199.0, 105.5)]


def test_lines_differ_in_colour_and_dash_and_validation_is_dotted():
    svg = curve_picture([one(f"m{i}", train_loss=(3, 2, 1), val_loss=(3, 2, 2)) for i in range(SERIES)])
    looks = re.findall(r"<polyline[^>]*?(stroke=.*?)/>", svg)
    assert len(set(looks)) == 2 * SERIES
    assert all(f"var(--series-{i})" in svg for i in range(1, SERIES + 1))


def test_the_picture_says_what_it_shows():
    svg = curve_picture([one("A", epochs=(1, 2, 90), train_loss=(1, 0.5, 0.25))])
    assert 'aria-label="Learning curves: A ends after 90 epochs with train loss 0.250."' in svg
