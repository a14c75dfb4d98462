"""How much to trust the trained head, and how much ImageNet's class names, for each image.

ConSE (Norouzi et al., ICLR 2014): the classifier's likeliest classes, as weights over the vectors of their names. On
photographs like the training ones the head is better; on others ConSE is. A small gate tells them apart.
"""

import torch
from tokenizers import Tokenizer
from torch import Tensor, nn
from torch.nn import functional as F

from training.mini.imagenet import classes
from training.mini.text import TextTower, tokenize

CAM_SHARPNESS = 0.5


class Gate(nn.Module):
    """ConSE's share for each image, from 0 to `most`.

    Looks at: likeliest class's probability, the distribution's entropy, agreement of head and ConSE, and the length
    of the head's vector before it is normalised.
    """

    NUM_SIGNS = 4

    def __init__(self, *, most: float = 1.5, temperature: float = 2.0) -> None:
        super().__init__()
        self.most, self.temperature = most, temperature
        self.linear = nn.Linear(self.NUM_SIGNS, 1)
        self.register_buffer("mean", torch.zeros(self.NUM_SIGNS))
        self.register_buffer("deviation", torch.ones(self.NUM_SIGNS))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    @staticmethod
    def signs(head: Tensor, conse: Tensor, probabilities: Tensor, head_length: Tensor) -> Tensor:
        """(n, 4). `head` and `conse` are unit rows (n, d), `probabilities` (n, 1000), `head_length` (n, 1)."""
        likeliest = probabilities.topk(1, -1).values
        entropy = -(probabilities * (probabilities + 1e-9).log()).sum(-1, keepdim=True)
        return torch.cat([likeliest, entropy, (head * conse).sum(-1, keepdim=True), head_length], -1)

    def forward(self, head: Tensor, conse: Tensor, probabilities: Tensor, head_length: Tensor) -> Tensor:
        """Shares (n, 1)."""
        signs = (self.signs(head, conse, probabilities, head_length) - self.mean) / self.deviation
        return self.most * self.linear(signs).sigmoid()


def class_vectors(tower: TextTower, tokenizer: Tokenizer) -> Tensor:
    """Unit rows (1000, 384): what the text tower makes of the classes' names."""
    with torch.inference_mode():
        rows = [F.normalize(tower(*tokenize(tokenizer, c.prompts())).mean(0), dim=-1) for c in classes()]
    return torch.stack(rows).clone()


def conse(logits: Tensor, vectors: Tensor, *, temperature: float, top: int = 10) -> Tensor:
    """Unit rows (n, d) from classifier logits (n, 1000) and class vectors (1000, d)."""
    weights, chosen = (logits / temperature).softmax(-1).topk(top, -1)
    return F.normalize((weights[..., None] * vectors[chosen]).sum(1), dim=-1)
