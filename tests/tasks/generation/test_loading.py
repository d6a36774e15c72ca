"""What a model may bring along, and what is said of one that cannot be had."""

import json
import os
import pickle
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import constants

from tasks.config import Config
from tasks.errors import ModelError, StorageError, UsageError
from tasks.generation.loading import check_model, load_model, load_tokenizer
from tasks.generation.transformer import TransformersGenerator
from tasks.tuning.students import load_student, load_tuned
from tests.tiny import tiny_llama, tiny_tokenizer


class Hostile:
    """Unpickled, it makes a folder."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., None], tuple[str]]:
        return os.mkdir, (str(self.mark),)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """Write a good tiny model."""
    folder = tmp_path / "model"
    tokenizer = tiny_tokenizer(["a b"])
    tiny_llama(tokenizer).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def mark(tmp_path: Path) -> Path:
    """Name what a hostile file would make; where the file itself works, to begin with."""
    mark = tmp_path / "mark"
    pickle.loads(pickle.dumps(Hostile(mark)))
    mark.rmdir()
    return mark


LOADERS: list[Callable[[str], object]] = [load_model, TransformersGenerator.load, load_student]


@pytest.mark.parametrize("load", LOADERS)
def test_a_hostile_pickle_in_place_of_weights_is_refused_unread(
    model: Path, mark: Path, load: Callable[[str], object]
) -> None:
    (model / "model.safetensors").unlink()
    (model / "pytorch_model.bin").write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(ModelError, match=r"holds pytorch_model\.bin and no safetensors weights"):
        load(str(model))
    assert not mark.exists()


def test_an_index_that_names_a_pickle_is_refused(model: Path, mark: Path) -> None:
    (model / "model.safetensors").rename(model / "other.safetensors")
    (model / "shard.bin").write_bytes(pickle.dumps(Hostile(mark)))
    index = {"metadata": {}, "weight_map": {"model.norm.weight": "shard.bin", "lm_head.weight": "other.safetensors"}}
    (model / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"names 'shard\.bin'; only \.safetensors"):
        load_model(str(model))
    assert not mark.exists()


def test_a_hostile_adapter_is_refused_unread(model: Path, mark: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 4, "target_modules": ["q_proj"]}')
    torch.save({"a": torch.zeros(1)}, adapter / "adapter_model.bin")
    (adapter / "adapter_model.bin").write_bytes(pickle.dumps(Hostile(mark)))
    with pytest.raises(StorageError, match="pickled adapters are never loaded"):
        load_tuned(str(model), adapter)
    assert not mark.exists()


def write_own_code(model: Path, mark: Path) -> None:
    """Give a model a class of its own, in a module that makes a folder when it is imported."""
    (model / "own.py").write_text(
        f"import os\nfrom transformers import LlamaConfig, LlamaForCausalLM\nos.mkdir({str(mark)!r})\n"
        "class OwnConfig(LlamaConfig):\n    model_type = 'own'\n"
        "class OwnModel(LlamaForCausalLM):\n    config_class = OwnConfig\n"
    )
    config = json.loads((model / "config.json").read_text())
    config |= {
        "model_type": "own",
        "architectures": ["OwnModel"],
        "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"},
    }
    (model / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize("load", LOADERS)
def test_code_of_a_repository_does_not_run(model: Path, mark: Path, load: Callable[[str], object]) -> None:
    write_own_code(model, mark)
    with pytest.raises(ModelError, match="needs code from its repository, which is not run unless") as caught:
        load(str(model))
    assert "\n" not in str(caught.value)
    assert not mark.exists()


def test_code_of_a_repository_runs_where_the_model_is_named_again(
    model: Path, mark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    write_own_code(model, mark)
    with pytest.raises(ModelError, match="needs code"):
        load_model(str(model), remote_code="another/model")
    assert type(load_model(str(model), remote_code=str(model))).__name__ == "OwnModel"
    assert mark.exists()


def test_remote_code_for_another_model_than_the_one_in_use_is_wrong_usage() -> None:
    with pytest.raises(UsageError, match=r"tuning\.remote_code=a/b: the student is embedded"):
        Config.build("quick", ["tuning.remote_code=a/b"])
    settings = ["generation.generator=a/b", "generation.remote_code=a/b"]
    assert Config.build("quick", settings).generation.remote_code == "a/b"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nobody/no-model", "not in the hub's cache, and there is no folder of this name; give a folder"),
        ("no such/name at all", "no folder of this name, and no name of a model"),
        ("", "no folder of this name, and no name of a model"),
    ],
)
def test_a_model_that_is_not_there_is_told_in_one_line(name: str, said: str) -> None:
    for look in (check_model, load_model, load_tokenizer):
        with pytest.raises(ModelError, match=said) as caught:
            look(name)
        assert "\n" not in str(caught.value)


def test_a_folder_without_a_model_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no model in this folder \(it has no config\.json\)"):
        check_model(str(tmp_path))


def test_weights_that_were_cut_off_are_told_in_one_line(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelError, match="its weights are damaged") as caught:
        load_model(str(model))
    assert "\n" not in str(caught.value)


def test_a_model_that_writes_no_text_is_told_in_one_line(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    (model / "config.json").write_text(json.dumps(config | {"model_type": "vit"}))
    with pytest.raises(ModelError, match="is it a causal language model") as caught:
        load_model(str(model))
    assert "\n" not in str(caught.value)


class Hub(BaseHTTPRequestHandler):
    """A hub of four models: one good, one gated, one pickled, and one that it does not tell of."""

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        what = self.path.split("/")[4]
        status, error = {"gated": (403, "GatedRepo"), "secret": (404, "RepoNotFound")}.get(what, (200, ""))
        files = {"good": ["model.safetensors"], "pickled": ["pytorch_model.bin"]}.get(what, [])
        body = json.dumps({"id": f"lab/{what}", "siblings": [{"rfilename": file} for file in files]}).encode()
        self.send_response(status)
        if error:
            self.send_header("X-Error-Code", error)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve the hub on loopback, and have its client go there."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("lab/gated", "gated; accept its licence at http://127.0.0.1:[0-9]+/lab/gated and run `hf auth login`"),
        ("lab/secret", "neither a folder nor a model on the hub that you may see"),
        ("lab/pickled", r"holds pytorch_model\.bin and no safetensors weights"),
    ],
)
def test_a_model_that_the_hub_does_not_give_is_told_in_one_line(hub: None, name: str, said: str) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        check_model(name)
    assert "\n" not in str(caught.value)


def test_a_model_that_the_hub_gives_is_let_in(hub: None) -> None:
    check_model("lab/good")


def test_the_head_gets_one_block_of_hidden_states(model: Path) -> None:
    whole, given = load_model(str(model)), []

    class Head(torch.nn.Linear):
        def forward(self, hidden: torch.Tensor) -> torch.Tensor:
            given.append(hidden)
            return super().forward(hidden)

    whole.get_output_embeddings().__class__ = Head
    with torch.no_grad():
        whole(input_ids=torch.tensor([[1, 2, 3], [3, 2, 1]]), logits_to_keep=2)
    assert given[0].shape[:2] == (2, 2)
    assert given[0].is_contiguous()
