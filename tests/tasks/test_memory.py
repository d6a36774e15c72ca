"""The peak of a piece of work is its own, not that of what came before it."""

import torch

from tasks.memory import peak_mb, reset_peak


def test_a_small_piece_after_a_large_one_seems_small() -> None:
    reset_peak()
    before = peak_mb()
    large = torch.ones(100 * 2**18)
    assert peak_mb() > before + 90
    del large
    reset_peak()
    small = torch.ones(10 * 2**18)
    assert peak_mb() < before + 60
    assert small.sum() > 0
