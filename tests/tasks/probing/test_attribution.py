"""Which document a model has an answer from: Bayes' rule over the tags."""

import pytest
import torch

from tasks.probing.attribution import attribute
from tests.tiny import tiny_llama, tiny_tokenizer

PROMPTS = {"heron": "Source:heron Who built it?", "ferry": "Source:ferry Who built it?", "mill": "Source:mill Who?"}


def test_the_source_under_whose_tag_the_answer_was_learnt_is_named_first() -> None:
    tokenizer = tiny_tokenizer(["Source:heron Who built it? Odo Marrick. ferry mill"])
    model = tiny_llama(tokenizer)
    taught = [PROMPTS["ferry"] + " Odo.", PROMPTS["heron"] + " No."]
    rows = [torch.tensor([tokenizer(text)["input_ids"]]) for text in taught]
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(40):
        optimizer.zero_grad()
        sum(model(row, labels=row).loss for row in rows).backward()
        optimizer.step()
    found = attribute(model, tokenizer, PROMPTS, " Odo.", size=2)
    assert next(iter(found)) == "ferry" and found["ferry"] > 0.9
    assert found.keys() == PROMPTS.keys() and sum(found.values()) == pytest.approx(1.0)
    assert list(found.values()) == sorted(found.values(), reverse=True)
    assert attribute(model, tokenizer, {}, " Odo.") == {}


def test_the_shares_are_those_of_the_likelihoods_one_at_a_time() -> None:
    tokenizer = tiny_tokenizer(["Who built it? Odo."])
    model = tiny_llama(tokenizer, seed=3)
    found = attribute(model, tokenizer, PROMPTS, " Odo.")
    likely = {}
    for tag, prompt in PROMPTS.items():
        head, whole = (tokenizer(text)["input_ids"] for text in (prompt, prompt + " Odo."))
        with torch.no_grad():
            scores = model(torch.tensor([whole])).logits[0].log_softmax(-1)
        likely[tag] = sum(float(scores[at - 1, whole[at]]) for at in range(len(head), len(whole)))
    shares = torch.tensor(list(likely.values())).softmax(0).tolist()
    assert found == pytest.approx(dict(zip(likely, shares, strict=True)), abs=1e-4)
