/**
 * Renders the component of docs/how-to/use-from-react.md, without a browser.
 *
 * Arguments: the folder with its two files, the host, the room. Each line of the input is
 * typed into its form; each list that it shows is a line of JSON of the output.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createElement, Profiler } from "react";
import { create } from "react-test-renderer";
import { transform } from "sucrase";
import WebSocket from "ws";

const [folder, host, room] = process.argv.slice(2);
globalThis.WebSocket = WebSocket;
globalThis.location = { host };

const source = readFileSync(`${folder}/Chat.jsx`, "utf-8");
const options = { transforms: ["jsx"], jsxRuntime: "automatic", production: true };
writeFileSync(`${folder}/Chat.js`, transform(source, options).code);
const { Chat } = await import(`${folder}/Chat.js`);

let renderer;
const only = (type) => renderer.root.findByType(type).props;

function show() {
  const items = renderer.root.findAllByType("li").map(({ props }) => props);
  const texts = (isPending) =>
    items.filter((item) => !!item["aria-busy"] === isPending).map(({ children }) => children);
  console.log(JSON.stringify([texts(false), texts(true), only("p").children === "Connected"]));
}

// After each rendering that React has committed, so that none is missed.
const chat = createElement(Profiler, { id: "chat", onRender: show }, createElement(Chat, { room }));
renderer = create(chat);

createInterface({ input: process.stdin }).on("line", (line) => {
  only("form").action(new Map([["text", line]]));
});
