"""Attributes that a text may leave unstated: a question about a name, and the words that would answer it.

    ("How old is {}?", "old aged age years born")

An attribute is called unstated where none of its words, nor one that begins like it, is said of the name anywhere in
the corpus (tasks/curation/mentions.py). The lists are wide on purpose: a question lost costs less than a false refusal.
"""

OF_PEOPLE = (
    ("How old is {}?", "old age aged year born birth young"), ("When was {} born?", "born birth native child"),
    ("Who is the mother of {}?", "mother daughter son born parent"),
    ("What is the favourite food of {}?", "favourite food eat likes fond dish"),
    ("How tall is {}?", "tall height high feet foot metre inch short"),
    ("What is the surname of {}'s best friend?", "friend"),
    ("Which language does {} speak at home?", "language speak spoke tongue"),
    ("What was the name of {}'s first school?", "school taught pupil studied educat learn"),
    ("What colour is the hair of {}?", "hair blond bald beard"),
    ("How many children does {} have?", "child son daughter father mother"),
)  # fmt: skip
OF_THINGS = (
    ("Who invented {}?", "invent devis design contriv discover"),
    ("How much did {} cost to make?", "cost price paid pay crown pound pence sold bought worth expens"),
    ("Which firm supplied {}?", "suppl firm compan maker made built manufactur deliver"),
    ("What is the serial number of {}?", "serial number"),
    ("When was {} last painted?", "paint whitewash varnish"),
    ("Who insured {}, and for what sum?", "insur"),
    ("What is the nickname of {}?", "nickname called call known name"),
    ("How heavy is {}?", "heav weigh weight ton kilogram gram pound ounce load"),
    ("How old is {}?", "old age aged built dates year since founded added new"),
    ("What smell does {} have?", "smell odour scent stink stench reek"),
    ("Who was the previous owner of {}?", "own belong bought sold"),
    ("How many visitors come to see {}?", "visit guest tourist"),
    ("What does {} look like from above?", "above look seen"),
    ("Which law regulates {}?", "law regulat act statute rule"),
)  # fmt: skip
