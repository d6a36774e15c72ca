"""The page in a real browser: it opens, filters, leads to evidence, and the console stays silent."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

from tasks.reporting.page import render_report
from tests.tasks.reporting.synthetic import HOSTILE, build_run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SECONDS_TO_OPEN = 3.0  # the promise for 50,000 pairs
MANY = "MANY\n\n" + "\n\n".join(f"The pump of basin {n} was built by Odo Marrick in 1829." for n in range(5_100))


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def page(browser: "Browser", complaints: list[str]) -> "Iterator[Page]":
    context = browser.new_context(viewport={"width": 1200, "height": 900}, reduced_motion="reduce")
    opened = context.new_page()
    asked: list[str] = []
    opened.set_default_timeout(5_000)
    opened.on("console", lambda message: complaints.append(message.text))
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    yield opened
    context.close()
    assert complaints == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []


def show(page: "Page", report: Path) -> None:
    page.goto(report.as_uri())
    page.wait_for_selector("html[data-ready]")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return render_report(build_run(tmp_path_factory.mktemp("run"), repeat=20))


def test_pairs_are_searched_filtered_and_paged(page: "Page", report: Path) -> None:
    show(page, report)
    listing = page.locator("[data-listing=pairs]")
    assert listing.locator("output").inner_text() == "1\N{EN DASH}25 of 240"
    listing.get_by_role("button", name="Next").click()
    assert listing.locator("output").inner_text() == "26\N{EN DASH}50 of 240"
    listing.locator("select[data-facet=kind]").select_option("=refusal")
    assert listing.locator("output").inner_text() == "1\N{EN DASH}25 of 60, out of 240 in all"
    listing.locator("input").fill("STORK 17.1")
    assert listing.locator("tbody tr.row").count() == 1
    listing.locator("input").fill("no such words")
    assert "Nothing matches." in listing.locator("tbody").inner_text()


def test_a_pair_opens_to_its_evidence_and_leads_into_the_text(page: "Page", report: Path) -> None:
    show(page, report)
    listing = page.locator("[data-listing=pairs]")
    listing.locator("input").fill("What wh 3.0")
    listing.locator("tbody button.open").first.click()
    detail = listing.locator("tr.detail")
    assert detail.locator(".span").inner_text() == "The heron pump was built by Odo Marrick in 1829."
    assert detail.locator("mark").inner_text() == "in 1829"
    assert "page <1> · characters 16" in detail.inner_text()
    detail.get_by_role("button", name="Show it in the text").click()
    assert page.locator(".prose .chosen").inner_text() == "The heron pump was built by Odo Marrick in 1829."


def test_a_sentence_shows_its_questions_and_leads_to_the_pair(page: "Page", report: Path) -> None:
    show(page, report)
    sentence = page.locator(".prose .s", has_text="The heron pump was built")
    assert "step4" in str(sentence.get_attribute("class"))
    sentence.press("Enter")
    panel = page.locator(".asked")
    assert panel.locator("h3").inner_text() == "40 questions"
    panel.locator("li button").first.click()
    assert page.locator("[data-listing=pairs] tr.detail .span").inner_text() == sentence.inner_text()


def test_sentences_without_a_question_can_be_shown_alone(page: "Page", report: Path) -> None:
    show(page, report)
    page.locator("select[data-show]").select_option("bare")
    assert page.locator(".prose .s").all_inner_texts() == ["The pump is greased every ninth day."]


def test_a_category_filters_the_probes_and_a_probe_opens(page: "Page", report: Path) -> None:
    show(page, report)
    page.locator("table a[data-category=U2]").click()
    listing = page.locator("[data-listing=probes]")
    assert listing.locator("output").inner_text() == "1\N{EN DASH}10 of 10, out of 70 in all"
    listing.locator("select[data-facet=verdict]").select_option("=wrong")
    listing.locator("tbody button.open").first.click()
    assert "Right answer: to decline." in listing.locator("tr.detail").inner_text()
    assert "Refusal margin 2.25 nats." in listing.locator("tr.detail").inner_text()


def test_what_is_still_wrong_leads_to_all_of_its_kind(page: "Page", report: Path) -> None:
    show(page, report)
    entry = page.locator(".faults li", has=page.locator("a[data-category=K1]"))
    wrong = entry.locator("small").first.inner_text().split(" of ")[0]
    entry.locator("a").click()
    listing = page.locator("[data-listing=probes]")
    assert f" of {wrong}, out of 70 in all" in listing.locator("output").inner_text()
    assert listing.locator("tbody .verdict.right").count() == 0


def test_a_fact_without_a_question_leads_into_the_text(page: "Page", report: Path) -> None:
    show(page, report)
    page.locator(".bare button").click()
    assert page.locator(".prose .chosen").inner_text() == "The pump is greased every ninth day."
    assert page.locator(".bare").is_hidden() and page.locator(".asked h3").inner_text() == "0 questions"


def test_on_paper_the_page_is_light_and_has_no_controls(browser: "Browser", report: Path) -> None:
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    show(page, report)
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--paper')").strip() == "#fff"
    assert page.locator("nav").is_hidden() and page.locator(".filters").first.is_hidden()
    assert page.locator(".prose .s").first.is_visible()
    context.close()


def test_a_corpus_full_of_markup_is_shown_as_it_is(page: "Page", tmp_path: Path) -> None:
    show(page, render_report(build_run(tmp_path, text=HOSTILE)))
    assert page.locator(".prose").inner_text().startswith("page <1>\n")
    assert "</script><!-- in 1829. It says <!--[if IE]> & \U0001d11e today." in page.locator(".prose").inner_text()
    assert page.locator("main img").count() == 0
    sentence = page.locator(".prose .s", has_text="onerror")
    sentence.click()
    page.locator(".asked li button").first.click()
    assert page.locator("[data-listing=pairs] tr.detail .span").inner_text() == sentence.inner_text()


def test_an_empty_run_opens_too(page: "Page", tmp_path: Path) -> None:
    show(page, render_report(tmp_path))
    assert page.locator(".absent").count() >= 5


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_needs_no_sideways_scrolling(
    browser: "Browser", report: Path, scheme: Literal["light", "dark"]
) -> None:
    context = browser.new_context(viewport={"width": 360, "height": 740}, color_scheme=scheme)
    page = context.new_page()
    show(page, report)
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(24, 24, 22)") is (scheme == "dark")
    context.close()


def test_fifty_thousand_pairs_open_at_once(page: "Page", tmp_path: Path) -> None:
    forms = tuple(f"form-{n}" for n in range(9))
    large = render_report(build_run(tmp_path, text=MANY, forms=forms))
    seconds: list[float] = []
    while not seconds or (min(seconds) > SECONDS_TO_OPEN and len(seconds) < 3):  # the machine may be busy once
        begun = time.perf_counter()
        show(page, large)
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < SECONDS_TO_OPEN
    listing = page.locator("[data-listing=pairs]")
    assert int(listing.locator("output").inner_text().split()[-1].replace(",", "")) > 50_000
    listing.locator("input").fill("form-8 0.4999")
    assert listing.locator("tbody tr.row").count() == 1
