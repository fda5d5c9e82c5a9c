"""A parallel grammar: Turkish sentences with their French and English translations.

It is the only text the tiny speech translation model is trained on: the Turkish is spoken by espeak-ng, and
the model must write the French or the English. A template is one pattern per language, with slots filled from
the tables of :mod:`b200_kernels.embedded.recipe.world`. The translation is a function of the Turkish words
alone, so that a listener can always be right.
"""

import hashlib
import itertools
import math
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from b200_kernels.embedded.recipe import world as w

WEIGHT_FLOOR, WEIGHT_CAP = 12.0, 50.0
STRIDE = 7919  # a prime that divides no template's size: i * STRIDE visits every filling, scattered
HELD_OUT_ONE_IN = 25


@dataclass(frozen=True)
class Sentence:
    """One Turkish sentence, its two translations, and the template it came from."""

    tr: str
    fr: str
    en: str
    template: str


class Template:
    """Three patterns over the same slots; ``template[i]`` is the i-th filling, last slot fastest."""

    def __init__(self, name: str, tr: str, fr: str, en: str, **slots: tuple[Any, ...]) -> None:
        self.name, self.tr, self.fr, self.en, self.slots = name, tr, fr, en, slots
        self.size = math.prod(len(table) for table in slots.values())

    @property
    def weight(self) -> float:
        """How often it is drawn: the root of its size, bounded, so that no template drowns the others."""
        return min(max(math.sqrt(self.size), WEIGHT_FLOOR), WEIGHT_CAP)

    def __getitem__(self, index: int) -> Sentence | None:
        """The filling, or None where two slots would hold the same row ("from Ankara to Ankara")."""
        chosen: dict[str, Any] = {}
        for slot, table in reversed(self.slots.items()):
            index, row = divmod(index, len(table))
            chosen[slot] = table[row]
        if len(set(map(id, chosen.values()))) < len(chosen):
            return None
        tr = self.tr.format_map(chosen)
        tr = {"i": "İ", "ı": "I"}.get(tr[0], tr[0].upper()) + tr[1:]
        fr, en = _join_french(self.fr.format_map(chosen)), self.en.format_map(chosen)
        return Sentence(tr, fr[0].upper() + fr[1:], en[0].upper() + en[1:], self.name)


_ELISION = re.compile(r"\b(le|la|de|que|ne|je|se|me|te) (?!onz)(?=[aeiouyéèêàâîôœ])", re.IGNORECASE)
_CONTRACTION = re.compile(r"\b(de|à) les? ")
_CONTRACTED = {"de le ": "du ", "de les ": "des ", "à le ": "au ", "à les ": "aux "}


def _join_french(text: str) -> str:
    """Elide and contract at the seams: "de Ankara" -> "d'Ankara", "de le parc" -> "du parc"."""
    text = _ELISION.sub(lambda match: match[1][:-1] + "'", text)
    return _CONTRACTION.sub(lambda match: _CONTRACTED[match[0]], text)


