// Times, reading speed, and cues as SRT and WebVTT: the same text as the service's own files
// (pipelines/subtitles/subtitle_files.py), with what was edited here. Whatever a cue says, it cannot become markup.

const BREAKS = /[\r\n\v\f\x1c-\x1e\x85\u2028\u2029]+/;
const NO_SIGN = /[\p{Cc}\p{Cs}\ufffe\uffff]/gu;
const TIMESTAMP = /(\d:\d{1,2}:\d{1,2}|\d{2}:\d{2})(?=[.,]\d)/g;
const STAMP_FIRST = /^\d+(?=[,.:\uff0c\uff0e\u3002\uff1a]\d+[,.:\uff0c\uff0e\u3002\uff1a]\d)/;
const NOTICE = ["[demo-model]", "not a real translation"];

// Lines as they are shown: no blank ones, which would end the cue, and no control characters.
export function cleanLines(text) {
  return text.split(BREAKS).map((line) => line.replace(NO_SIGN, "").trim()).filter(Boolean);
}

export function readingSpeed(lines, seconds) {
  const letters = lines.reduce((sum, line) => sum + [...line.normalize("NFC")].length, 0);
  return seconds > 0 ? letters / seconds : 0;
}

export function srt(cues, demoModel) {
  const shown = cues.filter((cue) => cue.lines.length);
  if (demoModel && shown.length) {
    const start = Math.max(...shown.map((cue) => cue.end)) + 0.5;
    shown.push({ start, end: start + 2, lines: NOTICE });
  }
  return shown
    .map((cue, position) => `${position + 1}\n${span(cue, ",")}\n${cue.lines.map(forSrt).join("\n")}\n\n`)
    .join("");
}

export function vtt(cues, demoModel) {
  const note = demoModel ? `NOTE ${NOTICE.join(" ")}\n\n` : "";
  const shown = cues.filter((cue) => cue.lines.length);
  return `WEBVTT\n\n${note}${shown.map((cue) => `${span(cue, ".")}\n${forVtt(cue.lines)}\n\n`).join("")}`;
}

export function forVtt(lines) {
  const escaped = neutral(lines.join("\n")).replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return escaped.replaceAll(">", "&gt;");
}

// "1:02:03.250", "02:03.25", "63,25" -> seconds; anything else -> null.
export function parseTime(text) {
  const match = /^(?:(?:(\d+):)?(\d{1,2}):)?(\d+(?:[.,]\d*)?)$/.exec(text.trim());
  if (!match) return null;
  const [hours, minutes, seconds] = [match[1] ?? 0, match[2] ?? 0, match[3].replace(",", ".")].map(Number);
  if (match[2] !== undefined && seconds >= 60) return null;
  if (match[1] !== undefined && minutes >= 60) return null;
  return Math.round((hours * 3600 + minutes * 60 + seconds) * 1000) / 1000;
}

// 3.25 -> "00:03.250"; hours are named where there are any.
export function showTime(seconds) {
  const { h, m, s, ms } = parts(seconds);
  return `${h ? `${h}:` : ""}${two(m)}:${two(s)}.${three(ms)}`;
}

function span(cue, point) {
  return `${fileTime(cue.start, point)} --> ${fileTime(cue.end, point)}`;
}

function fileTime(seconds, point) {
  const { h, m, s, ms } = parts(seconds);
  return `${two(h)}:${two(m)}:${two(s)}${point}${three(ms)}`;
}

function parts(seconds) {
  const all = Math.round(seconds * 1000);
  return { h: Math.floor(all / 3_600_000), m: Math.floor(all / 60_000) % 60, s: Math.floor(all / 1000) % 60, ms: all % 1000 };
}

// SRT cannot escape a mark, so a sign that looks alike stands for it.
function forSrt(line) {
  const harmless = neutral(line.replaceAll("-->", "\u2192")).replaceAll("{", "(").replaceAll("}", ")");
  return harmless.replace(/<(?=[A-Za-z/!?])/g, "\u2039").replace(STAMP_FIRST, "$&\u2060");
}

// A word joiner, which nobody sees, keeps a spoken time from being read as one of the file.
function neutral(text) {
  return text.replaceAll("\\", "\u29f5").replace(TIMESTAMP, "$1\u2060");
}

const two = (number) => String(number).padStart(2, "0");
const three = (number) => String(number).padStart(3, "0");
