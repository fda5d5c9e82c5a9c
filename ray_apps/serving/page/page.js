// The page: what is chosen, what is shown while it works, and what can be taken away.

import { CueTable } from "./cue_table.js";
import { explain } from "./failures.js";
import { languageName, offerLanguages } from "./languages.js";
import { Player } from "./player.js";
import { requestSubtitles, servedModel } from "./request.js";
import { srt, vtt } from "./subtitle_files.js";

const part = (id) => document.getElementById(id);
const KEY = "voxtral-api-key";
const TITLE = document.title;

const UNPLAYABLE = {
  sound: "This browser plays the sound alone.",
  nothing: "This browser cannot play the file. Its subtitles are made all the same.",
};
const player = new Player(part("stage"), {
  time: (seconds) => table.playAt(seconds, part("follow").checked),
  playable: (what) => {
    part("unplayable").textContent = UNPLAYABLE[what] ?? "";
    part("unplayable").hidden = !(what in UNPLAYABLE);
  },
});
const table = new CueTable(part("cues"), {
  jump: (cue) => {
    player.goTo(cue.start);
    table.playAt(cue.start, false);
  },
  // Browsers show no track where there is no picture.
  playing: (cue) => (part("caption").textContent = cue ? cue.lines.join("\n") : ""),
  edited: (cue) => {
    player.put(cue);
    unsaved = true;
    showCount();
    say(cue.edited ? `Cue ${cue.index} is changed.` : `Cue ${cue.index} is as it was.`);
  },
});

let file = null;
let work = null; // the request under way
let unsaved = false; // edits that no download holds
let made = null; // what the subtitles at hand are: { target, demoModel, complete }
let milestone = 0;
let served = null; // the model behind the server, once it told

function choose(chosen) {
  if (!chosen || work || !mayDiscard()) return;
  file = chosen;
  const name = document.createElement("bdi");
  name.textContent = file.name;
  part("file-name").replaceChildren(name);
  part("file-hint").textContent = `${size(file.size)}, choose another`;
  complain(file.size ? "" : "This file is empty.");
  forget();
  player.load(file);
  part("progress").hidden = true;
  for (const id of ["result", "skip"]) part(id).hidden = false;
  part("empty").hidden = false;
  part("unplayable").hidden = true;
}

function forget() {
  const [spoken, target] = [named(part("spoken").value), part("target").value];
  table.clear({ target: target || spoken, source: spoken });
  part("caption").textContent = "";
  made = null;
  unsaved = false;
  showCount();
}

function start() {
  if (work) return;
  if (!file || !file.size) {
    complain("Choose an audio or video file first.");
    part("file").focus();
    return;
  }
  const key = part("key").value.trim();
  if (!canBeSent(key)) {
    complain("This key has characters that no key has.");
    part("key-box").open = true;
    part("key").focus();
    return;
  }
  if (!mayDiscard()) return;
  complain("");
  forget();
  const order = { file, key, spoken: part("spoken").value, target: part("target").value };
  const language = order.target || named(order.spoken);
  made = { target: language, demoModel: !part("demo").hidden, complete: false };
  player.newTrack(language ? languageName(language) : "As spoken", language);
  let sending = true;
  milestone = 0;
  show("Sending the file", 0, file.size, size);
  working(true);
  say("Sending the file.");
  work = requestSubtitles(order, {
    upload: (sent) => show("Sending the file", Math.min(sent, file.size), file.size, size),
    uploaded: () => {
      sending = false;
      show("Waiting for the server");
      say("The file is sent.");
    },
    progress: (done, duration) => {
      show("Listening and translating", done, duration, clock);
      announce(done / duration);
    },
    cue: (cue) => {
      player.put(table.add(cue));
      showCount();
    },
    done: (answer) => {
      if (answer.target) made.target = answer.target;
      made.complete = true;
      warnOfDemo(answer.demo_model);
      if (answer.language) table.heard(answer.language);
      show(finished(answer), 1, 1);
      part("bar").hidden = true;
      say(finished(answer));
      working(false);
      showCount();
    },
    failed: (failure) => {
      complain(explain(failure, sending) + kept(), true);
      part("progress").hidden = true;
      working(false);
      if (failure.status === 401 || failure.status === 403) {
        part("key-box").open = true;
        part("key").focus();
      }
    },
    cancelled: () => {
      part("progress").hidden = true;
      complain(`Cancelled.${kept()}`, true);
      working(false);
    },
  });
}

function working(now) {
  const focused = document.activeElement;
  part("choices").disabled = now;
  part("key").disabled = now;
  part("start").hidden = now;
  part("cancel").hidden = !now;
  if (!now) {
    work = null;
    document.title = TITLE;
  }
  if (now && [part("start"), document.body].includes(focused)) part("cancel").focus(); // or it would fall out of sight
  if (!now && focused === part("cancel")) part("start").focus();
}

