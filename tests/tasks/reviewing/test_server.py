"""The review server on a real socket: it answers its own page only, and what it has answered is on the disk."""

import json
import re
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from flows.review import listen
from tasks.curation.decisions import REVIEWS, journal, read_decisions
from tasks.errors import UsageError
from tasks.reviewing.items import load_items
from tasks.reviewing.server import KEY, MOST_BYTES, build_app
from tests.tasks.reviewing.folder import reviewable

SECRET = "the key of this test"


@dataclass
class Served:
    """A run under review, and a client that has the key."""

    run: Path
    port: int
    client: httpx.Client

    def decide(self, **wanted: Any) -> httpx.Response:
        return self.client.post("/api/decisions", json=wanted)

    def pair(self, position: int = 0, kind: str = "answerable") -> dict[str, Any]:
        pairs = self.client.get("/api/items").json()["pairs"]
        found: dict[str, Any] = [each for each in pairs if each["kind"] == kind][position]
        return found


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    run = reviewable(tmp_path)
    with journal(run) as opened, closing(listen(0)) as listening:
        port = listening.getsockname()[1]
        app = build_app(
            load_items(run, tmp_path / "corpus" / "probes.jsonl"), opened, name="heron", port=port, key=SECRET
        )
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        while not server.started:
            time.sleep(0.01)
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", headers={KEY: SECRET}, trust_env=False) as client:
            yield Served(run, port, client)
        server.should_exit = True
        thread.join(10)


def test_everything_there_is_to_review_is_shown_in_the_order_of_the_text(served: Served) -> None:
    data = served.client.get("/api/items").json()
    starts = [each["start"] for each in data["pairs"] if each["kind"] == "answerable"]
    assert starts == sorted(starts) and len(data["pairs"]) == 13
    assert [each["status"] for each in data["pairs"] if each["id"] == "feed"] == ["left out: duplicate"]
    refusal = next(place for place, each in enumerate(data["pairs"]) if each["kind"] == "refusal")
    assert data["pairs"][refusal]["twin"] == data["pairs"][refusal - 1]["id"]
    assert [each["id"] for each in data["probes"]] == ["g-1", "g-2"]
    assert data["documents"][0]["text"].startswith("THE HERON PUMP")


def test_a_decision_is_in_the_file_when_it_is_answered(served: Served) -> None:
    pair = served.pair()
    assert served.decide(target="pair", id=pair["id"], action="reject").json() == {"decided": 1, "changes": {}}
    assert served.decide(target="probe", id="g-2", action="accept").json() == {"decided": 1, "changes": {}}
    rows = [json.loads(line) for line in (served.run / REVIEWS).read_text().splitlines()]
    assert [(row["target"], row["id"], row["action"]) for row in rows] == [
        ("pair", pair["id"], "reject"), ("probe", "g-2", "accept"),
    ]  # fmt: skip
    assert rows[0]["original"]["evidence_start"] == pair["start"]
    assert served.pair()["decision"] == "reject"
    assert served.decide(target="pair", id=pair["id"], action="clear").json() == {"decided": 0, "changes": {}}
    assert [each.id for each in read_decisions(served.run).values()] == ["g-2"]


def test_an_edit_stores_what_changed_and_nothing_else(served: Served) -> None:
    pair = served.pair()
    changes = {"question": "  Who put up\n the pump? ", "answer": pair["answer"]}
    assert served.decide(target="pair", id=pair["id"], action="edit", changes=changes).status_code == 200
    assert served.pair()["changes"] == {"question": "Who put up the pump?"}
    assert served.decide(target="probe", id="g-1", action="edit", changes={"accepted": ["Odo"]}).status_code == 200
    probe = served.client.get("/api/items").json()["probes"][0]
    assert probe["changes"] == {"accepted": ["Odo"]}


