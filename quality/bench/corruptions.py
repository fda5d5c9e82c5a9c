"""One controlled fault at a time, put into a translation that somebody wrote (the way of DEMETR and ACES).

Each takes a pair and gives the spoilt target, or None where the pair has nothing to spoil. The known phrases are what
the gate's expressions were written for, so they measure that those work; the unseen ones were written down before the
expressions were last extended, were never used to mend them, and tell what to expect of other wordings.
"""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence

from quality.bench.corpus import Pair

Corruption = Callable[[Pair, random.Random], str | None]

_DIGITS = re.compile(r"(?<![\w.,])\d+(?![\w]|[.,]\d)")
_NEGATION = re.compile(r"\b(?:ne |n['’])(\w[\w'’-]*) (?:pas|plus|jamais|aucun) ?")
_GENDER = {"il": "elle", "elle": "il", "le": "la", "la": "le", "un": "une", "une": "un", "ils": "elles", "elles": "ils"}
_OPPOSITE = {
    "avant": "après",
    "après": "avant",
    "activer": "désactiver",
    "ouvrir": "fermer",
    "ouvre": "ferme",
    "gauche": "droite",
    "droite": "gauche",
    "premier": "dernier",
    "haut": "bas",
    "ajouter": "supprimer",
    "supprimer": "ajouter",
    "toujours": "jamais",
    "début": "fin",
    "fin": "début",
    "avec": "sans",
}
INVENTED = (
    "Sous-titres réalisés par la communauté d'Amara.org",
    "Sous-titrage ST' 501",
    "Sous-titrage Société Radio-Canada",
    "Sous-titres faits par la communauté d'Amara.org",
    "Sous-titrage FR 2021",
    "Traduction et sous-titres : Julie Marchand",
    "Sous-titres par Nathalie B.",
    "❤️ par SousTitreur.com",
    "Merci d'avoir regardé cette vidéo !",
    "Merci à tous d'avoir regardé la vidéo.",
    "Abonnez-vous à notre chaîne !",
    "N'oubliez pas de vous abonner et de liker la vidéo.",
    "À bientôt pour une nouvelle vidéo !",
    "Merci.",
    "Merci beaucoup.",
    "[Musique]",
    "♪ ♪ ♪",
    "Altyazı M.K.",
    "Altyazılar: Deniz Kaya",
    "İzlediğiniz için teşekkürler.",
    "Abone olmayı ve beğenmeyi unutmayın!",
    "Thanks for watching!",
    "Subtitles by the Amara.org community",
    "Please subscribe to my channel.",
)


INVENTED_UNSEEN = (
    "Si vous avez aimé cette vidéo, mettez un pouce bleu.",
    "Rendez-vous dans le prochain épisode !",
    "Cette vidéo vous est offerte par notre partenaire.",
    "Merci de votre fidélité et à très vite.",
    "Bir sonraki bölümde görüşmek üzere.",
    "Kanalımıza destek olmak için katıl butonuna tıklayın.",
    "Don't forget to hit the bell icon.",
    "Captions provided by CaptionMax.",
    "Sous-titres : Éclair Media",
    "Traduction : Marie Lefèvre",
    "Vielen Dank fürs Zuschauen.",
    "Untertitel von Stephanie Geiges",
    "Gracias por ver el video.",
    "[Applaudissements et rires]",
    "(musique dramatique)",
    "Bon visionnage !",
    "Transcription : Élodie Martin",
    "C'est tout pour aujourd'hui, prenez soin de vous.",
)
TALK = (
    "Voici la traduction : {}",
    "Bien sûr ! Voici la traduction en français : « {} »",
    "Here is the translation: {}",
    "Traduction : {}",
    "Note : le locuteur parle turc. {}",
    "Je suis désolé, je ne peux pas vous aider à traduire cet extrait audio pour le moment.",
    "L'audio parle d'une personne qui explique quelque chose.",
)
TALK_UNSEEN = (
    "D'accord, voici ce que cela donne en français : {}",
    "Le texte traduit est le suivant : {}",
    "Version française : {}",
    "{} (traduit du turc)",
    "Malheureusement, l'extrait est inaudible et je ne saurais le traduire.",
    "Dans cet extrait, une femme raconte sa journée à une amie.",
    "Okay, in French that would be: {}",
    "En français : {}",
    "Désolé, mais il m'est impossible de traiter ce fichier.",
    "{} J'espère que cette traduction vous convient !",
    "İşte Fransızca çevirisi: {}",
    "The speaker is describing a technical procedure.",
    "{} Si vous souhaitez une autre formulation, dites-le-moi.",
)


