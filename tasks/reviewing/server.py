"""A run's items and its journal turn into a page that one reviewer uses: ``/``, ``/api/items`` and ``/api/decisions``.

    POST /api/decisions  {"target": "pair", "id": "9a…", "action": "edit", "changes": {"answer": "in 1829"}}
      ->  200 {"decided": 13, "changes": {…}}   once the line is on the disk; 422 with a sentence if it cannot be taken

The page is of this machine only. A request is answered when its Host is our own address (against DNS rebinding), it
comes from no other origin (Origin, Sec-Fetch-Site), and, for data, it bears the key that the command printed, in a
header that a foreign page cannot send without asking first, which is not granted. The page itself holds no data.
"""

import base64
import hashlib
import secrets
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.types import ASGIApp

from tasks.curation.control import control_token
from tasks.curation.decisions import EDITABLE, Action, Decision, Journal, Target
from tasks.errors import ClosedbookError, UsageError
from tasks.records import Pair, Probe
from tasks.reviewing.items import Item, Items

KEY = "x-closedbook-key"
LONGEST = 4_000  # characters of an edited field
MOST_BYTES = 64_000  # of a request
TEMPLATES = Path(__file__).parent / "templates"
REPORT_STYLE = Path(__file__).parents[1] / "reporting" / "templates" / "report.css"


class Wanted(BaseModel):
    """A decision as the page sends it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    target: Target
    id: str = Field(max_length=200)
    action: Action
    changes: dict[str, str | list[str] | None] = {}


class OwnOrigin(BaseHTTPMiddleware):
    """Refuse what does not come from our own page on this machine; add the headers that keep the page to itself."""

    def __init__(self, app: ASGIApp, *, port: int, key: str, policy: str) -> None:
        """Take the port served, the key that data asks for, and the page's content security policy."""
        super().__init__(app)
        self.hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost")}
        self.key, self.policy = key, policy

    async def dispatch(self, request: Request, call_next: RequestResponseEndpoint) -> Response:
        """Answer, or say why not."""
        refusal = self._refusal(request)
        response = PlainTextResponse(refusal[1], refusal[0]) if refusal else await call_next(request)
        response.headers.update(
            {
                "Content-Security-Policy": self.policy,
                "Cross-Origin-Opener-Policy": "same-origin",
                "Cross-Origin-Resource-Policy": "same-origin",
                "Referrer-Policy": "no-referrer",
                "X-Content-Type-Options": "nosniff",
                "X-Frame-Options": "DENY",
                "Cache-Control": "no-store",
            }
        )
        return response

    def _refusal(self, request: Request) -> tuple[int, str] | None:
        headers = request.headers
        if headers.get("host", "").lower() not in self.hosts:
            return 403, "This page is served to 127.0.0.1 only.\n"
        origin = headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{host}" for host in self.hosts}:
            return 403, "Requests from other origins are refused.\n"
        if headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return 403, "Requests from other sites are refused.\n"
        if request.method == "POST":
            length = headers.get("content-length", "")
            if not length.isdecimal() or int(length) > MOST_BYTES:
                return 413, f"A decision is {MOST_BYTES:,} bytes at most.\n"
        given = headers.get(KEY, "")
        if request.url.path != "/" and not secrets.compare_digest(given.encode(), self.key.encode()):
            return 403, "Open the address that `closedbook review` printed: it holds the key.\n"
        return None


def build_app(items: Items, journal: Journal, *, name: str, port: int, key: str) -> FastAPI:
    """The application: the page, what it shows, and where decisions go."""
    page, policy = read_page()
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    app.add_middleware(OwnOrigin, port=port, key=key, policy=policy)

    @app.get("/")
    def show() -> HTMLResponse:
        return HTMLResponse(page)

    @app.get("/api/items")
    def data() -> JSONResponse:
        return JSONResponse({"name": name, **items.shown()})

    @app.post("/api/decisions")
    async def decide(wanted: Wanted) -> JSONResponse:  # a coroutine, so that one decision is taken at a time
        try:
            return JSONResponse(take(items, journal, wanted))
        except ClosedbookError as error:
            return JSONResponse({"detail": str(error)}, 422 if isinstance(error, UsageError) else 507)

    return app


