"""The lexicon of the parallel grammar: what its sentences talk about, in Turkish, French and English.

Every table is a tuple of named tuples, and every inflected Turkish form is written out by hand: nothing here
knows vowel harmony. A row is one line of a text block, its fields separated by ``|``. French fields may say
"de le" or "je ai" at a seam: the grammar elides and contracts when it joins the parts.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeVar

T = TypeVar("T")


def _rows(kind: Callable[..., T], text: str) -> tuple[T, ...]:
    return tuple(kind(*(cell.strip() for cell in line.split("|"))) for line in text.strip().splitlines())


class Phrase(NamedTuple):
    """A piece that never inflects: a time, a verb form with its pronoun, a number."""

    tr: str
    fr: str
    en: str


class Adjective(NamedTuple):
    """French agrees: ``{adjective:m}`` or ``{adjective:f}`` in a template."""

    tr: str
    m: str
    f: str
    en: str

    def __format__(self, spec: str) -> str:
        return self.f if spec == "f" else self.m


class Person(NamedTuple):
    tr: str
    gen: str
    dat: str
    acc: str
    com: str
    fr: str
    en: str
    g: str

    @property
    def e(self) -> str:
        """The French feminine ending of a participle."""
        return "e" if self.g == "f" else ""


class City(NamedTuple):
    tr: str
    dat: str
    loc: str
    abl: str
    fr: str
    en: str


class Venue(NamedTuple):
    tr: str
    dat: str
    loc: str
    abl: str
    fr: str
    fr_at: str
    en: str
    en_to: str
    en_at: str
    g: str

    @property
    def nearest(self) -> str:
        return f"{self.fr} {'la' if self.g == 'f' else 'le'} plus proche"


class Thing(NamedTuple):
    tr: str
    acc: str
    fr: str
    en: str
    g: str

    @property
    def un(self) -> str:
        return ("une " if self.g == "f" else "un ") + self.fr

    @property
    def the(self) -> str:
        return ("la " if self.g == "f" else "le ") + self.fr

    @property
    def ce(self) -> str:
        if self.g == "f":
            return "cette " + self.fr
        return ("cet " if self.fr[0] in "aeiouéèêh" else "ce ") + self.fr

    @property
    def a(self) -> str:
        return ("an " if self.en[0] in "aeiou" else "a ") + self.en


class Hour(NamedTuple):
    tr: str
    loc: str
    dat: str
    acc: str
    fr: str
    en: str


class Ordinal(NamedTuple):
    """A day of the month."""

    tr: str
    fr: str
    en: str


class Month(NamedTuple):
    tr: str
    loc: str
    fr: str
    en: str


class Money(NamedTuple):
    tr: str
    dat: str
    fr: str
    en: str


class Activity(NamedTuple):
    obj: str
    inf: str
    ben: str
    biz: str
    o: str
    past: str
    past3: str
    fr_inf: str
    fr_je: str
    fr_nous: str
    fr_il: str
    fr_pp: str
    fr_obj: str
    en: str
    ing: str
    en_past: str
    en_obj: str

    @property
    def en3(self) -> str:
        verb, *particle = self.en.split()
        return " ".join([verb + ("es" if verb.endswith(("ch", "o")) else "s"), *particle])


class Weather(NamedTuple):
    tr: str
    fr_very: str
    fr_future: str
    en: str


# ---------------------------------------------------------------- people
FIRST_NAMES = _rows(
    Person,
    """
Ahmet  | Ahmet'in  | Ahmet'e  | Ahmet'i  | Ahmet'le  | Ahmet  | Ahmet  | m
Mehmet | Mehmet'in | Mehmet'e | Mehmet'i | Mehmet'le | Mehmet | Mehmet | m
Ali    | Ali'nin   | Ali'ye   | Ali'yi   | Ali'yle   | Ali    | Ali    | m
Murat  | Murat'ın  | Murat'a  | Murat'ı  | Murat'la  | Murat  | Murat  | m
Emre   | Emre'nin  | Emre'ye  | Emre'yi  | Emre'yle  | Emre   | Emre   | m
Ayşe   | Ayşe'nin  | Ayşe'ye  | Ayşe'yi  | Ayşe'yle  | Ayşe   | Ayşe   | f
Fatma  | Fatma'nın | Fatma'ya | Fatma'yı | Fatma'yla | Fatma  | Fatma  | f
Zeynep | Zeynep'in | Zeynep'e | Zeynep'i | Zeynep'le | Zeynep | Zeynep | f
Elif   | Elif'in   | Elif'e   | Elif'i   | Elif'le   | Elif   | Elif   | f
Selin  | Selin'in  | Selin'e  | Selin'i  | Selin'le  | Selin  | Selin  | f
""",
)

FAMILY = _rows(
    Person,
    """
