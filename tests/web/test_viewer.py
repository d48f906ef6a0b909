"""The viewer on Slider Sweep, after a real sweep of the tiny model."""

from comfy_page import sweep_workflow

PLACES = {"Sweep of strengths": (0, 0), "The slider on the model": (500, 0)}
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


def test_the_wheel_zooms_and_the_middle_button_pans_over_pictures_and_reports(page):
    swept(page)
    for place in (PICTURE, "document.querySelector('.concept-sliders pre[role=region]')"):
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
