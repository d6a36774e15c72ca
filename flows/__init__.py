"""Orchestration with Prefect: order, keeping, retries, limits, artifacts, deployments."""

import logging

# Prefect ships what these two log to its page (PREFECT_LOGGING_EXTRA_LOGGERS), and leaves their level to us.
for name in ("flows", "tasks"):
    logging.getLogger(name).setLevel(logging.INFO)