annem    | annemin    | anneme    | annemi    | annemle    | ma mère         | my mother        | f
babam    | babamın    | babama    | babamı    | babamla    | mon père        | my father        | m
ablam    | ablamın    | ablama    | ablamı    | ablamla    | ma grande sœur  | my older sister  | f
abim     | abimin     | abime     | abimi     | abimle     | mon grand frère | my older brother | m
oğlum    | oğlumun    | oğluma    | oğlumu    | oğlumla    | mon fils        | my son           | m
kızım    | kızımın    | kızıma    | kızımı    | kızımla    | ma fille        | my daughter      | f
dedem    | dedemin    | dedeme    | dedemi    | dedemle    | mon grand-père  | my grandfather   | m
teyzem   | teyzemin   | teyzeme   | teyzemi   | teyzemle   | ma tante        | my aunt          | f
""",
)


def _honoured(name: Person) -> Person:
    """Ahmet -> Ahmet Bey, monsieur Ahmet, Mr Ahmet; Ayşe -> Ayşe Hanım, madame Ayşe, Mrs Ayşe."""
    n = name.tr
    if name.g == "m":
        return Person(
            f"{n} Bey",
            f"{n} Bey'in",
            f"{n} Bey'e",
            f"{n} Bey'i",
            f"{n} Bey'le",
            f"monsieur {n}",
            f"Mr {n}",
            "m",
        )
    return Person(
        f"{n} Hanım",
        f"{n} Hanım'ın",
        f"{n} Hanım'a",
        f"{n} Hanım'ı",
        f"{n} Hanım'la",
        f"madame {n}",
        f"Mrs {n}",
        "f",
    )


HONOURED = tuple(_honoured(name) for name in FIRST_NAMES)
PEOPLE = FIRST_NAMES + HONOURED + FAMILY
ADULTS = HONOURED + tuple(p for p in FAMILY if p.tr not in ("oğlum", "kızım", "dedem"))
ADDRESSED = tuple(Phrase(p.tr, p.fr, p.en) for p in HONOURED) + _rows(
    Phrase,
    """
hocam      | professeur | professor
efendim    | monsieur   | sir
doktor bey | docteur    | doctor
""",
)

JOBS = _rows(
    Adjective,
    """
doktor    | médecin    | médecin     | a doctor
öğretmen  | professeur | professeur  | a teacher
mühendis  | ingénieur  | ingénieure  | an engineer
avukat    | avocat     | avocate     | a lawyer
gazeteci  | journaliste | journaliste | a journalist
hemşire   | infirmier  | infirmière  | a nurse
aşçı      | cuisinier  | cuisinière  | a cook
""",
)

# ---------------------------------------------------------------- places
CITIES = _rows(
    City,
    """
Ankara   | Ankara'ya   | Ankara'da   | Ankara'dan   | Ankara   | Ankara
İstanbul | İstanbul'a  | İstanbul'da | İstanbul'dan | Istanbul | Istanbul
İzmir    | İzmir'e     | İzmir'de    | İzmir'den    | Izmir    | Izmir
Bursa    | Bursa'ya    | Bursa'da    | Bursa'dan    | Bursa    | Bursa
Antalya  | Antalya'ya  | Antalya'da  | Antalya'dan  | Antalya  | Antalya
Trabzon  | Trabzon'a   | Trabzon'da  | Trabzon'dan  | Trabzon  | Trabzon
Paris    | Paris'e     | Paris'te    | Paris'ten    | Paris    | Paris
Londra   | Londra'ya   | Londra'da   | Londra'dan   | Londres  | London
Berlin   | Berlin'e    | Berlin'de   | Berlin'den   | Berlin   | Berlin
""",
)

HOME = Venue("ev", "eve", "evde", "evden", "la maison", "à la maison", "house", "home", "at home", "f")
VENUES = _rows(
    Venue,
    """
