// The languages that a person can choose. The server has the last word: it refuses a pair that its model cannot do.

const DECLARED = ["de", "en", "es", "fr", "hi", "it", "nl", "pt"];
const OTHERS = [
  "ar", "bg", "cs", "da", "el", "fa", "fi", "he", "hu", "id", "ja", "ko", "no", "pl", "ro", "ru", "sv", "th", "tr",
  "uk", "vi", "zh",
];
const names = new Intl.DisplayNames(["en"], { type: "language", fallback: "code" });

export function languageName(code) {
  try {
    return names.of(code);
  } catch {
    return code; // no well-formed code
  }
}

export function offerLanguages(select, chosen) {
  select.append(group("Voxtral declares these", DECLARED), group("Others, look at the checks", OTHERS));
  select.value = chosen;
}

function group(label, codes) {
  const element = document.createElement("optgroup");
  element.label = label;
  const byName = codes.map((code) => [languageName(code), code]).sort(([a], [b]) => a.localeCompare(b, "en"));
  element.append(...byName.map(([name, code]) => new Option(name, code)));
  return element;
}
