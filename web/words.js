// All words of the viewer, the panel, the reports, the mixer and the strength slider, by ComfyUI's codes of languages.
// English, here, has every key; the other languages, in words/, are held complete by a test.

import { app } from "../../scripts/app.js";
import ar from "./words/ar.js";
import es from "./words/es.js";
import fa from "./words/fa.js";
import fr from "./words/fr.js";
import he from "./words/he.js";
import hi from "./words/hi.js";
import ja from "./words/ja.js";
import ko from "./words/ko.js";
import ptBR from "./words/pt-BR.js";
import ru from "./words/ru.js";
import tr from "./words/tr.js";
import zh from "./words/zh.js";
import zhTW from "./words/zh-TW.js";

export const WORDS = {
  en: {
    hint: "Run this node to drag through its strengths here.",
    promptAndSeed: "Prompt and seed",
    strength: "Strength",
    picture: "{prompt}, {seed}, strength {strength}",
    usable: "Usable range {low} to {high}",
    outside: "Usable range {low} to {high}, this is outside",
    noRange: "No usable range was found; see the report.",
    gone: "The pictures are no longer on the server: run the node again to see them.",
    hold: "Hold to see strength 0 (key 0)",
    wipe: "Wipe between two strengths",
    wipeLeft: "Strength on the left",
    wipeLine: "Place of the line between the two",
    play: "Play through the strengths",
    full: "Full size",
    save: "Save image",
    open: "Open image in a new tab",
    close: "Close full size",
    use: "Use this strength",
    useIn: "Apply Slider to set",
    used: "{title} is at {strength} now.",
    noApply: "There is no Apply Slider in this workflow to set.",
    applyTitle: "{title} ({id})",
    fileRange: "Usable from {low} to {high}, as measured by a sweep.",
    noFileRange: "The usable range is not known: a Slider Sweep measures it.",
    row: "Row {number}",
    ofRow: "Row {number}: {of}",
    on: "On",
    file: "File",
    name: "Name",
    start: "Start",
    end: "End",
    details: "Start, end and name",
    reorder: "Drag, or press ↑ or ↓, to reorder",
    removeRow: "Remove this slider",
    addSlider: "Add slider",
    preset: "Preset",
    load: "Load",
    keep: "Save",
    delete: "Delete",
    previewAt: "Preview at step {step}",
    previews: "Previews of the training",
    report: "Report",
    step: "step {step} of {steps}",
    perStep: "{seconds} s a step",
    left: "{time} left",
    rate: "rate {rate}",
    finished: "finished",
    stopped: "cancelled",
    failed: "ended by an error",
    lossOver: "Loss over {step} steps",
    positive: "positive",
    negative: "negative",
    neutral: "neutral",
    loss: "loss",
    seconds: "{seconds} s",
    minutes: "{minutes} min",
    hours: "{hours} h",
  },
  ar,
  es,
  fa,
  fr,
  he,
  hi,
  ja,
  ko,
  "pt-BR": ptBR,
  ru,
  tr,
  zh,
  "zh-TW": zhTW,
};

/** The words of a key in the page's language, with {names} replaced by values. */
export function words(key, values = {}) {
  const language = app.extensionManager?.setting.get("Comfy.Locale") ?? "en";
  const table = WORDS[language] ?? WORDS[language.split("-")[0]];
  return (table?.[key] ?? WORDS.en[key]).replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** A strength as it is written: +1, 0, −0.5. */
export function signed(strength) {
  const rounded = Number(strength.toFixed(3));
  return rounded > 0 ? `+${rounded}` : String(rounded).replace("-", "−");
}
