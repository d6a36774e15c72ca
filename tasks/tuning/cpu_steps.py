"""A LoRA training step to the same step in less time on a CPU: fewer operations, and no cast that is made twice.

    x [batch, time, in]  ->  x W^T + (x A^T) (s B)^T  [batch, time, out]

On two cores a step of a small student is spent less on its large matrix products than around them: casts of frozen
weights to bfloat16 (autocast keeps no copy of weights that are not trained), LoRA's additions and scalings of whole
activations, the backward pass of fused attention, the gradient of a softmax over the vocabulary. So frozen weights are
cast once; a linear layer and its adapter are one function with three products either way (as in Unsloth's kernels); the
loss makes its gradient where it has the logits (as Liger Kernel does, arXiv:2410.10989); and attention over short
sequences is computed plainly. The figures are those of PEFT and PyTorch (tests/tasks/tuning/test_cpu_steps.py); how
much faster: bench/results/tuning.md.
"""

from functools import partial
from typing import Any

import torch
from peft.tuners.lora import Linear as LoraLinear
from torch import Tensor, nn
from transformers import PreTrainedModel

SHORT = 512
"""Tokens up to which attention is computed plainly: its memory grows with their square."""


def attend_plainly(model: PreTrainedModel, longest: int) -> None:
    """Compute attention by products and a softmax where sequences have at most ``SHORT`` tokens."""
    if longest <= SHORT:
        model.set_attn_implementation("eager")


def fuse(model: nn.Module, dtype: torch.dtype) -> int:
    """Have every plain linear layer with a LoRA adapter compute both at once in ``dtype``; return how many do.

    Left as they are: layers with dropout or several adapters, in 4 bits, or of another kind (GPT-2's Conv1D).
    For training only: a fused layer's adapter cannot be turned off.
    """
    found = [module for module in model.modules() if type(module) is LoraLinear and _is_plain(module)]
    for module in found:
        layer: Any = module.base_layer
        bias = None if layer.bias is None else layer.bias.detach().to(dtype)
        frozen = layer.weight.detach().to(dtype), bias
        module.forward = partial(_fused, module, module.active_adapters[0], *frozen)  # type: ignore[method-assign]
    return len(found)


def frozen_head_loss(hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
    """Sum of the cross entropy of hidden [n, width] behind a frozen head [vocabulary, width], targets [n]; nats."""
    total: Tensor = _HeadLoss.apply(hidden, head, targets)  # type: ignore[no-untyped-call]
    return total


def _is_plain(module: LoraLinear) -> bool:
    names = module.active_adapters
    return (
        type(module.base_layer) is nn.Linear
        and not module.base_layer.weight.requires_grad
        and len(names) == 1
        and isinstance(module.lora_dropout[names[0]], nn.Identity)
        and names[0] not in module.lora_variant
    )


def _fused(module: LoraLinear, name: str, weight: Tensor, bias: Tensor | None, x: Tensor) -> Tensor:
    down, up = module.lora_A[name].weight, module.lora_B[name].weight
    output: Tensor = _LinearWithAdapter.apply(x, weight, bias, down, up, module.scaling[name])  # type: ignore[no-untyped-call]
    return output


class _LinearWithAdapter(torch.autograd.Function):
    """weight [out, in] and bias [out] are frozen; down [rank, in] and up [out, rank] are trained."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, down: Tensor, up: Tensor, scaling: float
    ) -> Tensor:
        flat = x.reshape(-1, x.shape[-1]).to(weight.dtype)
        lowered, raised = down.to(weight.dtype), (up * scaling).to(weight.dtype)
        low = flat @ lowered.t()
        output = flat @ weight.t() if bias is None else torch.addmm(bias, flat, weight.t())
        output.addmm_(low, raised.t())
        ctx.save_for_backward(flat, weight, lowered, raised, low)
        ctx.scaling, ctx.shape, ctx.dtype, ctx.adapter_dtype = scaling, x.shape, x.dtype, down.dtype
        given_back = weight.dtype if torch.is_autocast_enabled("cpu") else x.dtype
        return output.view(*x.shape[:-1], weight.shape[0]).to(given_back)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        flat, weight, lowered, raised, low = ctx.saved_tensors
        given = gradients[0].reshape(-1, weight.shape[0]).to(weight.dtype)
        given_low = given @ raised
        of_up = (given.t() @ low).to(ctx.adapter_dtype).mul_(ctx.scaling)
        of_down = (given_low.t() @ flat).to(ctx.adapter_dtype)
        of_x = None
        if ctx.needs_input_grad[0]:
            of_x = (given @ weight).addmm_(given_low, lowered).view(ctx.shape).to(ctx.dtype)
        return of_x, None, None, of_down, of_up, None


class _HeadLoss(torch.autograd.Function):
    """The gradient is made with the loss, so that no logits are kept."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, head: Tensor, targets: Tensor) -> Tensor:
        logits = (hidden.to(head.dtype) @ head.t()).float()
        normaliser = logits.logsumexp(dim=-1, keepdim=True)
        total = (normaliser - logits.gather(1, targets[:, None])).sum()
        off = logits.sub_(normaliser).exp_()
        off[torch.arange(len(targets)), targets] -= 1
        ctx.save_for_backward((off.to(head.dtype) @ head).to(hidden.dtype))
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        (of_hidden,) = ctx.saved_tensors
        return of_hidden * gradients[0].to(of_hidden.dtype), None, None
