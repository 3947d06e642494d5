"""A picture is text that is the same every time, says what it shows, and is kept only while it is the same."""

import json

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from benchmark import svg
from benchmark.svg import draw_svg, keeping


def diagonal():
    figure = Figure()
    figure.add_subplot(title="All alike").plot([0, 1], [0, 1])
    return figure, "A line from 0 to 1"


def test_the_same_figure_gives_the_same_text_with_its_words_in_it():
    text = draw_svg(diagonal)
    assert text == draw_svg(diagonal)
    assert "<title>A line from 0 to 1</title>" in text
    assert ">All alike</text>" in text
    assert "dc:date" not in text


def test_another_key_gives_other_ids():
    assert draw_svg(diagonal, "other") != draw_svg(diagonal)


def never():
    raise AssertionError("drawn again")


class TestKeeping:
    def draw(self, path, made_of, draw=diagonal, key="mer-bench"):
        with keeping(path):
            return draw_svg(draw, key, made_of=made_of)

    def test_what_is_made_of_the_same_is_not_drawn_again(self, tmp_path):
        path = tmp_path / "kept.json"
        first = self.draw(path, (1, 2.5))
        assert first == draw_svg(diagonal)
        before = path.stat().st_mtime_ns
        assert self.draw(path, (1, 2.5), never) == first
        assert path.stat().st_mtime_ns == before

    @pytest.mark.parametrize("other", [(1, 2.5000000000000004), (1,), ("1", 2.5), (1, 2.5, "")])
    def test_another_number_is_drawn_anew(self, tmp_path, other):
        self.draw(tmp_path / "kept.json", (1, 2.5))
        with pytest.raises(AssertionError, match="drawn again"):
            self.draw(tmp_path / "kept.json", other, never)

    def test_another_program_key_or_library_draws_anew(self, tmp_path, monkeypatch):
        self.draw(tmp_path / "kept.json", 1)
        with pytest.raises(AssertionError, match="drawn again"):
            self.draw(tmp_path / "kept.json", 1, never, key="other")
        monkeypatch.setattr("benchmark.svg._program", lambda: "edited")
        with pytest.raises(AssertionError, match="drawn again"):
            self.draw(tmp_path / "kept.json", 1, never)

    def test_the_program_is_every_file_of_it_and_what_draws(self, monkeypatch):
        known = svg._program.__wrapped__()
        monkeypatch.setattr(svg, "version", str.upper)
        assert svg._program.__wrapped__() != known

    @pytest.mark.parametrize("damage", ["flip", "exchange", "cut", "other"])
    def test_a_damaged_picture_is_drawn_anew_and_replaced(self, tmp_path, damage):
        path = tmp_path / "kept.json"
        with keeping(path):
            right = draw_svg(diagonal, made_of=1)
            draw_svg(lambda: (diagonal()[0], "another"), made_of=2)
        kept = json.loads(path.read_text())
        one, two = (next(k for k, (text, _) in kept.items() if ("another" in text) == other) for other in (False, True))
        if damage == "flip":
            kept[one][0] = kept[one][0].replace("All alike", "All alikf")
        kept |= {one: kept[two]} if damage == "exchange" else {}
        text = json.dumps(kept)
        path.write_text({"cut": text[:-9], "other": "[]"}.get(damage, text))
        assert self.draw(path, 1) == right
        assert self.draw(path, 1, never) == right

    def test_only_what_is_shown_stays(self, tmp_path):
        path = tmp_path / "kept.json"
        self.draw(path, 1)
        self.draw(path, 2)
        assert len(json.loads(path.read_text())) == 1

    def test_what_fails_keeps_what_was_kept(self, tmp_path):
        path = tmp_path / "kept.json"
        self.draw(path, 1)
        with pytest.raises(ZeroDivisionError), keeping(path):
            draw_svg(diagonal, made_of=2)
            raise ZeroDivisionError
        self.draw(path, 1, never)
        assert draw_svg(diagonal, made_of=1) == draw_svg(diagonal)  # outside nothing is kept


def test_the_users_settings_change_no_picture():
    ours = draw_svg(diagonal)
    with mpl.rc_context({"lines.linewidth": 9, "axes.facecolor": "red", "font.size": 30}):
        assert draw_svg(diagonal) == ours
