"""Plots are inline SVG whose colours are the page's, equal for equal data."""

import re
import xml.etree.ElementTree as ET

from tasks.reporting.outcomes import CategoryRow, Share
from tasks.reporting.plots import POINTS, bars, curves, intervals

ROWS = [CategoryRow("K1", "", 4, {"base": Share(1, 4, 0.05, 0.7), "tuned": Share(3, 4, 0.3, 0.95)})]
LOG = [{"step": step, "loss": 3 / step, "learning_rate": 1e-3} for step in range(1, 2_001)]


def test_a_plot_is_well_formed_and_takes_every_colour_from_the_page() -> None:
    for svg in (intervals(ROWS), *curves(LOG).values(), bars([("read", 1.0)], name="s", label="Seconds")):
        ET.fromstring(svg)
        assert not re.search(r"#[0-9a-f]{6}\b", svg)
        assert "var(--tuned)" in svg


def test_equal_data_gives_equal_bytes() -> None:
    assert intervals(ROWS) == intervals(ROWS)


def test_ids_of_different_plots_do_not_meet() -> None:
    ids = [set(re.findall(r'id="([^"]+)"', svg)) for svg in (*curves(LOG).values(), intervals(ROWS))]
    assert sum(map(len, ids)) == len(set().union(*ids))


def test_only_columns_with_figures_are_drawn() -> None:
    assert list(curves(LOG)) == ["Loss on the completion", "Learning rate"]
    assert curves([{"step": 1, "loss": 2.0}]) == {}
    assert curves([]) == {}


def test_a_long_curve_is_thinned_but_keeps_its_end() -> None:
    long = [{"step": step, "loss": float(step)} for step in range(1, 20_001)]
    svg = curves(long)["Loss on the completion"]
    assert len(svg) < 40 * POINTS + 20_000


def test_stage_names_are_text_not_markup_nor_formulas() -> None:
    svg = bars([("<b>$x^2$</b>", 2.0)], name="s", label="Seconds")
    assert "&lt;b&gt;$x^2$&lt;/b&gt;" in svg
    ET.fromstring(svg)


def test_models_that_were_not_asked_are_not_drawn() -> None:
    assert "var(--base)" not in intervals([CategoryRow("K1", "", 4, {"tuned": Share(3, 4, 0.3, 0.95)})])
