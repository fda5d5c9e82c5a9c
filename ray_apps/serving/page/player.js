// The player: the chosen file from the visitor's own disk, with a text track that grows as cues come.

import { forVtt } from "./subtitle_files.js";

const INSIDE_S = 0.001; // a browser rounds the time that it is sent to, and must not land before the cue

export class Player {
  #stage;
  #file = null;
  #url = null;
  #track = null;
  #shown = new Map();
  #on;

  constructor(stage, on) {
    this.#stage = stage;
    this.#on = on;
  }

  load(file) {
    if (this.#url) URL.revokeObjectURL(this.#url);
    this.#file = file;
    this.#url = URL.createObjectURL(file);
    this.#build();
  }

  // A track cannot be taken away from a video, so a new language takes a new video.
  newTrack(label, language) {
    if (this.#track) this.#build();
    this.#track = this.video.addTextTrack("subtitles", label, language);
    this.#track.mode = "showing";
  }

  put(cue) {
    const before = this.#shown.get(cue);
    if (before) this.#track.removeCue(before);
    this.#shown.delete(cue);
    if (!cue.lines.length || !(cue.end > cue.start)) return;
    const shown = new VTTCue(cue.start, cue.end, forVtt(cue.lines));
    this.#track.addCue(shown);
    this.#shown.set(cue, shown);
  }

  goTo(seconds) {
    this.video.currentTime = seconds + INSIDE_S;
  }

  #build() {
    this.#track = null;
    this.#shown.clear();
    const video = document.createElement("video");
    video.controls = true;
    video.preload = "auto";
    video.playsInline = true;
    video.setAttribute("aria-label", this.#file.name);
    video.addEventListener("timeupdate", () => this.#on.time(video.currentTime));
    video.addEventListener("seeking", () => this.#on.time(video.currentTime));
    video.addEventListener("loadedmetadata", () => {
      const soundOnly = video.videoWidth === 0;
      video.classList.toggle("sound-only", soundOnly);
      this.#on.playable(soundOnly && this.#file.type.startsWith("video/") ? "sound" : "all");
    });
    video.addEventListener("error", () => this.#on.playable("nothing"));
    video.src = this.#url;
    this.video?.removeAttribute("src");
    this.video?.remove();
    this.video = video;
    this.#stage.prepend(video);
  }
}
