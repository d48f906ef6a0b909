// The examples stand in the order of their names. ComfyUI lists them as the folder happens to.

import { api } from "../../scripts/api.js";
import { PACK } from "./results.js";

const templates = api.getWorkflowTemplates;
api.getWorkflowTemplates = async function () {
  const byPack = await templates.apply(this, arguments);
  byPack[PACK]?.sort();
  return byPack;
};
