/**
 * The page of a room.
 *
 * The room sends lists of texts: first what was said before, then each new one. The page
 * sends a text. Texts enter the page as text (textContent), never as HTML.
 */

const element = (id) => document.getElementById(id);
const form = element("form");
const url = new URL(form.dataset.address, location.href);
url.protocol = location.protocol === "https:" ? "wss:" : "ws:";

// Milliseconds.
const FIRST_DELAY = 250;
const LONGEST_DELAY = 8_000;

let socket;
let failures = 0;

function connect() {
  socket = new WebSocket(url);
  showStatus("Connecting", false);
  socket.onopen = () => {
    failures = 0;
    element("messages").replaceChildren(); // the room sends them again
    showStatus("Connected", true);
  };
  socket.onmessage = ({ data }) => JSON.parse(data).forEach(showMessage);
  socket.onclose = ({ code }) => {
    // 4000-4999 are the application's own: it does not want this client.
    if (code >= 4000) return showStatus("Closed", false);
    showStatus("Connecting again", false);
    // Twice as long after each failure, and never all clients at the same moment.
    const delay = Math.min(FIRST_DELAY * 2 ** failures++, LONGEST_DELAY);
    setTimeout(connect, delay * (0.5 + Math.random() / 2));
  };
}

function showMessage(text) {
  const item = document.createElement("li");
  item.textContent = text;
  element("messages").append(item);
}

function showStatus(text, isOpen) {
  element("status").textContent = text;
  form.querySelector("button").disabled = !isOpen;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  socket.send(element("text").value);
  element("text").value = "";
});

connect();