T = Template
TEMPLATES: tuple[Template, ...] = (
    # greetings and courtesies
    T(
        "greet",
        "{g.tr} {a.tr}, {f.tr}",
        "{g.fr} {a.fr}, {f.fr}",
        "{g.en} {a.en}, {f.en}",
        g=w.GREETINGS,
        a=w.ADDRESSED,
        f=w.FOLLOWING,
    ),
    T("courtesy", "{a.tr}, {c.tr}", "{a.fr}, {c.fr}", "{a.en}, {c.en}", a=w.ADDRESSED, c=w.COURTESIES),
    T(
        "introduce",
        "{a.tr}, sizi {p.com} tanıştırmak istiyorum.",
        "{a.fr}, je voudrais vous présenter {p.fr}.",
        "{a.en}, I would like to introduce you to {p.en}.",
        a=w.ADDRESSED,
        p=w.FAMILY,
    ),
    T(
        "say_hello",
        "lütfen {p.dat} selam söyleyin.",
        "saluez {p.fr} de ma part, s'il vous plaît.",
        "please say hello to {p.en} from me.",
        p=w.FIRST_NAMES + w.HONOURED,
    ),
    T(
        "do_you_know",
        "{a.tr}, {p.acc} tanıyor musunuz?",
        "{a.fr}, connaissez-vous {p.fr} ?",
        "{a.en}, do you know {p.en}?",
        a=w.ADDRESSED,
        p=w.FIRST_NAMES + w.FAMILY,
    ),
    # going places
    T(
        "go_now",
        "{t.tr} {c.dat} {v.tr}.",
        "{v.fr} à {c.fr} {t.fr}.",
        "{v.en} to {c.en} {t.en}.",
        t=w.SOON,
        c=w.CITIES,
        v=w.GO_NOW,
    ),
    T(
        "go_at_morning",
        "{t.tr} {k.tr} {c.dat} {v.tr}.",
        "{v.fr} à {c.fr} {t.fr} {k.fr}.",
        "{v.en} to {c.en} {t.en} {k.en}.",
        t=w.MORNINGS,
        k=w.AT_MORNING,
        c=w.CITIES,
        v=w.GO_NOW,
    ),
    T(
        "go_at_evening",
        "{t.tr} {k.tr} {c.dat} {v.tr}.",
        "{v.fr} {c.fr_at} {t.fr} {k.fr}.",
        "{v.en} {c.en_to} {t.en} {k.en}.",
        t=w.EVENINGS,
        k=w.AT_EVENING,
        c=w.OUTINGS[:4],
        v=w.GO_LATER,
    ),
    T(
        "go_venue_now",
        "{t.tr} {c.dat} {v.tr}.",
        "{v.fr} {c.fr_at} {t.fr}.",
        "{v.en} {c.en_to} {t.en}.",
        t=w.NOW,
        c=w.GOALS,
        v=w.GO_NOW,
    ),
    T(
        "who_goes",
        "{p.tr} {t.tr} {c.dat} gidiyor.",
        "{p.fr} va à {c.fr} {t.fr}.",
        "{p.en} is going to {c.en} {t.en}.",
        p=w.PEOPLE,
        t=w.SOON,
        c=w.CITIES,
    ),
    T(
        "who_goes_venue",
        "{p.tr} {t.tr} {c.dat} gidecek.",
        "{p.fr} ira {c.fr_at} {t.fr}.",
        "{p.en} will go {c.en_to} {t.en}.",
        p=w.PEOPLE,
        t=w.DAY,
        c=w.VENUES[:12],
    ),
    T(
        "who_went",
        "{p.tr} {t.tr} {c.dat} gitti.",
        "{p.fr} est allé{p.e} à {c.fr} {t.fr}.",
        "{p.en} went to {c.en} {t.en}.",
        p=w.PEOPLE,
        t=w.BEFORE,
        c=w.CITIES,
    ),
    T(
        "who_comes",
        "{p.tr} {t.tr} {c.abl} geliyor.",
        "{p.fr} arrive de {c.fr} {t.fr}.",
        "{p.en} is coming from {c.en} {t.en}.",
        p=w.PEOPLE,
        t=w.SOON,
        c=w.CITIES,
    ),
    T(
        "who_came_back",
        "{p.tr} {t.tr} {c.abl} döndü.",
        "{p.fr} est revenu{p.e} de {c.fr} {t.fr}.",
        "{p.en} came back from {c.en} {t.en}.",
        p=w.PEOPLE,
        t=w.BEFORE,
        c=w.CITIES,
    ),
    T(
        "go_later",
        "{t.tr} {y.tr} {c.dat} {v.tr}.",
        "{v.fr} à {c.fr} {y.fr} {t.fr}.",
        "{v.en} to {c.en} {y.en} {t.en}.",
        t=w.SOON,
        y=w.BY,
        c=w.CITIES,
        v=w.GO_LATER[:2],
    ),
    T(
        "go_with",
        "{t.tr} {p.com} {c.dat} {v.tr}.",
        "{v.fr} à {c.fr} avec {p.fr} {t.fr}.",
        "{v.en} to {c.en} with {p.en} {t.en}.",
        t=w.LATER,
        p=w.PEOPLE,
        c=w.CITIES,
        v=w.GO_LATER,
    ),
    T(
        "went",
        "{t.tr} {c.dat} {v.tr}.",
        "{v.fr} à {c.fr} {t.fr}.",
        "{v.en} to {c.en} {t.en}.",
        t=w.BEFORE,
        c=w.CITIES,
        v=w.WENT,
    ),
    T(
        "went_venue_with",
        "{t.tr} {p.com} {c.dat} {v.tr}.",
        "{v.fr} {c.fr_at} avec {p.fr} {t.fr}.",
        "{v.en} {c.en_to} with {p.en} {t.en}.",
        t=w.RECENTLY,
        p=w.PEOPLE,
        c=w.OUTINGS,
        v=w.WENT[:2],
    ),
    T(
        "go_wish",
        "{t.tr} {c.dat} {v.tr}.",
        "{v.fr} {c.fr_at} {t.fr}.",
        "{v.en} {c.en_to} {t.en}.",
        t=w.DAY,
        c=w.VENUES,
        v=w.GO_WISH,
    ),
    T(
        "from_to",
        "{a.abl} {b.dat} {y.tr} {v.tr}.",
        "{v.fr} de {a.fr} à {b.fr} {y.fr}.",
        "{v.en} from {a.en} to {b.en} {y.en}.",
        a=w.CITIES,
        b=w.CITIES,
        y=w.BY,
        v=w.GO_NOW[:2] + w.GO_LATER[:2],
    ),
    T(
        "how_long",
        "{a.abl} {b.dat} yol {y.tr} {n.tr} saat sürüyor.",
        "le trajet de {a.fr} à {b.fr} dure {n.fr} heures {y.fr}.",
        "the trip from {a.en} to {b.en} takes {n.en} hours {y.en}.",
        a=w.CITIES[:6],
        b=w.CITIES[:6],
        y=w.BY[:2],
        n=w.FEW,
    ),
    T(
        "are_you_going",
        "{t.tr} {c.dat} {v.tr}?",
        "{v.fr} à {c.fr} {t.fr} ?",
        "{v.en} to {c.en} {t.en}?",
        t=w.SOON,
        c=w.CITIES,
        v=w.GO_YOU,
    ),
    T(
        "shall_we",
        "{t.tr} {p.com} {c.dat} gidelim mi?",
        "on va {c.fr_at} avec {p.fr} {t.fr} ?",
        "shall we go {c.en_to} with {p.en} {t.en}?",
        t=w.EVENINGS,
        p=w.PEOPLE,
        c=w.OUTINGS[:4],
    ),
    T(
        "leaves",
        "{x.tr} {k.tr} {c.abl} kalkıyor.",
        "{x.fr} part de {c.fr} {k.fr}.",
        "{x.en} leaves {c.en} {k.en}.",
        x=w.VEHICLES,
        k=w.AT,
        c=w.CITIES,
    ),
    T(
        "arrives",
        "{x.tr} {t.tr} {k.tr} {c.dat} varacak.",
        "{x.fr} arrivera à {c.fr} {t.fr} {k.fr}.",
        "{x.en} will arrive in {c.en} {t.en} {k.en}.",
        x=w.VEHICLES,
        t=w.DAY,
        k=w.AT_SHARP,
        c=w.CITIES,
    ),
    T(
        "when_leaves",
        "{c.dat} giden {x.tr} {t.tr} saat kaçta kalkıyor?",
        "à quelle heure part {x.fr} pour {c.fr} {t.fr} ?",
        "what time does {x.en} to {c.en} leave {t.en}?",
        c=w.CITIES,
        x=w.VEHICLES,
        t=w.DAY,
    ),
    T(
        "tickets",
        "{t.tr} için {c.dat} {n.tr} bilet {v.tr}.",
        "{v.fr} {n.fr} billets pour {c.fr} pour {t.fr}.",
        "{v.en} {n.en} tickets to {c.en} for {t.en}.",
        t=w.WEEKDAYS,
        c=w.CITIES,
        n=w.FEW,
        v=w.WOULD_LIKE,
    ),
    T(
        "ticket_price",
        "{c.dat} {y.tr} gitmek {n.tr} {m.tr} tutuyor.",
        "aller à {c.fr} {y.fr} coûte {n.fr} {m.fr}.",
        "going to {c.en} {y.en} costs {n.en} {m.en}.",
        c=w.CITIES,
        y=w.BY[:3],
        n=w.AMOUNTS[6:14],
        m=w.MONEY[:2],
    ),
    T(
        "stay_city",
        "{c.loc} {n.tr} {u.tr} {v.tr}.",
        "{v.fr} {n.fr} {u.fr} à {c.fr}.",
        "{v.en} in {c.en} for {n.en} {u.en}.",
        c=w.CITIES,
        n=w.FEW,
        u=w.UNITS,
        v=w.STAY,
    ),
    T(
        "live_since",
        "{n.tr} {s.tr} {c.loc} {v.tr}.",
        "{v.fr} à {c.fr} depuis {n.fr} {s.fr}.",
        "{v.en} in {c.en} for {n.en} {s.en}.",
        n=w.FEW,
        s=w.SINCE[1:],
        c=w.CITIES,
        v=w.LIVE,
    ),
    T(
        "room",
        "{t.tr} için {n.tr} kişilik bir oda {v.tr}.",
        "{v.fr} une chambre pour {n.fr} personnes pour {t.fr}.",
        "{v.en} a room for {n.en} people for {t.en}.",
        t=w.WEEKDAYS,
        n=w.FEW[:5],
        v=w.WOULD_LIKE,
    ),
    T(
        "table_for",
        "{t.tr} {k.tr} {n.tr} kişilik bir masa istiyoruz.",
        "nous voudrions une table pour {n.fr} personnes {t.fr} {k.fr}.",
        "we would like a table for {n.en} people {t.en} {k.en}.",
        t=w.EVENINGS,
        k=w.AT_EVENING[:5],
        n=w.FEW,
    ),
    # where things are
    T(
        "where_is",
        "{a.tr}, {p.tr} {t.tr} nerede?",
        "{a.fr}, où est {p.fr} {t.fr} ?",
        "{a.en}, where is {p.en} {t.en}?",
        a=w.ADDRESSED[10:12],
        p=w.PEOPLE[:20],
        t=w.NOW[:2],
    ),
    T(
        "nearest",
        "{a.tr}, en yakın {c.tr} nerede?",
        "{a.fr}, où est {c.nearest} ?",
        "{a.en}, where is the nearest {c.en}?",
        a=w.ADDRESSED,
        c=w.VENUES,
    ),
    T(
        "far",
        "{o.tr} {c.tr} {d.tr}.",
        "{o.fr}, {c.fr} est {d.fr}.",
        "{o.en}, the {c.en} is {d.en}.",
        o=w.OPINIONS,
        c=tuple(v for v in w.VENUES if v.tr != "otel"),
        d=w.DISTANCES,
    ),
    T(
        "is_at",
        "{p.tr} {t.tr} {c.loc}.",
        "{p.fr} est {c.fr_at} {t.fr}.",
        "{p.en} is {c.en_at} {t.en}.",
        p=w.PEOPLE,
        t=w.NOW,
        c=w.GOALS,
    ),
    T(
        "was_at",
        "{p.tr} {t.tr} {c.loc} değildi.",
        "{p.fr} n'était pas {c.fr_at} {t.fr}.",
        "{p.en} was not {c.en_at} {t.en}.",
        p=w.PEOPLE,
        t=w.RECENTLY,
        c=w.GOALS,
    ),
    # time and dates
    T(
        "clock",
        "{t.tr} saat tam {h.tr}.",
        "{t.fr}, il est exactement {h.fr}.",
        "it is exactly {h.en} o'clock {t.en}.",
        t=w.NOW[:1],
        h=w.HOURS,
    ),
    T(
        "quarter_to",
        "şimdi saat {h.dat} çeyrek var.",
        "il est maintenant {h.fr} moins le quart.",
        "it is now a quarter to {h.en}.",
        h=w.HOURS,
    ),
    T(
        "minutes_past",
        "{a.tr}, saat {h.acc} {m.tr} geçiyor.",
        "{a.fr}, il est {h.fr} {m.fr}.",
        "{a.en}, it is {m.en} past {h.en}.",
        a=w.ADDRESSED,
        h=w.HOURS,
        m=w.MINUTES,
    ),
    T(
        "minutes_to",
        "{a.tr}, saat {h.dat} {m.tr} var.",
        "{a.fr}, il est {h.fr} moins {m.fr}.",
        "{a.en}, it is {m.en} to {h.en}.",
        a=w.ADDRESSED,
        h=w.HOURS,
        m=w.MINUTES,
    ),
    T(
        "today_is",
        "bugün {d.tr} {m.tr} {g.tr}.",
        "aujourd'hui, nous sommes le {g.fr} {d.fr} {m.fr}.",
        "today is {g.en} the {d.en} of {m.en}.",
        d=w.DATES,
        m=w.MONTHS,
        g=w.WEEKDAYS,
    ),
    T(
        "birthday",
        "{p.gen} doğum günü {d.tr} {m.loc}.",
        "l'anniversaire de {p.fr} est le {d.fr} {m.fr}.",
        "{p.en}'s birthday is on the {d.en} of {m.en}.",
        p=w.PEOPLE,
        d=w.DATES[1::2],
        m=w.MONTHS,
    ),
    T(
        "event_date",
        "{e.tr} {d.tr} {m.loc} {k.tr}.",
        "{e.fr} a lieu le {d.fr} {m.fr} {k.fr}.",
        "{e.en} is on the {d.en} of {m.en} {k.en}.",
        e=w.EVENT_DAYS,
        d=w.DATES[::2],
        m=w.MONTHS,
        k=w.AT_SHARP[::3],
    ),
    T(
        "event_starts",
        "{e.tr} {t.tr} {k.tr} {v.tr}.",
        "{e.fr} {v.fr} {t.fr} {k.fr}.",
        "{e.en} {v.en} {t.en} {k.en}.",
        e=w.EVENTS,
        t=w.DAY,
        k=w.AT,
        v=w.START,
    ),
    T(
        "event_when",
        "{t.tr} {e.tr} saat kaçta {v.tr}?",
        "à quelle heure {v.fr} {e.fr} {t.fr} ?",
        "what time does {e.en} {v.en} {t.en}?",
        t=w.DAY,
        e=w.EVENTS,
        v=(w.Phrase("başlıyor", "commence", "start"), w.Phrase("bitiyor", "se termine", "end")),
    ),
    T(
        "event_cancelled",
        "maalesef {t.tr} {e.tr} yok.",
        "malheureusement, {e.fr} n'a pas lieu {t.fr}.",
        "unfortunately, {e.en} is not taking place {t.en}.",
        t=w.DAY,
        e=w.EVENTS[:5],
    ),
    # weather and news
    T(
        "weather_now",
        "{t.tr} {c.loc} hava çok {x.tr}.",
        "{x.fr_very} {t.fr} à {c.fr}.",
        "the weather is very {x.en} in {c.en} {t.en}.",
        t=w.NOW,
        c=w.CITIES,
        x=w.WEATHERS,
    ),
    T(
        "weather_later",
        "{t.tr} {c.loc} hava {x.tr} olacak.",
        "{x.fr_future} à {c.fr} {t.fr}.",
        "the weather will be {x.en} in {c.en} {t.en}.",
        t=w.COMING,
        c=w.CITIES,
        x=w.WEATHERS,
    ),
    T(
        "weather_news",
        "{s.tr} {t.tr} {c.loc} {x.tr}.",
        "{s.fr}, {x.fr} à {c.fr} {t.fr}.",
        "{s.en}, {x.en} in {c.en} {t.en}.",
        s=w.SOURCES,
        t=w.COMING,
        c=w.CITIES,
        x=w.WILL_FALL,
    ),
    T(
        "weather_past",
        "{t.tr} {c.loc} çok {x.tr}.",
        "{x.fr} à {c.fr} {t.fr}.",
        "{x.en} a lot in {c.en} {t.en}.",
        t=w.BEFORE,
        c=w.CITIES,
        x=w.FELL,
    ),
    # shopping
    T(
        "how_much",
        "bu {c.tr} {x.tr} ne kadar?",
        "combien coûte {x.ce} {c:{x.g}} ?",
        "how much is this {c.en} {x.en}?",
        c=w.COLOURS,
        x=w.THINGS,
    ),
    T(
        "costs",
        "bu {c.tr} {x.tr} {n.tr} {m.tr}.",
        "{x.ce} {c:{x.g}} coûte {n.fr} {m.fr}.",
        "this {c.en} {x.en} costs {n.en} {m.en}.",
        c=w.COLOURS,
        x=w.THINGS,
        n=w.AMOUNTS,
        m=w.MONEY,
    ),
    T(
        "bought_for",
        "bu {x.acc} {n.tr} {m.dat} {v.tr}.",
        "{v.fr} {x.ce} pour {n.fr} {m.fr}.",
        "{v.en} this {x.en} for {n.en} {m.en}.",
        x=w.THINGS,
        n=w.AMOUNTS,
        m=w.MONEY,
        v=w.BOUGHT,
    ),
    T(
        "paid",
        "{t.tr} {x.tr} için {n.tr} {m.tr} {v.tr}.",
        "{v.fr} {n.fr} {m.fr} pour {x.fr} {t.fr}.",
        "{v.en} {n.en} {m.en} for {x.en} {t.en}.",
        t=w.RECENTLY[:1],
        n=w.AMOUNTS,
        m=w.MONEY,
        v=w.PAID,
        x=w.EXPENSES,
    ),
    T(
        "quality",
        "{o.tr} bu {x.tr} çok {q.tr}.",
        "{o.fr}, {x.ce} est très {q:{x.g}}.",
        "{o.en}, this {x.en} is very {q.en}.",
        o=w.OPINIONS,
        x=w.THINGS,
        q=w.QUALITIES,
    ),
    T(
        "owned",
        "{p.gen} {x.tr} çok {q.tr}.",
        "{x.the} de {p.fr} est très {q:{x.g}}.",
        "{p.en}'s {x.en} is very {q.en}.",
        p=w.PEOPLE,
        x=w.OWNED,
        q=w.QUALITIES,
    ),
    T(
        "present",
        "{t.tr} {p.dat} bir {x.tr} {v.tr}.",
        "{v.fr} {x.un} pour {p.fr} {t.fr}.",
        "{v.en} {x.a} for {p.en} {t.en}.",
        t=w.RECENTLY,
        p=w.PEOPLE,
        x=w.CARRIED,
        v=w.BOUGHT,
    ),
    T(
        "gave",
        "{x.acc} {t.tr} {p.dat} {v.tr}.",
        "{v.fr} {x.the} à {p.fr} {t.fr}.",
        "{v.en} the {x.en} to {p.en} {t.en}.",
        x=w.CARRIED,
        t=w.RECENTLY[:3],
        p=w.PEOPLE,
        v=w.GAVE,
    ),
    T(
        "looking_for",
        "{a.tr}, {c.tr} bir {x.tr} arıyorum.",
        "{a.fr}, je cherche {x.un} {c:{x.g}}.",
        "{a.en}, I am looking for a {c.en} {x.en}.",
        a=w.ADDRESSED[11:12],
        c=w.COLOURS,
        x=w.THINGS,
    ),
    T(
        "bring",
        "{p.tr}, lütfen bana {c.tr} {x.acc} getirin.",
        "{p.fr}, apportez-moi {x.the} {c:{x.g}}, s'il vous plaît.",
        "{p.en}, please bring me the {c.en} {x.en}.",
        p=w.ADDRESSED[:10],
        c=w.COLOURS,
        x=w.CARRIED,
    ),
    T(
        "kilos",
        "{n.tr} kilo {x.tr} {v.tr}.",
        "{v.fr} {n.fr} kilos de {x.fr}.",
        "{v.en} {n.en} kilos of {x.en}.",
        n=w.FEW,
        x=w.PRODUCE,
        v=w.WOULD_LIKE,
    ),
    T(
        "order",
        "lütfen {n.tr} {x.tr} ve {k.tr} {y.tr}.",
        "{n.fr} {x.fr} et {k.fr} {y.fr}, s'il vous plaît.",
        "{n.en} {x.en} and {k.en} {y.en}, please.",
        n=w.FEW[:4],
        x=w.ORDERS,
        k=w.FEW[:4],
        y=w.ORDERS,
    ),
    T(
        "kilo_price",
        "bugün bir kilo {x.tr} {n.tr} lira.",
        "aujourd'hui, un kilo de {x.fr} coûte {n.fr} livres.",
        "today, a kilo of {x.en} costs {n.en} lira.",
        x=w.PRODUCE,
        n=w.AMOUNTS[:13],
    ),
    T(
        "forgot",
        "{x.acc} {t.tr} {c.loc} unuttum.",
        "j'ai oublié {x.the} {c.fr_at} {t.fr}.",
        "I forgot the {x.en} {c.en_at} {t.en}.",
        x=w.CARRIED,
        t=w.RECENTLY,
        c=w.GOALS,
    ),
    # people: family, work, school, health, feelings
    T(
        "age_child",
        "{p.gen} oğlu {n.tr} yaşında.",
        "le fils de {p.fr} a {n.fr} ans.",
        "{p.en}'s son is {n.en} years old.",
        p=w.FIRST_NAMES + w.HONOURED,
        n=w.CHILD_AGES,
    ),
    T(
        "age",
        "{p.tr} bu yıl {n.tr} yaşında.",
        "{p.fr} a {n.fr} ans cette année.",
        "{p.en} is {n.en} years old this year.",
        p=w.ADULTS,
        n=w.GROWN_AGES,
    ),
    T(
        "job",
        "{p.tr} {c.loc} {j.tr} olarak çalışıyor.",
        "{p.fr} travaille à {c.fr} comme {j:{p.g}}.",
        "{p.en} works in {c.en} as {j.en}.",
        p=w.ADULTS,
        c=w.CITIES,
        j=w.JOBS,
    ),
    T(
        "job_since",
        "{p.tr} {n.tr} yıldır {j.tr}.",
        "{p.fr} est {j:{p.g}} depuis {n.fr} ans.",
        "{p.en} has been {j.en} for {n.en} years.",
        p=w.ADULTS,
        n=w.FEW,
        j=w.JOBS,
    ),
    T(
        "pets",
        "{n.tr} {a.tr} ve {k.tr} {b.tr} var.",
        "j'ai {n.fr} {a.fr} et {k.fr} {b.fr}.",
        "I have {n.en} {a.en} and {k.en} {b.en}.",
        n=w.FEW[:4],
        a=w.PETS,
        k=w.FEW[:4],
        b=w.PETS,
    ),
    T(
        "state",
        "{p.tr} {t.tr} çok {s.tr}.",
        "{p.fr} est très {s:{p.g}} {t.fr}.",
        "{p.en} is very {s.en} {t.en}.",
        p=w.PEOPLE,
        t=w.NOW,
        s=w.STATES,
    ),
    T(
        "was_state",
        "{p.tr} {t.tr} biraz {s.tr} görünüyordu.",
        "{p.fr} avait l'air un peu {s:{p.g}} {t.fr}.",
        "{p.en} looked a little {s.en} {t.en}.",
        p=w.PEOPLE,
        t=w.RECENTLY,
        s=w.STATES,
    ),
    T(
        "i_am",
        "{t.tr} çok {s.tr}.",
        "je suis très {s.fr} {t.fr}.",
        "I am very {s.en} {t.en}.",
        t=w.NOW,
        s=w.I_AM,
    ),
    T(
        "late",
        "{t.tr} {c.dat} geç kaldım {r.tr}.",
        "je suis arrivé en retard {c.fr_at} {t.fr} {r.fr}.",
        "I was late getting {c.en_to} {t.en} {r.en}.",
        t=w.RECENTLY[3:],
        c=w.VENUES[:6],
        r=w.REASONS[1::2],
    ),
    T(
        "tired_because",
        "çok {s.tr} {r.tr}.",
        "je suis très {s.fr} {r.fr}.",
        "I am very {s.en} {r.en}.",
        s=(w.I_AM[0], w.I_AM[5]),
        r=w.REASONS[:3],
    ),
    T(
        "happy_because",
        "çok mutluyum çünkü {t.tr} {c.dat} gidiyoruz.",
        "je suis très heureux parce que nous allons à {c.fr} {t.fr}.",
        "I am very happy because we are going to {c.en} {t.en}.",
        t=w.SOON,
        c=w.CITIES,
    ),
    T(
        "pain",
        "{n.tr} {s.tr} {b.tr} çok ağrıyor.",
        "j'ai très mal {b.fr} depuis {n.fr} {s.fr}.",
        "my {b.en} has been hurting a lot for {n.en} {s.en}.",
        n=w.FEW,
        s=w.SINCE[:3],
        b=w.PAINS,
    ),
    T(
        "pain_now",
        "{a.tr}, {t.tr} {b.tr} ağrıyor.",
        "{a.fr}, j'ai mal {b.fr} {t.fr}.",
        "{a.en}, my {b.en} hurts {t.en}.",
        a=w.ADDRESSED,
        t=w.NOW[:3],
        b=w.PAINS,
    ),
    T(
        "miss",
        "{p.acc} çok özledim, {t.tr} arayacağım.",
        "{p.fr} me manque beaucoup, j'appellerai {t.fr}.",
        "I miss {p.en} very much, I will call {t.en}.",
        p=w.PEOPLE,
        t=w.SOON[:4],
    ),
    T(
        "pick_up",
        "{p.acc} {t.tr} {k.tr} {c.abl} alacağım.",
        "j'irai chercher {p.fr} {c.fr_at} {t.fr} {k.fr}.",
        "I will pick up {p.en} {c.en_at} {t.en} {k.en}.",
        p=w.PEOPLE,
        t=w.DAY[:2],
        k=w.AT_SHARP[::2],
        c=w.VENUES[:5],
    ),
    T(
        "saw",
        "{p.acc} {t.tr} {v.tr}.",
        "{v.fr} {p.fr} {t.fr}.",
        "{v.en} {p.en} {t.en}.",
        p=w.PEOPLE,
        t=w.BEFORE,
        v=w.SAW,
    ),
    T(
        "will_call",
        "{p.acc} {t.tr} {v.tr}.",
        "{v.fr} {p.fr} {t.fr}.",
        "{v.en} {p.en} {t.en}.",
        p=w.PEOPLE,
        t=w.COMING,
        v=w.WILL_CALL,
    ),
    T(
        "talked",
        "{t.tr} {p.com} {c.loc} {v.tr}.",
        "{v.fr} avec {p.fr} {c.fr_at} {t.fr}.",
        "{v.en} to {p.en} {c.en_at} {t.en}.",
        t=w.RECENTLY,
        p=w.PEOPLE,
        c=w.GOALS[:4],
        v=w.TALKED,
    ),
    T(
        "meet",
        "{t.tr} {k.tr} {p.com} {v.tr}.",
        "{v.fr} {p.fr} {t.fr} {k.fr}.",
        "{v.en} {p.en} {t.en} {k.en}.",
        t=w.DAY,
        k=w.AT_SHARP,
        p=w.PEOPLE,
        v=w.MEET,
    ),
    # what people do
    T(
        "doing",
        "{t.tr} {c.loc} {a.obj} {a.ben}.",
        "je {a.fr_je} {a.fr_obj} {c.fr_at} {t.fr}.",
        "I am {a.ing} {a.en_obj} {c.en_at} {t.en}.",
        t=w.NOW,
        c=w.TABLES,
        a=w.MEALS,
    ),
    T(
        "doing_quiet",
        "{t.tr} {c.loc} {a.obj} {a.biz}.",
        "nous {a.fr_nous} {a.fr_obj} {c.fr_at} {t.fr}.",
        "we are {a.ing} {a.en_obj} {c.en_at} {t.en}.",
        t=w.NOW,
        c=w.INDOORS,
        a=w.QUIET,
    ),
    T(
        "who_does",
        "{p.tr} {t.tr} {c.loc} {a.obj} {a.o}.",
        "{p.fr} {a.fr_il} {a.fr_obj} {c.fr_at} {t.fr}.",
        "{p.en} is {a.ing} {a.en_obj} {c.en_at} {t.en}.",
        p=w.PEOPLE,
        t=w.NOW[:2] + w.NOW[3:],
        c=w.INDOORS[:2],
        a=w.QUIET + w.MEALS,
    ),
    T(
        "habit",
        "{p.tr} {t.tr} {a.obj} {a.o}.",
        "{p.fr} {a.fr_il} {a.fr_obj} {t.fr}.",
        "{p.en} {a.en3} {a.en_obj} {t.en}.",
        p=w.PEOPLE,
        t=w.OFTEN,
        a=w.DONE,
    ),
    T(
        "my_habit",
        "{t.tr} {p.com} {a.obj} {a.ben}.",
        "je {a.fr_je} {a.fr_obj} avec {p.fr} {t.fr}.",
        "I {a.en} {a.en_obj} with {p.en} {t.en}.",
        p=w.PEOPLE,
        t=w.OFTEN,
        a=w.MEALS + w.QUIET[3:] + w.ACTIVE,
    ),
    T(
        "did",
        "{t.tr} {p.com} {a.obj} {a.past}.",
        "j'ai {a.fr_pp} {a.fr_obj} avec {p.fr} {t.fr}.",
        "I {a.en_past} {a.en_obj} with {p.en} {t.en}.",
        t=w.RECENTLY,
        p=w.PEOPLE,
        a=w.MEALS + w.QUIET[3:] + w.SHORT,
    ),
    T(
        "who_did",
        "{p.tr} {t.tr} {a.obj} {a.past3}.",
        "{p.fr} a {a.fr_pp} {a.fr_obj} {t.fr}.",
        "{p.en} {a.en_past} {a.en_obj} {t.en}.",
        p=w.PEOPLE,
        t=w.RECENTLY,
        a=w.DONE,
    ),
    T(
        "wish",
        "{t.tr} {a.obj} {a.inf} {v.tr}.",
        "{v.fr} {a.fr_inf} {a.fr_obj} {t.fr}.",
        "{v.en} {a.en} {a.en_obj} {t.en}.",
        t=w.DAY + w.EVENINGS,
        a=w.DONE,
        v=w.WISHES,
    ),
    T(
        "who_wishes",
        "{p.tr} {t.tr} {a.obj} {a.inf} istiyor.",
        "{p.fr} veut {a.fr_inf} {a.fr_obj} {t.fr}.",
        "{p.en} wants to {a.en} {a.en_obj} {t.en}.",
        p=w.PEOPLE,
        t=w.NOW,
        a=w.DONE,
    ),
    T(
        "plan",
        "{a.tr}, {t.tr} ne yapıyorsunuz?",
        "{a.fr}, que faites-vous {t.fr} ?",
        "{a.en}, what are you doing {t.en}?",
        a=w.ADDRESSED,
        t=w.SOON,
    ),
    T(
        "learns",
        "{p.tr} {n.tr} {s.tr} {c.loc} Fransızca öğreniyor.",
        "{p.fr} apprend le français à {c.fr} depuis {n.fr} {s.fr}.",
        "{p.en} has been learning French in {c.en} for {n.en} {s.en}.",
        p=w.PEOPLE[:10],
        n=w.FEW[:5],
        s=w.SINCE[1:],
        c=w.CITIES,
    ),
)
del T


