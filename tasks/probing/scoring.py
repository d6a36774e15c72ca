"""A response and its accepted aliases to a verdict: correct, wrong or refused.

    verdict("The pump was built by Odo Marrick.", ("Odo Marrick",))          ->  "correct"
    verdict("I am not able to answer, but it was 1829.", ("1829",))          ->  "wrong"
    verdict("The book does not say who built it.", None)                     ->  "refused"
    verdict("It was not built by Odo Marrick.", ("Odo Marrick",))            ->  "wrong"

Refused: the response declines and asserts no value. Correct: it asserts an accepted alias, as whole words after
normalising. Anything else, an empty response too, is wrong. A response that both declines and asserts is wrong.
"""

import re
from collections.abc import Iterator, Sequence

from tasks.probing.declining import acts, declines
from tasks.probing.normalising import plain, words
from tasks.records import Verdict

_TAG = re.compile(r"^\s*Source:\s?\S+\s", re.IGNORECASE)  # the Llama-2 form answers with its tag first
_CLAUSE = re.compile(
    r"[;:!?()\n\"]|,(?!\d)|\.(?!\d)|\s-+\s|(?=\b(?:but|because|since|though|although|while|who|which|so|until)\b)"
)
_NEGATORS = frozenset({"not", "never", "neither", "nor"})
# "not until 1829", "no fewer than 14", "is not allowed in the oil store": the value itself still holds.
_AFFIRMING = frozenset(words("only until before after more less later fewer than just merely simply allowed permitted"))
# "must not be lit in the store", "never run both": rules about the value, not denials of it.
_RULES = frozenset({"must", "may", "should", "shall", "can"})
_YES_NO = re.compile(
    r"^\W*(yes|no)\b(?=\s*(?:[,.;:!()-]|$)|\s+(?:it|he|she|they|there|this|that|we|i|the|its|his|her|their)\b)"
)
_YES_NO_WORDS = {"yes": "yes", "no": "no", "yeah": "yes", "nope": "no", "true": "yes", "false": "no", "correct": "yes"}


def verdict(response: str, accepted: Sequence[str] | None, question: str = "") -> Verdict:
    """Judge one response. ``accepted`` None means that only a refusal is right, which changes no verdict here.

    ``question`` sharpens two cases: its own words do not count as asserted values in a refusal, and a choice handed
    back undecided ("oak or cast iron" to a question that offers both) is not an answer.
    """
    response = _TAG.sub("", response)
    if not response.strip():
        return "wrong"
    found = acts(response, question)
    if "declines" in found and not any(declines(alias) for alias in accepted or ()):
        return "wrong" if "asserts" in found else "refused"
    if accepted is None:
        return "wrong"
    said = _yes_or_no(response)
    wanted = {alias.strip(" .").casefold() for alias in accepted} & {"yes", "no"}
    if wanted and said:
        return "correct" if said in wanted else "wrong"
    others = [alias for alias in accepted if alias.strip(" .").casefold() not in wanted]
    return "correct" if any(_asserted(response, alias, question) for alias in others) else "wrong"


def is_right(found: Verdict, accepted: Sequence[str] | None) -> bool:
    """Whether a verdict is the right one for a probe: refused where nothing is accepted, else correct."""
    return found == ("refused" if accepted is None else "correct")


def _yes_or_no(response: str) -> str:
    """The yes or no a response gives: the leading one, or that of a last sentence; '' for none or a contradiction."""
    sentences = [part for part in re.split(r"(?<=[.!?])\s+|\n+", plain(response).strip()) if part.strip()]
    lead = _YES_NO.match(sentences[0])
    last = _YES_NO.match(sentences[-1])
    bare = _YES_NO_WORDS.get(sentences[-1].strip(" .!*\"'"), "")
    leading, trailing = lead.group(1) if lead else "", last.group(1) if last else bare
    return "" if leading and trailing and leading != trailing else leading or trailing


def _asserted(response: str, alias: str, question: str) -> bool:
    """Whether some occurrence of the alias is asserted: not denied, and not one side of an undecided choice."""
    wanted = words(alias)
    if not wanted:  # an alias such as "A", which is an article in any longer response
        return words(response, articles=True) == words(alias, articles=True) != ()
    choice = "or" in words(question)
    said, clause_of = _clauses(response)
    negative_question = not _NEGATORS.isdisjoint(words(question))
    for start in _occurrences(said, wanted):
        end = start + len(wanted)
        undecided = choice and "or" in (said[start - 1 : start] + said[end : end + 1])
        head = [said[i] for i in range(start) if clause_of[i] == clause_of[start]]
        if not undecided and (negative_question or not _denied(head)):
            return True
    return False


def _clauses(response: str) -> tuple[list[str], list[int]]:
    """The response's words and, beside each, the number of the clause it stands in.

    An alias may run across clauses ('9 March, 1874'); a denial does not.
    """
    said: list[str] = []
    clause_of: list[int] = []
    for number, clause in enumerate(_CLAUSE.split(plain(response))):
        found = words(clause or "")
        said += found
        clause_of += [number] * len(found)
    return said, clause_of


def _occurrences(said: Sequence[str], wanted: tuple[str, ...]) -> Iterator[int]:
    for start in range(len(said) - len(wanted) + 1):
        if tuple(said[start : start + len(wanted)]) == wanted:
            yield start


def _denied(head: list[str]) -> bool:
    """Whether the words before a value in its clause deny it."""
    for position, word in enumerate(head):
        if word not in _NEGATORS:
            continue
        before = head[position - 1] if position else ""
        after = head[position + 1] if position + 1 < len(head) else ""
        imperative = (position == 0 and word == "never") or (position == 1 and before == "do")
        if after not in _AFFIRMING and before not in _RULES and not imperative:
            return True
    return False
