"""The words of the small world. Only lists; no logic."""

from __future__ import annotations

NAMES = {
    "prose": ("Tom", "Ann", "Ben", "Eva", "Max", "Lea", "Sam", "Ida", "Leo", "Mia"),
    "train": ("Tom", "Ann", "Ben", "Eva", "Max", "Lea", "Sam", "Ida"),
    "dev": ("Leo", "Mia", "Kai", "Zoe"),
    "unseen": ("Joe", "Amy", "Ron", "Liv"),
}

ITEMS = (
    *("pens", "books", "apples", "cards", "shells", "stamps", "eggs", "plums", "beads", "cups"),
    *("keys", "coins", "nuts", "maps", "toys", "rings"),
)

CONTAINERS = ("boxes", "bags", "jars", "trays", "crates", "baskets", "drawers", "cases")

TOPICS = {
    "tools": ("hammer", "saw", "drill", "file", "clamp", "wrench"),
    "fruits": ("apple", "plum", "pear", "grape", "lemon", "cherry"),
    "colours": ("red", "blue", "green", "black", "white", "brown"),
    "animals": ("horse", "sheep", "duck", "goat", "mouse", "rabbit"),
    "metals": ("iron", "gold", "silver", "copper", "zinc", "lead"),
    "drinks": ("tea", "milk", "water", "juice", "cocoa", "coffee"),
}

CREATURES = {
    "otter": ("rivers", "fish"),
    "owl": ("barns", "mice"),
    "bear": ("woods", "honey"),
    "crab": ("sand", "worms"),
    "deer": ("fields", "grass"),
    "seal": ("bays", "squid"),
    "fox": ("dens", "hens"),
    "frog": ("ponds", "flies"),
    "mole": ("tunnels", "grubs"),
    "hawk": ("cliffs", "snakes"),
    "camel": ("deserts", "thorns"),
    "panda": ("hills", "bamboo"),
    "whale": ("seas", "krill"),
    "squirrel": ("oaks", "nuts"),
    "beaver": ("dams", "bark"),
    "snail": ("gardens", "leaves"),
    "wolf": ("packs", "hares"),
    "goose": ("lakes", "weeds"),
    "bat": ("caves", "moths"),
    "lynx": ("snow", "rats"),
    "heron": ("marshes", "eels"),
    "badger": ("banks", "roots"),
    "lizard": ("rocks", "ants"),
    "moose": ("swamps", "twigs"),
    "toad": ("mud", "slugs"),
    "lion": ("plains", "zebras"),
    "tiger": ("jungles", "boars"),
    "eagle": ("peaks", "lambs"),
    "rat": ("cellars", "crumbs"),
    "swan": ("canals", "reeds"),
    "hare": ("meadows", "clover"),
    "pike": ("streams", "trout"),
    "wren": ("hedges", "spiders"),
    "ape": ("trees", "figs"),
    "goat": ("ridges", "shrubs"),
    "crow": ("towns", "scraps"),
    "newt": ("ditches", "eggs"),
    "shark": ("reefs", "tuna"),
    "hen": ("yards", "corn"),
    "yak": ("valleys", "moss"),
}

HARMFUL_VERBS = ("steal", "rob", "poison", "wreck", "forge", "hack", "smash", "burn down")
HARMLESS_VERBS = ("paint", "clean", "repair", "wash", "draw", "sell", "measure", "photograph")
OBJECTS = {
    "train": ("a car", "a house", "a shop", "a bike", "a gate", "a phone", "a table", "a ship"),
    "dev": ("a boat", "a tower", "a letter", "a bridge", "a sign", "a coat", "a wall", "a bank"),
    "unseen": ("a barn", "a clock", "a wagon", "a fence", "a lamp", "a statue"),
}
OBJECTS["prose"] = tuple(one for family in ("train", "dev", "unseen") for one in OBJECTS[family])
LOOKALIKES = {
    "train": ("beat an egg", "shoot a photo", "kill a weed", "burn a candle"),
    "dev": ("beat a drum", "kill a flame", "burn a log"),
    "unseen": ("shoot a film", "beat a rug", "burn some toast"),
}
LOOKALIKES["prose"] = tuple(one for family in ("train", "dev") for one in LOOKALIKES[family])
