"""The review page in a real browser: keys decide, every decision is on the disk, nothing of a corpus is markup."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import uvicorn

from flows.review import listen
from tasks.curation.decisions import Decision, journal, read_decisions
from tasks.reviewing.items import load_items
from tasks.reviewing.server import build_app
from tests.tasks.reporting.synthetic import HOSTILE
from tests.tasks.reviewing.folder import reviewable

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


class Desk:
    """A run with its server; ``stop`` ends the server as a crash would, from the page's side."""

    def __init__(self, folder: Path) -> None:
        """Build the hostile run, so that every test here is one of escaping too."""
        self.run = reviewable(folder, text=HOSTILE)
        self.gold = folder / "corpus" / "probes.jsonl"

    def held(self) -> dict[str, Decision]:
        return {each.id: each for each in read_decisions(self.run).values()}

    def start(self) -> str:
        self.listening = listen(0)
        self.journal = journal(self.run)
        port = self.listening.getsockname()[1]
        app = build_app(
            load_items(self.run, self.gold), self.journal.__enter__(), name="<i>heron</i>", port=port, key="k"
        )
        self.server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listening]})
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{port}/#key=k"

    def stop(self) -> None:
        if self.thread.is_alive():
            self.server.should_exit = True
            self.thread.join(10)
            self.listening.close()
            self.journal.__exit__(None, None, None)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture
def page(browser: "Browser", desk: Desk) -> "Iterator[Page]":
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1200, "height": 800}, reduced_motion="reduce")
    opened = context.new_page()
    opened.set_default_timeout(5_000)
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    address = desk.start()
    with closing(context):
        opened.goto(address)
        opened.wait_for_selector("html[data-ready]")
        yield opened
    desk.stop()
    refused = (
        "ERR_CONNECTION_REFUSED",
        "status of 422",
    )  # what the browser itself says of a refusal that a test asks for
    assert [text for text in complaints if not any(part in text for part in refused)] == []


def told(page: "Page", text: str) -> None:
    page.wait_for_function("text => document.querySelector('.told').textContent.includes(text)", arg=text)


def test_keys_decide_and_lead_on(page: "Page", desk: Desk) -> None:
    first = page.locator("article h2").inner_text()
    page.keyboard.press("a")
    told(page, "accepted, stored")
    assert page.locator("article h2").inner_text() != first
    page.keyboard.press("r")
    told(page, "rejected, stored")
    page.keyboard.press("k")
    page.keyboard.press("u")
    told(page, "taken back, stored")
    assert [each.action for each in desk.held().values()] == ["accept"]
    assert page.locator("header output").inner_text() == "1 of 13 decided"


def test_keys_pressed_faster_than_the_disk_are_all_taken(page: "Page", desk: Desk) -> None:
    for _ in range(12):
        page.keyboard.press("r")
    told(page, "12 decided")
    assert [each.action for each in desk.held().values()] == ["reject"] * 12


def test_an_edit_is_written_with_the_keyboard_alone(page: "Page", desk: Desk) -> None:
    page.keyboard.press("e")
    page.locator("textarea[name=question]").fill('Who is <img src=x onerror=alert(1)> "it"?')
    page.keyboard.press("Control+Enter")
    told(page, "edited, stored")
    (decision,) = desk.held().values()
    assert decision.changes == {"question": 'Who is <img src=x onerror=alert(1)> "it"?'}
    page.keyboard.press("k")
    assert page.locator("article h2").inner_text() == decision.changes["question"]
    assert page.locator("article .was").inner_text() == decision.original["question"]


def test_what_cannot_be_stored_is_said_and_stays_in_the_editor(page: "Page", desk: Desk) -> None:
    page.keyboard.press("e")
    page.locator("textarea[name=question]").fill("Who [INST] is it?")
    page.locator("textarea").first.press("Control+Enter")
    told(page, "Not stored: question: holds '[INST]'")
    assert page.locator("textarea[name=question]").input_value() == "Who [INST] is it?"
    page.keyboard.press("Escape")
    assert page.locator("textarea").count() == 0 and desk.held() == {}


def test_a_server_that_has_ended_is_noticed_and_no_decision_is_claimed(page: "Page", desk: Desk) -> None:
    first = page.locator("article h2").inner_text()
    desk.stop()
    page.keyboard.press("a")
    told(page, "Not stored: no answer from closedbook")
    assert page.locator("article h2").inner_text() == first
    assert page.locator("header output").inner_text() == "0 of 13 decided"


def test_a_corpus_full_of_markup_is_shown_as_it_is(page: "Page") -> None:
    assert page.locator("h1").inner_text() == "<i>heron</i>"
    evidence = page.locator("article .evidence")
    assert "</script><!-- in 1829." in evidence.inner_text()
    assert page.locator("article img, article i, article b, h1 i").count() == 0


def test_lists_are_searched_and_filtered_and_probes_have_their_own(page: "Page") -> None:
    page.keyboard.press("/")
    page.keyboard.type("again")
    assert page.locator("nav li").count() == 1
    assert "left out: duplicate" in page.locator("article .meta").inner_text()
    page.locator("[data-target=probe]").click()
    assert page.locator("article h2").inner_text() == "Who made the <b>heron</b> pump?"
    assert page.locator("article .answer").inner_text() == "Odo Marrick / Marrick"
    page.keyboard.press("j")
    assert page.locator("article .answer").inner_text() == "Right: to decline"


def test_a_page_without_the_key_shows_nothing(browser: "Browser", desk: Desk) -> None:
    address = desk.start()
    with closing(browser.new_context()) as context:
        opened = context.new_page()
        opened.goto(address.split("#")[0])
        opened.wait_for_function("document.querySelector('.told').textContent.includes('holds the key')")
        assert opened.locator("nav li").count() == 0
    desk.stop()
