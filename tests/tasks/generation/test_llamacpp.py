"""A real llama.cpp server, in this process, on loopback, with a tiny model in a real GGUF file."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.errors import GenerationError, ModelError
from tasks.generation.endpoint import EndpointGenerator
from tasks.generation.generators import Sampling, open_generator
from tasks.generation.llamacpp import LlamaCppGenerator, threads
from tasks.generation.prompts import TEMPLATES, parse
from tasks.generation.transformer import TransformersGenerator
from tests.tiny import tiny_llama, tiny_tokenizer, write_gguf

TEXT = "the pump lifts brine from a deep well near the river and was built by Odo Marrick"
GREEDY = Sampling(temperature=0.0, max_tokens=8, stop=())
PROMPTS = [f"the pump {word}" for word in dict.fromkeys(TEXT.split())]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the model."""
    tokenizer = tiny_tokenizer([TEXT] * 3)
    return write_gguf(tiny_llama(tokenizer), tokenizer, tmp_path_factory.mktemp("gguf") / "tiny.gguf")


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[LlamaCppGenerator]:
    """Start llama.cpp's server on it."""
    generator = LlamaCppGenerator(model, streams=2, context=256)
    yield generator
    generator._endpoint.client.close()


def test_it_writes_what_transformers_writes_with_the_same_weights(server: LlamaCppGenerator) -> None:
    tokenizer = tiny_tokenizer([TEXT] * 3)
    ours = TransformersGenerator(tiny_llama(tokenizer), tokenizer, name="tiny").generate(PROMPTS, GREEDY)
    theirs = server.generate(PROMPTS, GREEDY)
    same = sum(a.text == b.text for a, b in zip(ours, theirs, strict=True))
    assert same >= 0.9 * len(PROMPTS)  # llama.cpp rounds otherwise: a near tie may fall the other way
    assert server.tokens_generated > 0


def test_a_real_server_holds_random_weights_to_a_grammar_and_reads_that_of_every_prompt(
    server: LlamaCppGenerator,
) -> None:
    assert server._endpoint.grammars == "llama.cpp"
    short = r"""root ::= " " [a-z]{1,3} "?\nAnswer: " [a-z]{1,3} "\n\n" """
    sampling = Sampling(temperature=0.0, max_tokens=64, stop=("\n\n",), grammar=short)
    drafts = server.generate(PROMPTS[:4], sampling)
    assert all(draft.finish_reason == "stop" and parse("free", draft.text) for draft in drafts), drafts
    for template in TEMPLATES.values():
        held = Sampling(temperature=0.0, max_tokens=4, stop=(), grammar=template.grammar)
        assert all(draft.text.startswith(" ") for draft in server.generate(PROMPTS[:2], held))


def test_seeds_decide_and_order_does_not(server: LlamaCppGenerator) -> None:
    sampling = Sampling(temperature=1.0, top_p=1.0, max_tokens=8, seed=3, stop=())
    once = server.generate(PROMPTS, sampling)
    backwards = server.generate(PROMPTS[::-1], sampling)[::-1]
    assert [draft.text for draft in once] == [draft.text for draft in backwards]
    other = server.generate(PROMPTS, Sampling(temperature=1.0, top_p=1.0, max_tokens=8, seed=4, stop=()))
    assert [draft.text for draft in once] != [draft.text for draft in other]


def test_work_goes_on_at_a_real_server_when_the_one_beside_it_is_down(server: LlamaCppGenerator) -> None:
    urls = ["http://127.0.0.1:9/v1", f"{server._server.listening_address}/v1"]
    generator = EndpointGenerator.connect(urls, first_pause=0.001)
    assert [draft.text for draft in generator.generate(PROMPTS, GREEDY)] == [
        draft.text for draft in server.generate(PROMPTS, GREEDY)
    ]
    generator.client.close()


def test_it_gives_no_likelihoods(server: LlamaCppGenerator) -> None:
    assert not server.scores
    with pytest.raises(GenerationError, match="likelihoods are not to be had"):
        server.score(["a"], ["b"])


def test_a_file_that_is_no_model_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "bad.gguf").write_bytes(b"GGUF and nothing behind")
    with pytest.raises(ModelError, match=r"llama\.cpp cannot load it") as caught:
        open_generator(str(tmp_path / "bad.gguf"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("given", "used"), [("3", 3), ("4,2", 4), ("", 8), ("0", 8), ("all", 8)])
def test_its_threads_are_those_that_omp_has_or_one_for_each_core(
    monkeypatch: pytest.MonkeyPatch, given: str, used: int
) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    monkeypatch.setenv("OMP_NUM_THREADS", given)
    assert threads() == used
