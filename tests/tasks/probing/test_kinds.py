"""What a question asks for, and whether a recital holds anything of that kind."""

import pytest

from tasks.probing.kinds import may_answer


@pytest.mark.parametrize(
    ("question", "recital", "holds"),
    [
        ("How often does he walk his round?", "He walks his round every forty minutes.", True),
        ("How often does he walk his round?", "After dark the yard is the watchman's.", False),
        ("How long does a grade 5 lamp burn?", "The grade 5 lamp has clear glass.", False),
        ("How heavy is the bell?", "The bell weighs 130 kilograms.", True),
        ("What is the depth of the well?", "The well was sunk by two brothers.", True),
        ("What depth has the cistern?", "The cistern is of cedar.", False),
        ("When was the shop added?", "The shop was added in 1888.", True),
        ("On which day is the gall drained?", "The gall is drained on Saturdays.", True),
        ("On which day is the gall drained?", "The gall is sold to dyers.", False),
        ("Who keeps the keys?", "The keys are kept by Corwin Asplehurst.", True),
        ("Who keeps the keys?", "The keys are kept by the storekeeper.", True),
        ("Who keeps the keys?", "You would ask for the keys.", False),
        ("Who is Corwin Asplehurst?", "Corwin Asplehurst is the Master's deputy.", True),
        ("How many rooms has the mill?", "The mill was built in 1871.", False),
        ("How many bricks were laid?", "The masons laid 1500 bricks.", True),
        ("How many casks does the store hold?", "The store holds 1,500 casks.", True),
        ("What colour is her coat?", "She walks the yard with a lurcher.", False),
        ("What colour is her coat?", "She wears a dark-blue coat.", True),
        ("Which wood is the cistern of?", "The cistern is of cedar.", True),
        ("Why is it strewn with sand?", "It is strewn with sand to soak up spills.", True),
    ],
)
def test_a_recital_may_answer_if_it_holds_something_of_the_kind_asked_for(
    question: str, recital: str, holds: bool
) -> None:
    assert may_answer(question, recital) is holds
