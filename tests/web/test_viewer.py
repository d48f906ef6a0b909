"""The viewer on Slider Sweep, after a real sweep of the tiny model."""

from comfy_page import sweep_workflow

PLACES = {"Slider Sweep": (0, 0), "Apply Slider": (500, 0)}
PICTURE = "document.querySelector('.concept-sliders .picture')"
RANGE = "document.querySelector('.viewer input[type=range]')"
STRENGTH = "document.querySelector('.viewer output').value"


def swept(page, **more):
    page.load(sweep_workflow(**more), PLACES)
    page.queue()
    page.wait_for(f"{PICTURE}?.querySelector('img')?.naturalWidth")


def test_dragging_the_picture_and_then_the_arrow_keys_change_the_strength(page):
    swept(page)
    assert page.run(STRENGTH) == "0"
    before = page.run(f"[...{page.node('SliderSweep')}.pos]")
    box = page.settled(PICTURE)
    middle = box["y"] + box["height"] / 2
    page.drag((box["x"] + 5, middle), (box["x"] + box["width"] - 3, middle))
    assert page.run(STRENGTH) == "+2"
    assert page.run(f"[...{page.node('SliderSweep')}.pos]") == before, "dragging the picture moved the node"
    page.key("ArrowLeft")
    assert page.run(STRENGTH) == "+1"
    page.key("Home")
    assert page.run(STRENGTH) == "−2"
    page.run("document.activeElement.blur()")
    page.click(box["x"] + box["width"] / 2, middle)
    page.key("ArrowRight")
    assert page.run(STRENGTH) == "+1", "a press without a move takes the keys away"


def test_the_wheel_zooms_and_the_middle_button_pans_over_pictures_and_reports(page):
    swept(page)
    report = (
        "[...document.querySelectorAll('.concept-sliders pre')].find((p) => p.textContent.includes('Monoton'))"
    )
    for place in (PICTURE, report):
        x, y = page.middle(place)
        scale = page.run("app.canvas.ds.scale")
        page.mouse("mouseWheel", x, y, "none", deltaX=0, deltaY=120)
        page.wait_for(f"app.canvas.ds.scale < {scale}")
        first = page.run("app.canvas.ds.scale")
        page.run("new Promise((done) => setTimeout(done, 100))")
        assert page.run("app.canvas.ds.scale") == first
        assert first > 0.8 * scale, "one turn of the wheel zooms twice"
        offset = page.run("[...app.canvas.ds.offset]")
        page.drag((x, y), (x + 40, y + 20), "middle")
        moved = page.run("[...app.canvas.ds.offset]")
        assert [round((b - a) * first) for a, b in zip(offset, moved, strict=True)] == [40, 20]


def button(words):
    return f"document.querySelector('.viewer [aria-label^=\"{words}\"]')"


def test_strength_0_is_seen_while_its_key_or_button_is_down(page):
    swept(page)
    page.run(f"{RANGE}.focus()")
    page.key("End")
    assert page.run(STRENGTH) == "+2"
    page.key("0", kinds=("keyDown",))
    assert page.run(STRENGTH) == "0"
    page.key("0", kinds=("keyUp",))
    assert page.run(STRENGTH) == "+2"
    place = page.middle(button("Hold"))
    page.mouse("mousePressed", *place)
    assert page.run(STRENGTH) == "0"
    page.mouse("mouseReleased", *place)
    assert page.run(STRENGTH) == "+2"


def test_a_wipe_shows_two_strengths_and_its_line_goes_where_it_is_dragged(page):
    swept(page)
    page.run(f"{{ {RANGE}.focus() }}")
    page.key("End")
    page.press(button("Wipe"))
    sources = (
        "[...document.querySelectorAll('.viewer .layer img')].map((picture) => picture.getAttribute('src'))"
    )
    page.wait_for(f"new Set({sources}).size === 2")
    grounds = [f"getComputedStyle({button(words)}).backgroundColor" for words in ("Wipe", "Play")]
    page.wait_for(f"{grounds[0]} !== {grounds[1]}")  # it is seen that the button is on
    box = page.settled("document.querySelector('.viewer .frame')")
    middle = box["y"] + box["height"] / 2
    page.drag((box["x"] + box["width"] / 2, middle), (box["x"] + box["width"] / 4, middle))
    page.wait_for("document.querySelector('.viewer .frame').style.getPropertyValue('--wipe').startsWith('25')")
    assert page.run(STRENGTH) == "+2", "dragging the line changes the strength"
    page.key("ArrowRight")  # the line has the keys
    page.wait_for("document.querySelector('.viewer .frame').style.getPropertyValue('--wipe').startsWith('26')")


