"""Phrases that speech models invent over silence and music: credits, thanks for watching, calls to
subscribe.

Whole segments are matched, never a part: real speech may well hold one of these. Sources: research, section
2.4 (phrases seen in public projects; Baranski et al., arXiv 2501.11378).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from quality.text import fold, words

Kind = Literal["credit", "phrase"]
"""``credit``: nobody says it; ``phrase``: people do say it, so it takes odd timing to tell."""

_NAME = r"\w[\w'.]*"
_CREDITS: Mapping[str, tuple[str, ...]] = {
    "fr": (
        r"(traduction|traduit|relecture|transcription|adaptation|synchro\w*)?( et| ou)? ?sous titr(es?|age|é)( et)?"
        r"( traduction| réalisés?| faits?| adaptés?| traduits?| proposés?| par| la| le| l'| de| des| communauté"
        r"| d'amara| amara| org| fr| st' ?\d+| mfp| \d{4}| société| radio canada| vostfr)*( NAME){0,3}",
        r"(traduction|traduit|relecture|transcription|adaptation)( française)?( et \w+)? par( NAME){1,3}",
        r"(www )?\w*(sous ?titr|subtitle|tvsub)\w* (net|com|org|fr)",
        r"par sous ?titreur com",
    ),
    "tr": (
        r"(çeviri( ve|/)? )?alt ?yazı(lar)?( ve çeviri)?( m ?k)?( NAME){0,3}",
        r"altyazı(lar)? .{0,40}amara org.{0,40}",
        r"çeviri(en|men)?( ve altyazı)? (m ?k|NAME NAME)",
        r"çevirmen( NAME){1,3}",
    ),
    "en": (
        r"(subtitles?|captions?|captioning|transcription|translat(ed|ion)|transcribed|subtitled|captioned)"
        r"( and (translation|subtitles))?( by( the)?)( .{1,40})",
        r"(www )?(opensubtitles|tvsubtitles|amara) (org|net|com)",
    ),
}
_PHRASES: Mapping[str, tuple[str, ...]] = {
    "fr": (
        r"merci( beaucoup| bien)?( à (tous|toutes|vous))?( et à toutes)?"
        r"( d'avoir (regardé|suivi|visionné|écouté)( cette| la| ma| notre)?( vidéo| émission| chaîne)?)?",
        r"merci pour votre (attention|écoute|visionnage)",
        r"(n'oubliez pas de |pensez à |n'hésitez pas à )?"
        r"((vous )?abonne[zr]( vous)?|liker?|partager?|commenter?|activer?|activez)"
        r"( (et|de|à|la|le|ma|notre|vous|un|cette|cloche|chaîne|vidéo|notifications|la cloche|pouce|bleu"
        r"|like[rz]?|partager|abonne[rz]"
        r"|commenter|active[rz]|pour ne rien manquer|si elle vous a plu))*",
        r"(on se retrouve |je vous dis )?à (bientôt|la prochaine)"
        r"( pour (une nouvelle|de nouvelles|la prochaine) vidéos?)?",
        r"(on se retrouve |je vous dis |je vous retrouve )?"
        r"à (la semaine prochaine|demain|très (bientôt|vite)|tout de suite"
        r"|plus( tard)?)( pour .{1,40}| les amis| tout le monde)?",
        r"(bonne (journée|soirée|nuit|semaine|année)|portez vous bien|prenez soin de vous)( à (tous|toutes|vous))?",
        r"musique( de générique| douce| rythmée)?",
        r"(rires|applaudissements|générique|silence)",
    ),
    "tr": (
        r"(videoyu |bizi |beni )?(izlediğiniz|dinlediğiniz|seyrettiğiniz) için (çok )?teşekkür(ler| ederim| ederiz)?",
        r"((kanalımıza |kanalıma )?abone ol(mayı|un)|beğen(meyi|in)|yorum (yapmayı|yapın)|ve| |lütfen|videoyu|kanala)+"
        r"( unutmayın)?",
        r"(çok )?teşekkür(ler| ederim| ederiz)",
        r"bir (sonraki|dahaki) (videoda|sefere)( tekrar)? görüş(mek üzere|ürüz)",
        r"(haftaya|yarın|yakında|tekrar)? ?görüş(mek üzere|ürüz)( hoşça ?kalın)?",
        r"(hoşça ?kalın|kendinize iyi bakın|iyi seyirler|iyi (akşamlar|geceler|günler))",
        r"(bildirim(leri)?|zili?|çanı?)( ve)? (açmayı|tıklamayı|basmayı) unutmayın",
        r"müzik",
        r"(gülüşmeler|alkış(lar)?|sessizlik)",
    ),
    "en": (
        r"(thanks|thank you)( so much| very much)?( for (watching|listening|your attention))?",
        r"(please |don't forget to )*(like|subscribe)( (to|our|the|my|this|channel|video|and|like|share|subscribe))*",
        r"see you (in the )?next (time|video|one)",
        r"(i'll )?see you (next week|tomorrow|soon|again)( everyone| guys)?",
        r"(bye|bye bye|take care)( everyone| guys)?",
        r"music( playing)?",
        r"(applause|laughter|silence)",
        r"you",
    ),
}


_OF_A_VIDEO = re.compile(
    r"vidéo|regardé|visionn|abonn|chaîne|liker|video|izle|abone|kanal|beğen|watch|subscri|channel", re.IGNORECASE
)
_SURE = re.compile(
    r"amara|radio canada|sous ?titreur|opensubtitles|tvsub|\bst' ?\d|\bm k\b|\bmfp\b|communauté|vostfr|\bfr \d{4}"
)
"""Names of sites, broadcasters and makers of subtitles, in normal form: no sentence in a conversation holds them."""
_SIGNED = re.compile(
    r"(?:sous.?titr|alt ?yaz|subtitl|caption|transcri|trad\w*).{0,40}(?::|\bpar\b|\bby\b|\d{4})", re.IGNORECASE
)
_OF_CREDITS = re.compile(
    r"çevir|çevr(?:il|iy|im|e[nr]\b)|altyazı|alt yazı|tercüme|dublaj|sous.?titr|tradui|traduc|subtitl|caption|translat"
    r"|transcri|untertitel|übersetz|subtítul|traduz|sottotitol"
)
_LONGEST_PHRASE = 30
"""Words that are compared; no stock phrase has as many."""
_SENTENCES = re.compile(r"\n+|(?<=[.!?…])\s+(?=[\wÀ-ÿ«\"“-])")
_LONGEST = 5_000


def _compile(table: Mapping[str, tuple[str, ...]]) -> re.Pattern[str]:
    phrases = (phrase.replace("NAME", _NAME) for listed in table.values() for phrase in listed)
    return re.compile("|".join(f"(?:{phrase})" for phrase in phrases))


_CREDIT, _PHRASE = _compile(_CREDITS), _compile(_PHRASES)


def boilerplate_kind(text: str, language: str | None = None) -> Kind | None:
    """Whether the whole text is an invented credit or a stock phrase (of any listed language), else None."""
    for folding in dict.fromkeys((language, None, "tr")):  # Turkish ones come in French answers too
        normal = _normal(text, folding)
        if _CREDIT.fullmatch(normal):
            return "credit"
        if _PHRASE.fullmatch(normal):
            return "phrase"
    return None


def speaks_of_a_video(text: str) -> bool:
    """Whether it speaks of watching, subscribing, channels: the usual end of what models learnt from."""
    return bool(_OF_A_VIDEO.search(text[:_LONGEST]))


def without_credits(text: str, language: str | None = None, *, source: str = "", source_lang: str | None = None) -> str:
    """The text without lines or sentences at its ends that are invented credits; the text itself if that is all.

    What people say after an invented credit is kept, and so are stock phrases: people do say them. People speak of
    their trade too ("Traduction et sous-titres."): where ``source`` speaks of subtitles or translating nothing is
    taken, and a credit that names no site and no broadcaster only where it has a sentence more than ``source``.
    """
    if len(text) > _LONGEST or mentions_credits(source, source_lang):
        return text
    parts = _sentences(text)
    told = len(_sentences(source))
    spare = len(parts) - told if told else 0
    first, last = 0, len(parts)
    while first < last and _is_invented(parts[first], language, spare > first):
        first += 1
    while last > first and _is_invented(parts[last - 1], language, spare > first + len(parts) - last):
        last -= 1
    if (first, last) == (0, len(parts)) or first == last:
        return text
    return " ".join(part.strip() for part in parts[first:last])


def mentions_credits(text: str, language: str | None = None) -> bool:
    """Whether people in it speak of subtitles or of translating; credits that are invented themselves do not count."""
    spoken = [part for part in _sentences(text[:_LONGEST]) if not _SURE.search(_normal(part, language))]
    return any(_OF_CREDITS.search(fold(part, folding)) for part in spoken for folding in (language, None))


def is_told_of(text: str, source: str, source_lang: str | None) -> bool:
    """Whether a text that looks like a credit may be an answer ("Traduit par Ahmet."): it has no heading and names no
    site, and ``source`` speaks of such things.
    """
    return ":" not in text and not _SURE.search(_normal(text, None)) and mentions_credits(source, source_lang)


def _sentences(text: str) -> list[str]:
    return [part for part in _SENTENCES.split(text) if part.strip()]


def _is_invented(part: str, language: str | None, spare: bool) -> bool:
    if boilerplate_kind(part, language) != "credit":
        return False
    return bool(_SURE.search(_normal(part, language))) or (spare and bool(_SIGNED.search(part)))


def _normal(text: str, language: str | None) -> str:
    return " ".join(words(text, language)[:_LONGEST_PHRASE])
