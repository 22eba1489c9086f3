/**
 * The building's page: one WebSocket to the building, another one to the place it is in.
 *
 * The building sends {place: people}: all places at first, then each place that changes. A
 * place is "building:name", and people are names. The places send nothing: a client that is
 * connected is there.
 */

import { element, room, showStatus } from "../page.js";
import { avatar, hueOf, recall, remember } from "../people.js";
import { RoomSocket } from "../room-socket.js";

const PLACES = ["Kitchen", "Library", "Garden", "Workshop"]; // that are always shown
const HERE = `partyrooms.place.${room}`; // where this tab is, for a reload

const people = new Map(); // by the place's name
let place = null; // the socket to where this page is
let here = null; // the name of that

// --- From the building ---

const building = new RoomSocket("building", room);

building.addEventListener("message", ({ detail }) => {
  for (const [id, names] of Object.entries(JSON.parse(detail))) {
    people.set(id.slice(id.lastIndexOf(":") + 1), names);
  }
  show();
});

showStatus(building);
building.addEventListener("status", ({ detail }) => {
  if (detail === "open") people.clear(); // It sends all of them again.
});

// --- Being somewhere ---

function go(name) {
  place?.close();
  place = null;
  here = name;
  keep(HERE, name ?? "");
  if (name !== null) {
    place = new RoomSocket("place", `${room}:${name}`, { name: element("name").value });
    place.open();
  }
  show();
}

element("who").addEventListener("submit", (event) => event.preventDefault());
element("name").addEventListener("change", () => {
  remember(element("name").value.trim());
  if (here !== null) place.open({ name: element("name").value });
});

element("elsewhere").addEventListener("submit", (event) => {
  event.preventDefault();
  go(element("other").value.trim());
  element("other").value = "";
});

// --- The places ---

const cards = new Map(); // by the place's name

function show() {
  const lively = [...people].filter(([, names]) => names.length > 0).map(([name]) => name);
  const names = new Set([...PLACES, ...lively.sort(), ...(here === null ? [] : [here])]);
  for (const [name, card] of cards) {
    if (!names.has(name)) {
      card.remove();
      cards.delete(name);
    }
  }
  for (const name of names) showPlace(name);
}

function showPlace(name) {
  const card = cards.get(name) ?? added(name);
  const names = people.get(name) ?? [];
  card.classList.toggle("mine", name === here);
  card.classList.toggle("empty-place", names.length === 0);
  card.querySelector(".people").replaceChildren(...names.map(person));
  const button = card.querySelector("button");
  button.textContent = name === here ? "Leave" : "Go in";
  button.ariaLabel = name === here ? `Leave ${name}` : `Go into ${name}`;
}

function added(name) {
  const card = element("place").content.cloneNode(true).firstElementChild;
  card.style.setProperty("--hue", hueOf(name));
  card.querySelector("h2").textContent = name;
  card.querySelector("button").addEventListener("click", () => go(name === here ? null : name));
  cards.set(name, card);
  element("places").append(card);
  return card;
}

function person(name) {
  const item = document.createElement("li");
  const label = document.createElement("bdi");
  label.textContent = name;
  item.append(avatar(name), label);
  return item;
}

// --- What the tab remembers ---

function keep(key, value) {
  try {
    sessionStorage.setItem(key, value);
  } catch {
    // Storage is switched off: after a reload the page is in no place.
  }
}

function kept(key) {
  try {
    return sessionStorage.getItem(key) || null;
  } catch {
    return null;
  }
}

element("name").value = recall();
building.open();
go(kept(HERE));
