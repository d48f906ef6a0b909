"""The guide's prompt library."""

import pytest
from concept_sliders.slider_core.evaluation import Prompt, PromptLibraryError, parse_library

GUIDE = """{
  "plain": "regular prompt",
  "slider_plus": { "prompt": "same prompt", "adapter_strength": 1.2 },
  "slider_minus": { "prompt": "same prompt", "adapter_strength": 0.5 }
}"""


def test_the_guides_example():
    assert parse_library(GUIDE, strength=0.8) == (
        Prompt("plain", "regular prompt", 0.8),
        Prompt("slider_plus", "same prompt", 1.2),
        Prompt("slider_minus", "same prompt", 0.5),
    )


def test_a_strength_of_zero_is_a_strength():
    assert parse_library('{"off": {"prompt": "p", "adapter_strength": 0}}', strength=1.0)[0].strength == 0.0


def test_without_a_global_strength_it_stays_open():
    assert parse_library(GUIDE)[0].strength is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'a': 1}", "not valid JSON.*line 1, column 2"),
        ("[]", "JSON object"),
        ("{}", "at least one entry"),
        ('{"a": 3}', "Entry 'a' is 3"),
        ('{"a": {"promt": "x"}}', "Entry 'a'.*'promt'.*'prompt'"),
        ('{"a": {"prompt": "x", "strength": 1}}', "'strength'.*'adapter_strength'"),
        ('{"a": {"adapter_strength": 1}}', "Entry 'a' has no 'prompt'"),
        ('{"a": {"prompt": 5}}', "'prompt' is 5"),
        ('{"a": {"prompt": "x", "adapter_strength": "1"}}', "must be a number"),
        ('{"a": {"prompt": "x", "adapter_strength": NaN}}', "must be a number"),
        ('{"a": {"prompt": "x", "neutral": 1}}', "true or false"),
        ('{"a": "x", "a": "y"}', "'a' stands twice"),
    ],
)
def test_the_entry_at_fault_is_named(text, message):
    with pytest.raises(PromptLibraryError, match=message):
        parse_library(text)