okul | okula | okulda | okuldan | l'école | à l'école | school | to school | at school | f
hastane | hastaneye | hastanede | hastaneden | l'hôpital | à l'hôpital | hospital | to the hospital \
| at the hospital | m
otel | otele | otelde | otelden | l'hôtel | à l'hôtel | hotel | to the hotel | at the hotel | m
havaalanı | havaalanına | havaalanında | havaalanından | l'aéroport | à l'aéroport | airport \
| to the airport | at the airport | m
istasyon | istasyona | istasyonda | istasyondan | la gare | à la gare | station | to the station \
| at the station | f
banka | bankaya | bankada | bankadan | la banque | à la banque | bank | to the bank | at the bank | f
park | parka | parkta | parktan | le parc | au parc | park | to the park | in the park | m
restoran | restorana | restoranda | restorandan | le restaurant | au restaurant | restaurant \
| to the restaurant | at the restaurant | m
kütüphane | kütüphaneye | kütüphanede | kütüphaneden | la bibliothèque | à la bibliothèque | library \
| to the library | at the library | f
müze | müzeye | müzede | müzeden | le musée | au musée | museum | to the museum | at the museum | m
market | markete | markette | marketten | le supermarché | au supermarché | supermarket | to the supermarket \
| at the supermarket | m
eczane | eczaneye | eczanede | eczaneden | la pharmacie | à la pharmacie | pharmacy | to the pharmacy \
| at the pharmacy | f
sinema | sinemaya | sinemada | sinemadan | le cinéma | au cinéma | cinema | to the cinema | at the cinema | m
""",
)
GOALS = (HOME, *VENUES)
OUTINGS = tuple(v for v in VENUES if v.tr in ("park", "restoran", "müze", "sinema", "kütüphane"))
INDOORS = (HOME, *(v for v in VENUES if v.tr in ("otel", "okul")))
TABLES = (HOME, *(v for v in VENUES if v.tr in ("otel", "restoran")))

DISTANCES = _rows(
    Phrase,
    """
buradan çok uzak  | très loin d'ici  | very far from here
buraya çok yakın  | très près d'ici  | very close to here
otelden biraz uzak | un peu loin de l'hôtel | a little far from the hotel
otele çok yakın   | très près de l'hôtel | very close to the hotel
""",
)

VEHICLES = _rows(
    Phrase,
    """
tren   | le train | the train
otobüs | le bus   | the bus
uçak   | l'avion  | the plane
""",
)
BY = _rows(
    Phrase,
    """
trenle   | en train   | by train
otobüsle | en bus     | by bus
uçakla   | en avion   | by plane
arabayla | en voiture | by car
""",
)

# ---------------------------------------------------------------- times
WEEKDAYS = _rows(
    Phrase,
    """
pazartesi | lundi    | Monday
salı      | mardi    | Tuesday
çarşamba  | mercredi | Wednesday
perşembe  | jeudi    | Thursday
cuma      | vendredi | Friday
cumartesi | samedi   | Saturday
pazar     | dimanche | Sunday
""",
)
ON_DAYS = tuple(Phrase(f"{d.tr} günü", d.fr, f"on {d.en}") for d in WEEKDAYS)
MORNINGS = _rows(
    Phrase,
    """
yarın sabah | demain matin | tomorrow morning
""",
) + tuple(Phrase(f"{d.tr} sabahı", f"{d.fr} matin", f"on {d.en} morning") for d in WEEKDAYS)
EVENINGS = _rows(
    Phrase,
    """
bu akşam    | ce soir     | this evening
yarın akşam | demain soir | tomorrow evening
""",
) + tuple(Phrase(f"{d.tr} akşamı", f"{d.fr} soir", f"on {d.en} evening") for d in WEEKDAYS)
NOW = _rows(
    Phrase,
    """
şimdi    | maintenant   | now
bugün    | aujourd'hui  | today
bu sabah | ce matin     | this morning
bu akşam | ce soir      | this evening
""",
)
DAY = (
    _rows(
        Phrase,
        """
bugün | aujourd'hui | today
yarın | demain      | tomorrow
""",
    )
    + ON_DAYS
)
LATER = _rows(
    Phrase,
    """
gelecek hafta | la semaine prochaine | next week
gelecek ay    | le mois prochain     | next month
gelecek yıl   | l'année prochaine    | next year
bu hafta sonu | ce week-end          | this weekend
""",
)
SOON = (
    _rows(
        Phrase,
        """
