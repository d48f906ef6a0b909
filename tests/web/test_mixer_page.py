"""Slider Mixer's rows on the page: added, set, reordered and removed by hand, kept with the workflow, queued."""

import pytest
from comfy_page import PLAIN, RANGE, node, sweep_workflow

MIXER = "app.graph.nodes.find((node) => node.type === 'SliderMixer')"
ROWS = f"{MIXER}.widgets.find((widget) => widget.name === 'rows').value"
PLACES = {"Mixer": (0, 0)}


def row(index):
    return f"document.querySelectorAll('.slider-mixer .row')[{index}]"


def graph(rows=()):
    return {
        "1": node("Model", "CheckpointLoaderSimple", ckpt_name="tiny_faces.safetensors"),
        "2": node("Mixer", "SliderMixer", model=["1", 0], rows=list(rows), strength=1.0),
    }


def set_value(page, control, value):
    page.run(f"{{ const made = {control}; made.value = {value!r}; made.dispatchEvent(new Event('change')) }}")


@pytest.fixture
def mixer(page):
    """Two rows, made by hand."""
    page.load(graph(), PLACES, 1.0)
    page.wait_for("document.querySelector('.slider-mixer .add')")
    for index in range(2):  # the button moves down when a row comes
        page.press("document.querySelector('.slider-mixer .add')")
        page.wait_for(row(index))
    page.wait_for(f"{row(0)}.querySelectorAll('option').length >= 2")
    for index, file in enumerate((PLAIN, RANGE)):
        set_value(page, f"{row(index)}.querySelector('select')", file)
    return page


def files(page):
    return [entry["file"] for entry in page.run(ROWS)]


def test_rows_are_added_set_reordered_and_removed_by_hand(mixer):
    page = mixer
    assert files(page) == [PLAIN, RANGE]
    set_value(page, f"{row(0)}.querySelector('.number')", "−0,75")
    assert page.run(ROWS)[0]["strength"] == -0.75
    set_value(page, f"{row(0)}.querySelector('.number')", "a lot")
    assert (
        page.run(ROWS)[0]["strength"] == -0.75
        and page.run(f"{row(0)}.querySelector('.number').value") == "-0.75"
    )
    page.press(f"{row(0)}.querySelector('input[type=checkbox]')")
    assert page.run(ROWS)[0]["on"] is False

    page.run(f"{{ {row(0)}.querySelector('.grip').focus() }}")
    page.run(
        "{ document.activeElement.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowDown', bubbles: true })) }"
    )
    assert files(page) == [RANGE, PLAIN]
    page.drag(page.middle(f"{row(1)}.querySelector('.grip')"), page.middle(f"{row(0)}.querySelector('.grip')"))
    assert files(page) == [PLAIN, RANGE]

    page.press(f"{row(0)}.querySelector('button:last-child')")
    assert files(page) == [RANGE] and page.run("document.querySelectorAll('.slider-mixer .row').length") == 1


def test_the_track_of_a_row_is_its_files_range(mixer):
    page = mixer
    track = f"{row(1)}.querySelector('input[type=range]')"
    page.wait_for(f"{track}.max === '1.5'")
    x, y = page.middle(track)
    box = page.settled(track)
    page.click(box["x"] + box["width"] - 9, y)
    assert page.run(ROWS)[1]["strength"] == pytest.approx(1.5, abs=0.08)
    page.click(x, y)
    assert page.run(ROWS)[1]["strength"] == pytest.approx(0.0, abs=0.08)


def test_part_of_the_sampling_and_a_name(mixer):
    page = mixer
    page.press(f"{row(0)}.querySelector('button[aria-expanded]')")
    page.wait_for(f"{row(0)}.querySelector('.details')")
    start, end, name = (f"{row(0)}.querySelectorAll('.details input')[{index}]" for index in range(3))
    for control, value in ((start, "0.25"), (end, "0,75"), (name, "smile")):
        set_value(page, control, value)
    kept = page.run(ROWS)[0]
    assert (kept["start"], kept["end"], kept["name"]) == (0.25, 0.75, "smile")


def test_rows_and_presets_are_saved_with_the_workflow_and_queued_as_they_are_shown(mixer):
    page = mixer
    set_value(page, f"{row(0)}.querySelector('.number')", "0.5")
    before = page.run(ROWS)
    preset = "document.querySelector('.presets input')"
    buttons = [f"document.querySelectorAll('.presets button')[{index}]" for index in range(3)]
    set_value(page, preset, "both")
    page.press(buttons[1])
    page.press(f"{row(0)}.querySelector('button:last-child')")
    assert len(page.run(ROWS)) == 1

    page.run("{ const saved = app.graph.serialize(); saved.id = crypto.randomUUID(); "
             "await app.loadGraphData(saved, true, true, null) }")  # fmt: skip
    page.wait_for(f"{row(0)}")
    assert files(page) == [RANGE]
    set_value(page, preset, "both")
    page.press(buttons[0])
    assert page.run(ROWS) == before
    queued = page.run(
        "Object.values((await app.graphToPrompt()).output).find((n) => n.class_type === 'SliderMixer')"
    )
    assert queued["inputs"]["rows"] == {"__value__": before}
    page.press(buttons[2])
    assert page.run(f"{MIXER}.properties.slider_mixer_presets") == {}


def test_the_node_is_as_high_as_its_rows(mixer):
    page = mixer
    root = page.settled("document.querySelector('.slider-mixer')")
    last = page.settled("document.querySelector('.slider-mixer .presets')")
    assert last["y"] + last["height"] <= root["y"] + root["height"] + 1, "the last line is cut off"


def test_the_rows_stay_as_wide_as_the_node_beside_the_side_panel(mixer):
    page = mixer
    width = page.settled("document.querySelector('.slider-mixer')")["width"]
    panel = "document.querySelector('[aria-label=\"Toggle properties panel\"]')"
    page.press(panel)
    try:
        left, top = page.run(f"app.canvas.ds.convertOffsetToCanvas({MIXER}.pos)")
        page.click(left + 120, top - 15 + page.run("app.canvas.canvas.getBoundingClientRect().top"))
        page.wait_for(
            "[...document.querySelectorAll('button')].some((b) => /^advanced inputs/i.test(b.innerText))"
        )
        page.run("new Promise((done) => setTimeout(done, 500))")
        assert page.settled("document.querySelector('.slider-mixer')")["width"] == width
    finally:
        page.press(panel)


def test_the_viewer_is_dragged_in_two_directions(page):
    picture, strength = (
        "document.querySelector('.concept-sliders .picture')",
        "document.querySelector('.viewer output').value",
    )
    page.load(sweep_workflow(seeds=1, compare="range"), {"Slider Sweep": (0, 0)})
    page.queue()
    page.wait_for(f"{picture}?.querySelector('img')?.naturalWidth")
    box = page.settled(picture)
    options = page.run(
        "[...document.querySelectorAll('.viewer select')[0].options].map((option) => option.text)"
    )
    assert [option.rpartition(" · ")[2] for option in options] == ["plain", "range"] * 2
    chosen = "document.querySelectorAll('.viewer select')[0].value"
    page.drag((box["x"] + 5, box["y"] + 5), (box["x"] + box["width"] - 3, box["y"] + box["height"] - 3))
    assert (page.run(strength), page.run(chosen)) == ("+2", "1")
    page.drag((box["x"] + box["width"] - 3, box["y"] + box["height"] - 3), (box["x"] + 3, box["y"] + 3))
    assert (page.run(strength), page.run(chosen)) == ("−2", "0")
