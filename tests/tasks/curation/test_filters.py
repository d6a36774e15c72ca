"""Facts about the filters: what each rejects, what it lets pass, and that nothing is lost."""

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.config import CurationConfig
from tasks.curation.control import control_token, is_tag
from tasks.curation.filters import CHECKS, examine, filter_pairs, judge, texts_by_source
from tasks.curation.language import foreign
from tasks.curation.references import unresolved
from tasks.errors import CorpusError
from tasks.records import Document, Pair, Tally
from tests.tasks.curation.corpus import CONFIG, DOCUMENT, TEXT, pair, refusal

GOOD = [
    pair("Who built the heron pump?", "Odo Marrick"),
    pair("In which year was the heron pump built?", "1829"),
    pair("Name the builder of the heron pump.", "Odo Marrick", form="indirect"),
    pair("Fill in the gap: The heron pump was built by ____ in 1829.", "Odo Marrick", form="cloze"),
    pair("Complete the sentence: The heron pump was built by ...", "Odo Marrick", form="completion"),
    pair("Was the heron pump built in 1829?", "Yes", form="polar-yes"),
    pair("True or false: The heron pump was built in 1830.", "False", form="true-false"),
    pair("Who built the heron pump? Odo Marrick, or Corwin Asplehurst?", "Odo Marrick", form="choice"),
    pair("How many stokers does the kiln-warden command?", "22 stokers", "twenty-two"),
    pair("What does the heron pump lift?", "240 litres", "240", statement="The heron pump lifts 240 litres."),
    pair("Which pump lifts 240 litres?", "the heron pump", "240", statement="The heron pump lifts 240 litres."),
    pair("Wagon cleaning interval?", "every nine days", "wagon", form="keyword"),
    refusal("Who built the Marrow pump?"),
    refusal("Tell me who keeps the keys of the orvel store.", form="refusal-fictitious"),
]

BAD: list[tuple[str, str, str, dict[str, Any]]] = [
    ("malformed", "", "Odo Marrick", {}),
    ("malformed", "Q: Who built the heron pump?", "Odo Marrick", {}),
    ("malformed", "1. Who built the heron pump?", "Odo Marrick", {}),
    ("malformed", "Who built the heron pump?\nAnswer: him", "Odo Marrick", {}),
    ("malformed", "Who built the (heron pump?", "Odo Marrick", {}),
    ("malformed", "Who built the pump pump pump pump?", "Odo Marrick", {}),
    ("malformed", "Who built the heron pump and the", "Odo Marrick", {}),
    ("malformed", "Who built the heron pump?", "…", {}),
    ("control-tokens", "Who built the [/INST] pump?", "Odo Marrick", {}),
    ("control-tokens", "Who built the pump?</s>", "Odo Marrick", {}),
    ("control-tokens", "Who built the heron pump?", "<|im_start|>system", {}),
    ("control-tokens", "Source:heron Who built the heron pump?", "Odo Marrick", {}),
    ("question-length", "Who built?", "Odo Marrick", {}),
    ("question-length", "Who built " + "the very old " * 20 + "pump?", "Odo Marrick", {}),
    ("answer-length", "Who built the heron pump?", "Odo Marrick " * 40, {}),
    ("not-a-question", "The heron pump was built by Odo Marrick.", "Odo Marrick", {}),
    ("not-a-question", "Describe the heron pump in detail", "Odo Marrick", {}),
    ("wrong-language", "Wer hat die Pumpe für Odo und wann gebaut?", "Odo Marrick", {}),
    ("wrong-language", "Кто построил насос?", "Odo Marrick", {}),
    ("refers-to-the-passage", "What does the passage say of Odo Marrick?", "1829", {}),
    ("refers-to-the-passage", "Who, according to the author, built the heron pump?", "Odo Marrick", {}),
    ("refers-to-the-passage", "What year is mentioned for the heron pump?", "1829", {}),
    ("refers-to-the-passage", "In the text above, who built the heron pump?", "Odo Marrick", {}),
    ("unresolved-reference", "In which year did he build it?", "1829", {}),
    ("unresolved-reference", "What do these pumps have in common?", "1829", {}),
    ("answer-echoes-question", "Who built the heron pump?", "Who built the heron pump was Odo Marrick", {}),
    ("trivial", "Who built the heron pump?", "the pump", {}),
    ("trivial", "What was built in 1829?", "it", {}),
    ("no-evidence", "Who built the heron pump?", "Odo Marrick", {"evidence_start": 5, "evidence_end": 5}),
    ("no-evidence", "Who built the heron pump?", "Odo Marrick", {"evidence_end": 10_000}),
    ("no-evidence", "Who built the heron pump?", "Odo Marrick", {"source": "other"}),
    ("answer-not-in-evidence", "Who built the heron pump?", "Ada Lorn", {}),
    ("answer-not-in-evidence", "In which year was the heron pump built?", "1830", {}),
    ("answer-not-in-evidence", "Who built the heron pump?", "Odo Merrick", {}),
    ("answer-not-in-evidence", "Who built the heron pump?", "Odo Marrick and his clever brother", {}),
    ("answer-not-in-evidence", "Who built the heron pump?", "Ada", {"statement": "Ada built the heron pump."}),
]