def take(items: Items, journal: Journal, wanted: Wanted) -> dict[str, Any]:
    """Store a decision; return what it changes, and how many items of its kind are decided now.

    Raises:
        UsageError: when there is no such item, or the edit cannot be taken.
        StorageError: when it cannot be stored.
    """
    held = items.of(wanted.target)
    if wanted.id not in held:
        raise UsageError(f"{wanted.target} {wanted.id}: not in this run; load the page anew")
    item = held[wanted.id]
    changes = check_changes(item, wanted) if wanted.action == "edit" else {}
    decision = Decision.on(item.record, wanted.action, changes)
    journal.append(decision)
    item.decision = None if wanted.action == "clear" else decision
    return {"decided": sum(each.decision is not None for each in held.values()), "changes": changes}


def check_changes(item: Item[Pair] | Item[Probe], wanted: Wanted) -> dict[str, Any]:
    """Return what an edit really changes.

    Raises:
        UsageError: for a field that cannot be edited, an empty or unsafe text, a statement that lost its answer, or no
            change at all.
    """
    if unknown := sorted(set(wanted.changes) - EDITABLE[wanted.target]):
        raise UsageError(f"{unknown[0]}: cannot be edited; {', '.join(sorted(EDITABLE[wanted.target]))} can")
    changes: dict[str, Any] = {}
    for name, value in wanted.changes.items():
        before = getattr(item.record, name)
        after = _cleaned(name, value, before)
        if after != before:
            changes[name] = list(after) if isinstance(after, tuple) else after
    if not changes:
        raise UsageError("nothing was changed; accept it instead")
    if isinstance(item.record, Pair):
        _keeps_its_answer(item.record, changes)
    return changes


def _cleaned(name: str, value: str | list[str] | None, before: Any) -> Any:
    """The value in the type of the field, one line, spaces collapsed."""
    if before is None or isinstance(before, tuple):
        if (value is None) != (before is None):
            raise UsageError(f"{name}: whether a refusal is right is the probe's category; it cannot be edited")
        if value is None:
            return None
        accepted = tuple(_line(name, each) for each in value) if isinstance(value, list) else ()
        if not accepted:
            raise UsageError(f"{name}: give one right answer at least")
        return accepted
    if name == "statement" and value == "" == before:
        return ""
    return _line(name, value)


def _line(name: str, value: object) -> str:
    text = " ".join(value.split()) if isinstance(value, str) else ""
    if not text:
        raise UsageError(f"{name}: is empty; write something, or reject it")
    if len(text) > LONGEST:
        raise UsageError(f"{name}: {len(text):,} characters; {LONGEST:,} at most")
    if token := control_token(text):
        raise UsageError(f"{name}: holds {token!r}, which chat formats use as a command; leave it out")
    return text


def _keeps_its_answer(pair: Pair, changes: dict[str, Any]) -> None:
    """The statement is what the model learns to recite: an answer changed in one place only would teach the old one."""
    answer, statement = changes.get("answer", pair.answer), changes.get("statement", pair.statement)
    stood = pair.answer.casefold() in pair.statement.casefold()
    if stood and answer.casefold().rstrip(".") not in statement.casefold():
        raise UsageError(f"statement: is what the model recites, and does not hold the answer {answer!r}; change both")


def read_page() -> tuple[str, str]:
    """Return the page with its style and script in it, and the policy that allows these and nothing else."""
    style = "".join(path.read_text(encoding="utf-8") for path in (REPORT_STYLE, TEMPLATES / "review.css"))
    script = (TEMPLATES / "review.js").read_text(encoding="utf-8")
    html = (TEMPLATES / "review.html").read_text(encoding="utf-8")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; connect-src 'self'; img-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'"
    )
    return html.replace("/*style*/", style).replace("/*script*/", script), policy


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
