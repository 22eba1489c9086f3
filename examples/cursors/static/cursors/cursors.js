/**
 * The canvas: where everyone's pointer is.
 *
 * The room says {id: [x, y]}, of all at first and then of those that have moved, or
 * {id: null} of one that has left; the page says [x, y] or null. Both count from 0 to 1,
 * so that a small screen and a large one agree.
 */

import { element, room, showStatus } from "../page.js";
import { hashOf, hueOf } from "../people.js";
import { RoomSocket } from "../room-socket.js";

const FRAME = 1_000 / 60; // milliseconds: more often is of no use, and the room counts
const STEP = 0.02; // of the canvas, for each press of an arrow key

const canvas = element("canvas");
const cursors = new Map(); // the elements on the canvas, by id
const socket = new RoomSocket("cursors", room);
let position = null; // this page's own
let timer = null;

// --- What the room says ---

socket.addEventListener("message", ({ detail }) => {
  for (const [id, place] of Object.entries(JSON.parse(detail))) {
    // This page knows better where its own pointer is by now.
    if (id !== socket.id) show(id, place);
  }
});

showStatus(socket);
socket.addEventListener("status", ({ detail }) => {
  if (detail !== "open") return;
  // The room is new, or has gone on without this page: it tells where the others are.
  for (const id of cursors.keys()) if (id !== socket.id) show(id, null);
  if (position) send();
});

// --- What this page says ---

canvas.addEventListener("pointermove", move);
canvas.addEventListener("pointerdown", move);
canvas.addEventListener("blur", () => put(null));
canvas.addEventListener("pointerleave", ({ pointerType }) => {
  if (pointerType === "mouse") put(null); // a finger leaves its pointer where it was
});

function move(event) {
  const { left, top, width, height } = canvas.getBoundingClientRect();
  put([(event.clientX - left) / width, (event.clientY - top) / height]);
}

const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

canvas.addEventListener("keydown", (event) => {
  if (!(event.key in arrows)) return;
  event.preventDefault();
  const [x, y] = position ?? [0.5, 0.5];
  const [right, down] = arrows[event.key];
  put([x + right * STEP, y + down * STEP]);
});

/** Show the own pointer at once, and tell the room once in a frame. */
function put(place) {
  position = place?.map((part) => Math.min(Math.max(part, 0), 1)) ?? null;
  show(socket.id, position);
  timer ??= setTimeout(send, FRAME);
}

function send() {
  clearTimeout(timer);
  timer = null;
  if (!socket.isOpen) return;
  socket.send(JSON.stringify(position?.map((part) => Number(part.toFixed(4))) ?? null));
}

// --- The canvas ---

function show(id, place) {
  if (place) {
    const cursor = cursors.get(id) ?? added(id);
    const [x, y] = place;
    cursor.style.setProperty("--x", x);
    cursor.style.setProperty("--y", y);
    cursor.classList.toggle("right", x > 0.8);
    cursor.classList.toggle("low", y > 0.9);
  } else {
    cursors.get(id)?.remove();
    cursors.delete(id);
  }
  canvas.classList.toggle("used", cursors.size > 0);
  const others = cursors.size - cursors.has(socket.id);
  const text = others === 0 ? "Nobody else yet" : `${others} ${others === 1 ? "other" : "others"}`;
  if (element("others").textContent !== text) element("others").textContent = text;
}

function added(id) {
  const cursor = element("cursor").content.cloneNode(true).firstElementChild;
  cursor.classList.toggle("mine", id === socket.id);
  label(cursor.querySelector(".chip"), id);
  cursor.style.setProperty("--hue", hueOf(id));
  cursors.set(id, cursor);
  canvas.append(cursor);
  return cursor;
}

/** A name for an id, the same on every page. */
function label(chip, id) {
  const kinds = ["Brave", "Calm", "Gentle", "Merry", "Nimble", "Proud", "Quiet", "Swift"];
  const animals = ["badger", "crane", "fox", "hare", "lynx", "newt", "otter", "panda", "robin", "seal", "toad"];
  const hash = hashOf(id);
  const name = `${kinds[hash % kinds.length]} ${animals[hash % animals.length]}`;
  chip.textContent = id === socket.id ? `${name} (you)` : name;
  chip.style.setProperty("--hue", hueOf(id));
}

label(element("me"), socket.id);
show(socket.id, null);
socket.open();
