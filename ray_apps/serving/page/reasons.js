// What the service's short words about a cue mean to a person. Words that are not here are shown as they are.

const ABOUT_THE_TEXT = {
  empty: "Something is said here, but there is no text.",
  truncated: "The text breaks off.",
  loop: "The text repeats itself.",
  boilerplate: "A credit or stock phrase, perhaps invented.",
  sparse: "Little text for so much speech.",
  dense: "More text than can be said in this time.",
  wrong_language: "Perhaps not in the language asked for.",
  unsure: "The model was not sure.",
  copied: "Left in the spoken language.",
  too_short: "Short beside what was said: something may be missing.",
  too_long: "Long beside what was said: something may be added.",
  no_speech: "Perhaps nobody speaks here.",
  numbers: "A number may be another one.",
  garbled: "Letters that this language does not write.",
  unlike: "It may mean something else than what was said.",
  meta: "The model may speak about its task instead of translating.",
  credit_removed: "A credit that nobody said was taken away.",
  glossary: "A term of the glossary is missing.",
  contradicted: "Listening twice gave two different texts.",
  unheard: "Some speech has no text here.",
  doubtful_source: "What was said was not heard surely.",
};
const ABOUT_READING = {
  duration: "Its times make no sense.",
  line_length: "A line is too long.",
  lines: "Too many lines.",
  reading_speed: "Too fast to read.",
  min_duration: "Shown too briefly.",
  max_duration: "Shown too long.",
  order: "Starts before the cue before it.",
  overlap: "Begins before the cue before it ends.",
  gap: "Too close to the cue before it.",
  outside: "Lies outside of the film.",
  line_break: "A line breaks between words that belong together.",
};

export function inWords(reason) {
  return ABOUT_THE_TEXT[reason] ?? ABOUT_READING[reason] ?? reason.replaceAll("_", " ");
}

// What a person should think of a cue, and how it is marked.
export function judgementOf(cue) {
  if (cue.edited) return { mark: "edited", word: cue.lines.length ? "Edited" : "Left out", reasons: [] };
  if (cue.verdict !== "accepted") return { mark: "review", word: "Needs a look", reasons: cue.reasons };
  if (cue.reasons.length) return { mark: "tight", word: "Hard to read", reasons: cue.reasons };
  return { mark: "good", word: "Good", reasons: [] };
}
