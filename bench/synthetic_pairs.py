"""A seed to labelled question-answer pairs for measuring near-duplicate removal.

    new     "Who carries the keys of the lefo store on a green rabe when the mitu is closed for the night?"
    reword  "And who carries the keys of that lefo store on a green rabe when ..."   the same: to be found
    twin    "Who carries the keys of the gosa store on a green rabe when ..."        not the same: to be kept

Twelve templates over invented names and 2,000 nouns. A fifth of the pairs are rewordings and a fifth are near-twins, of
the new pair before them, with its answer: the hardest case, since only the question tells them apart.
"""

import random
from collections.abc import Callable, Iterator

from tasks.records import Pair

SYLLABLES = "ba be bo da de do fa fe ga go ha ka ke la le li lo ma me mi mo na ne no pa ra re ri ro sa se ta te".split()
# Slots: N a noun, P a person's name, L a place's name, D a number. Half are without a name, as most yes/no items are.
TEMPLATES = [
    "In which year was the {N} of the old {N} by the river at {L} first opened to the people?",
    "How many {N}s does {P} keep in the {N} behind the {N} house at {L}?",
    "Who carries the keys of the {N} store on a green {N} when the {N} is closed for the night?",
    "What is the depth in metres of the {N} shaft from which the {N} is raised every {D} days?",
    "Why did {P} of {L} sell the {N} and the {N} to the master of the {N} works?",
    "What must be done with the {N} before the {N} is opened and the {N} is let into the pan?",
    "Which {N} does the warden of stage {D} use when the {N} of the second {N} has run dry?",
    "Is the {N} by the {N} gate painted in the same colour as the {N} of the {N} house?",
    "Does the {N} of the {N} weigh more than the {N} that stands in the yard of the {N}?",
    "What colour is the {N} that {P} wears on the collar of the {N} coat on feast days?",
    "At what hour of the day does the {N} of {L} leave the {N} for the far bank of the {N}?",
    "How long does a {N} of grade {D} burn in the {N} if the {N} is kept out of the wind?",
]  # fmt: skip
# Rewordings that change no fact; each adds, drops or moves small words only.
REWORDINGS: list[Callable[[str], str]] = [
    str.lower,
    lambda text: text.rstrip("?"),
    lambda text: text.replace(" the ", " that ", 1),
    lambda text: text.replace("?", " then?"),
    lambda text: (
        text.replace(" is ", " is just ", 1).replace(" was ", " was just ", 1).replace(" does ", " does just ", 1)
    ),
    lambda text: f"And {text[0].lower()}{text[1:]}",
    lambda text: text.replace("Which ", "What ").replace("In which ", "In what "),
    lambda text: text.replace(" of the ", " of ", 1),
]


def word(source: random.Random, syllables: int) -> str:
    return "".join(source.choices(SYLLABLES, k=syllables))


def labelled_pairs(count: int, seed: int = 7) -> Iterator[tuple[str, Pair]]:
    """Pairs with what they are: "new", "reword" or "twin"."""
    source = random.Random(seed)
    nouns = [word(source, 2 + index % 2) for index in range(2000)]
    names = [word(source, 3).capitalize() for _ in range(5000)]
    known, named = set(nouns), set(names)
    answers = ["yes", "no", *(f"{source.choice(nouns)} {index}" for index in range(3000))]
    question, answer, form = "", "", "wh"
    for _ in range(count):
        draw = source.random()
        label, asked = "new", question
        if question and draw < 0.2:
            label, asked = "reword", source.choice(REWORDINGS)(question)
        elif question and draw < 0.4:
            spots = [place for place, part in enumerate(question.rstrip("?").split()) if part in known or part in named]
            label, asked = "twin", twin(question, source.choice(spots), source, names if draw < 0.3 else nouns)
        else:
            template = source.choice(TEMPLATES)
            polar = template.startswith(("Is", "Does"))
            answer = source.choice(answers[:2]) if polar else source.choice(answers[2:])
            form = "polar-yes" if polar else source.choice(["wh", "model-wh", "stem"])
            question = asked = fill(template, source, nouns, names)
        yield label, Pair.create(
            chunk_id="c", fact_id="f", source="bench", question=asked, answer=answer, evidence_start=0, evidence_end=9,
            form=form, kind="answerable", generator="bench",
        )  # fmt: skip


def fill(template: str, source: random.Random, nouns: list[str], names: list[str]) -> str:
    while "{" in template:
        place = template.index("{")
        slot = template[place + 1]
        value = {"N": source.choice(nouns), "D": str(source.randint(2, 99))}.get(slot, source.choice(names))
        template = template[:place] + value + template[place + 3 :]
    return template


def twin(question: str, place: int, source: random.Random, others: list[str]) -> str:
    """The same question about something else: one word changed for another, or the number in it for the next."""
    words = question.rstrip("?").split()
    numbers = [spot for spot, part in enumerate(words) if part.isdigit()]
    if numbers and source.random() < 0.5:
        words[numbers[0]] = str(int(words[numbers[0]]) + 1)
    else:
        words[place] = source.choice([other for other in source.choices(others, k=4) if other != words[place]])
    return " ".join(words) + "?"
