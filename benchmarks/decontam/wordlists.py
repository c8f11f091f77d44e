"""The words that made-up exams, statements and changes are built from. Nothing is built here."""

from __future__ import annotations

NAMES = """
Amara Boris Chidi Dunja Esteban Fatou Goran Hana Ivo Jolanta Kwame Lior Marisol Nikhil Oksana Priya
Quentin Rosalind Svetlana Tariq Ulla Viggo Wanda Xiomara Yusuf Zelda
""".split()

FILLER = """
river window table garden music yellow quiet market bridge letter summer engine paper forest simple
distant hollow winter carpet signal marble lantern copper ribbon shadow thunder velvet
""".split()

SMALL = """
zero one two three four five six seven eight nine ten eleven twelve
""".split()

# Words that begin a sentence with a capital and are no names.
OPENERS = """
The A An If He She It They In On At How What When Each Every There This That His Her Their For
After Before Then And But To Of By As Is Are Was So Two Three Four Five Six Some All One Out During
While Since With From I We You My Our Your Because Once Given Suppose Find Let
""".split()

SUBJECTS = """
harbour glacier violin parliament orchard submarine archive festival railway volcano aquarium
brewery cathedral dictionary embassy foundry granary hospital island jury kiln library monastery
nursery observatory pharmacy quarry reservoir sanctuary theatre university viaduct windmill
""".split()

VERBS = """
opened collapsed reopened doubled moved vanished expanded closed burned froze rusted flooded
shrank failed thrived merged split rotted sank emptied
""".split()

PLACES = """
Bergen Kyoto Lima Tallinn Accra Hobart Quito Minsk Dakar Oslo Perth Riga Zagreb Cusco Porto Turin
Lagos Hanoi Tunis Basel Bilbao Cairo Davao Essen Fukuoka Gdansk Havana Izmir Jakarta Kigali
""".split()

FIELDS = """
erosion migration taxation hydraulics rhetoric botany acoustics navigation medicine heraldry
optics forestry metallurgy astronomy cartography genetics grammar weaving surgery commerce ethics
""".split()
