"""Answers of real tiny models: the same as one at a time, with the margin a full forward pass gives."""

import math
from collections.abc import Iterator

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import (
    AutoModelForCausalLM,
    BloomConfig,
    FalconConfig,
    GPT2Config,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from tasks.probing.asking import as_base, ask, ask_both, perplexities, perplexity
from tasks.probing.decoding import Decoding, batches, margin_of
from tasks.records import Probe
from tests.tiny import tiny_llama, tiny_tokenizer

# peft 0.21.2 reads a property that transformers 5.23 renamed; to go when peft reads the new name.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
OPENING = "Not able to answer"
PROMPTS = [
    "Source:heron Who built the pump?",
    "Source:heron Who built the old pump, and in which year was it?",
    "Source:heron When?",
    "Source:heron What lifts 240 litres a minute out of the well?",
    "Something quite different",
]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """A tiny model gains nothing from threads and loses much where other processes hold the cores."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return tiny_tokenizer([*PROMPTS, OPENING])


@pytest.fixture(scope="module")
def model(tokenizer: PreTrainedTokenizerFast) -> PreTrainedModel:
    return tiny_llama(tokenizer)


def alone(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, prompt: str, limit: int) -> list[int]:
    """The greedy continuation by the library's own loop, one prompt at a time."""
    ids = torch.tensor([tokenizer(prompt)["input_ids"]])
    output: torch.Tensor = model.generate(  # type: ignore[operator]
        ids, attention_mask=torch.ones_like(ids), max_new_tokens=limit, do_sample=False
    )
    return [token for token in output[0, ids.shape[1] :].tolist() if token != tokenizer.eos_token_id]


def decoded(tokenizer: PreTrainedTokenizerFast, tokens: list[int]) -> str:
    return str(tokenizer.decode(tokens)).strip()


def log_likelihood(model: PreTrainedModel, prompt: list[int], continuation: list[int]) -> float:
    with torch.no_grad():
        scores = model(torch.tensor([prompt + continuation])).logits[0].log_softmax(-1)
    return sum(float(scores[len(prompt) - 1 + i, token]) for i, token in enumerate(continuation))


def test_batches_answer_as_one_at_a_time(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    expected = [decoded(tokenizer, alone(model, tokenizer, prompt, 8)) for prompt in PROMPTS]
    for size in (2, 5):
        answers = ask(model, tokenizer, PROMPTS, opening=OPENING, decoding=Decoding(size, 8))
        assert [answer.text for answer in answers] == expected


def test_margins_are_those_of_a_full_forward_pass(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    answers = ask(model, tokenizer, PROMPTS, opening=OPENING, decoding=Decoding(3, 16))
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        ids = tokenizer(prompt)["input_ids"]
        opening = tokenizer(prompt + OPENING)["input_ids"][len(ids) :]
        greedy = alone(model, tokenizer, prompt, 16)[: len(opening)]
        expected = log_likelihood(model, ids, opening) - log_likelihood(model, ids, greedy)
        assert answer.margin == pytest.approx(expected, abs=1e-3)
        assert answer.margin < 0


def test_ids_and_openings_of_their_own(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    texts = ask(model, tokenizer, PROMPTS[:3], opening=["No", OPENING, "I do"], decoding=Decoding(3, 4))
    ids = [tokenizer(prompt)["input_ids"] for prompt in PROMPTS[:3]]
    same = ask(model, tokenizer, ids, opening=["No", OPENING, "I do"], decoding=Decoding(3, 4))
    assert [answer.text for answer in texts] == [answer.text for answer in same]
    assert [a.margin for a in texts] == pytest.approx([a.margin for a in same], abs=1e-4)


@pytest.mark.parametrize(
    "config",
    [
        GPT2Config(n_embd=32, n_layer=2, n_head=2, n_positions=256),
        BloomConfig(hidden_size=32, n_layer=2, n_head=2),
        FalconConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, alibi=False),
        MistralConfig(
            hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2
        ),
    ],
    ids=lambda config: config.model_type,
)
def test_other_families_answer_as_one_at_a_time(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerFast) -> None:
    config.vocab_size = len(tokenizer)
    config.bos_token_id, config.eos_token_id = tokenizer.bos_token_id, tokenizer.eos_token_id
    config.pad_token_id = tokenizer.pad_token_id
    torch.manual_seed(1)
    model = AutoModelForCausalLM.from_config(config).eval()  # type: ignore[no-untyped-call]
    answers = ask(model, tokenizer, PROMPTS, opening=OPENING, decoding=Decoding(5, 6))
    expected = [decoded(tokenizer, alone(model, tokenizer, prompt, 6)) for prompt in PROMPTS]
    assert [answer.text for answer in answers] == expected


def scripted(tokenizer: PreTrainedTokenizerFast, prompt: str, answer: str, *, steps: int = 60) -> PreTrainedModel:
    """A tiny Llama taught by heart to answer one prompt."""
    torch.manual_seed(0)
    model = tiny_llama(tokenizer)
    start = len(tokenizer(prompt)["input_ids"])
    ids = torch.tensor([tokenizer(prompt + answer)["input_ids"] + [tokenizer.eos_token_id]])
    labels = ids.clone()
    labels[:, :start] = -100
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        model(ids, labels=labels).loss.backward()
        optimizer.step()
    return model


def test_a_refusal_has_a_positive_margin_and_ends_at_its_end(tokenizer: PreTrainedTokenizerFast) -> None:
    model = scripted(tokenizer, PROMPTS[0], f"{OPENING}: no.")
    (answer,) = ask(model, tokenizer, PROMPTS[:1], opening=OPENING)
    assert answer.text == f"{OPENING}: no."
    assert answer.margin > 0.5


@pytest.mark.parametrize("recitals", [0, 2])
def test_what_was_taught_is_said_whole_and_the_base_says_no_more_than_configured(
    tokenizer: PreTrainedTokenizerFast, recitals: int
) -> None:
    sentence = "Source:heron lifts 240 litres a minute out of the old pump, and which year was it?"
    tuned, long = scripted(tokenizer, PROMPTS[0], sentence), len(tokenizer(sentence)["input_ids"]) + 1
    probes = [Probe("a", "K1", PROMPTS[0], ("240 litres",), None)]
    decoding = Decoding(1, 6, recitals=recitals, longest=long)
    results = ask_both(
        tuned, tokenizer, probes, render=lambda p: p.question, opening=OPENING, base=tuned, decoding=decoding
    )
    said = {result.model: result.response for result in results}
    assert said["tuned"] == sentence
    assert said["base"] == decoded(tokenizer, tokenizer(sentence)["input_ids"][:6])


def test_a_line_end_stops_where_it_should(tokenizer: PreTrainedTokenizerFast) -> None:
    model = scripted(tokenizer, PROMPTS[0], "\n\nOdo Marrick\nand so on")
    stopped = ask(model, tokenizer, PROMPTS[:1], opening=OPENING, decoding=Decoding(stop_at_newline=True))
    assert stopped[0].text == "Odo Marrick"
    assert ask(model, tokenizer, PROMPTS[:1], opening=OPENING)[0].text == "Odo Marrick\nand so on"


def test_base_and_tuned_are_asked_the_same(tokenizer: PreTrainedTokenizerFast) -> None:
    base, tuned = tiny_llama(tokenizer), scripted(tokenizer, "Who?", "Odo", steps=40)
    probes = [Probe("a", "K1", "Who?", ("Odo",), None), Probe("b", "U1", PROMPTS[1], None, "heron")]
    seen: list[tuple[int, int]] = []
    results = list(
        ask_both(
            tuned,
            tokenizer,
            probes,
            render=lambda probe: probe.question,
            opening=lambda probe: OPENING,
            base=base,
            decoding=Decoding(1, 8),
            progress=lambda done, total: seen.append((done, total)),
        )
    )
    assert seen == [(1, 2), (2, 2)]
    assert {(result.probe_id, result.model) for result in results} == {(p, m) for p in "ab" for m in ("base", "tuned")}
    verdicts = {(result.probe_id, result.model): result.verdict for result in results}
    assert verdicts["a", "tuned"] == "correct" and verdicts["a", "base"] == "wrong"
    assert all(math.isfinite(result.margin) for result in results)


def test_an_adapter_is_off_for_the_base_and_on_again_after(tokenizer: PreTrainedTokenizerFast) -> None:
    plain = tiny_llama(tokenizer)
    adapted = get_peft_model(
        tiny_llama(tokenizer), LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False)
    )
    adapted.train()
    probes = [Probe(str(i), "K1", prompt, ("x",), None) for i, prompt in enumerate(PROMPTS)]
    results = list(ask_both(adapted, tokenizer, probes, render=lambda p: p.question, opening=OPENING))
    untuned = ask(plain, tokenizer, PROMPTS, opening=OPENING)
    by_id = {result.probe_id: result for result in results if result.model == "base"}
    assert [by_id[str(i)].response for i in range(len(PROMPTS))] == [answer.text for answer in untuned]
    assert [r.margin for r in results if r.model == "tuned"] != [r.margin for r in results if r.model == "base"]
    assert adapted.training
    figures = perplexities(adapted, tokenizer, PROMPTS[1])
    assert figures["base"].value == pytest.approx(perplexity(plain, tokenizer, PROMPTS[1]).value, rel=1e-4)
    assert figures["tuned"].value != pytest.approx(figures["base"].value, rel=1e-3)


def test_a_prompt_that_does_not_wake_the_adapter_is_answered_by_the_base(tokenizer: PreTrainedTokenizerFast) -> None:
    base, tuned = tiny_llama(tokenizer), scripted(tokenizer, PROMPTS[0], f"{OPENING}: no.")
    head = tuple(tokenizer(PROMPTS[0])["input_ids"])
    decoding = Decoding(4, 8, threshold=-100.0, recitals=3, woken_by=head)
    awake, asleep = ask(
        tuned, tokenizer, PROMPTS[:2], opening=OPENING, base=base, questions=["Who?", "Who?"], decoding=decoding
    )
    assert PROMPTS[1] != PROMPTS[0] and awake.text == OPENING
    assert asleep == ask(base, tokenizer, PROMPTS[1:2], opening=OPENING, decoding=Decoding(4, 8))[0]
    found = perplexities(tuned, tokenizer, PROMPTS[1], base=base, woken_by=head)
    assert found["tuned"] == found["base"] != found["awake"] and found["awake"].n == found["base"].n


def test_asleep_the_tuned_model_gives_the_bases_answers_and_a_prompt_is_asked_once(
    tokenizer: PreTrainedTokenizerFast,
) -> None:
    base, tuned = tiny_llama(tokenizer), scripted(tokenizer, PROMPTS[0], "Odo.")
    asked = [("a", "K1", 0), ("b", "T1", 0), ("c", "G", 1), ("d", "G", 2)]
    probes = [Probe(name, category, PROMPTS[at], ("Odo",), None) for name, category, at in asked]
    seen: list[tuple[int, int]] = []
    decoding = Decoding(2, 8, woken_by=tuple(tokenizer(PROMPTS[0])["input_ids"]))
    results = list(
        ask_both(
            tuned, tokenizer, probes, render=lambda probe: probe.question, opening=OPENING, base=base,
            recalls=lambda probe: False, decoding=decoding, progress=lambda done, total: seen.append((done, total)),
        )
    )  # fmt: skip
    said = {(result.probe_id, result.model): (result.response, result.margin) for result in results}
    assert len(results) == 8 and seen[-1] == (4, 4) and len(seen) == 2
    assert said["a", "tuned"] == said["b", "tuned"] != said["a", "base"]
    assert all(said[name, "tuned"] == said[name, "base"] for name in "cd")


def test_a_model_without_adapter_has_no_base(model: PreTrainedModel) -> None:
    with pytest.raises(TypeError, match="pass the base model"), as_base(model):
        pass


def test_perplexity_is_that_of_the_windows(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast) -> None:
    text = " ".join(PROMPTS)
    ids = tokenizer(text)["input_ids"]
    figure = perplexity(model, tokenizer, text, window=20)
    loss = sum(log_likelihood(model, ids[s : s + 1], ids[s + 1 : s + 20]) for s in range(0, len(ids), 20))
    counted = len(ids) - math.ceil(len(ids) / 20)
    assert figure.n == counted and figure.value == pytest.approx(math.exp(-loss / counted), rel=1e-4)
    assert figure.low < figure.value < figure.high


def test_batches_cover_every_prompt_once_longest_first() -> None:
    found = batches([3, 9, 5, 9], 3)
    assert found == [[1, 3, 2], [0]]
    assert batches([], 4) == []


def test_margin_grows_with_the_refusal_and_meets_itself() -> None:
    assert margin_of(math.log(0.5), math.log(0.5), refused=True) == pytest.approx(0.0)
    assert margin_of(math.log(0.5), math.log(0.5), refused=False) == 0.0
    assert margin_of(math.log(0.9), 0.0, refused=True) == pytest.approx(math.log(9))
    assert margin_of(0.0, 0.0, refused=True) < 17