yarın         | demain               | tomorrow
yarın sabah   | demain matin         | tomorrow morning
yarın akşam   | demain soir          | tomorrow evening
bu akşam      | ce soir              | this evening
""",
    )
    + LATER
    + ON_DAYS
)
COMING = SOON[:4] + ON_DAYS
RECENTLY = _rows(
    Phrase,
    """
dün           | hier                 | yesterday
dün sabah     | hier matin           | yesterday morning
dün akşam     | hier soir            | yesterday evening
bu sabah      | ce matin             | this morning
""",
)
BEFORE = (
    RECENTLY[:3]
    + _rows(
        Phrase,
        """
geçen hafta   | la semaine dernière  | last week
geçen ay      | le mois dernier      | last month
geçen yıl     | l'année dernière     | last year
""",
    )
    + tuple(Phrase(f"geçen {d.tr}", f"{d.fr} dernier", f"last {d.en}") for d in WEEKDAYS)
)
OFTEN = _rows(
    Phrase,
    """
her gün     | tous les jours    | every day
her sabah   | tous les matins   | every morning
her akşam   | tous les soirs    | every evening
her hafta   | toutes les semaines | every week
""",
)

HOURS = _rows(
    Hour,
    """
bir    | birde    | bire    | biri    | une heure     | one
iki    | ikide    | ikiye   | ikiyi   | deux heures   | two
üç     | üçte     | üçe     | üçü     | trois heures  | three
dört   | dörtte   | dörde   | dördü   | quatre heures | four
beş    | beşte    | beşe    | beşi    | cinq heures   | five
altı   | altıda   | altıya  | altıyı  | six heures    | six
yedi   | yedide   | yediye  | yediyi  | sept heures   | seven
sekiz  | sekizde  | sekize  | sekizi  | huit heures   | eight
dokuz  | dokuzda  | dokuza  | dokuzu  | neuf heures   | nine
on     | onda     | ona     | onu     | dix heures    | ten
on bir | on birde | on bire | on biri | onze heures   | eleven
on iki | on ikide | on ikiye | on ikiyi | douze heures | twelve
""",
)


def _at(hours: tuple[Hour, ...]) -> tuple[Phrase, ...]:
    sharp = tuple(Phrase(f"saat {h.loc}", f"à {h.fr}", f"at {h.en} o'clock") for h in hours)
    half = tuple(Phrase(f"saat {h.tr} buçukta", f"à {h.fr} et demie", f"at half past {h.en}") for h in hours)
    return sharp + half


AT = _at(HOURS[:11])
AT_SHARP = tuple(Phrase(f"saat {h.loc}", f"à {h.fr}", f"at {h.en} o'clock") for h in HOURS)
AT_MORNING = _at(HOURS[6:11])
AT_EVENING = _at(HOURS[5:10])
MINUTES = _rows(
    Phrase,
    """
beş       | cinq      | five
on        | dix       | ten
yirmi     | vingt     | twenty
yirmi beş | vingt-cinq | twenty-five
""",
)

DATES = _rows(
    Ordinal,
    """
bir        | premier      | first
iki        | deux         | second
üç         | trois        | third
dört       | quatre       | fourth
beş        | cinq         | fifth
altı       | six          | sixth
yedi       | sept         | seventh
sekiz      | huit         | eighth
dokuz      | neuf         | ninth
on         | dix          | tenth
on bir     | onze         | eleventh
on iki     | douze        | twelfth
on üç      | treize       | thirteenth
on dört    | quatorze     | fourteenth
on beş     | quinze       | fifteenth
on altı    | seize        | sixteenth
on yedi    | dix-sept     | seventeenth
on sekiz   | dix-huit     | eighteenth
on dokuz   | dix-neuf     | nineteenth
yirmi      | vingt        | twentieth
yirmi bir  | vingt et un  | twenty-first
yirmi iki  | vingt-deux   | twenty-second
yirmi üç   | vingt-trois  | twenty-third
yirmi dört | vingt-quatre | twenty-fourth
yirmi beş  | vingt-cinq   | twenty-fifth
yirmi altı | vingt-six    | twenty-sixth
yirmi yedi | vingt-sept   | twenty-seventh
yirmi sekiz | vingt-huit  | twenty-eighth
""",
)
MONTHS = _rows(
    Month,
    """
