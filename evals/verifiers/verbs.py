"""Is the first word of an English text a verb? A lexicon in place of a part-of-speech tagger.

IFBench's checker asks NLTK's averaged perceptron tagger, whose weights must be downloaded. For the
one question asked here a list of common verbs, their regular and irregular forms, and the -ing and
-ed endings decide the same way on nearly every opening word.
"""

from __future__ import annotations

from evals.verifiers.english import word_set

_BASE = word_set(
    """accept accompany achieve acknowledge acquire act adapt add address adjust adopt advance
    advise aim align allow analyze analyse announce answer apologize appear apply appreciate
    approach arrange arrive ask assemble assess assign assist assume attach attempt attend avoid
    awaken bake balance be bear beat become begin behold believe bend blend boil boost bring
    broaden build buy calculate call cancel capture carry catch celebrate challenge change check
    choose clarify classify clean clear click climb collaborate collect combine come commit
    communicate compare compile complete compose compute conclude conduct configure confirm
    connect consider construct consult contact contain continue contribute convert convey
    convince cook cool copy count cover craft create cross cultivate cut dance dare deal debug
    decide declare decrease dedicate deepen define delight deliver delve demonstrate deploy
    describe design destroy determine develop dig discover discuss display dive divide do
    download draft draw dream drink drive drop earn eat educate elevate eliminate embark embrace
    emphasize employ empower enable encourage end endure engage enhance enjoy enrich ensure
    enter envision escape establish estimate evaluate examine execute exercise exist expand
    expect experience explain explore express extend face facilitate fall feel fetch fight
    figure fill find finish fix focus fold follow forget forgive foster function gain gather
    generate get give go grab greet grow guess guide handle hang harness have hear heat help
    highlight hire hold identify ignore illustrate imagine immerse implement import improve
    include incorporate increase inform initialize innovate insert inspect inspire install
    integrate introduce invest investigate invite involve join journey judge jump justify keep
    know launch lay lead learn leave let lie lift limit listen live load locate look lose love
    maintain make manage mark master maximize meditate meet melt mention minimize mix modify
    monitor motivate move multiply navigate need note notice nurture observe obtain occur offer
    open operate optimize order organize outline overcome pack paint pay perform pick place plan
    plant play please pour practice prepare present preserve press prevent print prioritize
    proceed produce promote protect prove provide pull purchase pursue push put quit raise reach
    read realize recall receive recognize recommend record recover reduce refer reflect refrain
    regard regret relate relax release rely remain remember remind remove rename repeat replace
    report represent request require research resolve respect respond rest restart restore
    return reveal review revise rewrite rinse rise roll run save say schedule search see seek
    seem select sell send separate serve set settle shape share shift shine show simplify sing
    sit sleep slice solve speak specify spend split spread stand start state stay step stir stop
    store streamline strengthen stretch strive study submit succeed suggest summarize support
    suppose survey survive sustain take talk taste teach tell tend test thank think throw train
    transfer transform translate travel treat trust try turn understand unleash unlock unveil
    update upgrade use utilize validate value verify view visit visualize wait wake walk want
    warm wash watch weave welcome wish wonder work write yield"""
)
_IRREGULAR = word_set(
    """am are is was were been being had has did does done went gone made came took taken gave
    given got gotten saw seen knew known thought said told found felt kept left held brought
    bought built wrote written stood began begun broke broken chose chosen drove driven ate
    eaten fell fallen grew grown ran sang spoke spoken threw thrown wore won met paid sent spent
    taught understood lost led born set"""
)
_NOT_VERBS = word_set(
    """anything beijing ceiling clothing during evening everything king lightning morning
    nothing ping ring something spring sterling string swing thing wing bed breed deed
    exceed feed hundred indeed naked need red sacred seed shed speed weed wicked embed bred fred
    ned ted"""
)
_SHORTEST_WITH_ENDING = 5


def is_verb(word: str) -> bool:
    """Return whether a word that opens a text is a verb form."""
    low = word.lower()
    if low in _BASE or low in _IRREGULAR:
        return True
    if low in _NOT_VERBS or not low.isalpha():
        return False
    if low.endswith(("ing", "ed")) and len(low) >= _SHORTEST_WITH_ENDING:
        return True
    return low.endswith("s") and (low[:-1] in _BASE or low[:-2] in _BASE)
