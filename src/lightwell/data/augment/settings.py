"""What may be done to training images, and how strongly."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from lightwell.core.errors import ConfigError, nearest

OPERATION_NAMES = (
    "AutoContrast",
    "Equalize",
    "Invert",
    "Rotate",
    "Posterize",
    "Solarize",
    "Color",
    "Contrast",
    "Brightness",
    "Sharpness",
    "ShearX",
    "ShearY",
    "TranslateX",
    "TranslateY",
    "Cutout",
    "SolarizeAdd",
)
"""RandAugment's operations under the names that papers and repositories use."""

RandAugmentScale = Literal[10, 30]


@dataclass(frozen=True)
class AugmentSettings:
    """Random changes of training images; the default changes nothing.

    Applied in this order, each image drawing its own numbers: one affine map (rotate, shift, scale),
    RandAugment, contrast, brightness, padding and crop, flip.

    Attributes
    ----------
    rotate_degrees : float
        Rotate by up to this angle either way, in [0, 180]. Not in the seed.
    shift_pixels : float
        Shift by up to this many pixels in either direction of both axes, in [0, 1000]. Not in the seed.
    scale : float
        Enlarge or shrink by a factor in 1 ± this, in [0, 0.9]. Not in the seed. Rotation, shift and scale are
        one bilinear map that leaves black behind.
    contrast : float
        Multiply the difference from each channel's mean by a factor in 1 ± this, in [0, 1]. In the seed:
        ``RandomContrast``, 0.5 for MNIST.
    brightness : float
        Add a number in ± this (1 is white), in [0, 1]. In the seed: ``RandomBrightness``, 0.5 for MNIST.
    randaugment_operations : int
        N, operations an image goes through, in [0, 100]; 0 switches RandAugment off. In the seed:
        ``randaug_n``, 1.
    randaugment_magnitude : float
        M, the strength of all operations, in [0, randaugment_scale]. In the seed: ``randaug_m``, 6 (9 for
        Tiny ImageNet).
    randaugment_scale : {10, 30}
        The end of the scale M is read on: 10 as in DIFAIR, 30 as in Vaze et al. (ICLR 2022). The same M is
        strong on one and weak on the other; on 10 the widths in pixels are meant for large images.
    randaugment_without : tuple of str
        Operations never drawn. In the seed: ``exclude_ops``, for SVHN Rotate, TranslateX and TranslateY.
    pad_crop : int
        Pad this many black pixels on every side, then crop back to the size at a random place, in [0, 1000].
        In the seed: 4.
    flip : bool
        Mirror every second image, left to right. In the seed: on, except for MNIST and SVHN.

    Raises
    ------
    ConfigError
        If a value is out of range or an operation is unknown.

    Examples
    --------
    >>> AugmentSettings(rotate_degrees=10, shift_pixels=2, scale=0.1).changes_nothing
    False
    >>> AugmentSettings(randaugment_without=("Rotat",))  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    lightwell.core.errors.ConfigError: ... got 'Rotat'. Did you mean 'Rotate'?
    """

    rotate_degrees: float = 0.0
    shift_pixels: float = 0.0
    scale: float = 0.0
    contrast: float = 0.0
    brightness: float = 0.0
    randaugment_operations: int = 0
    randaugment_magnitude: float = 6.0
    randaugment_scale: RandAugmentScale = 10
    randaugment_without: tuple[str, ...] = ()
    pad_crop: int = 0
    flip: bool = False

    def __post_init__(self) -> None:
        if self.randaugment_scale not in get_args(RandAugmentScale):
            raise ConfigError(
                "no such RandAugment scale",
                where="randaugment_scale",
                expected="10 (DIFAIR) or 30 (Vaze et al.)",
                got=self.randaugment_scale,
            )
        self._check_ranges()
        for name in self.randaugment_without:
            if name not in OPERATION_NAMES:
                raise ConfigError(
                    "no such operation",
                    where="randaugment_without",
                    got=repr(name),
                    fix=nearest(name, OPERATION_NAMES),
                )

    def _check_ranges(self) -> None:
        highest = {
            "rotate_degrees": 180,
            "shift_pixels": 1000,
            "scale": 0.9,
            "contrast": 1,
            "brightness": 1,
            "randaugment_operations": 100,
            "randaugment_magnitude": self.randaugment_scale,
            "pad_crop": 1000,
        }
        for name, top in highest.items():
            value = getattr(self, name)
            whole = name in ("randaugment_operations", "pad_crop")
            kind = int if whole else (int, float)
            if isinstance(value, kind) and not isinstance(value, bool) and 0 <= value <= top:
                continue
            raise ConfigError(
                "no such strength of augmentation",
                where=name,
                expected=f"{'a whole' if whole else 'a'} number in [0, {top}]",
                got=value,
                fix="M is read on randaugment_scale." if name == "randaugment_magnitude" else None,
            )

    @property
    def changes_nothing(self) -> bool:
        """Whether every change is switched off."""
        strengths = (self.rotate_degrees, self.shift_pixels, self.scale, self.contrast, self.brightness)
        return not (any(strengths) or self.randaugment_operations or self.pad_crop or self.flip)