Ocak    | Ocak'ta    | janvier   | January
Şubat   | Şubat'ta   | février   | February
Mart    | Mart'ta    | mars      | March
Nisan   | Nisan'da   | avril     | April
Mayıs   | Mayıs'ta   | mai       | May
Haziran | Haziran'da | juin      | June
Temmuz  | Temmuz'da  | juillet   | July
Ağustos | Ağustos'ta | août      | August
Eylül   | Eylül'de   | septembre | September
Ekim    | Ekim'de    | octobre   | October
Kasım   | Kasım'da   | novembre  | November
Aralık  | Aralık'ta  | décembre  | December
""",
)
UNITS = _rows(
    Phrase,
    """
gün   | jours    | days
gece  | nuits    | nights
hafta | semaines | weeks
ay    | mois     | months
""",
)
SINCE = _rows(
    Phrase,
    """
gündür   | jours    | days
haftadır | semaines | weeks
aydır    | mois     | months
yıldır   | ans      | years
""",
)

# ---------------------------------------------------------------- numbers and money
FEW = _rows(
    Phrase,
    """
iki   | deux   | two
üç    | trois  | three
dört  | quatre | four
beş   | cinq   | five
altı  | six    | six
yedi  | sept   | seven
sekiz | huit   | eight
dokuz | neuf   | nine
on    | dix    | ten
""",
)
AMOUNTS = _rows(
    Phrase,
    """
on        | dix        | ten
on beş    | quinze     | fifteen
yirmi     | vingt      | twenty
yirmi beş | vingt-cinq | twenty-five
otuz      | trente     | thirty
otuz beş  | trente-cinq | thirty-five
kırk      | quarante   | forty
elli      | cinquante  | fifty
altmış    | soixante   | sixty
yetmiş    | soixante-dix | seventy
seksen    | quatre-vingts | eighty
doksan    | quatre-vingt-dix | ninety
yüz       | cent       | a hundred
yüz elli  | cent cinquante | a hundred and fifty
iki yüz   | deux cents | two hundred
beş yüz   | cinq cents | five hundred
bin       | mille      | a thousand
iki bin   | deux mille | two thousand
""",
)
CHILD_AGES = FEW[1:] + _rows(
    Phrase,
    """
on bir   | onze     | eleven
on iki   | douze    | twelve
on üç    | treize   | thirteen
on dört  | quatorze | fourteen
on beş   | quinze   | fifteen
on altı  | seize    | sixteen
on yedi  | dix-sept | seventeen
""",
)
GROWN_AGES = AMOUNTS[6:9] + _rows(
    Phrase,
    """
otuz beş   | trente-cinq      | thirty-five
otuz altı  | trente-six       | thirty-six
kırk iki   | quarante-deux    | forty-two
kırk beş   | quarante-cinq    | forty-five
kırk dokuz | quarante-neuf    | forty-nine
elli üç    | cinquante-trois  | fifty-three
elli sekiz | cinquante-huit   | fifty-eight
""",
)
MONEY = _rows(
    Money,
    """
lira  | liraya | livres  | lira
avro  | avroya | euros   | euros
dolar | dolara | dollars | dollars
""",
)

# ---------------------------------------------------------------- things
THINGS = _rows(
    Thing,
    """
kitap     | kitabı     | livre      | book     | m
çanta     | çantayı    | sac        | bag      | m
telefon   | telefonu   | téléphone  | phone    | m
bilgisayar | bilgisayarı | ordinateur | computer | m
ceket     | ceketi     | veste      | jacket   | f
şemsiye   | şemsiyeyi  | parapluie  | umbrella | m
masa      | masayı     | table      | table    | f
gömlek    | gömleği    | chemise    | shirt    | f
elbise    | elbiseyi   | robe       | dress    | f
kamera    | kamerayı   | caméra     | camera   | f
şapka     | şapkayı    | chapeau    | hat      | m
""",
)
CARRIED = tuple(t for t in THINGS if t.tr != "masa")
OWNED = _rows(
    Thing,
    """
arabası  | arabasını | voiture   | car    | f
telefonu | telefonunu | téléphone | phone  | m
çantası  | çantasını | sac       | bag    | m
evi      | evini | maison    | house  | f
ofisi    | ofisini | bureau    | office | m
""",
)
QUALITIES = _rows(
    Adjective,
    """
