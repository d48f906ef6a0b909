// Buttons and fields of Slider Mixer.

import { element } from "../elements.js";

export function button(text, onClick, title = text) {
  const made = element("button", { type: "button", title, "aria-label": title }, text);
  made.addEventListener("click", onClick);
  return made;
}

/** A number that may be typed with a decimal comma or the minus of typographers; what is no number is taken back. */
export function numberInput(value, label, lowest, highest, onChange) {
  const made = element("input", { class: "number", value, inputMode: "decimal", title: label, "aria-label": label });
  made.addEventListener("change", () => {
    const typed = Number(made.value.replace(",", ".").replace("−", "-").trim() || NaN);
    if (typed >= lowest && typed <= highest) onChange(typed);
    else made.value = value;
  });
  return made;
}