// `amount` of `whole` in the words of `unit`; without them nobody knows how long it takes.
function show(phase, amount = null, whole = null, unit = null) {
  part("progress").hidden = false;
  part("phase").textContent = phase;
  part("bar").hidden = false;
  const known = amount !== null && whole > 0;
  if (known) part("bar").value = Math.min(amount / whole, 1);
  else part("bar").removeAttribute("value");
  part("amount").textContent = known && unit ? `${unit(amount)} of ${unit(whole)}` : "";
  document.title = known && unit ? `${Math.floor((100 * amount) / whole)} % ${TITLE}` : TITLE;
}

// To those who listen to the page, quarters only.
function announce(share) {
  const quarter = Math.floor(4 * share);
  if (quarter <= milestone || quarter >= 4) return;
  milestone = quarter;
  say(`${25 * quarter} percent, ${table.cues.length} cues.`);
}

function finished({ duration, language, target }) {
  const spoken = language ? languageName(language) : "";
  const pair = spoken && target && target !== language ? `, ${spoken} to ${languageName(target)}` : spoken && `, ${spoken}`;
  return `Done: ${cueCount()} in ${clock(duration ?? 0)}${pair}`;
}

function showCount() {
  const { cues } = table;
  const edited = cues.filter((cue) => cue.edited).length;
  const review = cues.filter((cue) => !cue.edited && cue.verdict !== "accepted").length;
  const also = [review && `${review} to look at`, edited && `${edited} edited`].filter(Boolean);
  part("count").textContent = cues.length ? [cueCount(), ...also].join(", ") : "";
  part("empty").hidden = cues.length > 0;
  part("empty").textContent = made?.complete ? "Nobody speaks in this file, or nothing was understood." : EMPTY;
  part("unsaved").textContent = "Edits are in this page only until you download them.";
  part("unsaved").hidden = !unsaved;
  for (const id of ["srt", "vtt"]) part(id).disabled = !cues.length;
}
const EMPTY = part("empty").textContent;

function download(kind, write) {
  const name = file.name.replace(/\.[^.]{1,5}$/, "") || "subtitles";
  const words = [name, made.target, made.complete ? "" : "incomplete", kind].filter(Boolean);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([write(table.cues, made.demoModel)], { type: "text/plain" }));
  link.download = words.join(".");
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  unsaved = false;
  showCount();
}

function complain(text, again = false) {
  const message = document.createElement("p");
  message.textContent = text;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "Try again";
  button.addEventListener("click", start);
  part("alert").replaceChildren(...(text ? [message] : []), ...(again ? [button] : []));
}

function kept() {
  return table.cues.length ? ` The ${cueCount()} so far are kept.` : "";
}

function cueCount() {
  return `${table.cues.length} ${table.cues.length === 1 ? "cue" : "cues"}`;
}

function mayDiscard() {
  return !unsaved || confirm("Your edits are not downloaded. Go on without them?");
}

// "auto" asks for the language to be found out, and is none.
function named(spoken) {
  return spoken === "auto" ? "" : spoken;
}

function canBeSent(key) {
  return /^[!-~]*$/.test(key);
}

async function learn() {
  const key = part("key").value.trim();
  if (served || !canBeSent(key)) return;
  served = await servedModel(key);
  warnOfDemo(served?.demo_model);
}

function say(text) {
  part("live").textContent = text;
}

function warnOfDemo(demo) {
  if (!demo) return;
  if (made) made.demoModel = true;
  part("demo").hidden = false;
}

function size(bytes) {
  const megabytes = bytes / 1e6;
  return megabytes < 1 ? `${Math.ceil(bytes / 1e3)} kB` : `${megabytes.toFixed(megabytes < 100 ? 1 : 0)} MB`;
}

function clock(seconds) {
  const [h, m, s] = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map(Math.floor);
  return `${h ? `${h}:${String(m).padStart(2, "0")}` : m}:${String(s).padStart(2, "0")}`;
}

offerLanguages(part("spoken"), "");
offerLanguages(part("target"), "fr");
part("key").value = sessionStorage.getItem(KEY) ?? "";
part("key-box").open = part("key").value !== "";

part("key").addEventListener("input", () => sessionStorage.setItem(KEY, part("key").value));
part("key").addEventListener("change", learn);
learn();
part("file").addEventListener("change", (event) => choose(event.target.files[0]));
part("order").addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
part("cancel").addEventListener("click", () => work?.cancel());
part("srt").addEventListener("click", () => download("srt", srt));
part("vtt").addEventListener("click", () => download("vtt", vtt));
addEventListener("dragover", (event) => {
  event.preventDefault(); // or the browser would leave the page for the file
  document.body.classList.add("dragging");
});
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("dragging");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dragging");
  choose(event.dataTransfer.files[0]);
});
addEventListener("beforeunload", (event) => {
  if (unsaved || work) event.preventDefault();
});
