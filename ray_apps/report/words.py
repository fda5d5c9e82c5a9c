"""What the short words of the ledger mean to a person, and what to do about each kind of error.

A word that is not here is shown as it is. The page of the service says the same of the gate's words
(``serving/page/reasons.js``).
"""

from __future__ import annotations

from pipelines.languages import UnknownLanguage, english_name

REASONS = {
    "empty": "Something is said here, but there is no text.",
    "truncated": "The text breaks off.",
    "loop": "The text repeats itself.",
    "boilerplate": "A credit or stock phrase, perhaps invented.",
    "sparse": "Little text for so much speech.",
    "dense": "More text than can be said in this time.",
    "wrong_language": "Perhaps not in the language asked for.",
    "unsure": "The model was not sure.",
    "copied": "Left in the spoken language.",
    "too_short": "Short beside what was said: something may be missing.",
    "too_long": "Long beside what was said: something may be added.",
    "no_speech": "Perhaps nobody speaks here.",
    "numbers": "A number may be another one.",
    "garbled": "Letters that this language does not write.",
    "unlike": "It may mean something else than what was said.",
    "meta": "The model may speak about its task instead of translating.",
    "credit_removed": "A credit that nobody said was taken away.",
    "glossary": "A term of the glossary is missing.",
    "contradicted": "Listening twice gave two different texts.",
    "unheard": "Some speech has no text here.",
    "doubtful_source": "What was said was not heard surely.",
}
RULES = {
    "duration": "Its times make no sense.",
    "line_length": "A line is too long.",
    "lines": "Too many lines.",
    "reading_speed": "Too fast to read.",
    "min_duration": "Shown too briefly.",
    "max_duration": "Shown too long.",
    "order": "Starts before the cue before it.",
    "overlap": "Begins before the cue before it ends.",
    "gap": "Too close to the cue before it.",
    "outside": "Lies outside of the film.",
    "line_break": "A line breaks between words that belong together.",
}
VERDICTS = {
    "accepted": "as it is",
    "needs_review": "marked: wants a look",
    "no_speech": "nobody speaks",
    "corrected": "corrected by hand",
}
STATUSES = {"ok": "done", "partial": "done in part", "failed": "failed", "open": "left for the next run"}
STAGES = {
    "decode": "decoding the media",
    "vad": "finding speech",
    "windows": "cutting windows",
    "engine": "the model, with retries and the gate",
}
AGAIN = "run the same command again"
REOPEN = f"{AGAIN} with --retry-errors"
ADVICE = {
    "not_opened": "Nothing is wrong: by its name this is no medium. Give it by its own path to have it opened.",
    "not_media": "The file is no audio or video that can be read. Look whether it is damaged or belongs elsewhere.",
    "empty": "The file has no bytes. Copy it again from where it came from; as a changed file it is done anew.",
    "no_audio": "There is no sound in the chosen stream. Where a medium has several, name one with --audio-stream.",
    "undecodable": "No decoder knows this audio, or it is damaged. Convert it (to FLAC or WAV) and put that there.",
    "unreadable": f"The store refused or was away. Check address, permissions and network, then {AGAIN}.",
    "vanished": f"The file went away while the run was at work. Put it back, or take it off the list; then {AGAIN}.",
    "too_long": f"Longer than media.decoded_s allows. If meant, raise that in the --config file and {REOPEN}.",
    "too_large": f"More bytes than media.decoded_bytes allows. If meant, raise that in the --config file and {REOPEN}.",
    "limit": f"Beyond a limit of the decoder (rate, channels, streams, memory, CPU). If it is meant, raise it in the "
    f"--config file's media section and {REOPEN}.",
    "crashed": f"The decoder died on this file. Convert the file and put that in its place, or {REOPEN}.",
    "timeout": f"Decoding took too long. If the store was slow, {REOPEN}; else raise media.wall_s in the config.",
    "refused": "The medium or its speech could not be worked with; the detail says why. If it looks sound, report it.",
    "language": "The model does not know this language pair. Name another with --model, or another --target-lang.",
    "language_unknown": "The transcripts do not tell which language is spoken. Name it: --source-lang, or in a list.",
    "deadline": f"The engine gave no answer in time. Look at the GPU's health and load, then {AGAIN}; "
    "or raise window_deadline_s in the --config file.",
    "worker_died": f"It took its worker down again and again. Look at memory and at Ray's logs; then {REOPEN}, alone.",
    "store": f"The output could not be written. Look for a full disk, quotas and permissions there, then {AGAIN}.",
    "not_done": f"Nothing is wrong: no result yet. Where no run is at work, {AGAIN}.",
}
UNKNOWN_KIND = f"The detail says what happened. Where it may pass, {REOPEN}."


def in_words(reason: str) -> str:
    """What speaks against a cue, or which rule it breaks, as a sentence."""
    return REASONS.get(reason) or RULES.get(reason) or reason.replace("_", " ")


def advice(kind: str) -> str:
    """What to do about a kind of error."""
    return ADVICE.get(kind, UNKNOWN_KIND)


def language(code: str) -> str:
    """``"fr"`` -> ``"French"``; a code that names no language stays."""
    try:
        return english_name(code)
    except UnknownLanguage:
        return code
