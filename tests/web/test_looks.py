"""Contrast in light and dark, targets large enough for a finger, everything by keyboard."""

import pytest
from comfy_page import RANGE
from test_mixer_page import PLACES, ROWS, graph
from test_viewer import swept

PARTS = "[...document.querySelectorAll('.concept-sliders :is(button, a.icon, select, input)')]"

CONTRAST = """
(() => {
  const canvas = Object.assign(document.createElement('canvas'), { width: 1, height: 1 }).getContext('2d',
    { willReadFrequently: true });
  const rgba = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const light = (color) => {
    const [r, g, b] = color.map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (element) => {
    const color = rgba(getComputedStyle(element).backgroundColor);
    return color[3] === 255 || !element.parentElement ? color : ground(element.parentElement);
  };
  const faded = (element) => {
    let share = 1;
    for (let at = element; at; at = at.parentElement) share *= Number(getComputedStyle(at).opacity);
    const under = ground(element);
    return rgba(getComputedStyle(element).color).map((part, i) => share * part + (1 - share) * under[i]);
  };
  const ratio = (one, other) => {
    const [low, high] = [light(one), light(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const lowest = {};
  const note = (kind, element, value) => {
    if (!(lowest[kind]?.[0] < value)) lowest[kind] = [value, element.outerHTML.slice(0, 80)];
  };
  for (const element of document.querySelectorAll('.concept-sliders *')) {
    const own = [...element.childNodes].some((child) => child.nodeType === 3 && child.data.trim());
    if (own || element.matches('select, .icon'))
      note('text', element, ratio(faded(element), ground(element)));
    if (element.placeholder)
      note('text', element, ratio(rgba(getComputedStyle(element, '::placeholder').color), ground(element)));
    if (element.matches('button, select, .icon, input:not([type=range]):not([type=checkbox])'))
      note('part', element, ratio(rgba(getComputedStyle(element).borderTopColor), ground(element.parentElement)));
    if (element.matches('.marks span'))
      note('part', element, ratio(rgba(getComputedStyle(element).backgroundColor), ground(element.parentElement)));
    if (element.matches('polyline'))
      note('part', element, ratio(rgba(getComputedStyle(element).stroke), ground(element)));
  }
  return lowest;
})()
"""


@pytest.mark.parametrize("palette", ["dark", "light", "solarized", "nord"])
def test_text_and_marks_can_be_read_in_every_palette(page, palette):
    swept(page, file=RANGE)
    seen_in(page, palette)


@pytest.mark.parametrize("palette", ["dark", "light", "solarized", "nord"])
def test_the_mixer_can_be_read_in_every_palette(page, palette):
    page.load(graph(), PLACES, 1.0)
    page.run(f"{{ {ROWS} = [{{ file: '{RANGE}' }}, {{ file: '{RANGE}', on: false }}] }}")
    page.wait_for("document.querySelectorAll('.slider-mixer .row').length === 2")
    page.press("document.querySelector('.slider-mixer button[aria-expanded]')")
    seen_in(page, palette)


def seen_in(page, palette):
    page.run(f"app.extensionManager.setting.set('Comfy.ColorPalette', '{palette}')")
    try:
        page.run("new Promise((done) => setTimeout(done, 400))")
        lowest = page.run(CONTRAST)
        assert lowest["text"][0] >= 4.5, lowest["text"]
        assert lowest["part"][0] >= 3, lowest["part"]  # WCAG 2.2, 1.4.11: parts that are no text
    finally:
        page.run("app.extensionManager.setting.set('Comfy.ColorPalette', 'dark')")


def test_every_target_has_24_pixels(page):
    swept(page)
    sizes = page.run(
        f"{PARTS}.filter((part) => part.offsetHeight).map((part) => [part.offsetWidth, part.offsetHeight])"
    )
    assert len(sizes) > 8 and min(map(min, sizes)) >= 24


def test_the_tab_key_reaches_everything(page):
    swept(page)
    wanted = page.run(f"{PARTS}.filter((part) => part.offsetHeight && part.closest('.viewer')).length")
    page.run("{ document.querySelector('.viewer select').focus(); window.met = new Set() }")
    for _ in range(wanted + 2):
        page.run("{ if (document.activeElement.closest('.viewer')) window.met.add(document.activeElement) }")
        page.key("Tab")
    assert page.run("window.met.size") == wanted