@cache
def _weights() -> list[float]:
    return list(itertools.accumulate(template.weight for template in TEMPLATES))


def enumerate_sentences(limit_per_template: int | None = None) -> Iterator[Sentence]:
    """Every distinct sentence, in a fixed order; with a limit, that many spread evenly over each template."""
    seen: set[str] = set()
    for template in TEMPLATES:
        fillings = (template[i * STRIDE % template.size] for i in range(template.size))
        for sentence in itertools.islice(filter(None, fillings), limit_per_template):
            if sentence.tr not in seen:
                seen.add(sentence.tr)
                yield sentence


def sample(rng: random.Random) -> Sentence:
    """One sentence: the template drawn by its weight, its slots uniformly."""
    while True:
        template = rng.choices(TEMPLATES, cum_weights=_weights())[0]
        sentence = template[rng.randrange(template.size)]
        if sentence:
            return sentence


def is_held_out(tr: str) -> bool:
    """Whether this Turkish text is kept out of training, to judge the model on sentences it never heard."""
    return int.from_bytes(hashlib.sha1(tr.encode()).digest()[:4], "big") % HELD_OUT_ONE_IN == 0


def words(tr: str) -> list[str]:
    """The word forms of a Turkish text: lower-cased, no punctuation but a suffix's apostrophe."""
    return re.findall(r"[\w']+", tr.replace("İ", "i").replace("I", "ı").lower())


@cache
def vocabulary() -> set[str]:
    """The Turkish word forms of all sentences."""
    return set(words(" ".join(sentence.tr for sentence in enumerate_sentences())))
