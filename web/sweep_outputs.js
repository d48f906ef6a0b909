// The pictures of Slider Sweep are outputs of its run, in the history and the Assets. On the node, the viewer shows them.

import { app } from "../../scripts/app.js";

app.registerExtension({
  name: "ConceptSliders.SweepOutputs",

  nodeCreated(node) {
    if (node.comfyClass === "SliderSweep") node.hideOutputImages = true;
  },
});
