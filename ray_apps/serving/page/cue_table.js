// The table of cues: where they are read, walked through and edited. It knows no player and no server.

import { inWords, judgementOf } from "./reasons.js";
import { cleanLines, parseTime, readingSpeed, showTime } from "./subtitle_files.js";

const calm = matchMedia("(prefers-reduced-motion: reduce)");

export class CueTable {
  cues = [];
  #rows = [];
  #body;
  #on;
  #languages = { target: "", source: "" };
  #playing = -1;
  #current = 0; // the row that Tab comes to

  constructor(table, on) {
    this.#body = table.tBodies[0];
    this.#on = on;
    this.#body.addEventListener("click", (event) => this.#click(event));
    this.#body.addEventListener("keydown", (event) => this.#key(event));
    this.#body.addEventListener("focusin", (event) => this.#moveTo(this.#positionOf(event.target)));
  }

  clear(languages) {
    this.#languages = languages;
    this.cues = [];
    this.#rows = [];
    this.#playing = -1;
    this.#current = 0;
    this.#body.replaceChildren();
  }

  add(sent) {
    const cue = {
      index: sent.index,
      start: wholeMilliseconds(sent.start),
      end: wholeMilliseconds(sent.end),
      lines: cleanLines(sent.text ?? ""),
      source: sent.source ?? "",
      verdict: sent.verdict ?? "accepted",
      reasons: sent.reasons ?? [],
      edited: false,
    };
    cue.original = { start: cue.start, end: cue.end, lines: cue.lines };
    const row = document.getElementById("cue-row").content.firstElementChild.cloneNode(true);
    this.cues.push(cue);
    this.#rows.push(row);
    this.#show(this.cues.length - 1);
    this.#body.append(row);
    return cue;
  }

  // The spoken language may be known at the end only.
  heard(language) {
    this.#languages.source = language;
    for (const source of this.#body.querySelectorAll(".source")) source.lang = language;
  }

  playAt(seconds, follow) {
    const position = this.#at(seconds);
    if (position === this.#playing) return;
    this.#mark(this.#playing, false);
    this.#playing = position;
    this.#mark(position, true);
    this.#on.playing(this.cues[position]);
    if (position >= 0 && follow && !this.#body.querySelector(".editor")) bringIntoView(this.#rows[position]);
  }

  #at(seconds) {
    let low = 0;
    let high = this.cues.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.cues[middle].start <= seconds) low = middle + 1;
      else high = middle;
    }
    return low > 0 && seconds < this.cues[low - 1].end ? low - 1 : -1;
  }

