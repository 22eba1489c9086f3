/**
 * The table.
 *
 * The room says {you} once, "X", "O" or "spectator", and then, of every change, {board,
 * turn, line, players, spectators}; a player says "0" to "8", or "again". What may be
 * played is the room's affair: the page only does not offer what would be refused.
 */

import { element, room, showStatus } from "../page.js";
import { RoomSocket } from "../room-socket.js";

const SEAT = `partyrooms.seat.${room}`; // of this tab: a second one may take the other
const SHAPES = { X: "M5 5 19 19M19 5 5 19", O: "M12 4.5a7.5 7.5 0 1 0 .01 0z" };

const board = element("board");
const socket = new RoomSocket("tictactoe", room, { seat: recallSeat() });
let you = "spectator";
let game = { board: ".".repeat(9), turn: "X", line: null, players: [], spectators: 0 };
let isOpen = false;

// --- What the room says ---

socket.addEventListener("message", ({ detail }) => {
  const frame = JSON.parse(detail);
  if ("you" in frame) {
    you = frame.you;
    rememberSeat(you); // It is not the one asked for, if somebody sits there.
  } else {
    game = frame;
  }
  show();
});

showStatus(socket);
socket.addEventListener("status", ({ detail }) => {
  isOpen = detail === "open";
  show();
});

// --- The board ---

const cells = Array.from({ length: 9 }, (_, number) => {
  const cell = document.createElement("button");
  cell.type = "button";
  cell.className = "cell";
  cell.addEventListener("click", () => {
    if (cell.ariaDisabled === "false") socket.send(String(number));
  });
  board.append(cell);
  return cell;
});

board.addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -3, ArrowDown: 3 }[event.key];
  const target = cells[cells.indexOf(document.activeElement) + step];
  if (!target) return;
  event.preventDefault();
  target.focus();
});

function show() {
  const { turn, line, players, spectators } = game;
  cells.forEach((cell, number) => showCell(cell, number));
  board.classList.toggle("over", line !== null);
  for (const mark of ["X", "O"]) {
    const seat = element(mark);
    seat.classList.toggle("mine", mark === you);
    seat.classList.toggle("turn", mark === turn);
    seat.disabled = !isOpen || players.includes(mark);
    seat.querySelector("span").textContent =
      mark === you ? "You" : players.includes(mark) ? "Taken" : "Sit down";
  }
  element("state").textContent = state();
  const looking = spectators === 1 ? "1 looks on" : `${spectators} look on`;
  element("spectators").textContent = spectators ? looking : "Nobody looks on";
  element("stand").hidden = you === "spectator";
  element("again").hidden = turn !== null || you === "spectator";
  element("again").disabled = !isOpen;
}

function showCell(cell, number) {
  const mark = game.board[number];
  if ((cell.dataset.mark ?? ".") !== mark) {
    cell.innerHTML = mark in SHAPES ? `<svg viewBox="0 0 24 24" aria-hidden="true"><path d="${SHAPES[mark]}"/></svg>` : "";
    cell.dataset.mark = mark;
  }
  cell.classList.toggle("won", game.line?.includes(number) ?? false);
  const place = `Row ${Math.floor(number / 3) + 1}, column ${(number % 3) + 1}`;
  cell.ariaLabel = `${place}: ${mark === "." ? "empty" : mark}`;
  // Not disabled, which would take the focus away from whoever plays by keyboard.
  cell.ariaDisabled = String(mark !== "." || game.turn !== you || !isOpen);
}

function state() {
  const { turn, line, players } = game;
  if (line) {
    const winner = game.board[line[0]];
    return winner === you ? "You win!" : `${winner} wins`;
  }
  if (turn === null) return "A draw";
  if (turn === you) return "Your turn";
  if (!players.includes(turn)) return `Who plays ${turn}?`;
  return `${turn} is to move`;
}

element("again").addEventListener("click", () => socket.send("again"));

// --- The seats ---

for (const mark of ["X", "O"]) element(mark).addEventListener("click", () => sit(mark));
element("stand").addEventListener("click", () => sit("spectator"));

/** Come in again, for the seat: what a connection may do is settled when it opens. */
function sit(seat) {
  socket.open({ seat });
}

function recallSeat() {
  try {
    return sessionStorage.getItem(SEAT) ?? "spectator";
  } catch {
    return "spectator"; // storage is switched off: a reload stands up
  }
}

function rememberSeat(seat) {
  try {
    sessionStorage.setItem(SEAT, seat);
  } catch {
    // As above.
  }
}

show();
socket.open();
