"""What a run needs is looked for before it begins."""

import pytest

from flows.models import check_needs, close_generators, opened
from tasks.config import Config
from tasks.errors import ClosedbookError, GenerationError, ModelError, UsageError
from tasks.generation.endpoint import EndpointGenerator
from tests.tasks.generation.test_endpoint import serving


@pytest.mark.parametrize(
    ("setting", "error", "said"),
    [
        ("generation.generator=http://127.0.0.1:9/v1", GenerationError, "no model found"),
        ("generation.generator=nowhere/model.gguf", UsageError, "no such file"),
        ("generation.generator=no such model", ModelError, "no folder of this name"),
        ("tuning.student=no such model", ModelError, "no folder of this name"),
    ],
)
def test_what_cannot_be_had_is_told_in_one_line(setting: str, error: type[ClosedbookError], said: str) -> None:
    with pytest.raises(error, match=said) as caught:
        check_needs(Config.build("quick", ["generation.generator=none", setting]))
    assert "\n" not in str(caught.value)


def test_a_server_that_was_found_is_the_one_that_is_used() -> None:
    with serving() as (url, script):
        config = Config.build("quick", [f"generation.generator={url}"])
        check_needs(config)
        looked = len(script.asked)
        generator = opened(url, config.generation.remote_code)
        assert generator.name == "tiny-7b" and len(script.asked) == looked == 1
        assert isinstance(generator, EndpointGenerator)
        generator.client.close()
        close_generators()
