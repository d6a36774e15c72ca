"""Facts about length: what training leaves out is named, and nothing else."""

from pathlib import Path

from tasks.config import TuningConfig
from tasks.records import Example
from tasks.tuning.lengths import too_long
from tests.tiny import tiny_tokenizer


def test_an_example_that_is_too_long_for_training_is_named_with_its_length(tmp_path: Path) -> None:
    tiny_tokenizer(["Who built the pump?"]).save_pretrained(tmp_path)
    short = Example("short", "p", "", "Who built it?", "Odo.", "", "train")
    long = Example("long", "p", "", "Who built it?", "Odo " * 200, "", "train")
    [found] = too_long([short, long], TuningConfig(student=str(tmp_path), max_length=120))
    assert (found.stage, found.reason, found.ref) == ("train", "too-long", "long")
    assert "more than 120: Who built it?" in found.excerpt
    assert too_long([short, long], TuningConfig(student=str(tmp_path), max_length=2000)) == []
