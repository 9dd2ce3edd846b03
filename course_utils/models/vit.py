"""Vision transformers with torchvision's parameter names. Lesson 17 builds them by hand."""

import math
from collections import OrderedDict
from collections.abc import Iterable
from typing import cast

import torch
import torch.nn.functional as F
from torch import nn


class SelfAttention(nn.Module):
    """Each token looks around: it takes a weighted average of what all tokens offer, once in each of `num_heads` heads.

    Input and output float (n, tokens, hidden_dim). The parameters have the names and shapes of those of
    `nn.MultiheadAttention(hidden_dim, num_heads, batch_first=True)`.

    Raises:
        ValueError: hidden_dim cannot be divided among the heads.
    """

    def __init__(self, hidden_dim: int, num_heads: int):
        super().__init__()
        if hidden_dim % num_heads:
            raise ValueError(f"hidden_dim is {hidden_dim}, it must be a multiple of num_heads, {num_heads}.")
        self.num_heads = num_heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * hidden_dim, hidden_dim))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * hidden_dim))
        self.out_proj = nn.Linear(hidden_dim, hidden_dim)
        nn.init.xavier_uniform_(self.in_proj_weight)
        nn.init.zeros_(self.out_proj.bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        queries, keys, values = self.queries_keys_values(x)
        looked = F.scaled_dot_product_attention(queries, keys, values)
        return self.out_proj(looked.transpose(1, 2).flatten(2))

    def queries_keys_values(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Three tensors (n, heads, tokens, hidden_dim / heads)."""
        projected = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        queries, keys, values = projected.unflatten(2, (3, self.num_heads, -1)).permute(2, 0, 3, 1, 4)
        return queries, keys, values

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """How much each token takes from each: (n, heads, taking tokens, giving tokens), the last sum to 1."""
        queries, keys, _ = self.queries_keys_values(x)
        return (queries @ keys.transpose(2, 3) / math.sqrt(queries.shape[3])).softmax(dim=3)


class EncoderBlock(nn.Module):
    """Attention, by which tokens exchange, and an MLP, by which each thinks; both are added to what came in.

    Input and output float (n, tokens, hidden_dim). LayerNorm stands before either part ("pre-norm").
    Source: Vaswani and others, Attention Is All You Need, 2017, in the order of Dosovitskiy and others, 2021.
    """

    def __init__(self, hidden_dim: int, num_heads: int, mlp_dim: int):
        super().__init__()
        self.ln_1 = nn.LayerNorm(hidden_dim, eps=1e-6)
        self.self_attention = SelfAttention(hidden_dim, num_heads)
        self.ln_2 = nn.LayerNorm(hidden_dim, eps=1e-6)
        widen, narrow = nn.Linear(hidden_dim, mlp_dim), nn.Linear(mlp_dim, hidden_dim)
        # torchvision has a Dropout of 0 in third place: its second Linear is called 3
        self.mlp = nn.Sequential(widen, nn.GELU(), nn.Identity(), narrow)
        for layer in (widen, narrow):
            nn.init.xavier_uniform_(layer.weight)
            nn.init.normal_(layer.bias, std=1e-6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x + self.self_attention(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))


class Encoder(nn.Module):
    """Adds to each of `seq_length` tokens what says where it belongs, then `num_layers` blocks and a last LayerNorm.

    Input and output float (n, seq_length, hidden_dim).
    """

    def __init__(self, seq_length: int, num_layers: int, num_heads: int, hidden_dim: int, mlp_dim: int):
        super().__init__()
        self.pos_embedding = nn.Parameter(0.02 * torch.randn(1, seq_length, hidden_dim))
        blocks = {f"encoder_layer_{i}": EncoderBlock(hidden_dim, num_heads, mlp_dim) for i in range(num_layers)}
        self.layers = nn.Sequential(OrderedDict(blocks))
        self.ln = nn.LayerNorm(hidden_dim, eps=1e-6)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.ln(self.layers(tokens + self.pos_embedding))


class VisionTransformer(nn.Module):
    """A picture cut into square patches, which become tokens; a class token beside them gathers what the head reads.

    Input float (n, in_channels, image_size, image_size), output logits (n, num_classes).
    Source: Dosovitskiy and others, An Image is Worth 16x16 Words, 2021. The weights begin as torchvision's do, but for
    those of the head, which it sets to 0.

    Raises:
        ValueError: image_size is no multiple of patch_size, or hidden_dim none of num_heads; in `forward`, the pictures
            have another size.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        num_layers: int,
        num_heads: int,
        hidden_dim: int,
        mlp_dim: int,
        num_classes: int = 1000,
        in_channels: int = 3,
    ):
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f"image_size is {image_size}, it must be a multiple of patch_size, {patch_size}.")
        self.image_size = image_size
        self.conv_proj = nn.Conv2d(in_channels, hidden_dim, patch_size, stride=patch_size)
        self.class_token = nn.Parameter(torch.zeros(1, 1, hidden_dim))
        seq_length = (image_size // patch_size) ** 2 + 1
        self.encoder = Encoder(seq_length, num_layers, num_heads, hidden_dim, mlp_dim)
        self.heads = nn.Sequential(OrderedDict(head=nn.Linear(hidden_dim, num_classes)))
        nn.init.trunc_normal_(self.conv_proj.weight, std=math.sqrt(1 / (in_channels * patch_size**2)))
        nn.init.zeros_(self.conv_proj.get_parameter("bias"))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.heads(self.encoder(self.tokens(images))[:, 0])

    def tokens(self, images: torch.Tensor) -> torch.Tensor:
        """The class token, then one token a patch, row by row: float (n, 1 + patches, hidden_dim)."""
        if images.shape[2:] != (self.image_size, self.image_size):
            height, width = images.shape[2:]
            raise ValueError(
                f"pictures should have {self.image_size} x {self.image_size} pixels, not {height} x {width}: in this "
                "network each patch has a place of its own"
            )
        patches = self.conv_proj(images).flatten(2).transpose(1, 2)
        return torch.cat([self.class_token.expand(len(images), -1, -1), patches], dim=1)


def attention_maps(model: VisionTransformer, images: torch.Tensor) -> torch.Tensor:
    """How much each token takes from each in every layer and head: (n, layers, heads, tokens, tokens), rows sum to 1.

    The last two dimensions begin with the class token. Computed in inference mode, on the device of the pictures.
    """
    maps = []
    with torch.inference_mode():
        x = model.tokens(images) + model.encoder.pos_embedding
        for block in cast(Iterable[EncoderBlock], model.encoder.layers):
            maps.append(block.self_attention.weights(block.ln_1(x)))
            x = block(x)
    return torch.stack(maps, dim=1)


def vit_b_16(num_classes: int = 1000) -> VisionTransformer:
    """ViT-B/16: pictures of 224 pixels, patches of 16, 12 layers of 12 heads. torchvision's weights fit in."""
    return VisionTransformer(224, 16, 12, 12, 768, 3072, num_classes)


def small_vit(num_classes: int = 10, in_channels: int = 1) -> VisionTransformer:
    """A small one for digits of 28 pixels: 2 layers of 4 heads, 16 patches of 7 pixels."""
    return VisionTransformer(28, 7, 2, 4, 64, 128, num_classes, in_channels)
