"""The outbox of alerts: moments found by rules, and the deliveries that are due. Each method is a
transaction.

Each moment is recorded once: two alerts of a rule for the same content are more than `join_seconds` apart.
Delivery is at least once: a delivery that is taken becomes due again unless it is marked as delivered, and
receivers can recognize repeats by the alert's id.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from vidsearch.store import segment_ids
from vidsearch.store.video_rows import now

if TYPE_CHECKING:
    from vidsearch.store.catalog import Catalog


@dataclass(frozen=True, slots=True)
class FoundMoment:
    """A moment that matches a rule: [start, end) of some content."""

    content_hash: str
    start_seconds: float
    end_seconds: float
    event: dict[str, Any]
    """The alert's JSON fields, without `id` and `created_at`."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """An alert to be delivered to a target."""

    alert_id: str
    target: str
    attempts: int
    """The number of earlier attempts."""
    event: str
    """JSON."""


class AlertStore:
    """Reads and writes alerts. `Store.alerts` is one."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def begin(self, rules: Sequence[str]) -> None:
        """Start new rules at the newest frame: what is already in the library raises no alerts."""
        first, end = segment_ids.id_range("frames")
        with self._catalog.write() as connection:
            (newest,) = connection.execute(
                "SELECT coalesce(max(id), 0) FROM segments WHERE id >= ? AND id < ?", (first, end)
            ).fetchone()
            for rule in rules:
                connection.execute(
                    """
                    INSERT INTO alert_rules (rule, seen_frame_id) VALUES (?, ?) ON CONFLICT (rule) DO NOTHING
                    """,
                    (rule, newest),
                )

    def seen_frame_id(self, rule: str) -> int:
        """Return the newest frame that a rule was applied to; 0 if it was not started."""
        with self._catalog.read() as connection:
            row = connection.execute(
                "SELECT seen_frame_id FROM alert_rules WHERE rule = ?", (rule,)
            ).fetchone()
        return int(row[0]) if row else 0

    def record(
        self,
        rule: str,
        moments: Sequence[FoundMoment],
        *,
        seen_frame_id: int,
        targets: Sequence[str],
        join_seconds: float,
    ) -> int:
        """Record what a rule found up to a frame, for delivery to each target.

        A moment that continues or overlaps a recorded one is the same moment.

        Returns:
            The number of new moments.
        """
        num_new = 0
        with self._catalog.write() as connection:
            for moment in sorted(moments, key=lambda each: each.start_seconds):
                known = connection.execute(
                    """
                    SELECT id FROM alerts WHERE rule = ? AND content_hash = ?
                        AND start_seconds < ? AND end_seconds > ? ORDER BY start_seconds LIMIT 1
                    """,
                    (
                        rule,
                        moment.content_hash,
                        moment.end_seconds + join_seconds,
                        moment.start_seconds - join_seconds,
                    ),
                ).fetchone()
                if known is not None:
                    connection.execute(
                        "UPDATE alerts SET end_seconds = ? WHERE id = ? AND end_seconds < ?",
                        (moment.end_seconds, known[0], moment.end_seconds),
                    )
                    continue
                alert_id, created_at = uuid.uuid4().hex, now()
                event = {"id": alert_id, **moment.event, "created_at": created_at}
                connection.execute(
                    """
                    INSERT INTO alerts (id, rule, content_hash, start_seconds, end_seconds, event, created_at)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    """,
                    (
                        alert_id,
                        rule,
                        moment.content_hash,
                        moment.start_seconds,
                        moment.end_seconds,
                        json.dumps(event, ensure_ascii=False),
                        created_at,
                    ),
                )
                connection.executemany(
                    "INSERT INTO alert_deliveries (alert_id, target) VALUES (?, ?)",
                    [(alert_id, target) for target in targets],
                )
                num_new += 1
            connection.execute(
                "UPDATE alert_rules SET seen_frame_id = ? WHERE rule = ? AND seen_frame_id < ?",
                (seen_frame_id, rule, seen_frame_id),
            )
        return num_new

    def take_due(self, target: str, *, unix_seconds: float, for_seconds: float) -> Delivery | None:
        """Take the oldest delivery that is due at a target. Nobody else gets it for `for_seconds`."""
        with self._catalog.read() as connection:
            if connection.execute(_DUE, (target, unix_seconds)).fetchone() is None:
                return None
        with self._catalog.write() as connection:
            row = connection.execute(_DUE, (target, unix_seconds)).fetchone()
            if row is None:
                return None
            connection.execute(
                """
                UPDATE alert_deliveries SET attempts = attempts + 1, due_unix_seconds = ?
                WHERE alert_id = ? AND target = ?
                """,
                (unix_seconds + for_seconds, row[0], target),
            )
        return Delivery(row[0], target, row[1], row[2])

    def delivered(self, delivery: Delivery) -> None:
        """Mark a delivery as done."""
        with self._catalog.write() as connection:
            connection.execute(
                "UPDATE alert_deliveries SET delivered_at = ? WHERE alert_id = ? AND target = ?",
                (now(), delivery.alert_id, delivery.target),
            )

    def put_off(self, delivery: Delivery, *, until_unix_seconds: float) -> None:
        """Schedule the next attempt of a delivery that failed."""
        with self._catalog.write() as connection:
            connection.execute(
                "UPDATE alert_deliveries SET due_unix_seconds = ? WHERE alert_id = ? AND target = ?",
                (until_unix_seconds, delivery.alert_id, delivery.target),
            )

    def num_pending(self) -> int:
        """Return the number of deliveries that are not done."""
        with self._catalog.read() as connection:
            query = "SELECT count(*) FROM alert_deliveries WHERE delivered_at IS NULL"
            return int(connection.execute(query).fetchone()[0])


_DUE = """
    SELECT d.alert_id, d.attempts, a.event FROM alert_deliveries d JOIN alerts a ON a.id = d.alert_id
    WHERE d.target = ? AND d.delivered_at IS NULL AND d.due_unix_seconds <= ?
    ORDER BY a.created_at, a.start_seconds, a.id LIMIT 1
"""
