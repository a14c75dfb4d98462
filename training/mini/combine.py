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

CAM_SHARPNESS = 0.5
KNOWN_SHARE, STRANGE_SHARE = 0.3, 1.0
MIDDLE, SOFTNESS = 0.53, 0.045


class Gate(nn.Module):
    """ConSE's share for each image: `KNOWN_SHARE` near the training photographs, else up to `STRANGE_SHARE`.

    How near an image is, is its head vector's highest cosine with 128 centroids of the training photographs'
    head vectors. `MIDDLE` is what 26 % of photographs held out of training fall below. STRANGE_SHARE 1 is the
    fixed `normalise(0.5 head + 0.5 conse)`, which no training photograph had a say in.
    """

    def __init__(self, centroids: Tensor, *, temperature: float = 2.0) -> None:
        super().__init__()
        self.temperature = temperature
        self.centroids: Tensor
        self.register_buffer("centroids", centroids)

    def forward(self, head: Tensor) -> Tensor:
        """Shares (n, 1) for unit rows (n, d)."""
        nearest = (head @ self.centroids.T).amax(-1, keepdim=True)
        return KNOWN_SHARE + (STRANGE_SHARE - KNOWN_SHARE) * ((MIDDLE - nearest) / SOFTNESS).sigmoid()


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
