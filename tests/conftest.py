"""What holds for every test: no hub, no telemetry."""

import os

os.environ["DO_NOT_TRACK"] = "1"
os.environ["HF_HUB_OFFLINE"] = "1"
