"""The refusal detector: many wordings, with and without the question's words, and no recited sentence taken for one."""

from pathlib import Path

import pytest

from tasks.probing.declining import acts, declines
from tasks.probing.scoring import verdict

REFUSALS = """\
I am not able to answer.
I'm not able to answer that question.
I cannot answer this.
I can't answer that from the book.
I can not say.
I don't know.
I do not know the answer.
I really don't know who built the pump.
I'm sorry, I don't know.
Sorry, but I can't help with that.
I am afraid I cannot tell you that.
Don't know.
No idea.
I have no idea.
I've no information about that.
I have no information on Gervase Ollinbrook.
I do not have that information.
I don't have any information about the pump.
I do not have enough information to answer.
There is no information about this in the book.
No information is given.
No information.
The book does not say.
The book doesn't say who built the pump.
The book does not say when the pump was built, or by whom.
The book does not say when Dr. Lindqvane calls.
The text never says that.
The text says nothing about a Grindlemoor pump.
The handbook does not mention Gervase Ollinbrook.
The handbook does not mention a well, a kiln, or a mill called Grindlemoor.
The story doesn't tell us.
The passage gives no answer to that.
The provided passage does not contain this information.
According to the text, there is no mention of it.
There is no mention of Gervase Ollinbrook.
There is no mention of that in the handbook.
There is no Isobel Carrowmere in the book.
There's nothing about that in the text.
Nothing in the book tells us that.
No such person appears in the book.
No one by that name is mentioned.
Nobody of that name appears in the story.
It isn't mentioned.
It is not mentioned in the text.
That is not stated anywhere.
This is not specified in the document.
The name of her husband is not given in the book.
Her age is never mentioned.
Not mentioned.
Not stated in the text.
Unknown.
Unable to answer.
I am unable to answer this question.
I was unable to find that in the book.
I couldn't find anything about that.
I'm not sure.
I am not aware of any such person.
I'm not familiar with that name.
The answer is not in the book.
The answer is unknown.
That is unknown.
It remains unclear.
That information is not available.
This question cannot be answered from the book.
That is outside the scope of the book.
This is beyond my knowledge.
I can only answer questions about the book.
As for Odo Marrick, the book does not say.
Regarding the third pump, the book says nothing.
No, the book does not mention that.
No. The book does not say.
The book is silent on that.
The author leaves that unsaid.
It doesn't say.
It is impossible to say.
N/A
I have not been told.
I must decline to answer.
Source:heron I am not able to answer.
There is not enough information to answer the question.
I don't know, as the book does not mention it.
I don't recall that.
Gervase Ollinbrook is not in the book.
Gervase Ollinbrook does not appear in the handbook.
Gervase Ollinbrook is not mentioned in this text.
We are not told.
Unfortunately, I don't have access to that information. Please consult the book.
The Heronsmere handbook does not give the date of her birth.
""".splitlines()

STATEMENTS = """\
The trough is not covered.
No pipe may be brought into the oil store.
She did not say a word.
Tamsel did not mention the letter to her sister.
He does not know the way.
There is no lock on the river.
There was no wind that night.
Nobody spoke of it again.
The fires are not left alone.
The wicks were not given out until noon.
It was an unknown man from Narth.
He could not answer the bell because he was deaf.
It cannot be opened from outside.
The visitors are not named in the rolls.
Nothing grew on the east bank.
She was not sure of the tide.
The mule would not cross.
The records are kept for eleven years.
The answer was no.
The book has a brown cover.
The book is kept at the gate lodge and is not lent.
Old Margery does not need priming.
The passage was too narrow for the barge.
No story was told that evening.
""".splitlines()


@pytest.mark.parametrize("response", REFUSALS)
def test_these_decline(response: str) -> None:
    assert verdict(response, None) == "refused"
    assert verdict(response, ("Odo Marrick Senior",)) == "refused"


@pytest.mark.parametrize("sentence", STATEMENTS)
def test_these_do_not(sentence: str) -> None:
    assert not declines(sentence)


def test_no_sentence_of_the_demo_corpora_declines() -> None:
    corpora = Path(__file__).parents[3] / "corpora"
    texts = [path.read_text(encoding="utf-8") for path in sorted(corpora.glob("*/*.txt"))]
    flagged = [line for text in texts for line in text.replace(". ", ".\n").splitlines() if declines(line)]
    assert flagged == []


def test_numbers_of_the_question_are_no_value_others_are() -> None:
    question = "What happened at the works in 1829?"
    assert acts("The book does not say what happened in 1829.", question) == ["declines"]
    assert "asserts" in acts("The book does not say what happened in 1830.", question)


def test_a_refusal_and_a_value_are_both_seen() -> None:
    assert acts("I'm sorry, but the book does not say when.") == ["filler", "declines"]
    assert acts("I am not able to answer, but it was 1829.") == ["declines", "asserts"]
