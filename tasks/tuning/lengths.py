"""Examples to those that are too long for training, by the student's own tokenizer; training leaves them out uncut.

Example(answer="... 300 tokens ...")  ->  Rejection(stage="train", reason="too-long", excerpt="312 tokens ...")
"""

from collections.abc import Iterable

from tasks.config import TuningConfig
from tasks.records import Example, Rejection
from tasks.tuning.encoding import encode
from tasks.tuning.rendering import Renderer, choose_template
from tasks.tuning.students import load_tokenizer

STAGE = "train"
REASON = "too-long"


def too_long(examples: Iterable[Example], config: TuningConfig) -> list[Rejection]:
    """Name the examples over ``config.max_length`` tokens, rendered as they are trained on.

    Raises:
        ModelError: when the student's tokenizer cannot be had.
    """
    tokenizer = load_tokenizer(config.student, remote_code=config.remote_code)
    renderer = Renderer(tokenizer, choose_template(tokenizer, config.template, config.student))
    rejections = []
    for example in examples:
        length = len(encode(example, renderer, tokenizer)["input_ids"])
        if length > config.max_length:
            detail = f"{length} tokens, more than {config.max_length}: {example.prompt}"
            rejections.append(Rejection(STAGE, REASON, example.id, detail[:240]))
    return rejections
