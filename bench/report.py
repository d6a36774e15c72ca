"""How long the report of a large run takes to write, to open and to filter: ``python -m bench.report [PAIRS]``.

Needs playwright and Debian's chromium. The run is synthetic: numbered facts, nine forms and a refusal each.
Open: from navigation until every table is drawn and answers. Filter: from a word typed until its rows show.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from bench.screenshots import CHROMIUM, FLAGS
from tasks.reporting.page import render_report
from tasks.storage import iter_dicts
from tests.tasks.reporting.synthetic import build_run

FORMS = tuple(f"form-{number}" for number in range(9))
OPENINGS = 7
TYPED = """([root, word]) => {
    const field = document.querySelector(root + ' input'), begun = performance.now();
    field.value = word;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    return performance.now() - begun;
}"""


def text(pairs: int) -> str:
    """Facts enough for so many pairs: ten a fact."""
    facts = "\n\n".join(f"The pump of basin {n} was built by Odo Marrick in 1829." for n in range(pairs // 10 + 8))
    return f"MANY\n\n{facts}"


def opened(browser: Browser, report: Path) -> tuple[float, float, float]:
    """Seconds to open in a fresh context, milliseconds of the first and of a later filter."""
    context = browser.new_context(viewport={"width": 1200, "height": 900})
    page = context.new_page()
    begun = time.perf_counter()
    page.goto(report.as_uri())
    page.wait_for_selector("html[data-ready]")
    seconds = time.perf_counter() - begun
    first, later = (page.evaluate(TYPED, ["[data-listing=pairs]", word]) for word in ("basin 4999", "form-8 0.77"))
    context.close()
    return seconds, first, later


def main(pairs: int) -> None:
    """Print one row for a run of about so many pairs."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run = build_run(Path(folder), text=text(pairs), forms=FORMS)
        made = sum(1 for _ in iter_dicts(run / "pairs.jsonl"))
        begun = time.perf_counter()
        report = render_report(run)
        written = time.perf_counter() - begun
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        times = [opened(browser, report) for _ in range(OPENINGS)]
        opening, first, later = (statistics.median(column) for column in zip(*times, strict=True))
        slowest = max(seconds for seconds, _, _ in times)
        size = report.stat().st_size / 1e6
        browser.close()
    print("| pairs | page, MB | written in, s | open, s (median of 7) | slowest, s | first filter, ms | next, ms |")
    print("|---|---|---|---|---|---|---|")
    print(f"| {made:,} | {size:.1f} | {written:.1f} | {opening:.2f} | {slowest:.2f} | {first:.0f} | {later:.0f} |")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000)