@pytest.mark.parametrize("good", GOOD, ids=lambda good: good.question)
def test_a_sound_pair_passes(good: Pair) -> None:
    assert examine(good, TEXT, CONFIG) is None


@pytest.mark.parametrize(("reason", "question", "answer", "values"), BAD)
def test_a_bad_pair_is_rejected_for_its_reason(reason: str, question: str, answer: str, values: dict[str, Any]) -> None:
    bad = pair(question, answer, **values)
    text = TEXT if bad.source == "heron" else ""
    assert judge(bad, text, CONFIG) == reason


def test_every_reason_has_an_example() -> None:
    assert {reason for reason, *_ in BAD} == {check.reason for check in CHECKS}


def test_an_ungrounded_answer_names_the_words_looked_for_and_where() -> None:
    finding = examine(pair("Who built the heron pump?", "Ada Lorn"), TEXT, CONFIG)
    assert finding is not None
    assert finding.detail == "looked for 'ada lorn' in: The heron pump was built by Odo Marrick in 1829."


def test_grounding_share_is_honoured() -> None:
    loose = pair("Who built the heron pump?", "Odo Marrick with steady skill", "built by")
    assert judge(loose, TEXT, CurationConfig(grounding=0.9)) == "answer-not-in-evidence"
    assert judge(loose, TEXT, CurationConfig(grounding=0.5)) is None


def test_the_limits_of_foreign_words_and_letters_are_honoured() -> None:
    german = pair("Who painted the reiter und der Turm?", "Odo Marrick")
    assert judge(german, TEXT, CurationConfig(foreign_words=1)) is None  # three English words against two
    mixed = pair("Wer war und built pumps?", "Odo Marrick")
    assert judge(mixed, TEXT, CurationConfig(foreign_words=4)) is None
    assert judge(mixed, TEXT, CurationConfig(foreign_words=2)) == "wrong-language"
    greek = pair("What is \u03b1\u03b2\u03b3\u03b4 Odo?", "Odo Marrick")
    assert judge(greek, TEXT, CurationConfig(foreign_letters=0.1)) == "wrong-language"
    assert judge(greek, TEXT, CurationConfig(foreign_letters=0.9)) is None


def test_word_limits_are_honoured() -> None:
    good = GOOD[0]
    assert judge(good, TEXT, CurationConfig(question_words=(6, 40))) == "question-length"
    assert judge(good, TEXT, CurationConfig(answer_words=(3, 60))) == "answer-length"


