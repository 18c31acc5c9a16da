"""The look shared by every picture, and the one way a figure becomes a file.

Belongs here: colours, figure sizes, the conversion to PNG, SVG or PDF. What a picture shows belongs
in the module of its subject.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Literal

import pandas as pd

from aehpo_assets.foreign import visible
from aehpo_assets.noise.words import NOT_KNOWN

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette (2008), told apart with every common colour-vision deficiency; its
# yellow is left out, as it is hard to see on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
GREY = "#8C8C8C"
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DPI = 80

WORDS = {"text.parse_math": False}
"""Words with two ``$`` are drawn as they are, and are no formulas."""

Format = Literal["png", "svg", "pdf", "nothing"]
_FORMAT: ContextVar[Format] = ContextVar("format of pictures", default="png")


@contextmanager
def drawn_as(kind: Format) -> Iterator[None]:
    """Have every picture that is drawn inside come out in another format than PNG.

    As ``nothing`` it takes no time, and has no bytes.
    """
    token = _FORMAT.set(kind)
    try:
        yield
    finally:
        _FORMAT.reset(token)


@contextmanager
def drawing(
    rows: int = 1, columns: int = 1, *, width: float | None = None, height: float | None = None
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Open a figure in the shared style, independent of the process's pyplot state.

    Parameters
    ----------
    rows, columns
        Grid of axes.
    width, height
        Size of the whole figure in inches; by default it grows with the grid.

    Yields
    ------
    tuple[Figure, list[Axes]]
        The figure and its axes, row by row.
    """
    import matplotlib as mpl
    from cycler import cycler
    from matplotlib.figure import Figure

    settings: dict[str, Any] = {
        "font.size": 9,
        "axes.titlesize": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "axes.prop_cycle": cycler(color=COLOURS),
        "grid.color": "#E3E3E3",
        "grid.linewidth": 0.7,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "lines.linewidth": 1.6,
        **WORDS,
    }
    size = (
        width or (6.4 if columns == 1 else 3.4 * columns),
        height or (4.0 if rows == 1 else 2.7 * rows),
    )
    with mpl.rc_context(settings):
        figure = Figure(figsize=size, dpi=DPI, layout="constrained")
        yield figure, list(figure.subplots(rows, columns, squeeze=False).ravel())


