"""A key-value cache with room to grow.

transformers' `DynamicCache` copies all keys and values at every step to append one token; for a
small model with a large batch that copy is most of the time. Here the buffers have spare room, so
a step writes one column; what attention sees is a view of the filled part.
"""

from __future__ import annotations

from typing import Any

import torch
from transformers.cache_utils import DynamicCache, DynamicLayer

_ROOM = 64


class RoomyLayer(DynamicLayer):
    """A `DynamicLayer` whose buffers hold more columns than are filled.

    `keys` and `values` are views, shape (rows, heads, filled, head size).
    """

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append columns; return the filled keys and values."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._buffers = (key_states.new_empty(0, 0, 0, 0), value_states.new_empty(0, 0, 0, 0))
            self._filled = 0
        filled = self._filled
        length = filled + key_states.shape[-2]
        if length > self._buffers[0].shape[-2]:
            self._grow(key_states, value_states, length + max(_ROOM, length // 2))
        for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[:, :, filled:length] = new
        return self._show(length)

    def _show(self, length: int) -> tuple[torch.Tensor, torch.Tensor]:
        self._filled = length
        keys, values = (buffer[:, :, :length] for buffer in self._buffers)
        self.keys, self.values = keys, values
        return keys, values

    def _grow(self, keys: torch.Tensor, values: torch.Tensor, capacity: int) -> None:
        grown = []
        for old, new in zip(self._buffers, (keys, values), strict=True):
            buffer = new.new_zeros(*new.shape[:2], capacity, new.shape[-1])
            if self._filled:
                buffer[:, :, : self._filled] = old[:, :, : self._filled]
            grown.append(buffer)
        self._buffers = (grown[0], grown[1])

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Keep only the given rows."""
        keys, values = self._buffers
        self._buffers = (keys.index_select(0, indices), values.index_select(0, indices))
        self._show(self._filled)


def roomy_cache(config: Any) -> Any:
    """Return a cache for a model, roomy in every layer that attends to all tokens."""
    cache = DynamicCache(config=config)
    roomy: Any = RoomyLayer
    cache.layers = [roomy() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache
