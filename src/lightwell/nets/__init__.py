"""Layers without an opinion: bodies that make feature maps, heads that pool them into codes."""

from lightwell.nets.bodies import build
from lightwell.nets.convnets import Body, small, vgg32
from lightwell.nets.heads import BottleneckLinear, Head, PooledHead, PooledLinear

__all__ = ["Body", "BottleneckLinear", "Head", "PooledHead", "PooledLinear", "build", "small", "vgg32"]
