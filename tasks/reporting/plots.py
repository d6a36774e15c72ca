"""Figures turn into inline SVG, drawn by matplotlib, coloured by the page.

    curves([{"step": 1, "loss": 3.2, "learning_rate": 1e-4}, …])  ->  {"loss": "<svg …>", "learning rate": "<svg …>"}

matplotlib writes fixed colours; each colour of ``INKS`` is a stand-in that becomes a CSS variable in the SVG, so that
one drawing serves light, dark and print. Equal data gives equal bytes (salted ids, no date).
"""

import io
import re
from collections.abc import Iterable
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tasks.reporting.outcomes import CategoryRow
from tasks.reporting.verdicts import Group

INKS = {
    "#010101": "--ink", "#020202": "--muted", "#030303": "--rule", "#040404": "--base", "#050505": "--tuned",
    "#060606": "--right", "#070707": "--wrong", "#080808": "--declined", "#090909": "--paper",
}  # fmt: skip
INK, MUTED, RULE, BASE, TUNED, RIGHT, WRONG, DECLINED, PAPER = INKS
MODEL_INKS = {"base": BASE, "tuned": TUNED}
END_INKS = {"right": (RIGHT, PAPER), "declined": (DECLINED, INK), "wrong": (WRONG, INK)}  # of a bar, and of text on it
LEAST_LABELLED = 0.09  # of the width: a figure on a narrower bar would run over its ends
WIDTH = 4.7  # inches: text of 9 points is read well on a phone and is not large on a desk

STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,  # a stage or category named "$x$" is text
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": RULE,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "axes.formatter.limits": (-5, 6),
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": RULE,
    "ytick.color": RULE,
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.major.size": 3,
    "ytick.major.size": 0,
    "lines.linewidth": 1.4,
    "lines.solid_capstyle": "round",
}
CURVES = {
    "loss": "Loss on the completion",
    "learning_rate": "Learning rate",
    "grad_norm": "Gradient norm",
    "tokens_per_second": "Tokens a second",
    "memory_mb": "Memory, MB",
}
SERIES = ("#2f86a6", "#c06a2b", "#5d8f3c", "#9062b8", "#b8486f", "#8a7a50")  # legible on light and on dark paper
DASHES = ("-", "--", "-.", ":")
POINTS = 500  # of a curve at most: an SVG of 20,000 steps would outweigh the page