pahalı | cher  | chère | expensive
güzel  | beau  | belle | beautiful
büyük  | grand | grande | big
küçük  | petit | petite | small
eski   | vieux | vieille | old
""",
)
COLOURS = _rows(
    Adjective,
    """
kırmızı | rouge | rouge   | red
siyah   | noir  | noire   | black
beyaz   | blanc | blanche | white
mavi    | bleu  | bleue   | blue
yeşil   | vert  | verte   | green
""",
)
PRODUCE = _rows(
    Phrase,
    """
elma     | pommes          | apples
portakal | oranges         | oranges
üzüm     | raisin          | grapes
domates  | tomates         | tomatoes
patates  | pommes de terre | potatoes
peynir   | fromage         | cheese
""",
)
ORDERS = _rows(
    Phrase,
    """
çay    | thés    | teas
kahve  | cafés   | coffees
çorba  | soupes  | soups
salata | salades | salads
""",
)
EVENTS = _rows(
    Phrase,
    """
toplantı | la réunion | the meeting
sınav    | l'examen   | the exam
ders     | le cours   | the lesson
maç      | le match   | the match
konser   | le concert | the concert
film     | le film    | the film
""",
)
EVENT_DAYS = (*(e for e in EVENTS if e.tr != "film"), Phrase("düğün", "le mariage", "the wedding"))
PETS = _rows(
    Phrase,
    """
kedim  | chats  | cats
köpeğim | chiens | dogs
kuşum  | oiseaux | birds
""",
)

# ---------------------------------------------------------------- what people do and feel
MEALS = _rows(
    Activity,
    """
çay | içmek | içiyorum | içiyoruz | içiyor | içtim | içti | boire | bois | buvons | boit | bu | du thé \
| drink | drinking | drank | tea
kahve | içmek | içiyorum | içiyoruz | içiyor | içtim | içti | boire | bois | buvons | boit | bu | du café \
| drink | drinking | drank | coffee
balık | yemek | yiyorum | yiyoruz | yiyor | yedim | yedi | manger | mange | mangeons | mange | mangé \
| du poisson | eat | eating | ate | fish
tavuk | yemek | yiyorum | yiyoruz | yiyor | yedim | yedi | manger | mange | mangeons | mange | mangé \
| du poulet | eat | eating | ate | chicken
pilav | yemek | yiyorum | yiyoruz | yiyor | yedim | yedi | manger | mange | mangeons | mange | mangé \
| du riz | eat | eating | ate | rice
salata | yemek | yiyorum | yiyoruz | yiyor | yedim | yedi | manger | mange | mangeons | mange | mangé \
| de la salade | eat | eating | ate | salad
makarna | yemek | yiyorum | yiyoruz | yiyor | yedim | yedi | manger | mange | mangeons | mange | mangé \
| des pâtes | eat | eating | ate | pasta
dondurma | yemek | yiyorum | yiyoruz | yiyor | yedim | yedi | manger | mange | mangeons | mange | mangé \
| de la glace | eat | eating | ate | ice cream
""",
)
QUIET = _rows(
    Activity,
    """
kitap | okumak | okuyorum | okuyoruz | okuyor | okudum | okudu | lire | lis | lisons | lit | lu | un livre \
| read | reading | read | a book
gazete | okumak | okuyorum | okuyoruz | okuyor | okudum | okudu | lire | lis | lisons | lit | lu \
| un journal | read | reading | read | a newspaper
mektup | yazmak | yazıyorum | yazıyoruz | yazıyor | yazdım | yazdı | écrire | écris | écrivons | écrit \
| écrit | une lettre | write | writing | wrote | a letter
film | izlemek | izliyorum | izliyoruz | izliyor | izledim | izledi | regarder | regarde | regardons \
| regarde | regardé | un film | watch | watching | watched | a film
müzik | dinlemek | dinliyorum | dinliyoruz | dinliyor | dinledim | dinledi | écouter | écoute | écoutons \
| écoute | écouté | de la musique | listen to | listening to | listened to | music
""",
)
ACTIVE = _rows(
    Activity,
    """
