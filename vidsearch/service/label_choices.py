"""What a report of labels can be parted by. Plain data, for the doors that offer it."""

from __future__ import annotations

from typing import Literal, TypeAlias

ReportBy: TypeAlias = Literal["label", "day", "video", "camera"]
"""What a report has a line for beside each label: nothing, each day, each video, or each folder."""
