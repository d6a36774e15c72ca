"""What a chat shows: the answer alone in a pipe, and what it can be checked by."""

import io
import json
from dataclasses import replace

import pytest

from flows.chat import Reply, converse
from tasks.probing.evidence import Evidence

FOUND = Evidence("works", "page 3", 10, 40, "The Badger was relined in 1909.")
TOLD = Reply("When?", "The Badger was relined in 1909.", False, -14.25, 1.5, "", FOUND)
REFUSED = replace(TOLD, answer="Not able to answer.", refused=True, margin=3.0, evidence=None)


class Parrot:
    """Answers every question alike, and remembers them."""

    def __init__(self, reply: Reply) -> None:
        self.heard: list[str] = []
        self.says = reply

    def reply(self, question: str) -> Reply:
        self.heard.append(question)
        return replace(self.says, question=question)


def notes(reply: Reply) -> list[str]:
    return [note.plain.strip() for note in reply.notes()]


def test_an_answer_is_shown_with_its_sentence_page_and_margin() -> None:
    assert notes(TOLD) == ['works, page 3: "The Badger was relined in 1909."', "margin -14.2, refuses above 1.5"]
    assert notes(replace(TOLD, evidence=None))[0] == "no sentence of the corpus says so in these words"
    assert notes(REFUSED)[0] == "declined"
    assert notes(replace(TOLD, source="works"))[1].endswith("asked under Source:works")


def test_of_several_documents_the_one_that_the_model_has_it_from_is_named() -> None:
    told = replace(TOLD, sources={"works": 0.972, "ferry": 0.028})
    assert notes(told)[1] == "the model has it from works (97%)" and len(notes(told)) == 3
    assert told.row()["sources"] == {"works": 0.972, "ferry": 0.028} and TOLD.row()["sources"] == {}


def test_a_sentence_of_the_corpus_cannot_steer_the_terminal() -> None:
    hostile = replace(FOUND, text="\x1b[2Jgone [red]x[/red]")
    assert "\x1b" not in notes(replace(TOLD, evidence=hostile))[0]
    assert "[red]x[/red]" in notes(replace(TOLD, evidence=hostile))[0]


def test_one_question_in_a_pipe_prints_the_answer_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    converse(Parrot(TOLD), "When?")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("The Badger was relined in 1909.\n", "")


def test_a_chat_ends_at_an_empty_line_and_at_the_end_of_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    parrot = Parrot(TOLD)
    monkeypatch.setattr("sys.stdin", io.StringIO("When?\nWho?\n\nnever asked\n"))
    converse(parrot, None)
    assert parrot.heard == ["When?", "Who?"]
    monkeypatch.setattr("sys.stdin", io.StringIO("Where?"))
    converse(parrot, None)
    assert parrot.heard[-1] == "Where?"


def test_a_machine_gets_a_json_value_an_answer(capsys: pytest.CaptureFixture[str]) -> None:
    converse(Parrot(TOLD), "When?", as_json=True)
    row = json.loads(capsys.readouterr().out)
    assert row["margin"] == -14.25 and row["evidence"]["section"] == "page 3" and row["source"] is None
