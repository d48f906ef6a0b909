// New slider files are in every list of LoRAs at once.

import { api } from "../../scripts/api.js";
import { app } from "../../scripts/app.js";
import { EVENT } from "./training.js";

api.addEventListener(EVENT, ({ detail }) => {
  if (detail.ended) app.refreshComboInNodes();
});
