"""Rows for pages that are not ours: plain text, whatever stands in the corpus."""

from pathlib import Path

from tasks.reporting.tables import coverage_rows, funnel_rows, probe_rows, sample_rows
from tests.tasks.reporting.synthetic import HOSTILE, build_run


def test_the_funnel_is_told_stage_by_stage(tmp_path: Path) -> None:
    rows = funnel_rows(build_run(tmp_path))
    assert rows[-1]["stage"] == "filter" and rows[-1]["rejected"] == "3: 2 ungrounded, 1 echo"


def test_samples_show_what_they_rest_on(tmp_path: Path) -> None:
    rows = sample_rows(build_run(tmp_path))
    assert 0 < len(rows) <= 10
    assert "The heron pump was built by Odo Marrick in 1829." in {row["evidence"] for row in rows}


def test_markup_of_a_corpus_stays_text(tmp_path: Path) -> None:
    cells = [cell for row in sample_rows(build_run(tmp_path, text=HOSTILE)) for cell in row.values()]
    assert any("\\<b\\>heron" in cell for cell in cells)
    assert not any("\n" in cell or " <" in cell for cell in cells)


def test_coverage_counts_every_sentence_that_states_something(tmp_path: Path) -> None:
    rows = coverage_rows(build_run(tmp_path))
    assert {row["source"] for row in rows} == {"heron"}
    assert sum(int(row["sentences"]) for row in rows) == 4


def test_probes_stand_beside_each_other(tmp_path: Path) -> None:
    rows = probe_rows(build_run(tmp_path))
    assert {"probes", "n", "base right", "tuned right", "tuned 95%"} <= set(rows[0])
    assert sum(int(row["n"]) for row in rows) == 70
