"""Pages of Prefect's server turn into pictures: ``python -m bench.prefect_page URL OUT NAME=PATH …``.

python -m bench.prefect_page http://127.0.0.1:4200 docs/images prefect-run=/runs/flow-run/ID
"""

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from bench.screenshots import CHROMIUM, FLAGS

SETTLED = 6_000
"""Milliseconds: the page fetches its parts one after the other."""


def main(url: str, out: Path, pages: list[str]) -> None:
    """Take a picture of each page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = browser.new_page(viewport={"width": 1280, "height": 860})
        for named in pages:
            name, _, path = named.partition("=")
            page.goto(url + path)
            page.wait_for_timeout(SETTLED)
            page.screenshot(path=out / f"{name}.png")
            print(out / f"{name}.png", (out / f"{name}.png").stat().st_size)
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
