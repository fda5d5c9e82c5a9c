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
// Once the answer has begun, its status is spent: then the code tells. (ray_apps/serving/errors.py)
const STATUS_OF_CODE = {
  invalid_value: 400,
  unsupported_language: 400,
  too_long: 413,
  too_large: 413,
  limit: 413,
  not_media: 415,
  undecodable: 415,
  empty: 422,
  no_audio: 422,
  crashed: 422,
  timeout: 422,
  refused: 422,
  unavailable: 503,
  deadline: 504,
};
const LOST = "The connection was lost. Check that the server can be reached, then try again.";
const LOST_WHILE_SENDING = "The connection was lost while the file was sent. The server may have refused it for its size.";
const STOPPED = "The server stopped before the end.";

export function explain({ status, error = {}, retryAfter = null }, sending) {
  const words = [];
  const told = status === 200 ? STATUS_OF_CODE[error.code] ?? 200 : status;
  if (told === 0) words.push(sending ? LOST_WHILE_SENDING : LOST);
  else if (told === 200) words.push(STOPPED);
  else words.push(WHAT_TO_DO[told] ?? `The server answered with status ${told}.`);
  if (typeof error.message === "string" && error.message) words.push(`It says: ${error.message.replace(/\.?$/, ".")}`);
  if (retryAfter !== null) words.push(`Try again in ${inTime(retryAfter)}.`);
  return words.join(" ");
}

function inTime(seconds) {
  if (seconds < 90) return `${seconds} ${seconds === 1 ? "second" : "seconds"}`;
  return `${Math.ceil(seconds / 60)} minutes`;
}
