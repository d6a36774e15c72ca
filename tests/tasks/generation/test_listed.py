"""Tables, entries and lists: what they state, where it stands, and what is asked about it."""

import pytest

from tasks.config import Config
from tasks.corpus.chunking import chunk_document
from tasks.corpus.from_markdown import read
from tasks.corpus.sentences import split_sentences
from tasks.generation.facts import Reading, build_ledger
from tasks.generation.listed import read_listed, unmarked
from tasks.generation.variants import rule_pairs
from tasks.records import Document

SHIFTS = (
    "The stores run three shifts.\n\n"
    "Shift\tStarts\tAllowance\nEarly\t05:30\t2.10\nNight\t21:30\t5.75 per hour\n\n"
    "They rotate every week."
)


def ledger(text: str) -> list[Reading]:
    return build_ledger(Document.create("works", text), split_sentences(text))


def asked(text: str) -> dict[str, str]:
    document = Document.create("works", text)
    pairs = rule_pairs(ledger(text), chunk_document(document, Config.build("quick", []).chunks), limit=8, seed=1)
    return {pair.question: pair.answer for pair in pairs}


def test_each_cell_of_a_table_is_a_fact_with_its_own_span_and_its_row_as_evidence() -> None:
    facts = [reading for reading in ledger(SHIFTS) if reading.asked]
    assert [SHIFTS[f.fact.start : f.fact.end] for f in facts] == ["05:30", "2.10", "21:30", "5.75 per hour"]
    assert {SHIFTS[slice(*f.evidence)] for f in facts} == {"Early\t05:30\t2.10", "Night\t21:30\t5.75 per hour"}
    assert facts[-1].fact.statement == "Night (shift): starts 21:30, allowance 5.75 per hour."


def test_a_table_is_asked_by_row_by_column_and_back() -> None:
    found = asked(SHIFTS)
    assert found["When does Night start?"] == "21:30"
    assert found["What is the allowance for Night?"] == "5.75 per hour"
    assert found["Which shift has 2.10 under allowance?"] == "Early"
    assert found["Fill in the gap: Night (shift): starts ____, allowance 5.75 per hour."] == "21:30"


def test_facts_stay_in_the_order_of_the_text() -> None:
    starts = [reading.fact.start for reading in ledger(SHIFTS)]
    assert starts == sorted(starts) and len(starts) == 6


def test_a_cell_that_stands_twice_is_not_asked_back_and_an_empty_one_not_at_all() -> None:
    found = asked("Room\tLamp\nHall\tgas\nAttic\t-\nCellar\tgas\n")
    assert found["What is the lamp for Hall?"] == "gas"
    assert not [question for question in found if question.startswith("Which room") or "Attic" in question]


@pytest.mark.parametrize(
    "text",
    [
        "Early\t05:30\nLate\t13:30\n",  # no heads
        "Shift\tStarts\n",  # nothing but heads
        "Shift\tStarts\nEarly\t05:30\t2.10\n",  # rows that differ in length
    ],
)
def test_nothing_is_guessed_of_a_table_without_heads_or_with_uneven_rows(text: str) -> None:
    assert not read_listed(text, split_sentences(text))[0]


def test_a_long_row_is_learnt_cell_by_cell() -> None:
    text = f"Room\tUse\tKeeper\nHall\t{'for guests and their many trunks ' * 8}\tOdo Marrick\n"
    statements = [found.statement for found in read_listed(text, split_sentences(text))[0]]
    assert statements[-1] == "Hall (room): keeper Odo Marrick."


def test_a_table_in_columns_of_a_plain_text_is_read_too() -> None:
    found = asked("Shift     Allowance\nEarly     2.10\nNight     5.75\n")
    assert found["What is the allowance for Night?"] == "5.75"


def test_a_markdown_table_reaches_the_ledger() -> None:
    extract = read(b"| Name | Extension |\n|---|---|\n| Ilse Varga | 4402 |\n| Odo Marrick | 4417 |\n", "a.md")
    assert asked(extract.text)["What is the extension for Ilse Varga?"] == "4402"


def test_entries_say_who_or_what_something_is() -> None:
    text = "Claimant: Orsolya Vane\nPlaces of call: Corrow Quay, Pell Lock\nBefore: Halloran Teague\n"
    statements = [reading.fact.statement for reading in ledger(text)]
    assert statements == [
        "The claimant is Orsolya Vane.",
        "The places of call are Corrow Quay, Pell Lock.",
        "Before: Halloran Teague.",
    ]
    found = asked(text)
    assert found["Who is the claimant?"] == "Orsolya Vane"
    assert found["Complete the entry: Before: ..."] == "Halloran Teague"


@pytest.mark.parametrize("text", ["Marrowfield: Staff Handbook\n", "THE WORKS: HANDBOOK\nTHE MILL: NOTES\n"])
def test_a_title_is_no_entry(text: str) -> None:
    assert not read_listed(text, split_sentences(text))[0]


def test_a_list_is_one_fact_with_the_line_that_opens_it() -> None:
    text = (
        "The following may not be brought in:\n\n1. glass bottles\n2. phones\n3. food of any kind\n\nAsk at the gate."
    )
    first = ledger(text)[0]
    assert first.fact.statement == "The following may not be brought in: glass bottles; phones; food of any kind."
    assert text[first.fact.start : first.fact.end].endswith("food of any kind")
    assert asked(text)["What may not be brought in?"] == "glass bottles; phones; food of any kind"


def test_a_long_list_is_learnt_item_by_item() -> None:
    items = "".join(
        f"- the key of the {name} store and of its cellar\n" for name in ("oil", "salt", "coal", "rope", "tar")
    )
    text = f"Hand in:\n\n{items}"
    statements = [found.statement for found in read_listed(text, split_sentences(text))[0]]
    assert statements[0] == "Hand in: the key of the oil store and of its cellar." and len(statements) == 5


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("12. The barge sank.", "The barge sank."),
        ("4.2 Staff must sign.", "Staff must sign."),
        ("(a) the key", "the key"),
        ("- Never run.", "Never run."),
        ("4 barges sank.", "4 barges sank."),
        ("1909 was wet.", "1909 was wet."),
    ],
)
def test_the_number_of_a_paragraph_is_no_part_of_its_sentence(text: str, rest: str) -> None:
    assert text[slice(*unmarked(text, (0, len(text))))] == rest


def test_behind_its_number_a_sentence_begins() -> None:
    statements = [reading.fact.statement for reading in ledger("3. On 11 February the barge left Corrow Quay.")]
    assert statements == ["The barge left Corrow Quay on 11 February."]
