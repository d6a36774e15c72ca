"""Text to sentences: exact spans by Punkt, which finds them without any download.

    "Dr. Lindqvane came at 4 p.m. on Tuesday. See Fig. 12."
    [(0, 40), (41, 53)]

Punkt (Kiss and Strunk 2006, Computational Linguistics 32(4)) is used untrained, with the abbreviations below: trained
on a medical manual it took "wax." and "cat." for abbreviations, and a sentence added to a text could move
the sentences elsewhere in it. What Punkt does not know of, the rules after it mend: no sentence begins
with a small letter, and "Fig." or "p." goes with the number behind it.
"""

import functools
import itertools
import re

from nltk.tokenize.punkt import PunktSentenceTokenizer, PunktTrainer

from tasks.corpus.layout import Span, flows

# Abbreviations that stand before a capital: titles, and what introduces an example or a name. Those that
# end a sentence as often as not (etc., p.m., cm.) are left out on purpose: a small letter behind them tells.
BEFORE_NAMES = (
    "adm ald assoc asst atty aug ave bart bldg blvd bp brig bros capt cdr cllr cmdr co col comdr corp cpl dept dist "
    "div dr drs ed eds esq fr gen gov hon hosp inc insp inst jas jos jr jun ld lieut lt ltd maj messrs mfg mgr mlle "
    "mme mr mrs ms mt mts op pres prof profs pvt rep reps rev revd rr rt sen sens sgt snr sr st ste supt surg thos "
    "treas univ vs viz wm cf ca i.e e.g ie eg q.v al aet æt b.sc m.sc ph.d m.d b.a m.a f.r.c.s f.r.s m.p u.s u.k u.n"
)

# Abbreviations that stand before a number or a letter: "Fig. 12", "vol. ii.", "Plate. A".
BEFORE_NUMBERS = re.compile(
    r"(?<![\w.])(?:fig|figs|no|nos|nr|p|pp|pg|vol|vols|chap|chaps|ch|sec|secs|sect|art|arts|cl|para|paras|par|eq|eqs"
    r"|pl|tab|app|bk|pt|pts|f|ff|l|ll|v|vv|n|c|ca|cf|op|æt|aet|jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec"
    r"|rs|ver|ref|refs)\.[\s_*]*$",
    re.IGNORECASE,
)
NUMBER = re.compile(r"[(\[_*#]*(?:\d|[ivxlc]+\b|(?![AI]\s+[a-z])(?:[IVXLC]+|[A-Z])\b)")  # not "A man", "I saw"

# Punkt learns from this line that these words are written small inside a sentence, so that a large one opens one.
STARTERS = (
    "it was the an in on at to of and but or if when while as for from with by this that these those there he she they "
    "we you his her their its our who what which where why how not no all some many most each every both after before "
    "although though because since until then thus hence however also only one two three such any other are is were "
    "has have had do does did can may must should will would could be"
)

# Marks that hide a sentence's end or start from Punkt, replaced one for one (so that offsets stay).
MASK = str.maketrans({"_": '"', "#": '"', "“": '"', "”": '"', "«": '"', "»": '"', "‘": "'", "’": "'"})  # noqa: RUF001
DEGREES = re.compile(r"°\s?[CFKR](?=\.)")  # "103° F. Patients": F is no initial
RUN_IN_HEADING = re.compile(r"[^\s.](?:[^.]|\.(?=\S)){1,90}?\.[_#*]*(?:--|—)(?=\S)")
FULL_WIDTH_END = re.compile(r"[。！？｡][」』”’）)]*")  # noqa: RUF001
BELONGS_BEFORE = re.compile(r"(?:--+|[—–,;:)\]}])+\s*")  # noqa: RUF001
SMALL_PER_LARGE = 4  # drafted starts with a small letter for one with a capital, at most, where sentences are cased
CONTEXT = 80  # characters looked at before a start, so that a text without sentence ends takes linear time
ENUMERATOR_ONLY = re.compile(r"\W*(?:\d{1,3}|[^\W\d_]|[ivxlc]{1,5}|[IVXLC]{1,5})[.)]\W*")


def split_sentences(text: str) -> list[Span]:
    """Return the spans of the sentences of a text, trimmed, in order.

    Every character that is not white space lies in exactly one span; headings, paragraphs, list items and
    form feeds end a sentence (see ``layout.flows``), the line ends of a wrapped paragraph do not.
    """
    drafts = [(start, end, _punkt_starts(text[start:end])) for start, end in flows(text)]
    cased = _is_cased(text, drafts)
    spans: list[Span] = []
    for start, end, offsets in drafts:
        spans += _spans(text, start, end, [start + offset for offset in offsets], cased=cased)
    return spans


@functools.cache
def _tokenizer() -> PunktSentenceTokenizer:
    parameters = PunktTrainer(f"Here {STARTERS}.").get_params()
    parameters.abbrev_types = set(BEFORE_NAMES.split())
    return PunktSentenceTokenizer(parameters)


def _punkt_starts(flow: str) -> list[int]:
    """Offsets in a flow at which Punkt or a mark of its own says that a sentence starts; 0 is one of them."""
    masked = DEGREES.sub(lambda match: "x" * len(match.group()), flow.translate(MASK))
    starts = {0} | {start for start, _ in _tokenizer().span_tokenize(masked)}
    if heading := RUN_IN_HEADING.match(flow):
        starts.add(heading.end())
    starts |= {match.end() for match in FULL_WIDTH_END.finditer(flow)}
    return sorted(start for start in starts if start < len(flow))


def _is_cased(text: str, drafts: list[tuple[int, int, list[int]]]) -> bool:
    """Whether sentences begin with capitals here; in notes written all in small letters they do not."""
    small = large = 0
    for start, _, offsets in drafts:
        for offset in offsets:
            first = _first_letter(text, start + offset)
            small += first.islower()
            large += first.isupper()
    return large * SMALL_PER_LARGE >= small


def _first_letter(text: str, start: int) -> str:
    """The first letter or digit from here on, within the next few characters ("" if there is none)."""
    return next((character for character in text[start : start + 8] if character.isalnum()), "")


def _spans(text: str, start: int, end: int, starts: list[int], *, cased: bool) -> list[Span]:
    """Turn drafted starts into trimmed spans, after joining what Punkt has cut apart."""
    kept = [start]
    for draft, following in itertools.pairwise([*starts[1:], end]):
        position = draft
        if mark := BELONGS_BEFORE.match(text, draft, end):  # a dash or a closing bracket goes with what it ends
            position = mark.end()
        if position >= following or _continues(text, kept[-1], position, following, cased=cased):
            continue
        kept.append(position)
    spans = []
    for left, right in itertools.pairwise([*kept, end]):
        body = text[left:right]
        spans.append((left + len(body) - len(body.lstrip()), left + len(body.rstrip())))
    return spans


def _continues(text: str, previous: int, start: int, end: int, *, cased: bool) -> bool:
    """Whether what starts here belongs to the sentence before it."""
    before, after = text[max(previous, start - CONTEXT) : start], text[start:end]
    if not any(map(str.isalnum, after)) or not any(map(str.isalnum, before)) or ENUMERATOR_ONLY.fullmatch(before):
        return True
    if NUMBER.match(after) and BEFORE_NUMBERS.search(before):
        return True
    return cased and _first_letter(text, start).islower() and not ENUMERATOR_ONLY.match(after)