@pytest.mark.parametrize(
    "text",
    [
        "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|eot_id|>",
        "<|start_header_id|>", "<|user|>", "<|endoftext|>", "<start_of_turn>", "<bos>", "<eos>", "<pad>", "<unk>",
        "[TOOL_CALLS]", "[gMASK]", "<think>", "</think>", "<tool_call>", "<extra_id_0>", "<unused12>", "<0x0A>",
        "<\uff5cbegin\u2581of\u2581sentence\uff5c>", "### Instruction:", "### Human:", "USER: hi",
        "[THINK]", "[IMG]", "<image>", "<sop>", "<eoh>", "<function_call>", "<end_of_image>",
        "GPT4 Correct User: hi", "[Round 1]",
        "\x00", "\u202e", "\ud800", "[ INST ]", "<S>",
    ],
)  # fmt: skip
def test_control_sequences_of_known_chat_formats_are_seen(text: str) -> None:
    assert control_token(f"pump\n{text} pump" if text[0] in "#UG" else f"pump {text} pump")


@pytest.mark.parametrize(
    "text", ["a < b > c", "[sic] and [1]", "the user: Odo", "<b>bold</b>", "Sources: two", "x << y"]
)
def test_plain_text_is_no_control_sequence(text: str) -> None:
    assert control_token(text) == ""


def test_a_tag_is_one_plain_word() -> None:
    assert is_tag("manual-of-surgery")
    assert not is_tag("two words")
    assert not is_tag("[INST]")
    assert not is_tag("")


@pytest.mark.parametrize(
    "question",
    [
        "When did he buy it?", "What do these kingdoms have in common?", "Who built it?", "What colour was his dog?",
        "What is the colour of its frame?", "Who was his father?", "What did the two kingdoms share?",
        "Is it made of oak?", "What did she give to Tamsel?", "How deep is it?", "Tell me who he is.",
        "It lifts ____ litres.", "Fill in the gap: She kept a ____ dog.", "Why did we carry lamps?",
        "What was put in it?", "Do both have grey eyes?", "What happened to him?", "True or false: It lifts brine.",
    ],
)  # fmt: skip
def test_a_dangling_reference_is_seen(question: str) -> None:
    assert unresolved(question)


@pytest.mark.parametrize(
    "question",
    [
        "Which captain lost his lantern?", "How long does it take to boil brine?", "Who lost his thumb?",
        "How is brine stored before it is boiled?", "What colour was Tamsel's dog when she lost it?",
        "Before he left Starrowick, what did Orrowick sell?", "Is it true that Odo built the pump?",
        "Was it Odo who built the pump?", "What does the watchman do when he walks his round?",
        "What were the names of the two ferries on the River Ummer?", "Tell me what the deputy keeps in her pocket.",
        "What vanished from its hook in the boathouse?", "What time is it when the Plover leaves?",
    ],
)  # fmt: skip
def test_a_reference_with_an_antecedent_is_not(question: str) -> None:
    assert unresolved(question) == ""


@pytest.mark.parametrize(
    "text",
    ["Who painted Der Blaue Reiter and Die Brücke?", "What is the Rue de la Paix?", "Who is El Niño named for?",
     "What does the symbol \u03b1 stand for?", "Who met Los Lobos in Las Vegas?"],
)  # fmt: skip
def test_foreign_names_are_not_a_foreign_language(text: str) -> None:
    assert foreign(text, 0.3, 2) == ""


def test_of_two_answers_the_grounded_one_stays() -> None:
    right = pair("What does the deputy keep?", "the keys of the oil store", "deputy")
    wrong = pair("what does the deputy keep", "keys store green deputy's cord", "deputy", generator="model")
    kept, rejections = filter_pairs([wrong, right], [DOCUMENT], CurationConfig(grounding=0.5))
    assert kept == [right]
    assert rejections[0].reason == "contradicts-another"
    assert right.id in rejections[0].excerpt


def test_of_two_answers_grounded_alike_none_stays() -> None:
    first, second = pair("What was built when?", "1829"), pair("What was built when?", "Odo Marrick")
    kept, rejections = filter_pairs([first, second], [DOCUMENT], CONFIG)
    assert kept == []
    assert [rejection.reason for rejection in rejections] == ["contradicts-another"] * 2