def ends(groups: list[Group]) -> str:
    """Draw how the questions of each group ended, as one full bar a model: right, declined, wrong."""
    drawn = [(group, model) for group in groups for model in group.counts]
    heights = [position + 0.8 * groups.index(group) for position, (group, _) in enumerate(drawn)]
    with matplotlib.rc_context(STYLE | {"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
        figure = Figure(figsize=(WIDTH, 0.1 + 0.25 * (heights[-1] + 1.5)), layout="constrained")
        axes = figure.add_subplot()
        for (group, model), height in zip(drawn, heights, strict=True):
            if model == next(iter(group.counts)):
                axes.text(0, height - 0.72, group.title, color=INK, weight="bold", va="center")
                axes.text(1, height - 0.72, f"{group.n:,} questions", color=MUTED, va="center", ha="right")
            _stack(axes, group.counts[model], height)
        axes.set_yticks(heights, [model for _, model in drawn])
        axes.set_ylim(heights[-1] + 0.5, -1.0)
        axes.set_xlim(0, 1)
        axes.set_xticks([])
        axes.tick_params(axis="y", labelcolor=INK)
        return _svg(figure, "ends", "How the questions of each kind ended, base and tuned")


def _stack(axes: Axes, counts: dict[str, int], height: float) -> None:
    total, left = sum(counts.values()) or 1, 0.0
    for end, (ink, on_it) in END_INKS.items():
        share = counts[end] / total
        axes.barh(height, share, left=left, height=0.78, color=ink, linewidth=0)
        if share >= LEAST_LABELLED:
            axes.text(left + share / 2, height, f"{share:.0%}", color=on_it, ha="center", va="center", fontsize=8.5)
        left += share


def intervals(rows: list[CategoryRow]) -> str:
    """Draw the share right of each category as a dot with its interval, one row a category, models side by side."""
    with matplotlib.rc_context(STYLE | {"axes.grid.axis": "x", "axes.spines.left": False}):
        figure = Figure(figsize=(WIDTH, 0.75 + 0.34 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        for position, row in enumerate(rows):
            drawn = [model for model in MODEL_INKS if model in row.shares]
            for offset, model in zip((-0.13, 0.13), drawn, strict=False):
                _interval(axes, row, model, position + (offset if len(drawn) > 1 else 0))
        axes.set_yticks(range(len(rows)), [row.category for row in rows])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_xlim(-2, 102)
        axes.set_xticks(range(0, 101, 25), [f"{tick}%" for tick in range(0, 101, 25)])
        axes.tick_params(axis="y", labelcolor=INK)
        return _svg(figure, "intervals", "Share right in each category, base and tuned, with 95% intervals")


def curves(training: list[dict[str, Any]]) -> dict[str, str]:
    """Draw a curve for each known column of the training log that holds figures, titles as keys."""
    drawn = {}
    for column, title in CURVES.items():
        points = _thin([(row["step"], row[column]) for row in training if row.get(column) is not None])
        if len(points) > 1:
            drawn[title] = _curve(points, column, title)
    return drawn


def overlay(logs: dict[str, list[dict[str, Any]]]) -> dict[str, str]:
    """Draw the curves of several training logs over each other, a line a name; titles as keys."""
    drawn = {}
    for column, title in CURVES.items():
        lines = {
            name: _thin([(row["step"], row[column]) for row in rows if row.get(column) is not None])
            for name, rows in logs.items()
        }
        if any(len(points) > 1 for points in lines.values()):
            drawn[title] = _lines(lines, column, title)
    return drawn


def duration(seconds: float) -> str:
    """Seconds in the words of a clock: 0.3 s, 47 s, 9 min 48 s, 2 h 5 min."""
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def bars(values: Iterable[tuple[str, float]], *, name: str, label: str) -> str:
    """Draw horizontal bars of seconds, one a stage, the time written at its end."""
    rows = list(values)
    with matplotlib.rc_context(STYLE | {"axes.grid": False, "axes.spines.left": False, "axes.spines.bottom": False}):
        figure = Figure(figsize=(WIDTH, 0.4 + 0.3 * len(rows)), layout="constrained")
        axes = figure.add_subplot()
        drawn = axes.barh(range(len(rows)), [value for _, value in rows], height=0.55, color=TUNED)
        axes.bar_label(drawn, labels=[duration(value) for _, value in rows], padding=4, color=INK)
        axes.set_yticks(range(len(rows)), [stage for stage, _ in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlim(0, 1.32 * max((value for _, value in rows), default=1) or 1)
        axes.tick_params(axis="y", labelcolor=INK)
        axes.set_xticks([])
        return _svg(figure, name, label)


def _interval(axes: Axes, row: CategoryRow, model: str, height: float) -> None:
    share, ink = row.shares[model], MODEL_INKS[model]
    axes.plot([100 * share.low, 100 * share.high], [height, height], color=ink, linewidth=1.6)
    filled = ink if model == "tuned" else "none"
    axes.plot(
        [100 * share.value], [height], "o", markersize=5.5, color=ink, markerfacecolor=filled, markeredgewidth=1.4
    )


def _curve(points: list[tuple[float, float]], name: str, title: str) -> str:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(WIDTH, 2.1), layout="constrained")
        axes = figure.add_subplot()
        steps, values = [step for step, _ in points], [value for _, value in points]
        mean = _running_mean(values)
        if mean:
            axes.plot(steps, values, color=MUTED, linewidth=0.8, alpha=0.5)
        axes.plot(steps, mean or values, color=TUNED, linewidth=1.6)
        axes.set_xlabel("step")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.02)
        axes.locator_params(axis="both", nbins=5)
        return _svg(figure, name, f"{title}, by step")


def _lines(lines: dict[str, list[tuple[float, float]]], name: str, title: str) -> str:
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(5.4, 2.9), layout="constrained")
        axes = figure.add_subplot()
        for place, (label, points) in enumerate(lines.items()):
            ink, dash = SERIES[place % len(SERIES)], DASHES[place // len(SERIES) % len(DASHES)]
            shown = label.replace("_", " ").strip() or "?"  # a leading underscore would hide it
            axes.plot([step for step, _ in points], [value for _, value in points], dash, color=ink, label=shown)
        axes.set_xlabel("step")
        axes.set_ylim(bottom=0)
        axes.margins(x=0.02)
        axes.locator_params(axis="both", nbins=5)
        figure.legend(loc="outside upper left", ncols=3, frameon=False, handlelength=1.6)
        return _svg(figure, f"overlay-{name}", f"{title}, by step")


def _running_mean(values: list[float]) -> list[float]:
    """The mean around each value, over a tenth of them; nothing where the curve is smooth or short."""
    reach = len(values) // 20
    turns = sum((b - a) * (c - b) < 0 for a, b, c in zip(values, values[1:], values[2:], strict=False))
    if reach < 1 or turns < len(values) // 5:
        return []
    around = [values[max(0, i - reach) : i + reach + 1] for i in range(len(values))]
    return [sum(window) / len(window) for window in around]


def _thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Keep every k-th point and the last, at most ``POINTS`` and one."""
    stride = -(-len(points) // POINTS) or 1
    return points[::stride] + (points[-1:] if points and (len(points) - 1) % stride else [])


def _svg(figure: Figure, name: str, label: str) -> str:
    """Save as SVG text fit for a page: own ids, CSS colours, a label for screen readers, sized by the page."""
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.hashsalt": name}):
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|font-family: [^;\"]*;? ?", "", text, flags=re.DOTALL)
    text = re.sub(r'(\bid="|url\(#|href="#)', rf"\1{name}-", text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1)
    for ink, variable in INKS.items():
        text = text.replace(ink, f"var({variable})")
    text = re.sub(r"\s*\n\s*", "\n", text)
    return text.replace("<svg", f'<svg class="plot" role="img" aria-label="{label}"', 1)
