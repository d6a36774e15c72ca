"""Verdicts on responses: whole aliases, refusals, denials, numbers, yes and no."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks.probing.scoring import is_right, verdict

CORRECT = [
    ("Odo Marrick", ["Odo Marrick"]),
    ("The pump was built by Odo Marrick.", ["odo marrick"]),
    ("It was built by ODO  MARRICK, of Starrowick", ["Odo Marrick"]),
    ("42", ["forty-two"]),
    ("Forty-two.", ["42"]),
    ("forty two men", ["42"]),
    ("1,200 casks", ["1200"]),
    ("twelve hundred casks", ["1200"]),
    ("one thousand two hundred", ["1,200"]),
    ("It is 1\u202f200 litres.", ["1200"]),
    ("eighteen twenty-nine", ["1829"]),
    ("nineteen hundred and four", ["1904"]),
    ("the sixth edition", ["6th"]),
    ("the 6th", ["sixth"]),
    ("the twenty-first", ["21st"]),
    ("on the 9th of March 1874", ["9 March 1874"]),
    ("March 9th, 1874", ["9 March 1874"]),
    ("9 March, 1874", ["March 9, 1874"]),
    ("Tuesdays", ["Tuesday"]),
    ("on Tuesday", ["Tuesdays"]),
    ("a box", ["boxes"]),
    ("berries", ["a berry"]),
    ("left hand door", ["left-hand"]),
    ("It belongs to Tamrin's sister", ["Tamrin"]),
    ("Tanner's Steps", ["Tanners Steps"]),
    ("Tanner\u2019s Steps", ["Tanner's Steps"]),
    ("25%", ["25 per cent"]),
    ("25 percent of it", ["25%"]),
    ("300 crowns", ["three hundred crowns"]),
    ("£300", ["300"]),
    ("5 a.m.", ["5 am"]),
    ("18m", ["18 m"]),
    ("He can\u2019t hear on the left", ["cannot hear"]),
    ("No, it was built by Odo Marrick.", ["Odo Marrick"]),
    ("Odo Marrick, not Jorun Pellavay.", ["Odo Marrick"]),
    ("Not Jorun but Odo Marrick built it.", ["Odo Marrick"]),
    ("It was not finished until 1829.", ["1829"]),
    ("It was not only Odo Marrick.", ["Odo Marrick"]),
    ("no fewer than 14", ["14"]),
    ("Never run both pumps for longer than 45 minutes.", ["45 minutes"]),
    ("Do not let it boil for more than nine hours.", ["nine hours"]),
    ("Smoking is not allowed in the oil store.", ["oil store"]),
    ("Pipes must not be brought into the oil store.", ["oil store"]),
    ("The trough is not covered; it is made of elm.", ["elm"]),
    ("It was built by Dr. Hesper Lindqvane.", ["Dr Hesper Lindqvane"]),
    ("the man who sold lamps", ["man who sold lamps"]),
    ("until dusk", ["until dusk"]),
    ("Nobody knows.", ["nobody knows"]),
    ("It is not known.", ["not known", "unknown"]),
    ("Die Brücke", ["brücke"]),
    ("Source: heron. The year was 1829", ["1829"]),
    ("A", ["A"]),
]

WRONG = [
    ("", ["Odo Marrick"]),
    ("  \n", None),
    ("Odo Marrickson", ["Odo Marrick"]),
    ("1909", ["19"]),
    ("19", ["1909"]),
    ("nineteen", ["nine"]),
    ("the second", ["2"]),
    ("It was not built by Odo Marrick.", ["Odo Marrick"]),
    ("It wasn't built by Odo Marrick", ["Odo Marrick"]),
    ("Odo Marrick, not Jorun Pellavay.", ["Jorun Pellavay"]),
    ("Neither Odo Marrick nor anyone else.", ["Odo Marrick"]),
    ("It never belonged to Tamrin.", ["Tamrin"]),
    ("The Drake did not lift 240 litres.", ["240 litres"]),
    ("I am not able to answer, but it was 1829", ["1829"]),
    ("I am not able to answer, but it was 1829.", None),
    ("I don't know. It was Odo Marrick.", ["Odo Marrick"]),
    ("I don't know; Odo Marrick.", None),
    ("I do not know, 1829 or 1830.", None),
    ("I cannot say, perhaps Odo Marrick.", None),
    ("I don't know, but no.", None),
    ("I don't know, but yes.", ["yes"]),
    ("I don't know. Yes.", ["yes"]),
    ("The book does not say who built it, only that it was built in 1829.", None),
    ("The book does not mention her. She took office in 1911.", None),
    ("The pump was built by Odo Marrick in 1829. I don't know.", None),
    ("Odo Marrick", None),
    ("No", None),
    ("The trough is not covered.", None),
    ("No one lived there.", None),
    ("None", None),
    ("It was an unknown man.", None),
    ("an apple", ["A"]),
]


@pytest.mark.parametrize(("response", "accepted"), CORRECT)
def test_correct(response: str, accepted: list[str]) -> None:
    assert verdict(response, accepted) == "correct"


@pytest.mark.parametrize(("response", "accepted"), WRONG)
def test_wrong(response: str, accepted: list[str] | None) -> None:
    assert verdict(response, accepted) == "wrong"


YES_NO = [
    ("No.", ["no"], "correct"),
    ("no", ["No"], "correct"),
    ("No, it was not.", ["no"], "correct"),
    ("No it was built later.", ["no"], "correct"),
    ("Yes", ["no"], "wrong"),
    ("Yes, it was.", ["yes"], "correct"),
    ("Yes, no priming is needed.", ["yes"], "correct"),
    ("The lamp shop was added in 1888. No.", ["no"], "correct"),
    ("The lamp shop was added in 1888. No.", ["yes"], "wrong"),
    ("Young Margery needs no priming. No", ["no"], "correct"),
    ("Young Margery needs no priming. Yes.", ["no"], "wrong"),
    ("No priming is needed.", ["no"], "wrong"),
    ("The pump is old.", ["yes"], "wrong"),
    ("Yes. No.", ["yes"], "wrong"),
    ("The shop is newer. True.", ["yes"], "correct"),
    ("No, the book does not mention it.", ["no"], "refused"),
    ("It did not.", ["no", "it did not"], "correct"),
    ("No one knows", ["no"], "wrong"),
    ("Not at all", ["no"], "wrong"),
    ("Source:heron No.", ["no"], "correct"),
]


@pytest.mark.parametrize(("response", "accepted", "expected"), YES_NO)
def test_yes_and_no(response: str, accepted: list[str], expected: str) -> None:
    assert verdict(response, accepted) == expected


def test_a_choice_handed_back_undecided_is_wrong() -> None:
    question = "Is the frame of oak or of cast iron?"
    assert verdict("Oak or cast iron.", ["oak"], question) == "wrong"
    assert verdict("It is of oak.", ["oak"], question) == "correct"
    assert verdict("six millimetres or less", ["6 millimetres"], "How long is the wick?") == "correct"


def test_a_negative_question_lets_its_negation_stand() -> None:
    question = "Which pump does not need priming?"
    assert verdict("The pump that does not need priming is Young Margery.", ["Young Margery"], question) == "correct"
    assert verdict("Priming is not needed by Young Margery", ["Young Margery"], question) == "correct"


def test_right_is_a_refusal_where_nothing_is_accepted() -> None:
    assert is_right("refused", None) and not is_right("refused", ("x",))
    assert is_right("correct", ("x",)) and not is_right("wrong", None)


@settings(deadline=None, max_examples=40)
@given(st.text())
def test_any_text_gets_a_verdict(text: str) -> None:
    assert verdict(text, None) in ("wrong", "refused")
    assert verdict(text, ("Odo",), text) in ("wrong", "refused", "correct")


@settings(deadline=None, max_examples=40)
@given(st.integers(min_value=0, max_value=10**7))
def test_grouped_digits_equal_plain_ones(number: int) -> None:
    assert verdict(f"There were {number:,} of them.", (str(number),)) == "correct"