  #mark(position, playing) {
    const row = this.#rows[position];
    if (!row) return;
    row.classList.toggle("playing", playing);
    if (playing) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }

  #show(position) {
    const [cue, row] = [this.cues[position], this.#rows[position]];
    const judgement = judgementOf(cue);
    row.dataset.mark = judgement.mark;
    row.querySelector(".number").textContent = cue.index;
    const jump = row.querySelector(".jump");
    jump.textContent = showTime(cue.start);
    jump.setAttribute("aria-label", `Go to cue ${cue.index} at ${showTime(cue.start)}`);
    row.querySelector(".end").textContent = showTime(cue.end);
    const target = row.querySelector(".target");
    target.textContent = cue.lines.join("\n");
    target.lang = this.#languages.target;
    const source = row.querySelector(".source");
    source.textContent = cue.source === cue.lines.join(" ") ? "" : cue.source; // a transcript needs no second one
    source.lang = this.#languages.source;
    row.querySelector(".speed .value").textContent = readingSpeed(cue.lines, cue.end - cue.start).toFixed(1);
    row.querySelector(".flag").textContent = judgement.word;
    row.querySelector(".reasons").replaceChildren(...judgement.reasons.map(listItem));
    row.querySelector(".edit").setAttribute("aria-label", `Edit cue ${cue.index}`);
    for (const button of row.querySelectorAll(".jump, .edit")) button.tabIndex = position === this.#current ? 0 : -1;
  }

  #positionOf(element) {
    return this.#rows.indexOf(element.closest("tr"));
  }

  #moveTo(position) {
    if (position < 0 || position === this.#current) return;
    for (const [at, tabIndex] of [[this.#current, -1], [position, 0]]) {
      for (const button of this.#rows[at].querySelectorAll(".jump, .edit")) button.tabIndex = tabIndex;
    }
    this.#current = position;
  }

  #click(event) {
    const position = this.#positionOf(event.target);
    if (position < 0 || event.target.closest(".editor")) return;
    if (event.target.closest(".edit")) this.#edit(position);
    else if (event.target.closest(".jump") || getSelection().isCollapsed) this.#on.jump(this.cues[position]);
  }

  #key(event) {
    const position = this.#positionOf(event.target);
    if (position < 0 || event.target.closest(".editor") || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) this.#rows[position + step]?.querySelector(`.${event.target.classList[0]}`).focus();
    else if (event.key === "e" || event.key === "E") this.#edit(position);
    else return;
    event.preventDefault();
  }

  #edit(position) {
    const cue = this.cues[position];
    const row = this.#rows[position];
    if (row.querySelector(".editor")) return;
    const editor = document.getElementById("cue-editor").content.firstElementChild.cloneNode(true);
    const [start, stop, text] = [".start", ".stop", "textarea"].map((name) => editor.querySelector(name));
    start.value = showTime(cue.start);
    stop.value = showTime(cue.end);
    text.value = cue.lines.join("\n");
    text.lang = this.#languages.target;
    editor.setAttribute("aria-label", `Edit cue ${cue.index}`);
    editor.querySelector(".undo").hidden = !cue.edited;

    const read = () => ({ start: parseTime(start.value), end: parseTime(stop.value), lines: cleanLines(text.value) });
    const measure = () => {
      const { start: from, end: to, lines } = read();
      const longest = Math.max(0, ...lines.map((line) => [...line].length));
      const speed = from === null || to === null ? "" : `${readingSpeed(lines, to - from).toFixed(1)} char/s, `;
      editor.querySelector(".measure").textContent = `${speed}longest line ${longest}`;
    };
    const leave = (changed) => {
      editor.remove();
      row.classList.remove("editing");
      if (changed) {
        Object.assign(cue, changed);
        cue.edited = !same(cue, cue.original);
        this.#show(position);
        this.#on.edited(cue);
        if (position === this.#playing) this.#on.playing(cue);
      }
      row.querySelector(".edit").focus();
    };
    const save = () => {
      const wanted = read();
      const wrong = this.#complaint(wanted, position);
      editor.querySelector(".complaint").textContent = wrong;
      if (wrong) start.focus();
      else leave(same(wanted, cue) ? null : wanted);
    };
    editor.addEventListener("input", measure);
    editor.addEventListener("submit", (event) => {
      event.preventDefault();
      save();
    });
    editor.addEventListener("keydown", (event) => {
      if (event.key === "Escape") leave(null);
      else if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) save();
      else return;
      event.preventDefault(); // or the key would press the button that has the focus now
    });
    editor.querySelector(".leave").addEventListener("click", () => leave(null));
    editor.querySelector(".undo").addEventListener("click", () => leave({ ...cue.original }));

    row.querySelector(".text").append(editor);
    row.classList.add("editing");
    measure();
    text.focus();
  }

  // Why these times cannot be, or "".
  #complaint({ start, end }, position) {
    if (start === null || end === null) return "Write a time as minutes:seconds, such as 01:23.450.";
    if (end <= start) return "A cue has to end after it starts.";
    const [before, cue, after] = [-1, 0, 1].map((step) => this.cues[position + step]);
    if (before && start !== cue.start && start < before.end) return `Cue ${before.index} is shown until ${showTime(before.end)}: start later.`;
    if (after && end !== cue.end && end > after.start) return `Cue ${after.index} starts at ${showTime(after.start)}: end earlier.`;
    return "";
  }
}

// Near rows glide in. Rows far away have a guessed height until they are seen, so these are gone to twice, with room.
function bringIntoView(row) {
  const { top, bottom } = row.getBoundingClientRect();
  const near = top > -innerHeight / 2 && bottom < 1.5 * innerHeight;
  const go = () => row.scrollIntoView({ block: "center" });
  if (near) row.scrollIntoView({ block: "nearest", behavior: calm.matches ? "auto" : "smooth" });
  else {
    go();
    requestAnimationFrame(go);
  }
}

function wholeMilliseconds(seconds) {
  return Math.round(seconds * 1000) / 1000;
}

function same(a, b) {
  return a.start === b.start && a.end === b.end && a.lines.join("\n") === b.lines.join("\n");
}

function listItem(reason) {
  const item = document.createElement("li");
  item.textContent = inWords(reason);
  return item;
}
