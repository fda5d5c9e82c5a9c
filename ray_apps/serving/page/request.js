// One request to the service: the file goes up, and cues come down as they are final. It knows nothing of the page.
//
// XMLHttpRequest, because fetch tells nothing about how far an upload is. The file is read from the disk as it is
// sent. What comes back stays in memory until the end; a film of hours gives a few megabytes.

export function requestSubtitles({ file, spoken, target, key }, on) {
  const request = new XMLHttpRequest();
  const events = new EventStream();
  let read = 0;
  let ended = false;

  const end = (tell) => {
    if (!ended) tell();
    ended = true;
  };
  const readOn = () => {
    if (request.status !== 200 || ended) return;
    const text = request.responseText;
    const fresh = text.slice(read);
    read = text.length;
    for (const event of events.feed(fresh)) take(event);
  };
  const take = (event) => {
    if (event.type === "voxtral.progress") on.progress(event.done_s, event.duration_s);
    else if (event.type === "transcript.text.delta" && event.cue) on.cue(event.cue);
    else if (event.type === "transcript.text.done") end(() => on.done(event));
    else if (event.type === "error") end(() => on.failed({ status: 200, error: event.error ?? {} }));
  };

  request.upload.onprogress = (event) => on.upload(event.loaded, event.total);
  request.upload.onload = () => on.uploaded();
  request.onprogress = readOn;
  request.onload = () => {
    readOn();
    end(() => on.failed(request.status === 200 ? { status: 0 } : refusal(request)));
  };
  request.onerror = () => end(() => on.failed({ status: 0 }));
  request.onabort = () => end(() => on.cancelled());

  request.open("POST", target && target !== spoken ? "v1/audio/translations" : "v1/audio/transcriptions");
  if (key) request.setRequestHeader("Authorization", `Bearer ${key}`);
  request.send(form(file, spoken, target));
  return { cancel: () => request.abort() };
}

// The model that is served, { id, demo_model }; null where the server does not tell, or wants a key first.
export async function servedModel(key) {
  try {
    const answer = await fetch("v1/models", { headers: key ? { Authorization: `Bearer ${key}` } : {} });
    return answer.ok ? ((await answer.json()).data[0] ?? null) : null;
  } catch {
    return null;
  }
}

function form(file, spoken, target) {
  const data = new FormData();
  if (spoken) data.append("language", spoken);
  if (target && target !== spoken) data.append("to_language", target);
  data.append("response_format", "verbose_json");
  data.append("stream", "true");
  data.append("file", file, file.name); // last: a server that refuses the rest need not wait for it
  return data;
}

function refusal(request) {
  let error = {};
  try {
    error = JSON.parse(request.responseText).error ?? {};
  } catch {
    // a proxy's own page, perhaps: the status says enough
  }
  return { status: request.status, error, retryAfter: secondsUntil(request.getResponseHeader("Retry-After")) };
}

// Retry-After is a number of seconds or a date.
function secondsUntil(value) {
  if (!value) return null;
  const seconds = /^\d+$/.test(value) ? Number(value) : Math.ceil((Date.parse(value) - Date.now()) / 1000);
  return Number.isFinite(seconds) ? Math.max(seconds, 0) : null;
}

// Server-sent events out of text that comes in pieces of any size. An event that is no JSON (such as "[DONE]") is
// passed over.
export class EventStream {
  #rest = "";

  *feed(text) {
    const blocks = (this.#rest + text).replaceAll("\r\n", "\n").split("\n\n");
    this.#rest = blocks.pop();
    for (const block of blocks) {
      const lines = block.split("\n").filter((line) => line.startsWith("data:"));
      const data = lines.map((line) => line.slice(5).replace(/^ /, "")).join("\n");
      try {
        yield JSON.parse(data);
      } catch {
        continue;
      }
    }
  }
}
