"""The page as text: every part of it there or said to be missing, and nothing of a corpus read as markup."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tasks.errors import StorageError
from tasks.records import Tally
from tasks.reporting import payload
from tasks.reporting.audit import AUDIT
from tasks.reporting.funnel import save_funnel
from tasks.reporting.page import render_report
from tasks.storage import write_json
from tests.tasks.reporting.synthetic import HOSTILE, build_run

FILES = (
    "documents.jsonl", "chunks.jsonl", "facts.jsonl", "pairs.jsonl", "rejected.jsonl", "train.jsonl", "probes.jsonl",
    "results.jsonl", "training.jsonl", "stages.json", "config.json", "metrics.json", "funnel.json",
)  # fmt: skip


class Outline(HTMLParser):
    """Counts tags and keeps the text outside scripts and styles."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.raw = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.raw = tag in ("script", "style")

    def handle_endtag(self, tag: str) -> None:
        self.raw = False

    def handle_data(self, data: str) -> None:
        if not self.raw:
            self.text += data


def outline(page: Path) -> Outline:
    parser = Outline()
    parser.feed(page.read_text(encoding="utf-8"))
    parser.text = re.sub(r"\s+", " ", parser.text)
    return parser


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = build_run(tmp_path_factory.mktemp("run"))
    return render_report(run)


def test_the_headline_says_in_words_what_base_and_tuned_score(whole: Path) -> None:
    text = outline(whole).text
    assert (
        "Of 20 questions in new words about what it was taught, the tuned model answers 17 correctly "
        "(95% interval 64\N{EN DASH}95%). The base model: 0 (0\N{EN DASH}16%)." in text
    )
    assert "tuning turned 58 answers from wrong to right and 0 from right to wrong" in text


def test_the_page_shows_funnel_coverage_configuration_and_command(whole: Path) -> None:
    text = outline(whole).text
    assert "2 ungrounded" in text and "1 echo" in text
    assert "3 of 4 sentences that state something got at least one question (75%)" in text
    assert "closedbook run corpora/heron --preset quick --set tuning.epochs=5" in text
    assert '<td class="changed">5.0</td>' in whole.read_text(encoding="utf-8")


def test_ten_samples_of_what_is_wrong_and_of_what_was_taught_are_shown(whole: Path) -> None:
    text = outline(whole).text
    assert text.count("It should have declined.") + text.count("Right: 1829.") >= 10
    assert re.search(r"wh What wh is said 0\.\d of \w+\?", text)


def test_what_is_still_wrong_stands_with_the_worst_first(whole: Path) -> None:
    text = outline(whole).text.partition("Still wrong, the worst first")[2]
    rates = [int(rate) for rate in re.findall(r"(\d+)% \d+ of \d+ [A-Za-z]", text)]
    assert rates == sorted(rates, reverse=True) and len(rates) >= 4


def test_the_page_names_the_facts_without_a_question_and_why(whole: Path) -> None:
    text = outline(whole).text
    assert "Facts without a question: 1 of 4" in text
    assert "The pump is greased every ninth day. last question rejected: echo" in text


def test_the_page_states_the_laws_at_its_top_and_whatever_fails(tmp_path: Path) -> None:
    names = ["counts add up", "every example leads to its sentence", "no leak between the splits", "no contradictions"]
    run = build_run(tmp_path)
    checks = [{"name": name, "looked_at": f"{name}, seen", "problems": [], "count": 0} for name in names]
    write_json(run / AUDIT, checks)
    top = outline(render_report(run)).text.partition("Probes, by category")[0]
    assert "4 of 4 checks hold" in top and "Counts add up counts add up, seen" in top and "contradictions" not in top
    write_json(run / AUDIT, [*checks[:3], checks[3] | {"problems": ["<b>pair</b> p and q"], "count": 1}])
    top = outline(render_report(run)).text.partition("Probes, by category")[0]
    assert "3 of 4 checks hold" in top and "No contradictions <b>pair</b> p and q" in top


def test_the_page_asks_nothing_of_any_network(whole: Path) -> None:
    html = whole.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\s\"'<)]+", html)) <= {
        "http://www.w3.org/2000/svg",
        "http://www.w3.org/1999/xlink",
    }
    assert not re.search(r"<(?:link|img|iframe|script)[^>]+(?:src|href)=\"(?!data:)", html)
    assert "default-src 'none'" in html


def test_the_policy_allows_the_pages_own_script_only(whole: Path) -> None:
    html = whole.read_text(encoding="utf-8")
    script = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script[0].encode()).digest()).decode()
    assert len(script) == 1 and f"script-src 'sha256-{digest}'" in html


def test_equal_runs_give_equal_bytes(whole: Path, tmp_path: Path) -> None:
    assert render_report(build_run(tmp_path)).read_bytes() == whole.read_bytes()


def test_text_full_of_markup_adds_no_element(tmp_path: Path) -> None:
    page = outline(render_report(build_run(tmp_path, text=HOSTILE)))
    assert page.tags.count("script") == 2
    assert not {"img", "i", "iframe", "object", "base"} & set(page.tags)
    assert '<script>alert("title")</script>' in page.text
    assert "{{ 7 * 7 }}" in page.text
    assert "<!-- in 1829." in page.text


@pytest.mark.parametrize("missing", FILES)
def test_a_run_without_one_of_its_files_still_gets_a_page(tmp_path: Path, missing: str) -> None:
    assert render_report(build_run(tmp_path, without=(missing,))).is_file()


def test_an_empty_run_says_what_is_missing_and_what_writes_it(tmp_path: Path) -> None:
    text = outline(render_report(tmp_path)).text
    for name, command in (("results.jsonl", "probe"), ("pairs.jsonl", "curate"), ("training.jsonl", "finetune")):
        assert re.search(rf"this run has no {re.escape(name)}\. It is written by closedbook {command}", text)


def test_a_funnel_that_leaks_is_shown_as_such(tmp_path: Path) -> None:
    run = build_run(tmp_path)
    save_funnel(run, [Tally("filter", 9, 2)])
    assert "The counts do not add up" in outline(render_report(run)).text


def test_a_run_too_large_for_one_page_is_shown_in_part_and_the_page_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payload, "PAIR_LIMIT", 5)
    monkeypatch.setattr(payload, "TEXT_LIMIT", 20)
    text = outline(render_report(build_run(tmp_path))).text
    assert "The first 5 of 12 pairs" in text
    assert "The first 0 of 1 documents" in text


def test_a_missing_folder_and_a_damaged_file_are_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no such run folder"):
        render_report(tmp_path / "none")
    run = build_run(tmp_path / "run")
    (run / "metrics.json").write_text("{")
    with pytest.raises(StorageError, match=r"metrics\.json: not valid JSON"):
        render_report(run)
