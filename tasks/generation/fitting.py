"""Free memory to rows of a batch: what a batch of prompts will take, estimated before it is begun.

    fitting_rows(40 GB free, token=512 KB, tail=40, head=250, new=48, heads=32, vocabulary=32,000, most=512)  ->  256

The estimate is on the safe side of what was computed for a row; where it is not, the batch halves (``transformer.py``).
"""

import psutil
import torch

MOST_ROWS = {"cpu": 64, "cuda": 512}
"""Rows of a batch that the memory may ask for: on 2 CPU cores more than 64 gain nothing (87 tokens/s, 75 with 32)."""
USED = 0.8
"""Share of the free memory that a batch may take by the estimate; what is left is for fragments and other programs."""


def free_bytes(device: torch.device) -> int:
    """Memory that is free for a batch: the GPU's, with what its allocator holds unused, or the machine's."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(torch.cuda.mem_get_info(device)[0]) + int(unused)
    return int(psutil.virtual_memory().available)


def fitting_rows(
    free: int, *, token: int, tail: int, head: int, new: int, heads: int, vocabulary: int, most: int
) -> int:
    """Rows of a batch by the free memory: a power of two, 1 at least and ``most`` at most.

    A row holds keys and values (``token`` bytes each, and once more while they are moved), the attention weights of
    its prefill (float32, thrice while the softmax is joined), and float32 logits (four copies while one is picked).
    """
    row = 2 * token * (tail + new) + 12 * heads * tail * (head + tail) + 16 * vocabulary
    fits = int(USED * free) // row
    rows = most
    while rows > max(1, fits):
        rows //= 2
    return rows