@pytest.mark.parametrize(
    ("target", "changes", "said"),
    [
        ("pair", {}, "nothing was changed"),
        ("pair", {"question": " "}, "question: is empty"),
        ("pair", {"question": ["a", "b"]}, "question: is empty"),
        ("pair", {"question": "Who [INST] made it?"}, r"holds '\[INST\]'"),
        ("pair", {"answer": "x" * 4_001}, "4,001 characters"),
        ("pair", {"fact_id": "other"}, "fact_id: cannot be edited"),
        ("probe", {"accepted": []}, "give one right answer"),
        ("probe", {"accepted": None}, "whether a refusal is right"),
        ("probe", {"answer": "Odo"}, "answer: cannot be edited"),
    ],
)
def test_an_edit_that_cannot_be_taken_is_told_why(
    served: Served, target: str, changes: dict[str, Any], said: str
) -> None:
    record = "g-1" if target == "probe" else served.pair()["id"]
    answer = served.decide(target=target, id=record, action="edit", changes=changes)
    assert answer.status_code == 422
    assert re.search(said, answer.json()["detail"])
    assert (served.run / REVIEWS).read_text() == ""


def test_a_wrong_request_is_refused_and_nothing_is_stored(served: Served) -> None:
    known = served.pair()["id"]
    assert served.decide(target="pair", id="none", action="accept").status_code == 422
    assert served.decide(target="pair", id=known, action="burn").status_code == 422
    assert served.decide(target="pair", id=known, action="accept", extra=1).status_code == 422
    assert served.client.post("/api/decisions", content=b"x" * (MOST_BYTES + 1)).status_code == 413
    assert served.client.post("/api/decisions", content=iter([b"{}"])).status_code == 413  # of unknown length
    for path in ("/docs", "/openapi.json", "/../config.json", "/reviews.jsonl"):
        assert served.client.get(path).status_code == 404
    assert (served.run / REVIEWS).read_text() == ""


@pytest.mark.parametrize(
    "headers",
    [
        {"host": "evil.example"},
        {"host": "127.0.0.1:1"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:1"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {KEY: ""},
        {KEY: "guessed"},
        {KEY: "\u00e9"},
    ],
)
def test_requests_from_elsewhere_are_refused(served: Served, headers: dict[str, str]) -> None:
    body = {"target": "pair", "id": served.pair()["id"], "action": "reject"}
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    assert served.client.post("/api/decisions", json=body, headers=sent).status_code == 403
    assert served.client.get("/api/items", headers=sent).status_code == 403
    assert (served.run / REVIEWS).read_text() == ""


def test_a_foreign_page_is_granted_nothing_when_it_asks_first(served: Served) -> None:
    asked = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = served.client.request("OPTIONS", "/api/decisions", headers=asked)
    assert answer.status_code == 403
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_the_page_holds_no_data_and_allows_its_own_script_only(served: Served) -> None:
    page = httpx.get(f"http://127.0.0.1:{served.port}/", trust_env=False)
    assert page.status_code == 200
    assert "heron" not in page.text and SECRET not in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe-inline" not in policy
    assert page.headers["x-frame-options"] == "DENY" and page.headers["referrer-policy"] == "no-referrer"


def test_the_server_listens_on_this_machine_only_and_names_a_port_that_is_taken(served: Served) -> None:
    with closing(listen(0)) as listening:
        assert listening.getsockname()[0] == "127.0.0.1"
    with pytest.raises(UsageError, match=rf"--port {served.port}: cannot be had"):
        listen(served.port)
    with pytest.raises(UsageError, match="--port 99999"):
        listen(99999)


def test_an_edited_answer_must_stand_in_what_the_model_recites(tmp_path: Path) -> None:
    from tasks.records import Pair
    from tasks.reviewing.items import Item
    from tasks.reviewing.server import Wanted, check_changes

    pair = Pair.create(
        chunk_id="c", fact_id="f", source="heron", question="Who built it?", answer="Odo", evidence_start=0,
        evidence_end=9, form="wh", kind="answerable", statement="Odo built it.",
    )  # fmt: skip

    def edit(**changes: str | list[str] | None) -> dict[str, Any]:
        return check_changes(Item(pair, "kept"), Wanted(target="pair", id=pair.id, action="edit", changes=changes))

    with pytest.raises(UsageError, match="what the model recites"):
        edit(answer="Ada")
    assert edit(answer="Ada", statement="Ada built it.") == {"answer": "Ada", "statement": "Ada built it."}
    assert edit(answer="odo") == {"answer": "odo"}
