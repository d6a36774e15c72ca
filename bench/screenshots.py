"""A finished run turns into the pictures of the documentation: ``python -m bench.screenshots RUN docs/images``.

Needs playwright and Debian's chromium. Pictures: the result in light and dark, the painted text, the pairs, a phone,
and the review page, for which ``closedbook review`` is started.
"""

import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

CHROMIUM = "/usr/bin/chromium"
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")
Scheme = Literal["light", "dark"]

# name: scheme, width, height, the section at the top, what is clicked before
PICTURES: dict[str, tuple[Scheme, int, int, str, str]] = {
    "report-result": ("light", 1200, 800, "top", ""),
    "report-dark": ("dark", 1200, 800, "top", ""),
    "report-probes": ("light", 1200, 800, "probes", ""),
    "report-text": ("light", 1200, 800, "text", ".prose .s.step2, .prose .s.step3, .prose .s.step4"),
    "report-pairs": ("light", 1200, 800, "pairs", "[data-listing=pairs] tbody tr.row:nth-child(2) button"),
    "report-phone": ("light", 390, 844, "top", ""),
}
COLOURS = 128  # of a picture: as flat as the pages are, none is missed


def take(browser: Browser, report: Path, out: Path, name: str) -> Path:
    """Open the report as a picture needs it and save ``NAME.png``."""
    scheme, width, height, section, clicked = PICTURES[name]
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(report.resolve().as_uri())
    page.wait_for_selector("html[data-ready]")
    if section != "top":
        page.locator(f"#{section}").evaluate("section => section.scrollIntoView()")
    if clicked:
        page.locator(clicked).first.click()
    page.screenshot(path=out / f"{name}.png")
    context.close()
    return lightened(out / f"{name}.png")


def take_review(browser: Browser, run: Path, out: Path) -> Path:
    """Start the review of a run, look at one pair, and end it; nothing is decided."""
    command = [sys.executable, "-u", "-c", "from flows.cli import main; main()", "review", str(run), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        found = re.search(r"http://\S+", process.stdout.readline() if process.stdout else "")
        page = browser.new_page(viewport={"width": 1200, "height": 720})
        page.goto(found[0] if found else "about:blank")
        page.wait_for_selector("html[data-ready]")
        for _ in range(7):
            page.keyboard.press("j")
        page.screenshot(path=out / "review.png")
        page.close()
        process.send_signal(signal.SIGINT)
    return lightened(out / "review.png")


def lightened(picture: Path) -> Path:
    """Save a picture anew with fewer colours: a third of the bytes."""
    with Image.open(picture) as image:
        image.convert("RGB").quantize(COLOURS).save(picture, optimize=True)
    return picture


def main(run: Path, out: Path) -> None:
    """Take every picture of a run's report."""
    out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        pictures = [take(browser, run / "report.html", out, name) for name in PICTURES]
        for picture in [*pictures, take_review(browser, run, out)]:
            print(f"{picture} {picture.stat().st_size:,} bytes")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
