"""Small closed word lists that the rules need: people, gendered words, measures, colours, times.

They are grammar, not knowledge: a text outside them gets fewer or plainer questions, never wrong ones.
"""

FEMALE = set(
    """
        woman girl mother sister daughter wife widow aunt queen lady mrs miss ms madam niece grandmother nun
        duchess princess empress housewife bride her she
    """.split()
)
MALE = set(
    """
        man boy father brother son husband widower uncle king lord mr sir nephew grandfather monk duke prince
        emperor bridegroom watchman boatman ferryman fireman his he
    """.split()
)
PEOPLE = (FEMALE | MALE) - {"her", "she", "his", "he"} | set(
    """
        person people child baby orphan friend neighbour neighbor stranger master mistress deputy warden clerk
        keeper storekeeper surgeon doctor dr physician nurse patient professor teacher pupil student apprentice
        journeyman smith baker cook miller carter driver captain sailor pilot rower passenger soldier officer
        sergeant general colonel major guard judge lawyer priest vicar bishop preacher pope saint mayor governor
        president minister director manager chief head leader owner founder inventor builder maker maid servant
        worker stoker hand farmer shepherd fisherman hunter merchant trader dealer buyer seller customer author
        writer poet painter artist musician singer actor engineer mechanic chemist apothecary pharmacist
        scientist researcher scholar librarian historian secretary accountant treasurer inspector agent member
        employee employer applicant visitor guest host tenant landlord heir parent twin cousin ancestor infant
        adult elder victim thief witness prisoner enemy rival colleague assistant helper foreman forewoman
        overseer supervisor operator staff claimant respondent plaintiff defendant adjudicator arbitrator ombudsman
        deckhand skipper expert user reader chairman chairwoman spokesman technician potter weaver tailor
        tanner cooper carpenter mason blacksmith boatbuilder shipwright gardener ferrywoman
        gentleman lad lass youth teenager toddler pensioner veteran companion partner spouse bachelor spinster
        grandson granddaughter stepfather stepmother stepson stepdaughter nanny governess tutor dean rector
        principal janitor caretaker cleaner waiter waitress barmaid chef brewer distiller dyer spinner knitter
        seamstress cobbler saddler glazier plumber electrician welder roofer surveyor architect typist
        journalist reporter editor publisher printer bookseller archivist curator consul ambassador senator
        sheriff marshal bailiff magistrate attorney solicitor barrister notary juror defendant plaintiff
        claimant respondent appellant complainant burglar robber smuggler pirate forger spy hostage suspect
        lodger landlady grocer butcher barber porter cashier courier messenger lieutenant admiral knight squire
        peasant beggar tramp pilgrim abbot rabbi imam curate chaplain sexton ringer skipper boatswain diver
        climber runner swimmer player dancer midwife dentist optician therapist carer volunteer contractor
        subcontractor trustee shareholder executor beneficiary guardian constable detective alderman
        councillor counsellor schoolteacher monk emperor clown juggler acrobat
    """.split()
)
OF_PEOPLE = ("master", "mistress", "woman", "keeper", "maker", "smith", "wright", "monger", "warden", "tender")
"""Ends of nouns for people."""
VESSELS = set("barge boat brig dinghy ferry frigate schooner ship sloop steamer trawler tug vessel yacht".split())
HUMAN_VERBS = set(
    """
        say tell ask answer write marry think know believe live die teach study laugh smile weep swear love hate
        promise refuse decide remember forget invent discover explain speak whisper shout
    """.split()
)
MAKING = {"build", "cast", "construct", "erect", "forge", "launch", "manufacture"}
COLOURS = set(
    """
        red green blue yellow brown black white grey gray purple orange pink violet amber silver golden scarlet
        crimson copper ivory turquoise maroon indigo
    """.split()
)
# adjective or verb of measure -> the noun that asks for it
MEASURE_NOUN = {
    "deep": "depth", "high": "height", "tall": "height", "wide": "width", "broad": "breadth", "long": "length",
    "thick": "thickness", "old": "age", "heavy": "weight", "weigh": "weight", "cost": "price", "measure": "size",
    "hold": "capacity",
}  # fmt: skip
TIME_UNITS = set(
    """
    second minute hour day night week fortnight month year decade century season
""".split()
)
TEMPERATURE = set(["degree", "celsius", "fahrenheit", "centigrade"])
WEEKDAYS = set(["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"])
MONTHS = set(
    """
    january february march april may june july august september october november december
""".split()
)
UNITS = (
    TIME_UNITS
    | TEMPERATURE
    | set(
        """
            metre meter kilometre kilometer centimetre centimeter millimetre millimeter mile yard foot inch
            fathom league litre liter pint gallon barrel bucket gram gramme kilogram kilo kg tonne ton pound
            ounce stone crown penny pence shilling dollar euro cent percent per bar volt watt ampere hectare
            acre
        """.split()
    )
)
PLACES = set(
    """
        house shop store office yard room cellar town village city river port church harbour harbor street lane
        road square market mill works factory farm field garden forest wood hill mountain valley island lake sea
        shore bank bridge gate door hall kitchen stable barn tower castle school hospital ward theatre station
        dock quay wharf jetty landing canal lock marsh pond cistern well tank chest box cupboard drawer shelf
        attic loft basement roof library museum palace court camp country county parish district region
        infirmary inn hotel chapel shed cabin cottage farmhouse monastery abbey convent temple prison jail cell
        tent stall booth studio laboratory clinic surgery pharmacy bakery brewery tavern pub restaurant garage
        depot warehouse granary workshop
    """.split()
)
BODY = set("neck chest arm leg head hand foot heart skin".split())
PLACES |= BODY
# nouns that make fixed phrases with a preposition: "in spite of", "at last", "free of charge"
FIXED = set(
    """
        spite last once fact charge order turn general particular addition front least first most all example
        instance extent extreme course contact end way case view detail full means virtue
    """.split()
)
LINKS = set(
    """
    then also however so therefore thus too again even instead first next
""".split()
)
"""Adverbs that tie a clause to the one before it."""
LIGHT_VERBS = {"take", "make", "give", "play", "pay", "bear", "lose", "set", "keep", "catch"}
SET_OBJECTS = {
    "place",
    "part",
    "effect",
    "root",
    "hold",
    "care",
    "heed",
    "shape",
    "use",
    "rise",
    "way",
    "birth",
    "sight",
}
SET_OBJECTS |= {"attention", "advantage", "note", "account", "notice", "track", "pace", "fire", "charge"}
"""Nouns that make one verb with a light one: nobody asks what an operation takes, where it takes place."""
BELIEVING = {"believe", "think", "suppose", "hope", "fear", "imagine", "assume", "allege", "doubt", "deny", "claim"}
BELIEVING |= {"pretend", "suspect", "wish", "guess", "conceive", "dream", "predict", "deem"}
ABSTRACT = set(
    "amount extent point degree manner way rate condition circumstance stage moment case reason means".split()
)
UNLIKE_PAST = {"begun", "slain", "drawn", "given", "gone", "taken"}
"""Participles in ``SYNONYMS`` that are no past forms (of those with a particle, the verb alone)."""
# verb -> (another base form, its participle and past form, its -s form): everyday synonyms that fit most uses
SYNONYMS = {
    "found": ("establish", "established", "establishes"), "buy": ("purchase", "purchased", "purchases"),
    "make": ("produce", "produced", "produces"), "build": ("construct", "constructed", "constructs"),
    "begin": ("start", "started", "starts"), "start": ("begin", "begun", "begins"),
    "carry": ("transport", "transported", "transports"), "run": ("manage", "managed", "manages"),
    "lift": ("raise", "raised", "raises"), "raise": ("lift", "lifted", "lifts"),
    "live": ("reside", "resided", "resides"), "clean": ("wash", "washed", "washes"),
    "use": ("employ", "employed", "employs"),
    "send": ("dispatch", "dispatched", "dispatches"), "issue": ("publish", "published", "publishes"),
    "compile": ("put together", "put together", "puts together"), "replace": ("supersede", "superseded", "supersedes"),
    "govern": ("head", "headed", "heads"), "command": ("be in charge of", "", "is in charge of"),
    "learn": ("pick up", "picked up", "picks up"), "rinse": ("wash", "washed", "washes"),
    "dress": ("treat", "treated", "treats"), "cool": ("chill", "chilled", "chills"),
    "close": ("shut", "shut", "shuts"), "shut": ("close", "closed", "closes"),
    "need": ("require", "required", "requires"), "require": ("need", "needed", "needs"),
    "hold": ("contain", "contained", "contains"),
    "contain": ("hold", "held", "holds"), "own": ("possess", "possessed", "possesses"),
    "die": ("pass away", "passed away", "passes away"), "kill": ("slay", "slain", "slays"),
    "find": ("discover", "discovered", "discovers"), "discover": ("find", "found", "finds"),
    "invent": ("devise", "devised", "devises"), "design": ("draw up", "drawn up", "draws up"),
    "write": ("compose", "composed", "composes"), "repair": ("mend", "mended", "mends"),
    "mend": ("repair", "repaired", "repairs"), "check": ("inspect", "inspected", "inspects"),
    "inspect": ("check", "checked", "checks"), "test": ("check", "checked", "checks"),
    "charge": ("ask", "asked", "asks"),
    "pay": ("give", "given", "gives"), "end": ("finish", "finished", "finishes"),
    "finish": ("end", "ended", "ends"), "reach": ("get to", "got to", "gets to"),
    "treat": ("care for", "cared for", "cares for"), "cure": ("heal", "healed", "heals"),
    "cause": ("bring about", "brought about", "brings about"), "show": ("display", "displayed", "displays"),
    "remove": ("take away", "taken away", "takes away"), "fill": ("load", "loaded", "loads"),
    "gather": ("collect", "collected", "collects"), "collect": ("gather", "gathered", "gathers"),
    "guard": ("watch over", "watched over", "watches over"), "store": ("keep", "kept", "keeps"),
    "burn": ("run on", "", "runs on"), "sell": ("offer for sale", "", "sells"),
    "weigh": ("have a weight of", "", "has a weight of"), "cost": ("have a price of", "", "has a price of"),
}  # fmt: skip
