"""What the sentence splitter knows of English: abbreviations, starters, letter case.

The abbreviations, sentence starters and collocations are those that Punkt (Kiss and Strunk 2006,
"Unsupervised Multilingual Sentence Boundary Detection") learnt from the Wall Street Journal and
that every published verdict on sentence counts rests on. Its table of 20,000 words with the cases
they were seen in is replaced by our own smaller one: `lowercase_words.txt` (words that occur in
lower case in public mathematics and instruction data) and the words below.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


def word_set(text: str) -> frozenset[str]:
    """Return the white-space separated words of a text."""
    return frozenset(text.split())


ABBREVIATIONS = word_set(
    """a.a a.c a.d a.g a.h a.m a.m.e a.s a.t adm ala ariz aug ave b.f b.v bros c c.i.t c.o.m.b c.v
    calif chg cie co col colo conn corp cos ct d d.c d.h d.w dec dr e e.f e.h e.l e.m f f.g f.j
    feb fla fri ft g g.d g.f g.k ga gen h h.c h.f h.m i.m.s ill inc j.b j.c j.j j.k j.p j.r jan
    jr k kan ky l l.a l.f l.p lt ltd m m.b.a m.d.c m.j maj messrs mg mich minn mr mrs ms n n.c
    n.d n.h n.j n.m n.v n.y nev nov oct ok okla ore p p.a.m p.m pa ph.d prof r r.a r.h r.i r.j
    r.k r.t rep reps s s.a s.a.y s.c s.g s.p.a s.s sen sep sept sr st sw t t.j tenn tues u.k u.n
    u.s u.s.a u.s.s.r v va vs vt w w.c w.r w.va w.w wash wed wis yr"""
) | {". . "}

SENTENCE_STARTERS = word_set(
    """according although among both but despite even he however i if in indeed instead it many
    meanwhile moreover most nevertheless nonetheless nor sales separately similarly since so
    some the there these they this though thus under when while yet"""
)

_AFTER_A_NUMBER = """abreast aes business cbot colgate commodities cooper corrections credit
    dividend financing genentech henley insider international leisure letters notable pay-fone
    pegasus pepper review rj wedgestone who zimmer"""

_AFTER_AN_INITIAL = """b:edelman b:levine b:smith b:stewart b:wigton i:magnin i:toussie j:aron
    j:fialka j:walter o:ludcke"""

COLLOCATIONS = frozenset(("##number##", word) for word in _AFTER_A_NUMBER.split()) | frozenset(
    (pair.partition(":")[0], pair.partition(":")[2]) for pair in _AFTER_AN_INITIAL.split()
)

# Words that newspapers print capitalised in the middle of a sentence as well (titles, names,
# quoted speech), so that a capital says nothing about where a sentence starts.
CAPITALISED_INSIDE = word_set(
    """a agreement agriculture airline all also always american an and any are as asia at back bank
    banks bay be because been before behave below best better between big bill black blue board
    books bush business by call can capital center central chairman chief children church city
    co coast come committee common company computer confidence congress construction corporate
    council country court credit data day days dear department did digital director directors do
    does down dream dreams due during earth east economic economy education efforts energy
    english equity every executive exit eye eyes farm federal find fine first five follow food
    for force foreign four free from front fuel fund funds game general get give go god going
    gold good government grace great green group groups growth had hall has have health held
    hell help her here high hill his history holiday home hope hospital house how human income
    industry inside institute international into investment is issue its japan judge just
    justice king know lady last law learn left less let letters life light like little live
    local long look love made magic make man management manager march market marketing markets
    may me means medical medicine men middle military mind minister model money more morning
    mother movies mr much music my national natural need net never new news next night no north
    not now ocean oct of off office official oil old on one only open or other our out over park
    part party peace people place plan plant please point police policy poor power president
    press price prices prime private prize pro problem production products profit program
    progress project property protection public quality question quick real red region report
    research reserve rich right rights river road room royal rule rules safety said say school
    science sea second secret secretary section securities security see senate senior service
    services set seven she should show side sign silver six small social society south southern
    special spring staff standard star state states stock stop story street strong students
    summer sun super system systems take tax technology television ten than thank that their
    them then three time times to today top total trade trading treasury trust truth two union
    united university up us very view visit volume wall want war was washington water way we
    week well west western what where which white who whose why wild will winter with without
    woman women word words work worker workers working world would write year years yellow yes
    yesterday you young zero"""
)


@cache
def lowercase_words() -> frozenset[str]:
    """Return the words known to occur in lower case: ordinary words, hardly ever names."""
    text = Path(__file__).with_name("lowercase_words.txt").read_text("utf-8")
    return frozenset(text.split()) | CAPITALISED_INSIDE