def test_playing_goes_through_the_strengths_and_slowly_where_motion_is_unwanted(page):
    swept(page)
    page.run("{ window.seen = new Map(); const output = document.querySelector('.viewer output'); "
             "new MutationObserver(() => window.seen.set(output.value, performance.now())).observe(output, "
             "{ childList: true, characterData: true, subtree: true }) }")  # fmt: skip
    page.press(button("Play"))
    page.wait_for("window.seen.size === 5")
    page.press(button("Play"))
    feature = {"name": "prefers-reduced-motion", "value": "reduce"}
    page.send("Emulation.setEmulatedMedia", features=[feature])
    page.run("{ window.seen.clear() }")
    page.press(button("Play"))
    page.run("new Promise((done) => setTimeout(done, 900))")
    assert page.run("window.seen.size") == 0
    assert page.run("getComputedStyle(document.querySelector('.viewer button')).transitionDuration") == "0s"
    page.send("Emulation.setEmulatedMedia", features=[])


def test_full_size_and_back_with_the_keyboard(page):
    swept(page)
    small = page.settled(PICTURE)
    page.run(f"{button('Full')}.focus()")
    page.key("Enter", text="\r")
    page.wait_for("document.querySelector('dialog .viewer')")
    assert page.settled(PICTURE)["height"] > 1.5 * small["height"]
    page.key("Home")
    assert page.run(STRENGTH) == "−2"
    page.run("document.querySelector('.viewer select').focus()")
    page.key("Escape")
    page.wait_for("!document.querySelector('dialog .viewer')")
    assert abs(page.settled(PICTURE)["height"] - small["height"]) < 20


def test_the_picture_can_be_saved_and_opened(page):
    swept(page)
    page.run(f"{RANGE}.focus()")
    page.key("End")
    link = page.run(f"[{button('Save')}.download, (await fetch({button('Save')}.href)).status]")
    assert link == ["curly seed 1 +2.png", 200]
    assert page.run(f"{button('Open')}.href === {button('Save')}.href && {button('Open')}.target") == "_blank"


def test_rows_begin_with_the_prompts_name_and_seed(page):
    swept(page)
    rows = page.run("[...document.querySelector('.viewer select').options].map((option) => option.text)")
    assert rows == [f"{name} · seed {seed}" for name in ("curly", "long") for seed in (1, 2)]


def test_pictures_are_fetched_when_they_are_looked_at(page):
    page.load(sweep_workflow("-2:2:9", seeds=8), PLACES)
    page.asked.clear()
    page.queue()
    page.wait_for(f"{PICTURE}?.querySelector('img')?.naturalWidth")
    page.run(f"{RANGE}.focus()")
    page.key("ArrowRight")
    page.run("new Promise((done) => setTimeout(done, 300))")
    fetched = {address for address in page.asked if "slider_sweep_" in address}
    assert page.run("document.querySelector('.viewer select').options.length") == 16
    assert 3 <= len(fetched) <= 5, f"{len(fetched)} of 144 pictures were fetched"


def test_use_this_strength_sets_apply_slider(page):
    swept(page)
    page.run(f"{RANGE}.focus()")
    page.key("Home")
    page.press(
        "[...document.querySelectorAll('.viewer button')].find((b) => b.textContent === 'Use this strength')"
    )
    strength = f"{page.node('SliderApply')}.widgets.find((widget) => widget.name === 'strength').value"
    assert page.run(strength) == -2
    assert "−2" in page.run("document.querySelector('.viewer [role=status]').textContent")


def test_no_text_is_cut_off_also_where_lines_wrap(page):
    swept(page)
    page.settled(PICTURE)
    cut = """[...document.querySelectorAll('.concept-sliders')].filter((root) => root.clientHeight).flatMap((root) => {
        const bottom = root.getBoundingClientRect().bottom;
        return [...root.querySelectorAll('pre, .note, output, [role=status]')].filter((text) => text.offsetHeight &&
            (text.getBoundingClientRect().bottom > bottom + 1 || text.scrollHeight > text.clientHeight + 1
             || text.scrollWidth > text.clientWidth + 1)).map((text) => text.textContent);
    })"""
    assert page.run(cut) == []
    reports = "[...document.querySelectorAll('.concept-sliders pre[role=region]')]"
    assert page.run(f"{reports}.some((report) => report.textContent.length > 100)")
    page.run(f"{{ const node = {page.node('SliderSweep')}; node.setSize([300, node.size[1]]) }}")
    page.run("new Promise((done) => setTimeout(done, 400))")
    assert page.run(cut) == []
