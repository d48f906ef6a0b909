"""Settings: stated once, checked wherever they come from, and the widgets of the nodes are made of them."""

import asyncio
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
from comfy_api.latest import io
from concept_sliders.nodes import SliderExtension
from concept_sliders.slider_core import settings as module
from concept_sliders.slider_core.data import Cycle
from concept_sliders.slider_core.settings import Settings, SettingsError, default_of, settings_of
from concept_sliders.slider_core.settings.setting import choice, real, switch, text, whole
from concept_sliders.slider_core.training import TrainRequest
from small_training import buckets

NODES = {node.GET_SCHEMA().node_id: node for node in asyncio.run(SliderExtension().get_node_list())}
OF_NODE = {
    "SliderTargets": module.TargetSettings,
    "BucketLoader": module.BucketSettings,
    "CycleSampler": module.CycleSettings,
    "SliderNumbers": module.NumberSettings,
    "SliderPairs": module.PairSettings,
    "SliderTrainer": module.TrainSettings,
    "SliderSweep": module.SweepSettings,
    "SliderSave": module.SaveSettings,
}


@dataclass(frozen=True, kw_only=True)
class Oven(Settings):
    degrees: float = real(180.0, 0.0, 250.0, 5.0, "How hot.")
    minutes: int = whole(40, 1, 600, "How long.")
    heat: str = choice("fan", ("fan", "upper", "lower"), "Where it comes from.")
    light: bool = switch(True, "Whether to look.")
    cake: str = text("", "What it is for.")


def test_all_that_is_wrong_is_said_at_once_with_what_was_found_and_what_is_allowed():
    assert Oven() == Oven(degrees=180, minutes=40)
    with pytest.raises(SettingsError) as error:
        Oven(degrees=float("nan"), minutes=2.5, heat="uper", light=1, cake="a\0b")
    assert str(error.value).splitlines() == [
        "degrees is nan; it must be a finite number from 0 to 250.",
        "minutes is 2.5; it must be a whole number from 1 to 600.",
        "heat is 'uper'; did you mean 'upper'? choose one of fan, upper, lower.",
        "light is 1; it must be true or false.",
        "cake is 'a\\x00b'; it has a character (NUL, or half of a pair) that is no text. Write it again.",
    ]


@pytest.mark.parametrize("name", ["degrees", "minutes", "heat", "light", "cake"])
@pytest.mark.parametrize("value", [None, [], {}, b"fan", 1j, float("inf")])
def test_values_of_another_kind_are_refused(name, value):
    with pytest.raises(SettingsError, match=f"^{name} is "):
        Oven(**{name: value})


@pytest.mark.parametrize("node_id", OF_NODE)
def test_each_setting_of_a_node_is_a_widget_with_its_default_and_limits(node_id):
    kind = OF_NODE[node_id]
    found = {i.id: i for i in NODES[node_id].define_schema().inputs if isinstance(i, io.WidgetInput)}
    for name, setting in settings_of(kind).items():
        assert found[name].default == default_of(kind, name) and found[name].tooltip == setting.help
        assert setting.fault(found[name].default) == ""
        for limit in ("min", "max"):
            if hasattr(found[name], limit):
                assert setting.fault(getattr(found[name], limit)) == ""
        if options := getattr(found[name], "options", None):
            assert options == setting.options


def test_python_and_nodes_have_one_default():
    assert (Cycle(buckets()).weighting, TrainRequest.weight_decay) == ("auto", 0.0)
    for name in settings_of(module.LoopSettings):
        assert getattr(TrainRequest, name) == default_of(module.TrainSettings, name)


def test_every_list_of_choices_stands_in_one_file():
    """Its texts, one after the other, in quotes."""
    root = Path(__file__).resolve().parent.parent.parent
    files = [*root.glob("nodes/*.py"), *root.glob("slider_core/**/*.py")]
    code = {file: re.sub(r"\s+", " ", file.read_text(encoding="utf-8")) for file in files}
    for kind in OF_NODE.values():
        for setting in settings_of(kind).values():
            if isinstance(setting, module.Choice) and not callable(setting.source):
                listed = ", ".join(f'"{option}"' for option in setting.options)
                places = [f.name for f, text in code.items() if f"({listed}" in text or f"[{listed}" in text]
                assert len(places) <= 1, (listed, places)
