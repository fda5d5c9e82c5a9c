// What went wrong, and what a person can do about it.

const WHAT_TO_DO = {
  400: "The server does not take this request.",
  401: "The server asks for an API key, or does not know this one. Check the key and try again.",
  403: "This key is not allowed to do that.",
  404: "There is no translation service at this address.",
  408: "The file came in too slowly.",
  413: "The file is larger or longer than this server takes. Cut it, or send its sound alone.",
  415: "This is no audio or video that the server can read.",
  422: "The server cannot make subtitles of this file.",
  429: "The server is busy, or this key has asked too often.",
  500: "The server failed at this request.",
  502: "The service behind this address does not answer.",
  503: "The server is busy or starting.",
  504: "This took longer than the server allows. Try a shorter piece.",
};
const LOST = "The connection was lost. Check that the server can be reached, then try again.";
const LOST_WHILE_SENDING = "The connection was lost while the file was sent. The server may have refused it for its size.";
const STOPPED = "The server stopped before the end.";

export function explain({ status, error = {}, retryAfter = null }, sending) {
  const words = [];
  if (status === 0) words.push(sending ? LOST_WHILE_SENDING : LOST);
  else if (status === 200) words.push(STOPPED);
  else words.push(WHAT_TO_DO[status] ?? `The server answered with status ${status}.`);
  if (typeof error.message === "string" && error.message) words.push(`It says: ${error.message}`);
  if (retryAfter !== null) words.push(`Try again in ${inTime(retryAfter)}.`);
  return words.join(" ");
}

function inTime(seconds) {
  if (seconds < 90) return `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
