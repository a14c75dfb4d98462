"""Greedy and beam search over a batch, choosing the same tokens as `generate` of transformers does.

A decoder is a function from the tokens that are new to it to the logits of what may come next. It keeps what
it has read itself, one row per beam, and is told which rows to go on from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

_NEVER = -1e9


class Step(Protocol):
    """One step of a decoder."""

    def __call__(self, ids: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        """Read tokens.

        Args:
            ids: the next tokens (rows, tokens); the whole start, one row per image, in the first call.
            rows: which earlier rows these go on from; None in the first call, and where all go on in place.

        Returns:
            Logits (rows, vocabulary).
        """
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """When a sequence ends. Lengths count the start tokens."""

    max_length: int
    min_length: int
    """The end token is not allowed before this length."""
    end_id: int


@dataclass(frozen=True, slots=True)
class Written:
    """One sequence that a search chose."""

    ids: tuple[int, ...]
    """Without the start; with the end token, where one was written."""
    logprobs: tuple[float, ...]


def search(step: Step, start: torch.Tensor, limits: Limits, *, num_beams: int) -> list[Written]:
    """Write one sequence per row of `start` (n, tokens). One beam is greedy."""
    if num_beams == 1:
        ids, logprobs = _greedy(step, start, limits)
    else:
        ids, logprobs = _beams(step, start, limits, num_beams)
    rows = zip(ids[:, start.shape[1] :].tolist(), logprobs[:, start.shape[1] :].tolist(), strict=True)
    return [_cut(row, row_logprobs, limits.end_id) for row, row_logprobs in rows]


def _cut(ids: Sequence[int], logprobs: Sequence[float], end_id: int) -> Written:
    length = ids.index(end_id) + 1 if end_id in ids else len(ids)
    length = next((place for place in range(length) if ids[place] < 0), length)
    return Written(tuple(ids[:length]), tuple(logprobs[:length]))


def _greedy(step: Step, start: torch.Tensor, limits: Limits) -> tuple[torch.Tensor, torch.Tensor]:
    ids, logprobs = start, torch.zeros(start.shape, device=start.device)
    new = start
    is_open = torch.ones(len(start), dtype=torch.bool, device=start.device)
    while ids.shape[1] < limits.max_length and bool(is_open.any()):
        logits = step(new, None).float()
        if ids.shape[1] < limits.min_length:
            logits[:, limits.end_id] = float("-inf")
        best, new = torch.log_softmax(logits, dim=-1).max(dim=-1, keepdim=True)
        ids, logprobs = torch.cat([ids, new], dim=1), torch.cat([logprobs, best], dim=1)
        is_open &= new[:, 0] != limits.end_id
    return ids, logprobs


@dataclass(frozen=True, slots=True)
class _Beams:
    """Sequences (images, beams, length), with each token's log-probability, and scores (images, beams)."""

    ids: torch.Tensor
    logprobs: torch.Tensor
    scores: torch.Tensor

    def pick(self, places: torch.Tensor, scores: torch.Tensor | None = None) -> _Beams:
        """Return the beams at `places` (images, beams), with their scores or others."""
        wide = places[:, :, None].expand(-1, -1, self.ids.shape[2])
        chosen = self.scores.gather(1, places) if scores is None else scores
        return _Beams(self.ids.gather(1, wide), self.logprobs.gather(1, wide), chosen)

    def join(self, other: _Beams) -> _Beams:
        pairs = ((self.ids, other.ids), (self.logprobs, other.logprobs), (self.scores, other.scores))
        return _Beams(*(torch.cat(pair, dim=1) for pair in pairs))


def _beams(
    step: Step, start: torch.Tensor, limits: Limits, num_beams: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Beam search with a length penalty of 1: a finished sequence scores the mean log-probability of its
    tokens.

    A batch ends where no running beam can do better than the finished ones of its image, judged by the length
    that it has reached (`early_stopping=False` in transformers)."""
    num_images, num_start = start.shape
    running = _empty_beams(start, limits.max_length, num_beams)
    running.scores[:, 1:] = _NEVER  # all beams begin alike: only the first may branch
    finished = _empty_beams(start, limits.max_length, num_beams)
    finished.scores[:] = _NEVER
    is_finished = torch.zeros((num_images, num_beams), dtype=torch.bool, device=start.device)
    can_improve = torch.ones((num_images, 1), dtype=torch.bool, device=start.device)
    is_top = torch.arange(2 * num_beams, device=start.device) < num_beams
    images = torch.arange(num_images, device=start.device)[:, None]
    rows: torch.Tensor | None = None
    for length in range(num_start, limits.max_length):
        if rows is None:
            logits = step(start, None).repeat_interleave(num_beams, dim=0)
        else:
            logits = step(running.ids[:, :, length - 1].reshape(-1, 1), rows)
        logprobs = torch.log_softmax(logits.float(), dim=-1)
        if length < limits.min_length:
            logprobs[:, limits.end_id] = float("-inf")
        candidates, beams = _candidates(running, logprobs, length)
        ends = candidates.ids[:, :, length] == limits.end_id
        if length + 1 == limits.max_length:
            ends = torch.ones_like(ends)
        # Those that go on.
        scores = candidates.scores + ends.float() * _NEVER
        best_scores, best = scores.topk(num_beams)
        running = candidates.pick(best, best_scores)
        # The start was read once for each image: its beams all go on from that one row.
        from_rows = (
            images * num_beams + beams.gather(1, best) if rows is not None else images.expand(-1, num_beams)
        )
        rows = from_rows.flatten()
        # Those that end, where they are among the best and their image is still open.
        num_written = length + 1 - num_start
        just_ended = ends & is_top
        scores = candidates.scores / num_written + ((~can_improve).float() + (~just_ended).float()) * _NEVER
        merged = finished.join(_Beams(candidates.ids, candidates.logprobs, scores))
        _, best = merged.scores.topk(num_beams)
        finished = merged.pick(best)
        is_finished = torch.cat([is_finished, just_ended], dim=1).gather(1, best)
        worst = torch.where(is_finished, finished.scores.min(dim=1, keepdim=True).values, _NEVER)
        can_improve &= (running.scores[:, :1] / num_written > worst).any(dim=-1, keepdim=True)
        if not bool(can_improve.any()) or bool(ends.all()):
            break
    return finished.ids[:, 0], finished.logprobs[:, 0]


def _empty_beams(start: torch.Tensor, max_length: int, num_beams: int) -> _Beams:
    num_images, num_start = start.shape
    shape = (num_images, num_beams, max_length)
    ids = torch.full(shape, -1, dtype=torch.long, device=start.device)
    ids[:, :, :num_start] = start[:, None]
    return _Beams(
        ids,
        torch.zeros(shape, device=start.device),
        torch.zeros((num_images, num_beams), device=start.device),
    )


def _candidates(running: _Beams, logprobs: torch.Tensor, length: int) -> tuple[_Beams, torch.Tensor]:
    """Return the best 2 x beams ways to go on, so that enough are left where half of them end; and whose they
    are."""
    num_images, num_beams = running.scores.shape
    by_beam = logprobs.view(num_images, num_beams, -1)
    totals = (by_beam + running.scores[:, :, None]).flatten(1)
    scores, places = totals.topk(2 * num_beams)
    beams, tokens = places // by_beam.shape[2], places % by_beam.shape[2]
    candidates = running.pick(beams, scores)
    candidates.ids[:, :, length] = tokens
    candidates.logprobs[:, :, length] = by_beam.flatten(1).gather(1, places)
    return candidates, beams
