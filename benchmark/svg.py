"""Pictures as text: the same figure gives the same bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure


def draw_svg(draw: Callable[[], tuple[Figure, str]], key: str = "mer-bench", *, formulas: bool = False) -> str:
    """Draw a figure as SVG.

    Args:
        draw: Makes the figure, and says what it shows.
        key: What the ids in it are derived from.
        formulas: Read what stands between two ``$`` as mathematics, as the numbers of a logarithmic scale are written;
            a title would be, too.
    """
    import matplotlib as mpl  # slow to import

    # the same ids every time, and text that stays text
    given = {"svg.hashsalt": key, "svg.fonttype": "none", "font.size": 9, "text.parse_math": formulas}
    with mpl.rc_context(given):  # pyright: ignore[reportArgumentType]
        figure, said = draw()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Title": said})
    return text.getvalue()
