/** People as the pages show them: their names, kept in the browser, and their colours. */

const NAME = "partyrooms.name";

/** The name that somebody gave on this page or another one; "": none yet. */
export function recall() {
  try {
    return localStorage.getItem(NAME) ?? "";
  } catch {
    return ""; // storage is switched off: ask again next time
  }
}

export function remember(name) {
  try {
    localStorage.setItem(NAME, name);
  } catch {
    // As above.
  }
}

/** Initials on a colour that is always the same for one name. */
export function avatar(name, element = document.createElement("span")) {
  const letters = name.split(/\s+/).filter(Boolean).slice(0, 2);
  element.className = "avatar";
  element.ariaHidden = "true";
  element.textContent = letters.map((word) => Array.from(word)[0]).join("").toUpperCase();
  element.style.setProperty("--hue", hueOf(name));
  return element;
}

/** A colour's angle, from 0 to 359, that is always the same for one text. */
export function hueOf(text) {
  return hashOf(text) % 360;
}

/** A whole number that is always the same for one text. */
export function hashOf(text) {
  let hash = 0;
  for (const letter of text) hash = (hash * 31 + letter.codePointAt(0)) % 2 ** 31;
  return hash;
}
