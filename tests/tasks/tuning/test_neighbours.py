"""Words near each other in a student's embedding."""

from typing import Any

import torch

from tasks.tuning.neighbours import neighbours
from tests.tiny import tiny_llama, tiny_tokenizer

TEXT = "the pump lifts brine and raises brine while Odo Marrick keeps seven pumps"


def test_the_nearest_common_word_is_found_and_names_function_words_and_numerals_have_none() -> None:
    tokenizer = tiny_tokenizer([TEXT] * 3)
    model: Any = tiny_llama(tokenizer)
    lifts, raises = (tokenizer(f" {word}", add_special_tokens=False)["input_ids"] for word in ("lifts", "raises"))
    with torch.no_grad():
        table = model.get_input_embeddings().weight
        table[lifts[0]] = table[raises[0]] + 0.01 * torch.randn(table.shape[1])
    found = neighbours(model, tokenizer, [f"Who {TEXT}?"])
    assert len(lifts) == len(raises) == 1
    assert found["lifts"][0][0] == "raises"
    assert not {"the", "and", "Odo", "Marrick", "seven", "Who"} & set(found)
    assert all(word.islower() for near in found.values() for word, _ in near)


def test_texts_without_common_words_have_no_neighbours() -> None:
    tokenizer = tiny_tokenizer([TEXT] * 3)
    assert neighbours(tiny_llama(tokenizer), tokenizer, ["Odo Marrick?", ""]) == {}
