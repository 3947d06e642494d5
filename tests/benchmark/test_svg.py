"""A picture is text that is the same every time and says what it shows."""

from matplotlib.figure import Figure

from benchmark.svg import draw_svg


def diagonal():
    figure = Figure()
    figure.add_subplot(title="All alike").plot([0, 1], [0, 1])
    return figure, "A line from 0 to 1"


def test_the_same_figure_gives_the_same_text_with_its_words_in_it():
    svg = draw_svg(diagonal)
    assert svg == draw_svg(diagonal)
    assert "<title>A line from 0 to 1</title>" in svg
    assert ">All alike</text>" in svg
    assert "dc:date" not in svg


def test_another_key_gives_other_ids():
    assert draw_svg(diagonal, "other") != draw_svg(diagonal)