Fransızca | öğrenmek | öğreniyorum | öğreniyoruz | öğreniyor | öğrendim | öğrendi | apprendre | apprends \
| apprenons | apprend | appris | le français | learn | learning | learned | French
futbol | oynamak | oynuyorum | oynuyoruz | oynuyor | oynadım | oynadı | jouer | joue | jouons | joue | joué \
| au football | play | playing | played | football
fotoğraf | çekmek | çekiyorum | çekiyoruz | çekiyor | çektim | çekti | prendre | prends | prenons | prend \
| pris | des photos | take | taking | took | photos
alışveriş | yapmak | yapıyorum | yapıyoruz | yapıyor | yaptım | yaptı | faire | fais | faisons | fait | fait \
| les courses | do | doing | did | the shopping
""",
)
SHORT = tuple(a for a in ACTIVE if a.obj != "Fransızca")
DONE = MEALS + QUIET + SHORT

STATES = _rows(
    Adjective,
    """
yorgun  | fatigué | fatiguée | tired
mutlu   | heureux | heureuse | happy
hasta   | malade  | malade   | ill
meşgul  | occupé  | occupée  | busy
endişeli | inquiet | inquiète | worried
sinirli | énervé  | énervée  | angry
""",
)
I_AM = _rows(
    Phrase,
    """
yorgunum   | fatigué | tired
mutluyum   | heureux | happy
hastayım   | malade  | ill
meşgulüm   | occupé  | busy
endişeliyim | inquiet | worried
sinirliyim | énervé  | angry
""",
)
REASONS = _rows(
    Phrase,
    """
çünkü sınav çok zordu          | parce que l'examen était très difficile | because the exam was very hard
çünkü dün gece hiç uyumadım | parce que je n'ai pas dormi la nuit dernière \
| because I did not sleep last night
çünkü bugün çok çalıştım       | parce que j'ai beaucoup travaillé aujourd'hui | because I worked a lot today
çünkü otobüs gelmedi           | parce que le bus n'est pas venu | because the bus did not come
""",
)
PAINS = _rows(
    Phrase,
    """
başım   | à la tête  | head
karnım  | au ventre  | stomach
sırtım  | au dos     | back
boğazım | à la gorge | throat
kolum   | au bras    | arm
bacağım | à la jambe | leg
""",
)
WEATHERS = _rows(
    Weather,
    """
soğuk    | il fait très froid          | il fera froid          | cold
sıcak    | il fait très chaud          | il fera chaud          | hot
güzel    | il fait très beau           | il fera beau           | nice
yağmurlu | le temps est très pluvieux | le temps sera pluvieux | rainy
bulutlu  | le temps est très nuageux | le temps sera nuageux  | cloudy
""",
)
WILL_FALL = _rows(
    Phrase,
    """
yağmur yağacak | il pleuvra  | it will rain
kar yağacak    | il neigera  | it will snow
""",
)
FELL = _rows(
    Phrase,
    """
yağmur yağdı | il a beaucoup plu | it rained
kar yağdı    | il a beaucoup neigé | it snowed
""",
)
SOURCES = _rows(
    Phrase,
    """
haberlere göre  | selon les informations | according to the news
gazeteye göre   | selon le journal       | according to the newspaper
radyoya göre    | selon la radio         | according to the radio
""",
)

GO_NOW = _rows(
    Phrase,
    """
gidiyorum    | je vais         | I am going
gidiyoruz    | nous allons     | we are going
dönüyorum    | je retourne     | I am going back
dönüyoruz    | nous retournons | we are going back
""",
)
GO_YOU = _rows(
    Phrase,
    """
gidiyor musun   | est-ce que tu vas     | are you going
gidiyor musunuz | est-ce que vous allez | are you going
""",
)
GO_LATER = _rows(
    Phrase,
    """
gideceğim  | j'irai           | I will go
gideceğiz  | nous irons       | we will go
gitmeyeceğim | je n'irai pas  | I will not go
gitmeyeceğiz | nous n'irons pas | we will not go
""",
)
WENT = _rows(
    Phrase,
    """
gittim   | je suis allé        | I went
gittik   | nous sommes allés   | we went
gitmedim | je ne suis pas allé | I did not go
""",
)
GO_WISH = _rows(
    Phrase,
    """
gitmek istiyorum      | je veux aller         | I want to go
gitmek istiyoruz      | nous voulons aller    | we want to go
gitmek istemiyorum    | je ne veux pas aller  | I do not want to go
gitmek zorundayım     | je dois aller         | I have to go
gitmek zorundayız     | nous devons aller     | we have to go
""",
)
WISHES = _rows(
    Phrase,
    """
