// The pictures of Slider Sweep are outputs of its run, in the history and the Assets. On the node, the viewer shows them,
// and ComfyUI only the picture that is being made: else it would fetch all of them.

import { app } from "../../scripts/app.js";

const PREVIEW = "$$canvas-image-preview"; // ComfyUI's widget, in the classic renderer

app.registerExtension({
  name: "ConceptSliders.SweepOutputs",

  nodeCreated(node) {
    if (node.comfyClass !== "SliderSweep") return;
    node.hideOutputImages = true;
    const draw = node.onDrawBackground;
    node.onDrawBackground = function () {
      const place = app.extensionManager.workflow.nodeToNodeLocatorId(this);
      this.images = app.nodeOutputs[place]?.images; // as if they were shown already
      if (app.runningNodeId !== null) return draw?.apply(this, arguments);
      this.imgs = undefined;
      const preview = this.widgets.find((widget) => widget.name === PREVIEW);
      if (preview) this.removeWidget(preview);
    };
  },
});
