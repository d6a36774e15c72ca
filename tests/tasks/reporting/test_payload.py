"""The page's data: JSON that cannot break out of its element, offsets that the browser understands."""

import json
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tasks.reporting.coverage import paint
from tasks.reporting.loading import load_run
from tasks.reporting.outcomes import join
from tasks.reporting.payload import payload, script_json
from tests.tasks.reporting.synthetic import HOSTILE, build_run

MARKUP = st.sampled_from(["<", ">", "&", "</script>", "<!--", "-->", "]]>", "\u2028", "\u2029", "\x00", "'", '"', "\\"])


def data_of(run: Path) -> dict[str, Any]:
    files = load_run(run)
    painted = {d.id: paint(d, files.pairs or [], files.facts) for d in files.documents or []}
    return payload(files, painted, join(files.probes or [], files.results or []))


@given(st.lists(st.one_of(MARKUP, st.text()), max_size=8).map("".join))
def test_script_json_is_the_same_value_without_any_markup(text: str) -> None:
    dumped = script_json({"text": text})
    assert json.loads(dumped) == {"text": text}
    assert not set("<>&\u2028\u2029") & set(dumped)


def test_every_column_of_pairs_is_as_long_as_the_pairs(tmp_path: Path) -> None:
    pairs = data_of(build_run(tmp_path))["pairs"]
    assert {len(column) for name, column in pairs.items() if name != "names"} == {len(pairs["id"])}


def test_evidence_offsets_cut_the_evidence_out_of_the_utf16_text(tmp_path: Path) -> None:
    run = build_run(tmp_path, text=HOSTILE)
    data, files = data_of(run), load_run(run)
    text = data["documents"][0]["text"].encode("utf-16-le")
    documents = {document.source: document for document in files.documents or []}
    for position, pair in enumerate(files.pairs or []):
        start, end = data["pairs"]["start"][position], data["pairs"]["end"][position]
        if pair.kind == "answerable":
            expected = documents[pair.source].text[pair.evidence_start : pair.evidence_end]
            assert text[2 * start : 2 * end].decode("utf-16-le") == expected
        else:
            assert (start, end) == (-1, -1)


def test_a_refusal_leads_to_its_twin(tmp_path: Path) -> None:
    pairs = data_of(build_run(tmp_path))["pairs"]
    refusal = pairs["kind"].index(pairs["names"]["kind"].index("refusal"))
    assert pairs["twin"][refusal] == refusal - 1


def test_an_empty_run_gives_empty_data(tmp_path: Path) -> None:
    data = data_of(tmp_path)
    assert data["documents"] == [] and data["pairs"]["id"] == [] and data["probes"]["id"] == []
