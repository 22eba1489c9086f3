/**
 * The counter page: one number, two ways to change it.
 *
 * The room says {count}; the page says "+1" by WebSocket, or sends a POST.
 */

import { csrf, element, room, showStatus } from "../page.js";
import { RoomSocket } from "../room-socket.js";

const url = `/parties/counter/${encodeURIComponent(room)}`;

const socket = new RoomSocket("counter", room);

socket.addEventListener("message", ({ detail }) => {
  element("count").textContent = JSON.parse(detail).count.toLocaleString();
  trace(`WebSocket: ${detail}`);
});

socket.addEventListener("status", ({ detail }) => {
  element("by-socket").disabled = detail !== "open";
});

element("by-socket").addEventListener("click", () => socket.send("+1"));

element("by-http").addEventListener("click", async () => {
  try {
    const response = await fetch(url, {
      method: "POST",
      // Only a logged-in user needs the token: the cookie is what could be abused.
      headers: { Accept: "application/json", "X-CSRFToken": csrf },
    });
    trace(`POST ${url}: ${response.status} ${await response.text()}`);
  } catch {
    trace(`POST ${url}: the server cannot be reached`);
  }
});

function trace(text) {
  element("trace").textContent = text;
}

showStatus(socket);
socket.open();
