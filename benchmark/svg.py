"""Pictures as text: the same figure gives the same bytes."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from matplotlib.figure import Figure


def draw_svg(draw: Callable[[], tuple[Figure, str]], key: str = "mer-bench") -> str:
    """Draw a figure as SVG.

    Args:
        draw: Makes the figure, and says what it shows.
        key: What the ids in it are derived from.
    """
    import matplotlib as mpl  # slow to import

    # the same ids every time, and text that stays text
    with mpl.rc_context({"svg.hashsalt": key, "svg.fonttype": "none", "font.size": 9}):
        figure, said = draw()
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None, "Title": said})
    return text.getvalue()
