"""What two runs must not do at once, and what becomes of a run whose process is gone. Both live on Prefect's server.

    prepare_server()            once, by `closedbook serve`: the limit "gpu" and the automation for dead runs
    with device("embedded"): …  waits until no other run computes with a model; a server's generator needs no device

The limit is strict: a server that does not know it refuses, rather than letting two models share one GPU. A killed
holder's slot comes back when its lease ends, a minute later. Of a killed run's end Prefect itself never learns; running
flows send a heartbeat, and the automation calls a run Crashed that has missed ten.
"""

import contextlib
import os
from collections.abc import Iterator
from datetime import timedelta

from prefect.automations import Automation
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate
from prefect.client.schemas.objects import StateType
from prefect.concurrency.sync import concurrency
from prefect.events.actions import ChangeFlowRunState
from prefect.events.schemas.automations import EventTrigger, Posture
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings

from flows.engine import PRIVATE
from flows.models import is_server

GPU = "gpu"
CRASHED = "closedbook: a run without a heartbeat has crashed"
LEASE = 60.0
"""Seconds that a slot stays taken after its holder was killed; the shortest that Prefect allows."""
MISSED_BEATS = 10
ENDS = ("Completed", "Failed", "Cancelled", "Crashed", "Cancelling", "Paused", "Suspended")


@contextlib.contextmanager
def device(model: str) -> Iterator[None]:
    """Hold this machine's one accelerator, or its cores where it has none, while ``model`` computes in this process.

    A command with a server of its own (``closedbook run`` at a terminal) shares it with nobody and waits for nobody.

    Raises:
        ConcurrencySlotAcquisitionError: when the server does not know the limit; ``closedbook serve`` creates it.
    """
    if model == "none" or is_server(model) or PRIVATE in os.environ:
        yield
        return
    # A renewal that fails once must not end hours of training.
    with concurrency(GPU, occupy=1, strict=True, lease_duration=LEASE, raise_on_lease_renewal_failure=False):
        yield


def prepare_server() -> None:
    """Create the limit and the automation on the server, if they are not there yet; a limit that was raised stays."""
    with get_client(sync_client=True) as client:
        try:
            client.read_global_concurrency_limit_by_name(GPU)
        except ObjectNotFound:
            client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=GPU, limit=1))
        known = client.read_automations_by_name(CRASHED)
    if not known:
        dead_runs_crash().create()


def dead_runs_crash() -> Automation:
    """The automation that ends what runs only on paper: heartbeats that stop without an end."""
    beat = "prefect.flow-run.heartbeat"
    silence = MISSED_BEATS * (get_current_settings().flows.heartbeat_frequency or 30)
    return Automation(
        name=CRASHED,
        description="Its process was killed, or its machine. Start it again with the same parameters: it goes on.",
        trigger=EventTrigger(
            after={beat},
            expect={beat, *(f"prefect.flow-run.{end}" for end in ENDS)},
            match={"prefect.resource.id": "prefect.flow-run.*"},
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=silence),
        ),
        actions=[ChangeFlowRunState(state=StateType.CRASHED, message=f"no heartbeat for {silence} s")],
    )