@contextmanager
def panels(count: int) -> Iterator[tuple[Figure, list[Axes]]]:
    """Open a figure of small panels, at most four in a row.

    Parameters
    ----------
    count
        Number of panels; with none the figure says that there is nothing to show.

    Yields
    ------
    tuple[Figure, list[Axes]]
        The figure and as many axes.
    """
    columns = min(4, max(1, count))
    rows = max(1, -(-count // columns))
    with drawing(rows, columns, width=max(4.5, 2.6 * columns), height=0.6 + 2.2 * rows) as (
        figure,
        axes,
    ):
        for unused in axes[max(1, count) :]:
            unused.set_axis_off()
        if not count:
            nothing_to_show(axes[0], "nothing to show")
        yield figure, axes[:count]


def rendered(figure: Figure) -> bytes:
    """Render a figure as PNG, or as what :func:`drawn_as` says.

    Parameters
    ----------
    figure
        A figure opened with :func:`drawing`.

    Returns
    -------
    bytes
        The file; the same figure gives the same bytes.
    """
    import matplotlib as mpl
    from matplotlib.ticker import NullFormatter

    if _FORMAT.get() == "nothing":
        return b""
    for axes in figure.axes:
        left, right = axes.get_xlim()
        # Over several magnitudes the labels of minor ticks would run into each other.
        if axes.get_xscale() == "log" and right >= 10 * left:
            axes.xaxis.set_minor_formatter(NullFormatter())
    # Saving a figure would draw it twice, the first time only to lay it out.
    with mpl.rc_context(WORDS):
        _allow_powers(figure)
        return _png(figure) if _FORMAT.get() == "png" else _vectors(figure, _FORMAT.get())


def _png(figure: Figure) -> bytes:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from PIL import Image

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    size = canvas.get_width_height(physical=True)
    picture = Image.frombuffer("RGBA", size, canvas.buffer_rgba()).convert("RGB")
    buffer = io.BytesIO()
    # A palette of 256 colours looks the same and takes a third of the room in the event log.
    picture.quantize(256).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def _vectors(figure: Figure, kind: Format) -> bytes:
    import matplotlib as mpl
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    buffer = io.BytesIO()
    with mpl.rc_context({"svg.hashsalt": "aehpo", "svg.fonttype": "path", "pdf.fonttype": 42}):
        # Neither the hour nor a random salt of names goes into the file.
        if kind == "svg":
            FigureCanvasSVG(figure).print_svg(buffer, metadata={"Date": None})
        else:
            FigureCanvasPdf(figure).print_pdf(buffer, metadata={"CreationDate": None})
    return buffer.getvalue()


def _allow_powers(figure: Figure) -> None:
    """Have the labels of logarithmic axes drawn as formulas, which their powers are."""
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if axis.get_scale() == "log":
                for label in (*axis.get_majorticklabels(), *axis.get_minorticklabels()):
                    label.set_parse_math(True)


def noise_label(noise: pd.Series) -> str:
    """Return a line that says where the noise is not known; empty where it is.

    Parameters
    ----------
    noise
        :data:`aehpo_assets.noise.summary.KNOWN` or not, of whatever is drawn; missing for what
        promises nothing.
    """
    without = (noise == NOT_KNOWN).sum()
    if not without:
        return ""
    return f"\n{NOT_KNOWN}" + ("" if without == noise.notna().sum() else " of some")


def nothing_to_show(axes: Axes, reason: str) -> None:
    """Say in the picture why it is empty, instead of leaving bare axes.

    Parameters
    ----------
    axes
        Where to write.
    reason
        What is missing.
    """
    axes.set_axis_off()
    axes.text(0.5, 0.5, reason, ha="center", va="center", color=GREY, transform=axes.transAxes)


def palette(names: Iterable[object]) -> dict[object, str]:
    """Colours by name, the same for the same set of names.

    Parameters
    ----------
    names
        What is to be told apart; missing names are left out.

    Returns
    -------
    dict
        One colour a name, in sorted order; colours repeat after seven names.
    """
    distinct = sorted({name for name in names if pd.notna(name)}, key=str)
    return {name: COLOURS[position % len(COLOURS)] for position, name in enumerate(distinct)}


def finite(values: pd.Series) -> pd.Series:
    """Finite numbers of a column.

    Parameters
    ----------
    values
        Any column; what is no number counts as missing.

    Returns
    -------
    pd.Series
        float64, without missing and infinite values.
    """
    numbers = pd.to_numeric(values, errors="coerce").astype("float64")
    return numbers[numbers.abs() < float("inf")]


def spans_magnitudes(values: pd.Series, factor: float = 50) -> bool:
    """Whether numbers are better read on a logarithmic axis.

    Parameters
    ----------
    values
        Finite numbers.
    factor
        Smallest ratio of the largest to the smallest for which it is.

    Returns
    -------
    bool
        True where they span the factor and half of them crowd at the lower end of a linear axis;
        False as soon as one of them is not positive.
    """
    if values.empty or values.min() <= 0 or values.max() < factor * values.min():
        return False
    return bool(values.median() - values.min() < 0.2 * (values.max() - values.min()))


def shortened(name: object, length: int = 24) -> str:
    """A name that fits beside an axis.

    Parameters
    ----------
    name
        What to write.
    length
        Most characters to keep.

    Returns
    -------
    str
        The name, its middle replaced by an ellipsis where it is too long.
    """
    text = visible(name)
    if len(text) <= length:
        return text
    head = (length - 1) // 2
    return f"{text[:head]}…{text[-(length - 1 - head) :]}"
