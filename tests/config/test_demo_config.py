"""The demo's config and the pages name keys that there are, with their defaults."""

import re
import tomllib

from concept_sliders.slider_core.config.reading import keys_of
from concept_sliders.slider_core.config.sliders import TABLES, WITHOUT
from concept_sliders.slider_core.settings import NumberSettings, TrainSettings, default_of, settings_of
from config.configs import DEMO


def test_the_demo_config_has_every_key_with_a_word_on_it():
    text = (DEMO / "smile.toml").read_text(encoding="utf-8")
    sections = re.split(r"^\[+(\w+)\]+.*$", text.partition("# Several sliders")[0], flags=re.MULTILINE)
    found = {}
    for name, body in zip(sections[1::2], sections[2::2], strict=True):
        found.setdefault(name, set()).update(re.findall(r"^(?:# )?(\w+) = ", body, flags=re.MULTILINE))
    for name, kinds in TABLES.items():
        assert set(keys_of(kinds)) - set(WITHOUT.get(name, ())) == found[name], name


def test_the_values_that_it_shows_behind_a_sign_are_the_defaults():
    text = (DEMO / "smile.toml").read_text().partition("[train]")[2].partition("[sweep]")[0]
    shown = re.findall(r"^# (\w+) = (\S+)", text, re.M)
    values = {
        name: tomllib.loads(f"x = {value}")["x"]
        for name, value in shown
        if name in keys_of(TABLES["train"][:1])
    }
    assert len(values) > 15
    for name, value in values.items():
        assert value == (default_of(TrainSettings, name) or value), name


def test_the_demo_config_names_every_key_of_numbers_with_its_default():
    (line,) = re.findall(r"^# (numbers = .*?)(?:  #.*)?$", (DEMO / "smile.toml").read_text(), re.M)
    shown = tomllib.loads(line)["numbers"]
    assert (
        NumberSettings(**{**shown, "table": ""}) == NumberSettings()
        and shown.keys() == settings_of(NumberSettings).keys()
    )


def test_the_page_for_those_who_come_from_simpletuner_names_keys_that_exist():
    page = DEMO.parent.parent / "web" / "docs" / "reference" / "simpletuner.md"
    configs, _, rest = page.read_text(encoding="utf-8").partition("## `multidatabackend.json`")
    named = re.findall(r"^\| [^|]+ \| ([^|]+) \|", configs, re.M)[2:]
    for cell in (cell for cell in named if not cell.startswith("`run.py ")):
        table = None
        for section, key in re.findall(r"`(?:\[(\w+)\] )?(\w+)", cell):
            table = section or table
            assert key in keys_of(TABLES[table]), cell
    buckets = re.findall(r"^\| [^|]+ \| `(\w+)` \|", rest, re.M)
    assert len(named) > 20 and len(buckets) > 7 and set(buckets) <= set(keys_of(TABLES["bucket"]))
