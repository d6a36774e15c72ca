"""Names of causal language models to loaded ones, safely: one door for generators and students.

    load_model("meta-llama/Llama-2-7b-chat-hf", dtype=torch.bfloat16)     the hub's cache, else the hub
    load_model("models/mine")                                             a folder

What is let in: safetensors weights, and model classes that transformers has itself. Pickled weights are refused before
anything reads them, be they named plainly or by an index. A repository's own code runs only where ``remote_code``
repeats the model's name. A model that is gated or not there is told in one line and without a minute of retries.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from typing import Any

from huggingface_hub import HfApi, constants, try_to_load_from_cache
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError
from huggingface_hub.errors import HTTPError as HubUnreachable  # type: ignore[attr-defined]  # its client's base error
from safetensors import SafetensorError

from tasks.errors import ModelError

INDEX = "model.safetensors.index.json"
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
HUB_SECONDS = 10.0


def load_tokenizer(name: str, *, remote_code: str = "") -> Any:
    """Load a model's tokenizer.

    Raises:
        ModelError: when it is absent, gated, unreadable, or needs code of its own.
    """
    from transformers import AutoTokenizer

    if not (name and Path(name).is_dir()):  # a folder may hold a tokenizer alone
        check_model(name)
    try:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=trusted(name, remote_code))
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(_explain(name, error)) from error


def load_model(name: str, *, remote_code: str = "", **options: Any) -> Any:
    """Load a causal language model; ``options`` go to ``from_pretrained`` (dtype, device_map, quantization_config).

    Raises:
        ModelError: when its weights are absent, gated, not safetensors, or it needs code of its own.
    """
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    check_model(name)
    disable_progress_bar()  # type: ignore[no-untyped-call]  # the command has bars of its own, and none in a pipe
    quantised = "quantization_config" in options
    try:
        with _plain_falcon() if quantised else nullcontext():
            model = AutoModelForCausalLM.from_pretrained(
                name, use_safetensors=True, trust_remote_code=trusted(name, remote_code), **options
            )
    except SafetensorError as error:
        raise ModelError(f"{name}: its weights are damaged ({error}); fetch or save it anew") from error
    except (OSError, ValueError, ImportError) as error:
        raise ModelError(_explain(name, error)) from error
    if quantised and not any(type(module).__name__ == "Linear4bit" for module in model.modules()):
        raise ModelError(f"{name}: none of its layers can be held in 4 bits; use --set tuning.method=lora")
    head: Any = model.get_output_embeddings()  # type: ignore[no-untyped-call]
    if head is not None:
        head.register_forward_pre_hook(_contiguous)
    return model


def _contiguous(_: Any, given: tuple[Any, ...]) -> tuple[Any, ...]:
    """Hidden states as one block, before the head.

    With ``logits_to_keep`` the head gets a view of some positions. PyTorch multiplies such a view by [width,
    vocabulary] as a batch of matrices, for which it copies the head's weights once a row: 54 MiB in bfloat16 for
    135M parameters, 1.7 GiB for 32 rows, 3 seconds of 15 in answering them.
    """
    return (given[0].contiguous(), *given[1:])


@contextmanager
def _plain_falcon() -> Iterator[None]:
    """Build Falcon from plain linear layers, which compute the same as its own class does.

    transformers 5.23 quantises layers whose class is nn.Linear itself (replace_with_bnb_linear) and passes over
    Falcon's subclass of it without a word: all of a Falcon would stay in 16 bits. Goes when subclasses are quantised.
    """
    from torch import nn
    from transformers.models.falcon import modeling_falcon

    names = vars(modeling_falcon)
    own = names["FalconLinear"]
    names["FalconLinear"] = nn.Linear
    try:
        yield
    finally:
        names["FalconLinear"] = own


def trusted(name: str, remote_code: str) -> bool:
    """Whether the code in a model's repository may run: only where it was asked for by the model's very name."""
    return bool(name) and name == remote_code


def check_model(name: str) -> None:
    """See that a model can be had and holds safetensors, before anything long is begun.

    Raises:
        ModelError: in one line, when it cannot.
    """
    if name and Path(name).is_dir():
        _check_folder(name)
    else:
        _check_hub(name)


def _check_folder(name: str) -> None:
    files = sorted(path.name for path in Path(name).iterdir())
    if "config.json" not in files:
        raise ModelError(f"{name}: no model in this folder (it has no config.json); give the folder of one")
    index = Path(name) / INDEX
    listed = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()) if index.is_file() else set()
    if foreign := sorted(file for file in listed if not str(file).endswith(".safetensors")):
        raise ModelError(f"{name}: its {INDEX} names {foreign[0]!r}; only .safetensors files are loaded")
    _check_names(name, files)


def _check_names(name: str, files: list[str]) -> None:
    if any(file.endswith(".safetensors") for file in files):
        return
    pickled = [file for file in files if file.endswith(PICKLED)]
    found = f"holds {pickled[0]} and" if pickled else "holds"
    raise ModelError(
        f"{name}: {found} no safetensors weights, and pickled ones are never loaded; "
        "convert it with save_pretrained in a place you trust, or choose another"
    )


@cache
def _check_hub(name: str) -> None:
    """A model in the hub's cache is taken as it is; any other is looked up once, with a short wait."""
    try:
        if isinstance(try_to_load_from_cache(name, "config.json"), str):
            return
    except HFValidationError as error:
        raise ModelError(f"{name!r}: no folder of this name, and no name of a model; check the spelling") from error
    absent = f"{name}: not in the hub's cache, and there is no folder of this name"
    if constants.is_offline_mode():
        raise ModelError(f"{absent}; give a folder, or unset HF_HUB_OFFLINE so that it can be fetched")
    try:
        api = HfApi()
        api.auth_check(name)
        files = [file.rfilename for file in api.model_info(name, timeout=HUB_SECONDS).siblings or []]
    except GatedRepoError as error:
        raise ModelError(_gated(name)) from error
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{name}: neither a folder nor a model on the hub that you may see; check the name, or `hf auth login`"
        ) from error
    except (HfHubHTTPError, HubUnreachable) as error:
        raise ModelError(
            f"{absent}; the hub cannot be reached ({type(error).__name__}): bring the model's folder and give its path"
        ) from error
    _check_names(name, files)


def _gated(name: str) -> str:
    return (
        f"{name}: gated; accept its licence at {constants.ENDPOINT}/{name} and run `hf auth login`, or choose another"
    )


def _explain(name: str, error: Exception) -> str:
    said = " ".join(str(error).split())
    if "gated" in said.lower() or "401" in said or "403" in said:
        return _gated(name)
    if "trust_remote_code" in said or "custom code" in said:
        return (
            f"{name}: needs code from its repository, which is not run unless remote_code names it "
            f"(--set tuning.remote_code={name}, or generation.remote_code); read that code first"
        )
    return f"{name}: cannot be loaded ({said[:200] or type(error).__name__}); is it a causal language model?"
