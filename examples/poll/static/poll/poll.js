/**
 * The poll's page.
 *
 * The room says {poll, counts} by WebSocket: poll is {question, options, closes_at,
 * is_open}, or null; counts are the votes by an option's number. The page asks and votes
 * by POST, and is answered with the same and "yours", the number of its own vote.
 */

import { csrf, element, room, showStatus } from "../page.js";
import { RoomSocket } from "../room-socket.js";

const url = `/parties/poll/${encodeURIComponent(room)}`;
const state = { poll: null, counts: {}, yours: null };

// --- What the room says ---

const socket = new RoomSocket("poll", room);

socket.addEventListener("message", ({ detail }) => {
  const { poll, counts } = JSON.parse(detail);
  const isAnother = poll?.closes_at !== state.poll?.closes_at;
  learn({ poll, counts, ...(isAnother && { yours: null }) });
});

showStatus(socket);
socket.addEventListener("status", ({ detail }) => {
  if (detail === "open") request("GET", url); // for "yours"
});

async function request(method, address, body) {
  element("notice").textContent = "";
  const headers = { Accept: "application/json", "X-CSRFToken": csrf };
  if (body) headers["Content-Type"] = "application/json";
  try {
    const response = await fetch(address, { method, headers, body: body && JSON.stringify(body) });
    const answer = await response.json();
    if (response.ok) learn(answer);
    else element("notice").textContent = Object.values(answer).flat(2).join(" ");
    return response.ok;
  } catch {
    element("notice").textContent = "The server cannot be reached. Try again in a moment.";
    return false;
  }
}

function learn(news) {
  Object.assign(state, news);
  show();
}

// --- The poll ---

function show() {
  const { poll } = state;
  element("poll").hidden = !poll;
  element("again").hidden = !poll || poll.is_open || !element("ask").hidden;
  if (!poll) element("ask").hidden = false;
  if (poll?.is_open) element("ask").hidden = true;
  if (!poll) return;
  element("poll").classList.toggle("closed", !poll.is_open);
  element("question").textContent = poll.question;
  const counts = poll.options.map((_, number) => state.counts[number] ?? 0);
  const total = counts.reduce((sum, count) => sum + count, 0);
  element("total").textContent = total === 1 ? "1 vote" : `${total.toLocaleString()} votes`;
  buttons(poll.options.length).forEach((button, number) => {
    const count = counts[number];
    button.disabled = !poll.is_open;
    button.ariaPressed = String(state.yours === number);
    button.classList.toggle("most", count > 0 && count === Math.max(...counts));
    button.querySelector(".text").textContent = poll.options[number];
    button.querySelector(".count").textContent = count.toLocaleString();
    button.style.setProperty("--share", total && count / total);
  });
  tell();
}

/** As many as there are options; those that are there stay, with the focus on them. */
function buttons(count) {
  const list = element("options");
  while (list.children.length > count) list.lastElementChild.remove();
  while (list.children.length < count) {
    const number = list.children.length;
    list.append(element("option").content.cloneNode(true));
    list.lastElementChild.firstElementChild.addEventListener("click", () => {
      request("POST", `${url}/votes`, { option: number });
    });
  }
  return list.querySelectorAll("button");
}

/** How long the poll is open yet; the room's alarm is what closes it. */
function tell() {
  const { poll } = state;
  if (!poll) return;
  const seconds = Math.max(0, Math.ceil((new Date(poll.closes_at) - Date.now()) / 1_000));
  const parts = [Math.floor(seconds / 3_600), Math.floor(seconds / 60) % 60, seconds % 60];
  const text = parts.map((part) => String(part).padStart(2, "0")).join(":").replace(/^00:/, "");
  element("closing").textContent = poll.is_open ? `Closes in ${text}` : "This poll is closed";
}

setInterval(tell, 1_000);

// --- A new one ---

element("again").addEventListener("click", () => {
  element("ask").hidden = false;
  element("again").hidden = true;
  element("new-question").focus();
});

element("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  const lines = element("new-options").value.split("\n").map((line) => line.trim());
  const isAsked = await request("POST", url, {
    question: element("new-question").value,
    options: lines.filter(Boolean),
    minutes: Number(element("minutes").value),
  });
  if (isAsked) element("options").querySelector("button").focus();
});

socket.open();
