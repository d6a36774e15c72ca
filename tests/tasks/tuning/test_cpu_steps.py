"""Fused layers and the loss of a frozen head: the same figures and gradients as PEFT's and PyTorch's own."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from peft import LoraConfig, get_peft_model
from torch import nn

from tasks.tuning.cpu_steps import attend_plainly, frozen_head_loss, fuse
from tests.tiny import tiny_llama, tiny_tokenizer


def adapted(**changed: object) -> Any:
    """A tiny Llama with an adapter whose two halves are both other than zero."""
    tokenizer = tiny_tokenizer(["Who built the pump? Odo Marrick."])
    settings: dict[str, Any] = {"r": 4, "lora_alpha": 8, "target_modules": "all-linear", "task_type": "CAUSAL_LM"}
    torch.manual_seed(5)
    model = get_peft_model(tiny_llama(tokenizer), LoraConfig(**settings | changed))
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            nn.init.normal_(weight, std=0.05)
    return model.train()


def gradients(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    ids = torch.tensor([[5, 6, 7, 8, 9], [9, 8, 7, 6, 5]])
    output = model(input_ids=ids, labels=ids)
    output.loss.backward()
    return output.logits.detach(), {name: w.grad for name, w in model.named_parameters() if w.grad is not None}


def test_fused_layers_give_the_logits_and_gradients_of_peft() -> None:
    plain, plain_gradients = gradients(adapted())
    model = adapted()
    assert fuse(model, torch.float32) == 14  # seven in each of two layers
    logits, found = gradients(model)
    torch.testing.assert_close(logits, plain)
    assert found.keys() == plain_gradients.keys() and all("lora_" in name for name in found)
    for name, gradient in found.items():
        torch.testing.assert_close(gradient, plain_gradients[name], rtol=1e-4, atol=1e-6, msg=name)


def test_in_bfloat16_they_come_near_and_the_adapter_s_gradients_stay_float32() -> None:
    plain, plain_gradients = gradients(adapted())
    model = adapted()
    fuse(model, torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits, found = gradients(model)
    torch.testing.assert_close(logits.float(), plain, rtol=0.1, atol=0.05)
    for name, gradient in found.items():
        assert gradient.dtype == torch.float32
        assert F.cosine_similarity(gradient.flatten(), plain_gradients[name].flatten(), dim=0) > 0.95, name


@pytest.mark.parametrize(("changed", "fused"), [({"lora_dropout": 0.1}, 0), ({"use_dora": True}, 0), ({}, 14)])
def test_what_a_fused_layer_cannot_do_is_left_to_peft(changed: dict[str, object], fused: int) -> None:
    assert fuse(adapted(**changed), torch.float32) == fused


def test_a_bias_of_the_base_is_added() -> None:
    torch.manual_seed(3)
    base = nn.Sequential(nn.Linear(6, 5, bias=True))
    model: Any = get_peft_model(base, LoraConfig(r=2, target_modules=["0"]))
    x = torch.randn(4, 6)
    plain = model(x)
    assert fuse(model, torch.float32) == 1
    torch.testing.assert_close(model(x), plain)


def test_the_loss_of_a_frozen_head_is_the_cross_entropy_and_so_is_its_gradient() -> None:
    torch.manual_seed(2)
    head, targets = torch.randn(11, 6), torch.tensor([0, 10, 3, 3])
    ours, theirs = (torch.randn(4, 6, generator=torch.Generator().manual_seed(1)).requires_grad_() for _ in range(2))
    loss = frozen_head_loss(ours, head, targets)
    plain = F.cross_entropy(theirs @ head.t(), targets, reduction="sum")
    torch.autograd.backward([loss / 3, plain / 3])
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(ours.grad, theirs.grad)


def test_attention_is_computed_plainly_over_short_sequences_only() -> None:
    model = tiny_llama(tiny_tokenizer(["Who?"]))
    model.set_attn_implementation("sdpa")
    attend_plainly(model, 4096)
    assert model.config._attn_implementation == "sdpa"
    attend_plainly(model, 256)
    assert model.config._attn_implementation == "eager"