istiyorum        | je veux              | I want to
istiyoruz        | nous voulons         | we want to
""",
)
STAY = _rows(
    Phrase,
    """
kalacağım | je resterai        | I will stay
kalacağız | nous resterons     | we will stay
kaldım    | je suis resté      | I stayed
kaldık    | nous sommes restés | we stayed
""",
)
LIVE = _rows(
    Phrase,
    """
yaşıyorum    | je vis         | I have been living
yaşıyoruz    | nous vivons    | we have been living
çalışıyorum  | je travaille   | I have been working
çalışıyoruz  | nous travaillons | we have been working
""",
)
MEET = _rows(
    Phrase,
    """
buluşacağım | je retrouverai    | I will meet
buluşacağız | nous retrouverons | we will meet
""",
)
TALKED = _rows(
    Phrase,
    """
konuştum   | j'ai parlé          | I talked
konuştuk   | nous avons parlé    | we talked
konuşmadım | je n'ai pas parlé   | I did not talk
""",
)
SAW = _rows(
    Phrase,
    """
aradım   | j'ai appelé        | I called
aradık   | nous avons appelé  | we called
gördüm   | j'ai vu            | I saw
gördük   | nous avons vu      | we saw
görmedim | je n'ai pas vu     | I did not see
""",
)
WILL_CALL = _rows(
    Phrase,
    """
arayacağım | j'appellerai      | I will call
arayacağız | nous appellerons  | we will call
göreceğim  | je verrai         | I will see
göreceğiz  | nous verrons      | we will see
""",
)
GAVE = _rows(
    Phrase,
    """
verdim     | j'ai donné        | I gave
verdik     | nous avons donné  | we gave
gösterdim  | j'ai montré       | I showed
gösterdik  | nous avons montré | we showed
""",
)
BOUGHT = _rows(
    Phrase,
    """
aldım | j'ai acheté       | I bought
aldık | nous avons acheté | we bought
""",
)
PAID = _rows(
    Phrase,
    """
ödedim | j'ai payé       | I paid
ödedik | nous avons payé | we paid
""",
)
EXPENSES = _rows(
    Phrase,
    """
yemek | le repas  | the meal
otel  | l'hôtel   | the hotel
bilet | le billet | the ticket
""",
)
WOULD_LIKE = _rows(
    Phrase,
    """
istiyorum | je voudrais     | I would like
istiyoruz | nous voudrions  | we would like
""",
)
START = _rows(
    Phrase,
    """
başlıyor  | commence   | starts
bitiyor   | se termine | ends
""",
)

# ---------------------------------------------------------------- courtesies
GREETINGS = _rows(
    Phrase,
    """
merhaba      | bonjour | hello
günaydın     | bonjour | good morning
iyi akşamlar | bonsoir | good evening
""",
)
FOLLOWING = _rows(
    Phrase,
    """
bugün nasılsınız?      | comment allez-vous aujourd'hui ? | how are you today?
nasılsınız?            | comment allez-vous ?             | how are you?
hoş geldiniz.          | bienvenue.                       | welcome.
""",
)
COURTESIES = _rows(
    Phrase,
    """
çok teşekkür ederim. | merci beaucoup. | thank you very much.
özür dilerim. | je suis désolé. | I am sorry.
lütfen oturun. | asseyez-vous, s'il vous plaît. | please sit down.
lütfen biraz bekleyin. | attendez un peu, s'il vous plaît. | please wait a little.
size bir şey sormak istiyorum. | je voudrais vous demander quelque chose. | I would like to ask you something.
sizi çok iyi anlıyorum. | je vous comprends très bien. | I understand you very well.
bize biraz ailenizi anlatın. | parlez-nous un peu de votre famille. | tell us a little about your family.
bu soruya cevap vermek istemiyorum. | je ne veux pas répondre à cette question. \
| I do not want to answer this question.
sizinle aynı fikirdeyim. | je suis d'accord avec vous. | I agree with you.
bu filmi neden yaptınız? | pourquoi avez-vous fait ce film ? | why did you make this film?
bu sabah gazeteyi okudunuz mu? | avez-vous lu le journal ce matin ? | did you read the newspaper this morning?
bize yardım eder misiniz? | pouvez-vous nous aider ? | can you help us?
""",
)
OPINIONS = _rows(
    Phrase,
    """
bence          | à mon avis      | in my opinion
bana göre      | d'après moi     | in my view
""",
)
