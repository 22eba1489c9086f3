/**
 * The chat page.
 *
 * The room says {type: "history", messages}, {type: "message", ...}, {type: "people",
 * names} and {type: "refused", reason}; the page says {id, text}. What people wrote
 * enters the page as text (textContent), never as HTML.
 */

import { element, party, room, showStatus } from "../page.js";
import { avatar, recall, remember } from "../people.js";
import { RoomSocket, uuid } from "../room-socket.js";
import { Outbox } from "./outbox.js";

const GROUP = 5 * 60_000; // milliseconds within which one person's messages are a group

const title = document.title;
const scroller = element("scroller");
const field = element("text");
const naming = element("naming");

export const shown = new Map(); // the messages on the page, by id
let newest = null; // of them
let unread = 0;
let name = recall();

const socket = new RoomSocket(party, room);
const outbox = new Outbox(socket, showPending);

// --- What the room says ---

/** What is done with a frame, by its type; another module may know more of them. */
export const hear = {
  history({ messages }) {
    messages.forEach(show);
    element("empty").hidden = shown.size > 0;
    scrollDown();
    outbox.resume(shown);
  },
  message(message) {
    following(() => show(message), message.name === name);
    outbox.confirm(message.id);
    element("empty").hidden = true;
    if (document.hidden) countUnread(unread + 1);
  },
  people({ names }) {
    element("count").textContent = names.length;
    element("people").replaceChildren(...names.map(person));
  },
  refused({ reason }) {
    const refused = outbox.refuse();
    field.value ||= refused?.text ?? "";
    element("notice").textContent = reason;
  },
};

socket.addEventListener("message", ({ detail }) => {
  const frame = JSON.parse(detail);
  hear[frame.type]?.(frame);
});

showStatus(socket);

// --- Messages ---

function show(message) {
  if (shown.has(message.id)) return;
  const at = new Date(message.at);
  const day = at.toLocaleDateString(undefined, { weekday: "long", month: "long", day: "numeric" });
  if (newest?.day !== day) element("messages").append(dayLine(day));
  const item = filled(message.name, message.text);
  const isNear = newest?.day === day && at - newest.at < GROUP;
  item.classList.toggle("follows", isNear && newest.name === message.name);
  item.classList.toggle("mine", message.name === name);
  item.classList.toggle("robot", "robot" in message);
  const time = item.querySelector("time");
  time.dateTime = message.at;
  time.textContent = at.toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
  element("messages").append(item);
  newest = { at, day, name: message.name };
  shown.set(message.id, item);
}

function showPending(messages) {
  const items = messages.map(({ text }) => filled(name, text));
  items.forEach((item) => item.classList.add("mine", "follows"));
  element("pending").replaceChildren(...items);
}

function filled(author, text) {
  const item = element("message").content.cloneNode(true).firstElementChild;
  item.querySelector("bdi").textContent = author;
  item.querySelector(".text").textContent = text;
  avatar(author, item.querySelector(".avatar"));
  return item;
}

function dayLine(day) {
  const line = document.createElement("li");
  line.className = "day";
  line.textContent = day;
  return line;
}

function person(author) {
  const item = document.createElement("li");
  const label = document.createElement("bdi");
  label.textContent = author;
  item.append(avatar(author), label);
  item.classList.toggle("me", author === name);
  return item;
}

// --- Scrolling and the tab's title ---

function isDown() {
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
}

/** Change what is shown, and stay at its end if that is where the reader is. */
export function following(change, isWanted = false) {
  const follow = isWanted || isDown();
  change();
  if (follow) scrollDown();
  else element("newer").hidden = false;
}

function scrollDown() {
  scroller.scrollTop = scroller.scrollHeight;
  element("newer").hidden = true;
}

scroller.addEventListener("scroll", () => {
  if (isDown()) element("newer").hidden = true;
});
element("newer").addEventListener("click", scrollDown);

function countUnread(count) {
  unread = count;
  document.title = count ? `(${count}) ${title}` : title;
}

document.addEventListener("visibilitychange", () => {
  if (!document.hidden) countUnread(0);
});

// --- Writing ---

element("composer").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = field.value.trim();
  field.value = "";
  fit();
  element("notice").textContent = "";
  if (!text) return;
  outbox.add({ id: uuid(), text });
  scrollDown();
});

field.addEventListener("keydown", (event) => {
  // While an input method composes, Enter chooses a word.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  element("composer").requestSubmit();
});

field.addEventListener("input", fit);

function fit() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
}

// --- The name ---

element("rename").addEventListener("click", ask);

naming.addEventListener("close", () => {
  join(element("name").value.trim() || name || "Guest");
  field.focus();
});

function ask() {
  element("name").value = name;
  naming.showModal();
}

function join(chosen) {
  const isNew = chosen !== name;
  name = chosen;
  remember(name);
  element("rename").hidden = false;
  element("rename").querySelector("bdi").textContent = name;
  element("rename").ariaLabel = `You are ${name}. Change your name`;
  if (isNew || !socket.isOpen) socket.open({ name });
}

if (name) join(name);
else ask();
