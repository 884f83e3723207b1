"""`/healthz` for supervisors and `/metrics` for Prometheus."""

from __future__ import annotations

import time

import structlog
from flask import Blueprint, Response, abort, current_app, g, jsonify, request
from flask.sansio.blueprints import BlueprintSetupState
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from sqlalchemy import func, select, text
from sqlalchemy.exc import SQLAlchemyError

from app.models import Attempt, AttemptState, Job
from app.services.jobs import ENDED
from app.web.database import engine, reader

log = structlog.get_logger()
blueprint = Blueprint("health", __name__)

_LOOPBACK = frozenset({"127.0.0.1", "::1"})


class Metrics:
    """This process's counters; the gauges are read from the database at every scrape."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "clarion_web_requests", "Requests answered.", ["endpoint", "status"], registry=self.registry
        )
        self.seconds = Histogram(
            "clarion_web_request_seconds", "Time to answer a request.", ["endpoint"], registry=self.registry
        )
        self.jobs = Gauge(
            "clarion_jobs_active", "Jobs that have not ended, by state.", ["state"], registry=self.registry
        )
        self.attempts = Gauge("clarion_attempts_in_progress", "Attempts under way.", registry=self.registry)


@blueprint.record_once
def _install(state: BlueprintSetupState) -> None:
    app = state.app
    metrics = Metrics()
    app.extensions["clarion_metrics"] = metrics

    def begin() -> None:
        g.begun = time.perf_counter()

    def end(response: Response) -> Response:
        endpoint = request.endpoint or "none"
        metrics.requests.labels(endpoint, response.status_code).inc()
        if "begun" in g:
            metrics.seconds.labels(endpoint).observe(time.perf_counter() - g.begun)
        return response

    app.before_request(begin)
    app.after_request(end)


@blueprint.get("/healthz")
def healthz() -> tuple[Response, int]:
    try:
        with engine().connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError as error:
        log.error("web.unhealthy", error=type(error).__name__)
        return jsonify(status="down", database="does not answer"), 503
    return jsonify(status="ok"), 200


@blueprint.get("/metrics")
def metrics() -> Response:
    """For a scraper on this machine; through a proxy it stays closed, since the figures are nobody else's business."""
    if request.remote_addr not in _LOOPBACK or "X-Forwarded-For" in request.headers:
        abort(403, "metrics are answered to this machine alone")
    kept: Metrics = current_app.extensions["clarion_metrics"]
    session = reader()
    counted = select(Job.state, func.count()).where(Job.state.not_in(ENDED)).group_by(Job.state)
    kept.jobs.clear()
    for state, count in session.execute(counted):
        kept.jobs.labels(state).set(count)
    under_way = select(func.count()).select_from(Attempt).where(Attempt.state == AttemptState.IN_PROGRESS)
    kept.attempts.set(session.scalar(under_way) or 0)
    return Response(generate_latest(kept.registry), content_type=CONTENT_TYPE_LATEST)