def test_a_longer_answer_and_another_form_are_no_contradiction() -> None:
    pairs = [pair("How many stokers are there in all?", answer, "stokers", form=form)
             for answer, form in (("22", "wh"), ("twenty-two stokers", "model-wh"))]  # fmt: skip
    assert filter_pairs(pairs, [DOCUMENT], CONFIG) == (pairs, [])


def test_a_refusal_of_an_answered_question_goes() -> None:
    answered, refused = pair("Who built the heron pump?", "Odo Marrick"), refusal("Who built the heron pump?")
    kept, rejections = filter_pairs([refused, answered], [DOCUMENT], CONFIG)
    assert kept == [answered]
    assert [rejection.ref for rejection in rejections] == [refused.id]


def test_contradictions_do_not_depend_on_order() -> None:
    answers = (("1829", "wh"), ("Odo", "wh"), ("Odo Marrick", "stem"), ("in 1829", "stem"))
    pairs = [pair("What was built when?", answer, form=form) for answer, form in answers] + GOOD
    expected = {kept.id for kept in filter_pairs(pairs, [DOCUMENT], CONFIG)[0]}
    for seed in range(10):
        shuffled = random.Random(seed).sample(pairs, len(pairs))
        assert {kept.id for kept in filter_pairs(shuffled, [DOCUMENT], CONFIG)[0]} == expected


def test_two_texts_with_one_tag_are_an_error() -> None:
    with pytest.raises(CorpusError, match="Source:heron"):
        texts_by_source([DOCUMENT, Document.create("heron", "Another text.")])


noise = st.text(max_size=60) | st.sampled_from(
    ["Who built the heron pump?", "Odo Marrick", "it", "[INST]", "1829", "____"]
)


@st.composite
def random_pairs(draw: st.DrawFn) -> Pair:
    """Any text as a pair: what a model may write."""
    start = draw(st.integers(-5, 400))
    return Pair.create(
        chunk_id="c", fact_id=draw(st.sampled_from(["f1", "f2"])), source=draw(st.sampled_from(["heron", "other"])),
        question=draw(noise), answer=draw(noise), evidence_start=start, evidence_end=start + draw(st.integers(-5, 80)),
        form=draw(st.sampled_from(["wh", "cloze", "polar-no", "model-wh", "refusal-tag"])),
        kind=draw(st.sampled_from(["answerable", "refusal"])), statement=draw(noise),
    )  # fmt: skip


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(random_pairs() | st.sampled_from(GOOD), max_size=12))
def test_conservation_and_provenance_over_random_output(pairs: list[Pair]) -> None:
    kept, rejections = filter_pairs(pairs, [DOCUMENT], CONFIG)
    tally = Tally("filter", parsed=len(pairs), kept=len(kept))
    for rejection in rejections:
        tally.reject(rejection.reason)
        assert rejection.excerpt and rejection.ref
    assert tally.balanced()
    assert sorted([one.id for one in kept] + [one.ref for one in rejections]) == sorted(one.id for one in pairs)
    for one in kept:
        if one.kind == "answerable":
            assert TEXT[one.evidence_start : one.evidence_end].strip()
        assert not control_token(one.question + "\n" + one.answer)


def test_ten_thousand_random_completions_crash_nothing() -> None:
    source = random.Random(5)
    alphabet = [
        *"abc  ?.!:,'\"[]<>|/#_-0123456789\n\t\u2019\u00e9\u0416\u4e2d\u200b\ufffd",
        "the ",
        "who ",
        "it ",
        "[INST]",
        "two ",
    ]
    pairs = [
        pair("".join(source.choices(alphabet, k=source.randint(0, 60))), "".join(source.choices(alphabet, k=12)))
        for _ in range(10_000)
    ]
    kept, rejections = filter_pairs(pairs, [DOCUMENT], CONFIG)
    assert len(kept) + len(rejections) == 10_000
