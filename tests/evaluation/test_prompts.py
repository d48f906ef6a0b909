"""SimpleTuner's prompt library."""

import json

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


@pytest.mark.parametrize("key", ["prompt", "caption", "tags"])
def test_an_entry_in_simpletuners_words(key):
    entry = json.dumps({"a": {key: "a face", "adapter_strength": "-1.5", "lyrics": "la", "strength": 1}})
    for text in (entry, "\ufeff" + entry):
        (prompt,) = parse_library(text)
        assert (prompt.text, prompt.strength) == ("a face", -1.5)
        assert prompt.notes == (
            "'lyrics' is not used.",
            "'strength' is not used. Did you mean 'adapter_strength'?",
        )


def test_the_first_text_of_several_is_taken_and_said():
    (prompt,) = parse_library('{"a": {"tags": ["red hair", "portrait"]}}')
    assert prompt.text == "red hair, portrait"
    (prompt,) = parse_library('{"a": {"tags": "one", "prompt": "two", "caption": null}}')
    assert prompt.text == "two" and prompt.notes[0] == "'tags' is not used, as there is a 'prompt'."


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{'a': 1}", "not valid JSON.*line 1, column 2"),
        ("[]", "JSON object"),
        ("{}", "at least one entry"),
        ('{"a": 3}', "Entry 'a' is 3"),
        ('{"a": {"promt": "x"}}', "Entry 'a' has no 'prompt'.*mean 'promt' so"),
        ('{"a": {"adapter_strength": 1}}', "Entry 'a' has no 'prompt'"),
        ('{"a": {"caption": ["x"]}}', r"'caption' is \['x'\]; it must be text in quotes"),
        ('{"a": {"prompt": 5}}', "'prompt' is 5"),
        ('{"a": {"prompt": "x", "adapter_strength": "much"}}', "must be a number"),
        ('{"a": {"prompt": "x", "adapter_strength": "nan"}}', "must be a number"),
        ('{"a": {"prompt": "x", "adapter_strength": true}}', "must be a number"),
        ('{"a": {"prompt": "x", "adapter_strength": NaN}}', "must be a number"),
        ('{"a": {"prompt": "x", "neutral": 1}}', "true or false"),
        ('{"a": "x", "a": "y"}', "'a' stands twice"),
        ('{"a": {"prompt": "x", "adapter_strength": 1e9}}', "a number from −100 to 100"),
        ('{"a": {"prompt": "x", "adapter_strength": 1' + "0" * 299 + "}}", "a number from −100 to 100"),
        ('{"a": {"prompt": "x", "adapter_strength": ' + "9" * 5000 + "}}", "a number of 5000 digits"),
        ("[" * 100_000, "nested too deep"),
        ('{"a": ' * 100_000, "nested too deep"),
        ('{"a": "\\ud800"}', r"Entry 'a' has the character U\+D800"),
        ('{"a\\u0000": "x"}', r"name of an entry has the character U\+0000"),
        ("\ufeff{}", "at least one entry"),
        ('{"a": ' + '["x", ' * 50 + '"' + "y" * 10_000 + '"' + "]" * 50 + "}", "it must be a prompt"),
        ("{" + ", ".join(f'"{i}": "x"' for i in range(2000)) + "}", "at most 1000"),
    ],
)
def test_the_entry_at_fault_is_named(text, message):
    with pytest.raises(PromptLibraryError, match=message) as error:
        parse_library(text)
    assert len(str(error.value)) < 400
