// The pictures of a sweep, fetched when they are looked at: the one that is, and its neighbours.

import { api } from "../../../scripts/api.js";
import { element } from "../elements.js";

export class Pictures {
  constructor(frames) {
    this.frames = frames;
    this.made = new Map();
  }

  address(row, column) {
    const { filename, subfolder, type } = this.frames[row][column];
    return api.apiURL(`/view?${new URLSearchParams({ filename, subfolder, type })}`);
  }

  /** The picture as an element that is loaded. Rejects if it is no longer there. */
  async at(row, column) {
    const picture = this.asked(row, column);
    await picture.decode();
    return picture;
  }

  /** Asks for the pictures at both sides, so that the next step shows at once. */
  around(row, column) {
    for (const next of [column - 1, column + 1]) if (this.frames[row][next]) this.asked(row, next);
  }

  asked(row, column) {
    const place = `${row} ${column}`;
    if (!this.made.has(place)) {
      this.made.set(place, element("img", { src: this.address(row, column), draggable: false }));
    }
    return this.made.get(place);
  }
}
