"""The colours of the pages are readable in light, dark and print: WCAG 2.2, contrast of 4.5 for text, 3 for figures."""

import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[3] / "tasks" / "reporting" / "templates"
STYLE = (FOLDER / "report.css").read_text(encoding="utf-8")
TEXT = ["ink", "muted", "tuned", "base", "right", "amiss"]
STEPS = [f"step{number}" for number in range(5)]


def themes() -> dict[str, dict[str, str]]:
    first, second = (STYLE.index(mark) for mark in ("@media (prefers-color-scheme: dark)", "* { box-sizing"))
    blocks = STYLE[:first], STYLE[first:second], STYLE[STYLE.index("@media print") :]
    light, dark, printed = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]+);", block)) for block in blocks)
    return {"light": light, "dark": light | dark, "print": light | printed, "print from dark": light | dark | printed}


def luminance(colour: str) -> float:
    """Relative luminance, WCAG 2.2."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("theme", themes())
def test_text_is_readable_on_everything_it_stands_on(theme: str) -> None:
    colours = themes()[theme]
    pairs = [(ink, paper) for ink in TEXT for paper in ("paper", "raised", "hover")]
    pairs += [("ink", step) for step in STEPS] + [
        ("ink", "mark"),
        ("ink", "declined"),
        ("ink", "wrong"),
        ("paper", "right"),
    ]
    poor = {pair: round(value, 2) for pair in pairs if (value := contrast(*(colours[name] for name in pair))) < 4.5}
    assert poor == {}


@pytest.mark.parametrize("theme", themes())
def test_parts_of_figures_stand_out(theme: str) -> None:
    colours = themes()[theme]
    for ink in ("right", "base", "tuned"):
        assert contrast(colours[ink], colours["paper"]) >= 3
    assert contrast(colours["right"], colours["wrong"]) >= 1.5  # told apart without any sense of colour
