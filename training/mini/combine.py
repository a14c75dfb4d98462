"""How much to trust the trained head, and how much ImageNet's class names, for each image.

ConSE (Norouzi et al., ICLR 2014): the classifier's likeliest classes, as weights over the vectors of their
names. On photographs like the training ones the head is better; on others ConSE is. A small gate tells them
apart.
"""

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from training.mini.imagenet import classes
from training.mini.text import TextTower, tokenize
from vidsearch.models.mini.embedder import KNOWN_SHARE

CAM_SHARPNESS = 0.05
STRANGE_SHARE = 1.0
STRANGEST, SOFTNESS = 0.1, 0.045


class Gate(nn.Module):
    """ConSE's share for each image: `KNOWN_SHARE` near the training photographs, else up to `STRANGE_SHARE`.

    How near an image is, is its head vector's highest cosine with 128 centroids of the training photographs'
    head vectors. Half way is what the strangest tenth of photographs held out of training stay under.
    STRANGE_SHARE 1 is the fixed `normalise(0.5 head + 0.5 conse)`, which no training photograph had a say in.
    """

    def __init__(self, centroids: Tensor, held_out: Tensor, *, temperature: float = 2.0) -> None:
        """Both are unit rows: centroids (k, d), and head vectors of photographs held out (n, d)."""
        super().__init__()
        self.temperature = temperature
        self.centroids: Tensor
        self.register_buffer("centroids", centroids)
        self.middle = self._nearest(held_out).quantile(STRANGEST).item()

    def _nearest(self, head: Tensor) -> Tensor:
        return (head @ self.centroids.T).amax(-1, keepdim=True)

    def forward(self, head: Tensor) -> Tensor:
        """Shares (n, 1) for unit rows (n, d)."""
        strange = ((self.middle - self._nearest(head)) / SOFTNESS).sigmoid()
        return KNOWN_SHARE + (STRANGE_SHARE - KNOWN_SHARE) * strange


def find_centroids(heads: Tensor, *, count: int = 128, rounds: int = 30, seed: int = 0) -> Tensor:
    """Spherical k-means of unit rows (n, d): unit rows (count, d)."""
    generator = torch.Generator().manual_seed(seed)
    centroids = heads[torch.randperm(len(heads), generator=generator)[:count]]
    for _ in range(rounds):
        nearest = (heads @ centroids.T).argmax(1)
        sums = torch.zeros_like(centroids).index_add_(0, nearest, heads)
        centroids = F.normalize(sums + 1e-6 * centroids, dim=-1)
    return centroids


def class_vectors(tower: TextTower, tokenizer: Tokenizer) -> Tensor:
    """Unit rows (1000, 384): what the text tower makes of the classes' names."""
    with torch.inference_mode():
        rows = [F.normalize(tower(*tokenize(tokenizer, c.prompts())).mean(0), dim=-1) for c in classes()]
    return torch.stack(rows).clone()