def truncated_to_half(pair: Pair, rng: random.Random) -> str | None:
    said = pair.target.split()
    return " ".join(said[: len(said) // 2]) if len(said) >= 4 else None


def dropped_third(pair: Pair, rng: random.Random) -> str | None:
    """A third of the words, anywhere, is gone."""
    said = pair.target.split()
    gone = set(rng.sample(range(len(said)), _third(said)))
    return " ".join(word for i, word in enumerate(said) if i not in gone) if len(said) >= 4 else None


def dropped_last_third(pair: Pair, rng: random.Random) -> str | None:
    said = pair.target.split()
    return " ".join(said[: len(said) - _third(said)]) if len(said) >= 4 else None


def dropped_run(pair: Pair, rng: random.Random) -> str | None:
    """A third of the words, in one piece, is gone."""
    said = pair.target.split()
    start = rng.randint(0, len(said) - _third(said))
    return " ".join(said[:start] + said[start + _third(said) :]) if len(said) >= 4 else None


def _third(said: Sequence[str]) -> int:
    return max(1, round(len(said) / 3))


def source_copied(pair: Pair, rng: random.Random) -> str | None:
    return pair.source


def half_untranslated(pair: Pair, rng: random.Random) -> str | None:
    said, spoken = pair.target.split(), pair.source.split()
    if min(len(said), len(spoken)) < 4:
        return None
    return " ".join(said[: len(said) // 2] + spoken[len(spoken) // 2 :])


def wrong_language(pair: Pair, rng: random.Random) -> str | None:
    """The same in English, German or Spanish, by people too; from 40 characters on, as the demand is."""
    return pair.foreign if len(pair.foreign) >= 40 else None


def half_in_a_third_language(pair: Pair, rng: random.Random) -> str | None:
    """One half is English, German or Spanish, by people."""
    said, other = pair.target.split(), pair.foreign.split()
    if len(pair.foreign) < 40 or min(len(said), len(other)) < 4:
        return None
    first, second = rng.choice([(said, other), (other, said)])
    return " ".join(first[: len(first) // 2] + second[len(second) // 2 :])


def changed_number(pair: Pair, rng: random.Random) -> str | None:
    """A figure that stands in both texts is another one in the target."""
    own = set(_DIGITS.findall(pair.source))
    shared = [match for match in _DIGITS.finditer(pair.target) if match[0] in own]
    if not shared:
        return None
    match = rng.choice(shared)
    digits = list(match[0])
    at = rng.randrange(len(digits))
    digits[at] = rng.choice([d for d in "123456789" if d != digits[at]])
    return pair.target[: match.start()] + "".join(digits) + pair.target[match.end() :]


def repeated(times: int) -> Corruption:
    """Three words in a row are said ``times`` times in a row."""

    def corrupt(pair: Pair, rng: random.Random) -> str | None:
        said = pair.target.split()
        if len(said) < 4:
            return None
        at = rng.randint(0, len(said) - 3)
        return " ".join(said[:at] + said[at : at + 3] * times + said[at + 3 :])

    return corrupt


def repeated_elsewhere(pair: Pair, rng: random.Random) -> str | None:
    """Three words come again somewhere else."""
    said = pair.target.split()
    if len(said) < 8:
        return None
    at, to = rng.sample(range(len(said) - 2), 2)
    return " ".join(said[:to] + said[at : at + 3] + said[to:])


def looping_tail(pair: Pair, rng: random.Random) -> str | None:
    said = pair.target.split()
    return " ".join([*said, *(said[-2:] * 8)]) if len(said) >= 4 else None


def letter_loop(pair: Pair, rng: random.Random) -> str | None:
    return pair.target + " " + rng.choice(["ha", "o", "la"]) * 20


def invented(phrases: Sequence[str]) -> Corruption:
    """One of the phrases, only where there is more to say than a stock phrase says."""

    def corrupt(pair: Pair, rng: random.Random) -> str | None:
        return rng.choice(phrases) if len(pair.source) >= 40 else None

    return corrupt


def talked(phrases: Sequence[str]) -> Corruption:
    """The model speaks of its task, around the translation or instead of it."""

    def corrupt(pair: Pair, rng: random.Random) -> str | None:
        return rng.choice(phrases).format(pair.target.replace("{", "(").replace("}", ")"))

    return corrupt


def mojibake(pair: Pair, rng: random.Random) -> str | None:
    spoilt = pair.target.encode("utf-8").decode("latin-1")
    return spoilt if sum(ord(c) > 127 for c in pair.target) >= 2 else None


def negation_removed(pair: Pair, rng: random.Random) -> str | None:
    spoilt = _NEGATION.sub(r"\1 ", pair.target, count=1)
    return spoilt if spoilt != pair.target else None


def wrong_gender(pair: Pair, rng: random.Random) -> str | None:
    return _one_word(pair.target, _GENDER, rng)


def opposite_sense(pair: Pair, rng: random.Random) -> str | None:
    return _one_word(pair.target, _OPPOSITE, rng)


def _one_word(text: str, table: Mapping[str, str], rng: random.Random) -> str | None:
    said = text.split(" ")
    places = [i for i, word in enumerate(said) if word in table]
    if not places:
        return None
    at = rng.choice(places)
    return " ".join([*said[:at], table[said[at]], *said[at + 1 :]])


class OtherSentences:
    """Targets of other pairs: any one to append, and one of the same length (within 5 %) to swap in."""

    def __init__(self, pairs: Sequence[Pair]) -> None:
        self._all = [pair.target for pair in pairs]
        self._by_length: defaultdict[int, list[str]] = defaultdict(list)
        for pair in pairs:
            self._by_length[len(pair.target)].append(pair.target)

    def appended(self, pair: Pair, rng: random.Random) -> str | None:
        return pair.target + " " + rng.choice(self._all)

    def swapped(self, pair: Pair, rng: random.Random) -> str | None:
        room = max(1, len(pair.target) // 20)
        near = [n for n in range(len(pair.target) - room, len(pair.target) + room + 1) if self._by_length.get(n)]
        other = rng.choice(self._by_length[rng.choice(near)])
        return other if other != pair.target else None


def corruptions(pairs: Sequence[Pair]) -> dict[str, Corruption]:
    """All corruptions by name; ``pairs`` are those that other sentences are taken from."""
    others = OtherSentences(pairs)
    return {
        "truncated to half": truncated_to_half,
        "dropped third": dropped_third,
        "dropped last third": dropped_last_third,
        "dropped third, in one piece": dropped_run,
        "source copied": source_copied,
        "half untranslated": half_untranslated,
        "wrong language": wrong_language,
        "half in a third language": half_in_a_third_language,
        "changed number": changed_number,
        "3 words x2": repeated(2),
        "3 words x4": repeated(4),
        "3 words again elsewhere": repeated_elsewhere,
        "looping tail": looping_tail,
        "letter loop": letter_loop,
        "swapped, same length": others.swapped,
        "sentence appended": others.appended,
        "invented boilerplate": invented(INVENTED),
        "invented boilerplate, unseen": invented(INVENTED_UNSEEN),
        "assistant talk": talked(TALK),
        "assistant talk, unseen": talked(TALK_UNSEEN),
        "mojibake": mojibake,
        "negation removed": negation_removed,
        "wrong gender": wrong_gender,
        "opposite sense": opposite_sense,
    }


BLIND_SPOTS = frozenset({"negation removed", "wrong gender", "opposite sense"})
"""What nothing here can see; reported, not demanded."""
RARE = frozenset({"changed number", "negation removed", "opposite sense"})
"""What few pairs have room for: all of the half are taken."""
