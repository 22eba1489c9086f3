/**
 * The counter page: one number, two ways to change it, and two to follow it.
 *
 * The room says {count}; the page says "+1" by WebSocket, or sends a POST. To an
 * EventSource the room says the number.
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

// --- Server-sent events: only on request, for a browser has six connections to a host ---

let source = null;

element("follow").addEventListener("click", () => {
  const isWanted = source === null;
  element("follow").ariaPressed = String(isWanted);
  element("followed").textContent = "";
  if (isWanted) follow();
  else unfollow();
});

function follow() {
  source = new EventSource(url);
  source.addEventListener("message", ({ data }) => {
    element("followed").textContent = Number(data).toLocaleString();
    trace(`EventSource: ${data}`);
  });
  source.addEventListener("error", () => {
    // It comes back by itself, unless the server gave an answer that is no stream.
    if (source?.readyState !== EventSource.CLOSED) return;
    unfollow();
    source = { close: clearTimeout.bind(null, setTimeout(follow, 2_000)) };
  });
}

function unfollow() {
  source.close();
  source = null;
}

function trace(text) {
  element("trace").textContent = text;
}

showStatus(socket);
socket.open();
