/**
 * What the robot adds to the chat's page.
 *
 * Its message comes empty, and then {type: "words", id, text} for each piece of it; the
 * whole of it once more when it is complete, or {type: "gone", id} if it broke off.
 */

import { following, hear, shown } from "../chat/chat.js";

const { history, message } = hear;

/** The room is there again: what it has broken off is not in its history. */
hear.history = (frame) => {
  const known = new Set(frame.messages.map(({ id }) => id));
  for (const [id, item] of shown) {
    if (item.ariaBusy === "true" && !known.has(id)) hear.gone({ id });
  }
  frame.messages.filter(({ id, robot }) => robot && shown.has(id)).forEach(complete);
  history(frame);
};

hear.message = (frame) => {
  if (frame.robot && shown.has(frame.id)) return complete(frame);
  message(frame);
  if (frame.robot) shown.get(frame.id).ariaBusy = "true";
};

function complete({ id, text }) {
  const item = shown.get(id);
  following(() => (item.querySelector(".text").textContent = text));
  item.ariaBusy = "false"; // a screen reader reads it now, not word by word
}

hear.words = ({ id, text }) => {
  const item = shown.get(id);
  if (!item) return;
  item.ariaBusy = "true"; // for those, too, who came in the middle
  following(() => item.querySelector(".text").append(text));
};

hear.gone = ({ id }) => {
  shown.get(id)?.remove();
  shown.delete(id);
};
